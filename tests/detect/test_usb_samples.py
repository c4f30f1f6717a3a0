"""Devices as they are sold, their `descriptors` file typed in as hex: understood, and judged as one would expect."""

from dataclasses import dataclass

import pytest

from dockd.detect.usb_descriptors import ClassCode, Interface, parse
from dockd.detect.usb_policy import Judged, UsbFault, UsbModel, is_hub, judge

DISK, UAS, KEYBOARD = ClassCode(8, 6, 0x50), ClassCode(8, 6, 0x62), ClassCode(3, 1, 1)
PTP, VENDOR = ClassCode(6, 1, 1), ClassCode(0xFF, 0xFF, 0)
VIDEO_CONTROL, VIDEO_STREAM = ClassCode(0x0E, 1, 0), ClassCode(0x0E, 2, 0)
AUDIO_CONTROL, AUDIO_STREAM = ClassCode(1, 1, 0), ClassCode(1, 2, 0)
NO_CLASS, BY_ASSOCIATION = ClassCode(0, 0, 0), ClassCode(0xEF, 2, 1)


@dataclass(frozen=True)
class Sample:
    """A device; `interfaces` are number, alternate setting and class in the order of the file."""

    name: str
    hex: str
    ids: tuple[int, int]
    kind: ClassCode
    interfaces: tuple[tuple[int, int, ClassCode], ...]

    @property
    def raw(self) -> bytes:
        return bytes.fromhex(self.hex)

    @property
    def model(self) -> UsbModel:
        """What a fleet would allow that has this for a camera."""
        classes = tuple(kind for _number, kind in {(number, kind) for number, _alternate, kind in self.interfaces})
        return UsbModel(*self.ids, classes, self.kind)


STICK = Sample(
    "mass storage stick",
    """
    12 01 10 02 00 00 00 40 51 09 66 16 00 01 01 02 03 01
    09 02 20 00 01 01 00 80 96
      09 04 00 00 02 08 06 50 00   07 05 81 02 00 02 00   07 05 02 02 00 02 00
    """,
    (0x0951, 0x1666),
    NO_CLASS,
    ((0, 0, DISK),),
)
BAD_USB = Sample(
    "the same stick that is a keyboard as well",
    """
    12 01 10 02 00 00 00 40 51 09 66 16 00 01 01 02 03 01
    09 02 39 00 02 01 00 80 96
      09 04 00 00 02 08 06 50 00   07 05 81 02 00 02 00   07 05 02 02 00 02 00
      09 04 01 00 01 03 01 01 00   09 21 11 01 00 01 22 3f 00   07 05 83 03 08 00 0a
    """,
    (0x0951, 0x1666),
    NO_CLASS,
    ((0, 0, DISK), (1, 0, KEYBOARD)),
)
MTP = Sample(
    "camera in MTP mode",
    """
    12 01 00 02 00 00 00 40 d1 18 e1 4e 32 04 01 02 03 01
    09 02 27 00 01 01 00 80 fa
      09 04 00 00 03 06 01 01 05   07 05 81 02 00 02 00   07 05 01 02 00 02 00   07 05 82 03 1c 00 06
    """,
    (0x18D1, 0x4EE1),
    NO_CLASS,
    ((0, 0, PTP),),
)
SUPER_SPEED = Sample(
    "USB 3 disk that speaks UAS in its other setting, with companion and pipe usage descriptors",
    """
    12 01 00 03 00 00 00 09 c2 0b 1a 23 08 07 02 03 01 01
    09 02 79 00 01 01 00 c0 12
      09 04 00 00 02 08 06 50 00
        07 05 81 02 00 04 00  06 30 0f 00 00 00
        07 05 02 02 00 04 00  06 30 0f 00 00 00
      09 04 00 01 04 08 06 62 00
        07 05 81 02 00 04 00  06 30 0f 05 00 00  04 24 03 00
        07 05 02 02 00 04 00  06 30 0f 05 00 00  04 24 04 00
        07 05 83 02 00 04 00  06 30 0f 05 00 00  04 24 02 00
        07 05 04 02 00 04 00  06 30 00 00 00 00  04 24 01 00
    """,
    (0x0BC2, 0x231A),
    NO_CLASS,
    ((0, 0, DISK), (0, 1, UAS)),
)
VENDOR_MODE = Sample(
    "camera before it is told to become a disk",
    """
    12 01 00 02 ff ff ff 40 55 42 01 00 00 01 01 02 03 01
    09 02 20 00 01 01 00 c0 32
      09 04 00 00 02 ff ff 00 00   07 05 81 02 00 02 00   07 05 01 02 00 02 00
    """,
    (0x4255, 0x0001),
    ClassCode(0xFF, 0xFF, 0xFF),
    ((0, 0, VENDOR),),
)
HUB = Sample(
    "hub",
    """
    12 01 00 02 09 00 01 40 e3 05 08 06 32 60 00 01 00 01
    09 02 19 00 01 01 00 e0 32
      09 04 00 00 01 09 00 00 00   07 05 81 03 01 00 0c
    """,
    (0x05E3, 0x0608),
    ClassCode(9, 0, 1),
    ((0, 0, ClassCode(9, 0, 0)),),
)
HUB_MULTI_TT = Sample(
    "hub with a transaction translator for each port",
    """
    12 01 00 02 09 00 02 40 40 1a 01 02 00 01 00 01 00 01
    09 02 29 00 01 01 00 e0 32
      09 04 00 00 01 09 00 01 00   07 05 81 03 01 00 0c
      09 04 00 01 01 09 00 02 00   07 05 81 03 01 00 0c
    """,
    (0x1A40, 0x0201),
    ClassCode(9, 0, 2),
    ((0, 0, ClassCode(9, 0, 1)), (0, 1, ClassCode(9, 0, 2))),
)
WEBCAM = Sample(
    "video camera with microphone: associations, many bandwidths, audio endpoints of nine bytes",
    """
    12 01 00 02 ef 02 01 40 6d 04 25 08 12 00 00 00 02 01
    09 02 52 01 04 01 00 80 fa
    08 0b 00 02 0e 03 00 00
      09 04 00 00 01 0e 01 00 00
        0d 24 01 00 01 32 00 80 8d 5b 00 01 01
        12 24 02 01 01 02 00 00 00 00 00 00 00 00 03 0e 00 00
        0b 24 05 02 01 00 40 02 5b 17 00
        09 24 03 03 01 01 00 02 00
        07 05 87 03 10 00 08  05 25 03 10 00
      09 04 01 00 00 0e 02 00 00
        0e 24 01 01 58 00 81 00 03 00 00 00 01 00
        0b 24 06 01 01 01 01 00 00 00 00
        1e 24 07 01 00 80 02 e0 01 00 00 77 01 00 00 ca 08 00 60 09 00 15 16 05 00 01 15 16 05 00
        06 24 0d 01 01 04
      09 04 01 01 01 0e 02 00 00   07 05 81 05 c0 00 01
      09 04 01 02 01 0e 02 00 00   07 05 81 05 80 01 01
      09 04 01 03 01 0e 02 00 00   07 05 81 05 00 02 01
      09 04 01 04 01 0e 02 00 00   07 05 81 05 80 02 01
      09 04 01 05 01 0e 02 00 00   07 05 81 05 20 03 01
    08 0b 02 02 01 02 00 00
      09 04 02 00 00 01 01 00 00
        09 24 01 00 01 1e 00 01 03
        0c 24 02 01 01 02 00 01 00 00 00 00
        09 24 03 03 01 01 00 01 00
      09 04 03 00 00 01 02 00 00
      09 04 03 01 01 01 02 00 00
        07 24 01 03 01 01 00
        0b 24 02 01 01 02 10 01 80 3e 00
        09 05 86 05 44 00 04 00 00  07 25 01 01 00 00 00
    """,
    (0x046D, 0x0825),
    BY_ASSOCIATION,
    (
        (0, 0, VIDEO_CONTROL),
        *((1, alternate, VIDEO_STREAM) for alternate in range(6)),
        (2, 0, AUDIO_CONTROL),
        *((3, alternate, AUDIO_STREAM) for alternate in range(2)),
    ),
)
SAMPLES = (STICK, BAD_USB, MTP, SUPER_SPEED, VENDOR_MODE, HUB, HUB_MULTI_TT, WEBCAM)

every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)


@every_sample
def test_a_real_device_is_understood(sample):
    device = parse(sample.raw)
    assert (device.vendor, device.product, device.kind) == (*sample.ids, sample.kind)
    assert [each.value for each in device.configurations] == [1]
    assert device.configurations[0].interfaces == tuple(Interface(*each) for each in sample.interfaces)
    assert device.raw == sample.raw


def test_numbers_of_the_device_descriptor_are_little_endian():
    device = parse(MTP.raw)
    assert f"{device.vendor:04x}:{device.product:04x} {device.release:04x}" == "18d1:4ee1 0432"


@every_sample
def test_only_hubs_are_hubs(sample):
    assert is_hub(parse(sample.raw)) == (sample in (HUB, HUB_MULTI_TT))


@every_sample
def test_a_device_is_allowed_by_what_it_is_and_by_nothing_else(sample):
    device = parse(sample.raw)
    allowed = [other.name for other in SAMPLES if isinstance(judge(device, other.model), Judged)]
    assert allowed == ([] if is_hub(device) else [sample.name])


def test_a_stick_that_is_a_keyboard_as_well_is_refused_and_the_keyboard_named():
    refusal = judge(parse(BAD_USB.raw), STICK.model)
    assert refusal.code == UsbFault.INTERFACE_EXTRA
    assert refusal.reason == "configuration 1 has what is not expected of it: HID (03:01:01)"

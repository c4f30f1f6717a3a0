"""The `descriptors` file: what is well-formed is understood, to the last interface; all else is one error."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dockd.detect.usb_descriptors import (
    MAX_ALTERNATES,
    MAX_BYTES,
    MAX_CONFIGURATIONS,
    MAX_INTERFACES,
    ClassCode,
    Configuration,
    Interface,
    UsbDevice,
    parse,
)
from dockd.errors import CameraError, DescriptorsInvalid
from tests.detect.test_usb_samples import SAMPLES, STICK
from tests.fuzz.fuzz_usb import standing

DISK = ClassCode(8, 6, 0x50)
BULK_IN, BULK_OUT = bytes((7, 5, 0x81, 2, 0, 2, 0)), bytes((7, 5, 2, 2, 0, 2, 0))


def device(count=1, kind=(0, 0, 0)):
    return bytes((18, 1, 0, 2, *kind, 64, 0x51, 0x09, 0x66, 0x16, 0, 1, 1, 2, 3, count))


def configuration(*parts, count=1, value=1, total=None):
    held = b"".join(parts)
    total = len(held) + 9 if total is None else total
    return bytes((9, 2, *total.to_bytes(2, "little"), count, value, 0, 0x80, 50)) + held


def interface(number=0, alternate=0, *endpoints, kind=DISK, count=None):
    return bytes((9, 4, number, alternate, len(endpoints) if count is None else count, *kind, 0)) + b"".join(endpoints)


def numbered(count):
    return [interface(number) for number in range(count)]


def problem(raw):
    with pytest.raises(DescriptorsInvalid) as caught:
        parse(raw)
    return caught.value.message.removeprefix("what the device says of itself is malformed at ")


def one(*parts, **claims):
    return device() + configuration(*parts, **claims)


BYTE = st.integers(0, 255)
CLASSES = st.builds(ClassCode, BYTE, BYTE, BYTE)
STRANGERS = st.builds(
    lambda kind, held: bytes((len(held) + 2, kind)) + held,
    st.integers(0, 255).filter(lambda kind: kind not in (1, 2, 4, 5)),
    st.binary(max_size=20),
)
ADDRESSES = st.builds(lambda number, direction: number | direction, st.integers(1, 15), st.sampled_from((0, 0x80)))


@st.composite
def devices(draw):
    """A device as it should be understood, and the file that says so."""
    parts, configurations = [], []
    for value in draw(st.lists(st.integers(1, 255), min_size=1, max_size=3, unique=True)):
        pieces, interfaces = draw(st.lists(STRANGERS, max_size=2)), []
        free = draw(st.lists(ADDRESSES, max_size=6, unique=True))
        count = draw(st.integers(1, 4))
        settings = [(number, alternate) for number in range(count) for alternate in draw(alternates())]
        for number, alternate in draw(st.permutations(settings)):
            kind, mine = draw(CLASSES), free[number::count]
            body = [bytes((7, 5, address)) + bytes(4) for address in mine]
            pieces += [
                interface(number, alternate, *draw(with_strangers(body)), kind=kind, count=len(mine)),
                *draw(st.lists(STRANGERS, max_size=1)),
            ]
            interfaces.append(Interface(number, alternate, kind))
        parts.append(configuration(*pieces, count=count, value=value))
        configurations.append(Configuration(value, tuple(interfaces)))
    kind = draw(CLASSES)
    raw = device(len(parts), kind) + b"".join(parts)
    return UsbDevice(0x0951, 0x1666, 0x0100, kind, tuple(configurations), raw)


def alternates():
    return st.sets(st.integers(1, 255), max_size=4).map(lambda others: [0, *others])


@st.composite
def with_strangers(draw, pieces):
    return [part for piece in pieces for part in (*draw(st.lists(STRANGERS, max_size=1)), piece)]


@given(devices())
def test_what_is_well_formed_is_understood_to_the_last_interface(expected):
    assert parse(expected.raw) == expected


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: device() + tail))
@example(b"")
@example(b"\0")
@example(bytes(70_000))
@example(b"\2\4" * 40_000)
def test_any_bytes_are_understood_or_refused(raw):
    try:
        parse(raw)
    except DescriptorsInvalid as error:
        assert error.message


@given(st.sampled_from([sample.raw for sample in SAMPLES]), st.data())
def test_a_changed_byte_never_hides_an_interface(raw, data):
    changed = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(raw) - 1))] = data.draw(BYTE)
    try:
        understood = parse(bytes(changed))
    except DescriptorsInvalid:
        return
    flat = [
        (each.number, each.alternate, each.kind) for every in understood.configurations for each in every.interfaces
    ]
    assert flat == standing(bytes(changed))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_file_that_is_cut_or_continued_is_refused(sample):
    for size in range(len(sample.raw)):
        problem(sample.raw[:size])
    for tail in (
        b"\0",
        b"\2",
        b"\2\x24",
        b"\2\4",
        b"\0\0",
        BULK_IN,
        interface(9),
        configuration(interface()),
        device(),
    ):
        problem(sample.raw + tail)


def test_a_malformed_device_is_the_cameras_fault():
    assert issubclass(DescriptorsInvalid, CameraError)
    assert DescriptorsInvalid.code == "camera.descriptors"


def test_the_message_says_where_and_what():
    with pytest.raises(DescriptorsInvalid) as caught:
        parse(STICK.raw[:-1])
    assert caught.value.message == ("what the device says of itself is malformed at byte 43: a descriptor of 7 bytes")


NOT_A_DEVICE = "byte 0: not a device descriptor of 18 bytes, then a configuration"
NOT_AS_LONG = "byte 18: a configuration that is not as long as it says"
NOT_THE_CONFIGURATIONS = "byte 0: not the {} configurations that it announces"
NOT_THE_INTERFACES = "byte 18: not the {} interfaces that it announces"
CONFIGURATION_SIZE = "byte 18: a configuration descriptor of another size than 9 bytes"
INTERFACE_SIZE = "byte 27: an interface descriptor of another size than 9 bytes"
ENDPOINT_SIZE = "byte 36: an endpoint descriptor of neither 7 nor 9 bytes"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", NOT_A_DEVICE),
        (device(), NOT_THE_CONFIGURATIONS.format(1)),
        (configuration(interface()), NOT_A_DEVICE),
        (device()[:1] + b"\2" + device()[2:] + configuration(interface()), NOT_A_DEVICE),
        (b"\x13" + device()[1:] + b"\0" + configuration(interface()), NOT_A_DEVICE),
        (device() + b"\2\x24" + configuration(interface()), NOT_A_DEVICE),
        (device(0) + configuration(interface()), "byte 0: none or too many configurations: 0"),
        (device(2) + configuration(interface()), NOT_THE_CONFIGURATIONS.format(2)),
        (device() + configuration(interface()) * 2, NOT_THE_CONFIGURATIONS.format(1)),
        (device(2) + configuration(interface()) * 2, "byte 0: two configurations of one value"),
        (one(interface(), b"\0\4"), "byte 36: a descriptor of 0 bytes"),
        (one(interface(), b"\1\4"), "byte 36: a descriptor of 1 bytes"),
        (one(interface(), b"\3\4"), "byte 36: a descriptor of 3 bytes"),
        (one(interface(), total=17), NOT_AS_LONG),
        (one(interface(), total=19), NOT_AS_LONG),
        (one(interface(), total=0), NOT_AS_LONG),
        (one(interface(), total=0xFFFF), NOT_AS_LONG),
        (one(interface(), value=0), "byte 18: a configuration of value 0"),
        (device() + b"\x0a\2\x13" + configuration(interface())[3:9] + b"\0" + interface(), CONFIGURATION_SIZE),
        (one(interface(), device()), "byte 18: a configuration with a device descriptor in it"),
        (one(BULK_IN, interface()), "byte 18: an endpoint before the first interface"),
        (one(count=0), "byte 18: none or too many interfaces: 0"),
        (one(count=1), NOT_THE_INTERFACES.format(1)),
        (one(interface(), count=0), "byte 18: none or too many interfaces: 0"),
        (one(interface(), count=2), NOT_THE_INTERFACES.format(2)),
        (one(*numbered(2), count=1), NOT_THE_INTERFACES.format(1)),
        (one(interface(0), interface(2), count=2), NOT_THE_INTERFACES.format(2)),
        (one(interface(1)), NOT_THE_INTERFACES.format(1)),
        (one(interface(), interface()), "byte 18: an alternate setting that is there twice"),
        (one(interface(0, 1)), "byte 18: an interface without alternate setting 0"),
        (one(b"\x08\4\0\0\0\x08\6\x50"), INTERFACE_SIZE),
        (one(b"\x0a" + interface()[1:] + b"\0"), INTERFACE_SIZE),
        (one(b"\2\4"), INTERFACE_SIZE),
        (one(interface(0, 0, BULK_IN, count=0)), "byte 27: an interface that announces 0 endpoints"),
        (one(interface(0, 0, BULK_IN, count=2)), "byte 27: an interface that announces 2 endpoints"),
        (one(interface(0, 0, BULK_IN, BULK_IN)), "byte 27: an endpoint that is there twice"),
        (one(interface(0, 0, BULK_IN), interface(1, 0, BULK_IN), count=2), "byte 43: an endpoint that is there twice"),
        (one(interface(0, 0, b"\6\5\x81\2\0\2")), ENDPOINT_SIZE),
        (one(interface(0, 0, b"\x08\5\x81\2\0\2\0\0")), ENDPOINT_SIZE),
        (one(interface(0, 0, b"\7\5\x80\2\0\2\0")), "byte 36: an endpoint of address 0x80"),
        (one(interface(0, 0, b"\7\5\x11\2\0\2\0")), "byte 36: an endpoint of address 0x11"),
    ],
)
def test_each_lie_is_told_by_its_place_and_name(raw, expected):
    assert problem(raw) == expected


def test_alternate_settings_share_endpoints_and_class_descriptors_are_passed_over():
    stranger = b"\x05\x24\1\2\3"
    raw = one(
        b"\x08\x0b\0\1\x0e\3\0\0", interface(0, 0, BULK_IN), stranger, interface(0, 1, BULK_IN, stranger, count=1)
    )
    assert [each.alternate for each in parse(raw).configurations[0].interfaces] == [0, 1]


def test_a_configuration_hidden_in_another_is_not_taken_for_it():
    """The kernel would keep the whole as one configuration with two interfaces."""
    inner = configuration(interface(0, 0, kind=ClassCode(3, 1, 1)), value=2)
    outer = configuration(interface(), inner)
    assert problem(device() + outer) == NOT_THE_CONFIGURATIONS.format(1)
    assert problem(device(2) + outer) == NOT_AS_LONG


@pytest.mark.parametrize(
    ("most", "made"),
    [
        (MAX_INTERFACES, lambda count: one(*numbered(count), count=count)),
        (MAX_ALTERNATES, lambda count: one(*(interface(0, alternate) for alternate in range(count)))),
        (
            MAX_CONFIGURATIONS,
            lambda count: device(count) + b"".join(configuration(interface(), value=1 + n) for n in range(count)),
        ),
    ],
)
def test_each_limit_holds_to_the_one(most, made):
    parse(made(most))
    problem(made(most + 1))


def test_as_much_as_the_kernel_ever_shows_is_read_and_no_more():
    held = MAX_BYTES - len(one(interface()))
    raw = one(interface(), *[b"\2\x24"] * ((held - 3) // 2), b"\3\x24\0")
    assert len(raw) == MAX_BYTES
    assert parse(raw).configurations == (Configuration(1, (Interface(0, 0, DISK),)),)
    assert problem(raw[:-3] + b"\4\x24\0\0") == "byte 65553: more than the kernel ever shows"

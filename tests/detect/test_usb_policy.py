"""What a device says it is against what its model allows: equal, or refused with a code and a sentence."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.detect.usb_descriptors import ClassCode, Configuration, Interface, UsbDevice, parse
from dockd.detect.usb_policy import Judged, UsbFault, UsbModel, difference, is_hub, judge
from tests.detect.test_usb_samples import HUB, MTP, SUPER_SPEED, VENDOR_MODE, WEBCAM

NONE, DISK, UAS, PTP = ClassCode(0, 0, 0), ClassCode(8, 6, 0x50), ClassCode(8, 6, 0x62), ClassCode(6, 1, 1)
HID, AUDIO, NET, NET_DATA = ClassCode(3, 1, 1), ClassCode(1, 1, 0), ClassCode(2, 6, 0), ClassCode(10, 0, 0)
RNDIS, HUB_PART, VENDOR = ClassCode(0xE0, 1, 3), ClassCode(9, 0, 0), ClassCode(0xFF, 0x42, 1)
MODEL = UsbModel(0x4255, 0x1000, (DISK,))


def shows(*classes, kind=NONE, ids=(0x4255, 0x1000)):
    """A device of one configuration with an interface of each class."""
    return configured({number: [each] for number, each in enumerate(classes)}, kind=kind, ids=ids)


def configured(*configurations, kind=NONE, ids=(0x4255, 0x1000)):
    """A device that has for each configuration the classes of the alternate settings of every interface."""
    return UsbDevice(
        *ids,
        0x0100,
        kind,
        tuple(
            Configuration(value, tuple(Interface(n, a, each) for n, row in rows.items() for a, each in enumerate(row)))
            for value, rows in enumerate(configurations, start=1)
        ),
        b"as read",
    )


def allowed(*classes):
    judged = judge(shows(*classes), replace(MODEL, interfaces=classes))
    assert isinstance(judged, Judged)
    return judged


@pytest.mark.parametrize(
    ("device", "code", "reason"),
    [
        (shows(DISK, HID), "usb_interface_extra", "{has} HID (03:01:01)"),
        (shows(DISK, NET), "usb_interface_extra", "{has} network or modem (02:06:00)"),
        (shows(DISK, NET_DATA), "usb_interface_extra", "{has} network or modem data (0a:00:00)"),
        (shows(DISK, RNDIS), "usb_interface_extra", "{has} wireless or network (e0:01:03)"),
        (shows(DISK, AUDIO), "usb_interface_extra", "{has} audio (01:01:00)"),
        (shows(DISK, HUB_PART), "usb_interface_extra", "{has} hub (09:00:00)"),
        (shows(DISK, VENDOR), "usb_interface_extra", "{has} vendor-specific (ff:42:01)"),
        (shows(DISK, ClassCode(0x77, 0, 0)), "usb_interface_extra", "{has} unknown (77:00:00)"),
        (shows(DISK, DISK), "usb_interface_extra", "{has} mass storage (08:06:50)"),
        (shows(HID), "usb_interface_extra", "{has} HID (03:01:01); {lacks} mass storage (08:06:50)"),
        (shows(DISK, HID, HID), "usb_interface_extra", "{has} HID (03:01:01), HID (03:01:01)"),
        (configured({0: [DISK, HID]}), "usb_interface_extra", "{has} HID (03:01:01)"),
        (configured({0: [DISK, UAS]}), "usb_interface_extra", "{has} mass storage (08:06:62)"),
        (configured({0: [DISK]}, {0: [DISK], 1: [HID]}), "usb_interface_extra", "{has2} HID (03:01:01)"),
        (shows(DISK, ids=(0x4255, 1)), "usb_product", "the device is 4255:0001, its model 4255:1000"),
        (shows(DISK, ids=(0x4256, 0x1000)), "usb_product", "the device is 4256:1000, its model 4255:1000"),
        (shows(DISK, ids=(0x1000, 0x4255)), "usb_product", "the device is 1000:4255, its model 4255:1000"),
        (
            shows(DISK, kind=ClassCode(0xE0, 1, 1)),
            "usb_device_class",
            "the device as a whole is of class wireless or network (e0:01:01),"
            " its model of class as its interfaces say (00:00:00)",
        ),
        (
            shows(DISK, kind=HUB_PART),
            "usb_device_class",
            "the device as a whole is of class hub (09:00:00), its model of class as its interfaces say (00:00:00)",
        ),
        (
            shows(DISK, kind=ClassCode(0, 0, 1)),
            "usb_device_class",
            "the device as a whole is of class unknown (00:00:01), its model of class as its interfaces say (00:00:00)",
        ),
        (shows(HUB_PART, kind=HUB_PART), "usb_hub", "this is a hub, not a camera"),
    ],
)
def test_what_a_model_does_not_list_is_refused_by_name(device, code, reason):
    has, lacks = "has what is not expected of it:", "lacks what is expected of it:"
    texts = {"has": f"configuration 1 {has}", "has2": f"configuration 2 {has}", "lacks": f"configuration 1 {lacks}"}
    refusal = judge(device, MODEL)
    assert (refusal.code, refusal.reason) == (code, reason.format(**texts))


def test_what_a_model_lists_and_is_missing_is_refused_by_name():
    refusal = judge(shows(DISK), replace(MODEL, interfaces=(DISK, PTP)))
    assert refusal.code == UsbFault.INTERFACE_MISSING
    assert refusal.reason == "configuration 1 lacks what is expected of it: still image (06:01:01)"
    assert judge(shows(DISK), replace(MODEL, interfaces=(DISK, DISK))).code == UsbFault.INTERFACE_MISSING


def test_every_configuration_must_be_the_whole_model():
    model = replace(MODEL, interfaces=(DISK, PTP))
    assert isinstance(judge(configured({0: [DISK], 1: [PTP]}, {0: [PTP], 1: [DISK]}), model), Judged)
    assert judge(configured({0: [DISK]}, {0: [PTP]}), model).code == UsbFault.INTERFACE_MISSING


def test_alternate_settings_of_one_class_count_once_and_of_several_each():
    assert isinstance(judge(configured({0: [DISK] * 12}), MODEL), Judged)
    assert isinstance(judge(configured({0: [DISK, UAS]}), replace(MODEL, interfaces=(UAS, DISK))), Judged)


def test_a_hub_that_is_anything_else_is_no_hub():
    assert is_hub(shows(HUB_PART, kind=HUB_PART))
    assert not is_hub(shows(HUB_PART, HID, kind=HUB_PART))
    assert not is_hub(shows(HUB_PART))


def test_a_hub_is_refused_even_where_a_model_lists_it():
    assert judge(parse(HUB.raw), HUB.model).code == UsbFault.HUB


def test_a_device_with_thousands_of_interfaces_gets_a_short_sentence():
    refusal = judge(configured({0: [ClassCode(3, n, m) for n in range(64) for m in range(64)]}), MODEL)
    assert refusal.code == UsbFault.INTERFACE_EXTRA
    assert "4091 more" in refusal.reason
    assert len(refusal.reason) < 300


KINDS = st.sampled_from((DISK, UAS, PTP, HID, VENDOR))


@given(st.lists(KINDS, max_size=5), st.lists(KINDS, max_size=5))
def test_allowed_means_equal(shown, listed):
    verdict = judge(shows(*shown), replace(MODEL, interfaces=tuple(listed)))
    assert isinstance(verdict, Judged) == (sorted(shown) == sorted(listed))


CHANGED = "usb_changed"
CONFIGURATION = "configuration 1 has what is not expected of it: "


def test_what_was_judged_may_appear_in_any_alternate_setting():
    judged = judge(parse(SUPER_SPEED.raw), SUPER_SPEED.model)
    assert difference(judged, SUPER_SPEED.raw, 1, [Interface(0, 0, DISK)]) is None
    assert difference(judged, SUPER_SPEED.raw, 1, [Interface(0, 1, UAS)]) is None


@pytest.mark.parametrize("sample", [MTP, VENDOR_MODE, WEBCAM], ids=lambda sample: sample.name)
def test_what_was_judged_is_no_difference_once_it_appears(sample):
    first = [Interface(*each) for each in sample.interfaces if each[1] == 0]
    assert difference(judge(parse(sample.raw), sample.model), sample.raw, 1, first) is None


@pytest.mark.parametrize(
    ("raw", "value", "appeared", "reason"),
    [
        (b"as reaD", 1, (DISK, PTP), "the device describes itself in another way than when it was judged"),
        (b"as read", 2, (DISK, PTP), "configuration 2 was not judged"),
        (b"as read", 0, (), "configuration 0 was not judged"),
        (b"as read", 1, (DISK, PTP, HID), CONFIGURATION + "HID (03:01:01)"),
        (b"as read", 1, (DISK,), "configuration 1 lacks what is expected of it: still image (06:01:01)"),
        (b"as read", 1, (DISK, HID), CONFIGURATION + "HID (03:01:01)"),
        (b"as read", 1, (PTP, DISK), CONFIGURATION + "still image (06:01:01), mass storage (08:06:50)"),
        (
            b"as read",
            1,
            (),
            "configuration 1 lacks what is expected of it: still image (06:01:01), mass storage (08:06:50)",
        ),
    ],
)
def test_what_appears_and_was_not_judged_is_told(raw, value, appeared, reason):
    interfaces = [Interface(number, 0, kind) for number, kind in enumerate(appeared)]
    refusal = difference(allowed(DISK, PTP), raw, value, interfaces)
    assert (refusal.code, refusal.reason) == (CHANGED, reason)


def test_one_interface_appears_once():
    twice = [Interface(0, 0, DISK), Interface(0, 1, UAS)]
    judged = judge(configured({0: [DISK, UAS]}), replace(MODEL, interfaces=(DISK, UAS)))
    assert difference(judged, b"as read", 1, twice).code == UsbFault.CHANGED

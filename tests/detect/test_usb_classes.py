from dockd.detect.usb_classes import in_words, is_hub
from dockd.detect.usb_descriptors import ClassCode, Configuration, Interface, UsbDevice

HUB, HID = ClassCode(9, 0, 0), ClassCode(3, 1, 1)


def device(kind, *interfaces):
    shown = tuple(Interface(number, 0, each) for number, each in enumerate(interfaces))
    return UsbDevice(1, 2, 3, kind, (Configuration(1, shown),), b"")


def test_a_hub_that_is_anything_else_is_no_hub():
    assert is_hub(device(HUB, HUB))
    assert not is_hub(device(HUB, HUB, HID))
    assert not is_hub(device(ClassCode(0, 0, 0), HUB))


def test_a_class_is_named_with_its_code_and_an_unknown_one_too():
    assert in_words(HID) == "HID (03:01:01)"
    assert in_words(ClassCode(0x99, 1, 2)) == "unknown (99:01:02)"

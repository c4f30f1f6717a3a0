"""What the classes of USB mean to people, and which devices are hubs (defined class codes: usb.org)."""

from dockd.detect.usb_descriptors import ClassCode, UsbDevice
from dockd.i18n import _

_HUB = 0x09

_CLASS_WORDS = {
    0x01: _("audio"),
    0x02: _("network or modem"),
    0x03: _("HID"),
    0x05: _("force feedback"),
    0x06: _("still image"),
    0x07: _("printer"),
    0x08: _("mass storage"),
    _HUB: _("hub"),
    0x0A: _("network or modem data"),
    0x0B: _("smart card"),
    0x0D: _("content security"),
    0x0E: _("video"),
    0x0F: _("health care"),
    0x10: _("audio and video"),
    0x11: _("billboard"),
    0x12: _("USB-C bridge"),
    0xDC: _("diagnosis"),
    0xE0: _("wireless or network"),
    0xEF: _("miscellaneous"),
    0xFE: _("application-specific"),
    0xFF: _("vendor-specific"),
}


def is_hub(device: UsbDevice) -> bool:
    """Tell a hub that is nothing else (USB 2.0, 11.23.1), as docks are built with, from all that may be a camera."""
    interfaces = (interface for each in device.configurations for interface in each.interfaces)
    return device.kind.base == _HUB and all(interface.kind.base == _HUB for interface in interfaces)


def in_words(kind: ClassCode) -> str:
    """Name a class for people, with its code."""
    word = _CLASS_WORDS.get(kind.base, _("unknown"))
    return _("{word} ({kind})").format(word=word, kind=kind)

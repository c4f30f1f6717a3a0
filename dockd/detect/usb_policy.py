"""Is this device what its camera model looks like on the bus? Decided from data, before the device may configure.

The rule is equality, never "contains": an interface that the model does not list is refused whatever it is, as is a
listed one that is missing or there twice. Every configuration and every alternate setting counts, since the device or
a driver may choose any of them.

Vendor, product and serial are claims. What this rule gives is that no device gets a kernel driver to attack, or acts as
a keyboard or a network, beyond what a camera of that model does.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from dockd.detect.usb_descriptors import ClassCode, Configuration, Interface, UsbDevice
from dockd.i18n import _

PER_INTERFACE = ClassCode(0, 0, 0)
"""Class of a device that leaves it to its interfaces to say what they are (USB 2.0, 9.6.1)."""

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
_MOST_NAMED = 5


class UsbFault(StrEnum):
    """Why a device is refused. The codes are stable."""

    HUB = "usb_hub"
    PRODUCT = "usb_product"
    DEVICE_CLASS = "usb_device_class"
    INTERFACE_EXTRA = "usb_interface_extra"
    INTERFACE_MISSING = "usb_interface_missing"
    CHANGED = "usb_changed"


@dataclass(frozen=True, slots=True)
class UsbModel:
    """What every camera of a model shows on the bus.

    `interfaces` holds a class once for each interface that has it, in whichever of its alternate settings: a model
    with two disks lists mass storage twice, one with a video stream of ten bandwidths lists that once.
    `device`, the class of the device as a whole, is compared too: some kernel drivers look at nothing else
    (`usb_match_device` in drivers/usb/core/driver.c).
    """

    vendor: int
    product: int
    interfaces: tuple[ClassCode, ...]
    device: ClassCode = PER_INTERFACE


@dataclass(frozen=True, slots=True)
class Judged:
    """A device that is to the letter what its model allows, and may be authorised. Only `judge` makes it."""

    device: UsbDevice


@dataclass(frozen=True, slots=True)
class UsbRefusal:
    """A device that is not to be authorised, or no longer. `reason` is for people; it names interfaces in words."""

    code: UsbFault
    reason: str


def is_hub(device: UsbDevice) -> bool:
    """Tell a hub that is nothing else (USB 2.0, 11.23.1), as docks are built with, from all that may be a camera."""
    interfaces = (interface for each in device.configurations for interface in each.interfaces)
    return device.kind.base == _HUB and all(interface.kind.base == _HUB for interface in interfaces)


def model_of(device: UsbDevice) -> UsbModel | None:
    """Give the model that allows this very device; None if none can: a hub, or one that shows what in which mode."""
    for configuration in device.configurations[:1]:
        model = UsbModel(device.vendor, device.product, tuple(sorted(_shown(configuration).elements())), device.kind)
        return model if isinstance(judge(device, model), Judged) else None
    return None


def judge(device: UsbDevice, model: UsbModel) -> Judged | UsbRefusal:
    """Compare what a device says it is with what its model allows; the first thing that is wrong is the reason."""
    if is_hub(device):
        return UsbRefusal(UsbFault.HUB, _("this is a hub, not a camera"))
    if (device.vendor, device.product) != (model.vendor, model.product):
        reason = _("the device is {ids}, its model {expected}")
        ids, expected = _ids(device.vendor, device.product), _ids(model.vendor, model.product)
        return UsbRefusal(UsbFault.PRODUCT, reason.format(ids=ids, expected=expected))
    if device.kind != model.device:
        reason = _("the device as a whole is of class {kind}, its model of class {expected}")
        kind, expected = in_words(device.kind), in_words(model.device)
        return UsbRefusal(UsbFault.DEVICE_CLASS, reason.format(kind=kind, expected=expected))
    refusals = (_judge_configuration(each, model) for each in device.configurations)
    return next((refusal for refusal in refusals if refusal), Judged(device))


def difference(judged: Judged, raw: bytes, value: int, interfaces: Collection[Interface]) -> UsbRefusal | None:
    """Say in what a device, once authorised, is not what was judged; None if it is exactly that.

    `raw` is its `descriptors` file read again, `value` its bConfigurationValue (0: none is active), `interfaces` what
    sysfs shows of it, each in the alternate setting that a driver may have chosen meanwhile.
    """
    if raw != judged.device.raw:
        return UsbRefusal(UsbFault.CHANGED, _("the device describes itself in another way than when it was judged"))
    active = next((each for each in judged.device.configurations if each.value == value), None)
    if active is None:
        return UsbRefusal(UsbFault.CHANGED, _("configuration {value} was not judged").format(value=value))
    numbers = Counter(each.number for each in interfaces)
    extra = [each.kind for each in interfaces if each not in active.interfaces or numbers[each.number] > 1]
    absent = [each.kind for each in active.interfaces if each.number not in numbers and not each.alternate]
    reason = _mismatch(value, extra, absent)
    return UsbRefusal(UsbFault.CHANGED, reason) if reason else None


def _judge_configuration(configuration: Configuration, model: UsbModel) -> UsbRefusal | None:
    shown, allowed = _shown(configuration), Counter(model.interfaces)
    extra, missing = shown - allowed, allowed - shown
    reason = _mismatch(configuration.value, extra.elements(), missing.elements())
    code = UsbFault.INTERFACE_EXTRA if extra else UsbFault.INTERFACE_MISSING
    return UsbRefusal(code, reason) if reason else None


def _shown(configuration: Configuration) -> Counter[ClassCode]:
    """Count each class once for each interface that has it."""
    return Counter(kind for _number, kind in {(each.number, each.kind) for each in configuration.interfaces})


def _mismatch(value: int, extra: Iterable[ClassCode], missing: Iterable[ClassCode]) -> str:
    """Name what is too much and what is missing in a configuration; empty if nothing is."""
    sentences = (
        (_names(extra), _("configuration {value} has what is not expected of it: {interfaces}")),
        (_names(missing), _("configuration {value} lacks what is expected of it: {interfaces}")),
    )
    return "; ".join(sentence.format(value=value, interfaces=names) for names, sentence in sentences if names)


def _names(kinds: Iterable[ClassCode]) -> str:
    """List interfaces in words: a few, for a device may have thousands."""
    every = sorted(kinds)
    named = [in_words(kind) for kind in every[:_MOST_NAMED]]
    if len(every) > _MOST_NAMED:
        named.append(_("{count} more").format(count=len(every) - _MOST_NAMED))
    return ", ".join(named)


def _ids(vendor: int, product: int) -> str:
    return f"{vendor:04x}:{product:04x}"


def in_words(kind: ClassCode) -> str:
    """Name a class for people, with its code."""
    word = _("as its interfaces say") if kind == PER_INTERFACE else _CLASS_WORDS.get(kind.base, _("unknown"))
    return _("{word} ({kind})").format(word=word, kind=kind)

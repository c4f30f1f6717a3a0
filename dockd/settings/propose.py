"""Writes what is plugged in as bays of dockd.yaml and models and cameras of fleet.yaml, for a technician to go on from.

Everything here comes from devices: what is written has the form that the settings ask for, in quotes; whatever has not
stands in a comment, in printable ASCII and on one line, with the reason.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from dockd.i18n import _
from dockd.settings.fleet import Model
from dockd.settings.forms import CameraId, Port
from dockd.settings.problems import printable, shown

CHOOSE = "choose"
"""Stands where only a person can know; `dockd check-config` then asks for it."""

_BAY = TypeAdapter(Port)
_CAMERA_ID = TypeAdapter(CameraId)


@dataclass(frozen=True, slots=True)
class Looks:
    """What a model of a fleet file shows, or shows while it is locked."""

    vendor_product: str
    device_class: str
    interfaces: tuple[str, ...]
    words: tuple[str, ...]
    unlockers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plugged:
    """A device that may be a camera: where it is, what it claims, and its classes as a fleet file has them.

    `words` names its interfaces for people. `fault` says why no model could allow it; it has no classes then. `known`
    is what drivers say of it, and `unlockers` are those that may be able to unlock it.
    """

    port: str
    vendor_product: str
    serial: str
    name: str
    device_class: str = ""
    interfaces: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    fault: str = ""
    known: str = ""
    unlockers: tuple[str, ...] = ()

    @property
    def looks(self) -> Looks:
        """What two cameras of one model have in common."""
        return Looks(self.vendor_product, self.device_class, self.interfaces, self.words, self.unlockers)


def propose(devices: Sequence[Plugged], drivers: Iterable[str]) -> str:
    """Give YAML that the settings can read; bays are b1, b2, … in the order of `devices`."""
    usable = [each for each in devices if _has_form(_BAY.validate_python, each.port)]
    models = _name_models(usable)
    lines = [_comment(_("For dockd.yaml. A USB 3 socket has two ports: add its other one, which another cable shows."))]
    lines += _section("bays", [_bay(number, each) for number, each in enumerate(usable, 1)])
    lines += [_comment(_("no bay: {reason}").format(reason=_told(each))) for each in devices if each not in usable]
    lines += ["", _comment(_("For fleet.yaml. Leave out what is no camera of yours."))]
    lines += _section("models", [_model(name, looks) for looks, name in models.items()])
    lines += [_comment(f"{_told(each)}: {printable(each.fault)}") for each in usable if each.looks not in models]
    names = ", ".join(sorted(drivers))
    lines += ["", _comment(_("Installed drivers: {names}").format(names=names))]
    return "\n".join([*lines, *_cameras([each for each in usable if each.looks in models], models), ""])


def _name_models(devices: Iterable[Plugged]) -> dict[Looks, str]:
    """Give each kind of device a name; what no model of a fleet file may be has none."""
    names: dict[Looks, str] = {}
    of_ids: Counter[str] = Counter()
    for each in devices:
        if each.looks not in names and _is_model(each):
            of_ids[each.vendor_product] += 1
            number = of_ids[each.vendor_product]
            name = f"usb-{each.vendor_product.replace(':', '-')}"
            names[each.looks] = name if number == 1 else f"{name}-{number}"
    return names


def _is_model(device: Plugged) -> bool:
    keys = {"vendor_product": device.vendor_product, "device_class": device.device_class}
    return not device.fault and _has_form(Model.model_validate, {**keys, "interfaces": device.interfaces})


def _bay(number: int, device: Plugged) -> list[str]:
    told = [_comment(_told(device)), *([_comment(printable(device.known))] if device.known else [])]
    return [*told, f"b{number}: {{ports: [{_quoted(device.port)}]}}"]


def _model(name: str, looks: Looks) -> list[str]:
    classes = ", ".join(_quoted(each) for each in looks.interfaces)
    shows = [
        f"vendor_product: {_quoted(looks.vendor_product)}",
        f"interfaces: [{classes}]",
        f"device_class: {_quoted(looks.device_class)}",
    ]
    question = _("Is every one of these what a camera needs? {words}").format(words=", ".join(looks.words))
    own = _locked(looks, shows) if looks.unlockers else shows
    return [_comment(question), f"{name}:", *(f"  {line}" for line in own)]


def _locked(looks: Looks, shows: list[str]) -> list[str]:
    """Give the keys of a model of which only is known what it shows while it is locked."""
    driver = _quoted(looks.unlockers[0]) if len(looks.unlockers) == 1 else CHOOSE
    return [
        _comment(_("What it comes back as: unlock one by hand, put it in, and see what is proposed for it then.")),
        f"vendor_product: {CHOOSE}",
        f"interfaces: [{CHOOSE}]",
        "unlock:",
        *(f"  {line}" for line in shows),
        "  " + _comment(_("Who may be able to unlock it: {names}").format(names=printable(", ".join(looks.unlockers)))),
        f"  driver: {driver}",
        f"  known_by: {CHOOSE}",
        "  "
        + _comment(_("If it wants a password: `credential`, the name that systemd hands it over by (docs/usb.md).")),
    ]


def _cameras(devices: Sequence[Plugged], models: dict[Looks, str]) -> list[str]:
    claims = Counter(each.serial.lower() for each in devices if not each.unlockers)
    cameras: list[list[str]] = []
    others = []
    for each in devices:
        if each.unlockers:
            reason = _("its camera_id is what it states once it is asked; dockd says it when it refuses the camera")
        elif not _has_form(_CAMERA_ID.validate_python, each.serial):
            reason = _("its serial number has not the form of a camera_id")
        elif claims[each.serial.lower()] > 1:
            reason = _("another one claims the same serial number")
        else:
            model = models[each.looks]
            cameras.append([f"{_quoted(each.serial)}: {{driver: {CHOOSE}, partition: {CHOOSE}, model: {model}}}"])
            continue
        others.append(_comment(f"{_told(each)}: {reason}"))
    return [*_section("cameras", cameras), *others]


def _section(key: str, entries: list[list[str]]) -> list[str]:
    if not entries:
        return [f"{key}: {{}}"]
    return [f"{key}:", *(f"  {line}" for entry in entries for line in entry)]


def _told(device: Plugged) -> str:
    """Name a device by its place and all its claims."""
    claims = _("{ids} {name}, serial number {serial}").format(
        ids=_line(device.vendor_product), name=_line(device.name), serial=_line(device.serial)
    )
    return f"{_line(device.port)}: {claims}"


def _has_form(validate: Callable[[object], object], value: object) -> bool:
    try:
        validate(value)
    except ValidationError:
        return False
    return True


def _comment(text: str) -> str:
    return f"# {text}"


def _line(text: str) -> str:
    """Write foreign text so that it stays in its comment and says nothing to a terminal."""
    return shown(text).encode("ascii", "backslashreplace").decode()


def _quoted(text: str) -> str:
    """Write text in double quotes, which YAML reads as JSON does."""
    return json.dumps(text)

"""Which drivers are installed, by name and metadata; and loading one, which only a worker does."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import cast

import msgspec

from dockd.driver import BY_DESCRIPTOR, ENTRY_POINTS, Ability, AnyDriver, Driver, SourceKind
from dockd.driver.declared import DeclaredDriver
from dockd.driver.unlocking import Unlocker
from dockd.errors import ConfigError, DriverError, unexpected
from dockd.i18n import _

MAX_LINE = 200
MAX_NEEDS = 500
_USB_ID = re.compile(r"[0-9a-f]{4}(:[0-9a-f]{4})?|[0-9a-f]{2}(:[0-9a-f]{2}){2}")


@dataclass(frozen=True, slots=True)
class DriverEntry:
    """One driver as its distribution declares it; `reference` names its module and class, as its entry point does."""

    name: str
    distribution: str
    distribution_version: str
    reference: str


class Look(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a driver says of itself, or the `fault` that keeps it from being used; the rest is empty then.

    One that is declared only is handed nothing and can nothing: it has a `maker` and what it `needs` instead.
    """

    version: str = ""
    source: str = ""
    abilities: list[str] = []
    options: list[str] = []
    usb_ids: list[str] = []
    maker: str = ""
    needs: str = ""
    fault: str | None = None


class DuplicateDriver(ConfigError):
    """Two entry points give one driver name: which of them would speak to a camera is not left to chance."""

    code = "config.duplicate_driver"


def declared() -> list[DriverEntry]:
    """Return what every installed distribution declares, names that are given twice included."""
    # Not above: it looks through the metadata of all that is installed, and a worker is told what it needs of that.
    from importlib.metadata import entry_points

    return [
        DriverEntry(
            point.name,
            point.dist.name if point.dist else "",
            point.dist.version if point.dist else "",
            f"{point.module}:{point.attr}",
        )
        for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: (point.name, point.value))
    ]


def installed() -> dict[str, DriverEntry]:
    """Return the installed drivers by name; raises `DuplicateDriver` if a name is not unique."""
    found: dict[str, DriverEntry] = {}
    for entry in declared():
        if other := found.get(entry.name):
            raise DuplicateDriver(
                _("the driver {name} is given twice: by {first} and by {second}").format(
                    name=entry.name, first=other.distribution, second=entry.distribution
                ),
                advice=_("remove one of the two distributions"),
            )
        found[entry.name] = entry
    return found


def load(name: str, reference: str) -> type[AnyDriver]:
    """Import the driver or unlocker of this name.

    Raises `DriverError` if it is not there, does not load or breaks its contract.
    """
    try:
        driver = resolve_name(reference)
        is_ours = isinstance(driver, type) and issubclass(driver, (Driver, Unlocker)) and driver.name == name
        fault = _fault_of(driver) if is_ours else None
    except Exception as error:  # a driver is code of others: whatever it does when loaded is its fault, and only its
        raise DriverError(
            _("the driver {name} does not load: {fault}").format(name=name, fault=unexpected(error))
        ) from error
    if not is_ours:
        raise DriverError(_("{value} is not the driver {name}").format(value=reference, name=name))
    if fault:
        raise DriverError(_("the driver {name} cannot be used: {fault}").format(name=name, fault=fault))
    return cast(type[AnyDriver], driver)


def _fault_of(driver: type[AnyDriver]) -> str:
    """Say what a class leaves out, or says of itself that nobody can work with; empty if nothing."""
    if missing := sorted(getattr(driver, "__abstractmethods__", ())):
        return _("it does not define {names}").format(names=", ".join(missing))
    said: tuple[tuple[str, bool], ...] = (
        ("version", is_line(driver.version)),
        ("source", driver.source in (SourceKind if issubclass(driver, Unlocker) else BY_DESCRIPTOR)),
        ("abilities", all(isinstance(each, Ability) for each in driver.abilities)),
        ("abilities", (Ability.UNLOCK in driver.abilities) == issubclass(driver, Unlocker)),
        ("option_names", all(map(is_line, driver.option_names))),
        ("usb_ids", all(map(_is_usb_id, driver.usb_ids))),
    )
    if issubclass(driver, DeclaredDriver):
        said += (("maker", is_line(driver.maker)), ("needs", is_line(driver.needs, MAX_NEEDS)))
    return ", ".join(
        _("what it says of its {name} makes no sense").format(name=name) for name, is_fine in said if not is_fine
    )


def who_knows(vendor_product: str, interfaces: Iterable[str], looks: Mapping[str, Look]) -> list[str]:
    """Name the drivers that know a device by its USB ids, or by the classes of its interfaces.

    Whoever names its very product knows better than who names its maker, and that one better than who only knows what
    it shows; whoever can read it knows better than who cannot.
    """
    for usb_id in (vendor_product, vendor_product.partition(":")[0], *interfaces):
        knowing = [name for name, look in sorted(looks.items()) if usb_id in look.usb_ids]
        if knowing:
            return [name for name in knowing if not looks[name].needs] or knowing
    return []


def _is_usb_id(text: object) -> bool:
    return isinstance(text, str) and _USB_ID.fullmatch(text) is not None


def is_line(text: object, most: int = MAX_LINE) -> bool:
    """Whether it is a text that can be shown and entered as it is."""
    return isinstance(text, str) and text.isprintable() and 0 < len(text) <= most

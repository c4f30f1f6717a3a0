"""Which drivers are installed, by name and metadata; and loading one, which only a worker does."""

from dataclasses import dataclass
from pkgutil import resolve_name

from dockd.driver import ENTRY_POINTS, Driver
from dockd.errors import ConfigError, DriverError, unexpected
from dockd.i18n import _


@dataclass(frozen=True, slots=True)
class DriverEntry:
    """One driver as its distribution declares it; `reference` names its module and class, as its entry point does."""

    name: str
    distribution: str
    distribution_version: str
    reference: str


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


def load(name: str, reference: str) -> type[Driver]:
    """Import the driver of this name; raises `DriverError` if it is not there, does not load or is no driver."""
    try:
        driver = resolve_name(reference)
    except Exception as error:  # a driver is code of others: whatever it does when loaded is its fault, and only its
        raise DriverError(
            _("the driver {name} does not load: {fault}").format(name=name, fault=unexpected(error))
        ) from error
    if not (isinstance(driver, type) and issubclass(driver, Driver) and driver.name == name):
        raise DriverError(_("{value} is not the driver {name}").format(value=reference, name=name))
    return driver

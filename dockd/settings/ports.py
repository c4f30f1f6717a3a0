"""The ports of a site: each is one bay or a host port, and none lies behind another."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from dockd.i18n import _
from dockd.settings.problems import Loc, Problem, Spot
from dockd.settings.shape import Parsed


@dataclass(frozen=True, slots=True)
class _Port:
    spot: Spot
    loc: Loc
    port: str
    of_bay: bool

    def is_behind(self, other: "_Port") -> bool:
        """Whether this is the same port, or one of a hub on that port (`…usbv2-0:1`, `…usbv2-0:1.3`)."""
        return self.port == other.port or self.port.startswith(f"{other.port}.")


def check_ports(parsed: Parsed) -> Iterator[Problem]:
    ports = sorted(_ports(parsed), key=lambda each: each.spot)
    for first, second in itertools.combinations(ports, 2):
        if (first.is_behind(second) or second.is_behind(first)) and (first.of_bay or second.of_bay):
            wrong = _("{port} is, or lies behind, what line {line} has already")
            yield parsed.site.problem(
                second.loc,
                "ports_overlap",
                wrong.format(port=second.port, line=first.spot.line),
                _("give each bay, and each host port, a port of its own"),
            )


def _ports(parsed: Parsed) -> Iterator[_Port]:
    site = parsed.settings.site
    for place, port in enumerate(site.usb.host_ports):
        loc: Loc = ("usb", "host_ports", place)
        yield _Port(parsed.site.spot(loc), loc, port, of_bay=False)
    for name, bay in site.bays.items():
        for place, port in enumerate(bay.ports):
            loc = ("bays", name, "ports", place)
            yield _Port(parsed.site.spot(loc), loc, port, of_bay=True)

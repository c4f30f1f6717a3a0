"""What `dockd status` shows: one board that the daemon writes and the control socket reads."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

import structlog

from dockd.errors import DockdError
from dockd.events import Event
from dockd.i18n import _, ngettext


class Light(StrEnum):
    """The one light of a bay. Green means only: all registered, cleared as configured, left powered."""

    BUSY = "busy"
    GREEN = "green"
    RED = "red"


@dataclass(frozen=True, slots=True)
class BayFinding:
    """Something about a camera that a person should know and no light shows."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class BayStatus:
    """One bay with something in it. `done` and `size` are bytes of the recording in hand, `position` its number."""

    bay: str
    light: Light
    claimed_id: str
    step: str = ""
    path: str = ""
    done: int = 0
    size: int = 0
    position: int = 0
    count: int = 0
    code: str = ""
    reason: str = ""
    advice: str = ""
    findings: tuple[BayFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that needs a person, and what to do about it."""

    code: str
    message: str
    advice: str = ""


def _tell_nobody(_bay: str, _light: Light | None) -> None:
    pass


@dataclass(slots=True)
class Board:
    """The state of the dock: its bays, and whatever needs a person.

    `on_light` is told of each change of a bay's light, None: the bay is empty; it must not block.
    """

    dock_id: str
    version: str
    isolation: dict[str, object]
    routes_allowed: bool = False
    bays: dict[str, BayStatus] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    on_light: Callable[[str, Light | None], None] = _tell_nobody

    def show(self, bay: BayStatus) -> None:
        """Change what is known of a bay; a change of its light is logged."""
        before = self.bays.get(bay.bay)
        self.bays[bay.bay] = bay
        if before is None or before.light != bay.light:
            level = "warning" if bay.light is Light.RED else "info"
            getattr(structlog.get_logger(), level)(
                Event.BAY_CHANGED, bay=bay.bay, light=bay.light.value, reason=bay.reason or None
            )
            self.on_light(bay.bay, bay.light)

    def update(self, bay: str, **changes: Any) -> None:
        """Change some of what is known of a bay that is shown."""
        if bay in self.bays:
            self.show(replace(self.bays[bay], **changes))

    def remove(self, bay: str) -> None:
        """The bay is empty."""
        if self.bays.pop(bay, None) is not None:
            self.on_light(bay, None)

    def trouble(self, subject: str, fault: DockdError | None) -> bool:
        """Note that something needs a person, or no longer does; tells whether that is news."""
        is_news = (fault is not None) != (subject in self.troubles)
        if fault is None:
            self.troubles.pop(subject, None)
        else:
            self.troubles[subject] = Trouble(fault.code, fault.message, fault.advice)
        return is_news

    @property
    def is_well(self) -> bool:
        """Whether nothing needs a person."""
        return not self.troubles and not any(bay.light is Light.RED for bay in self.bays.values())

    def in_words(self) -> str:
        """Say how the dock is in one line: lights, then whatever needs a person."""
        return "; ".join([self._lights_in_words(), *self._troubles_in_words()])

    def as_dict(self) -> dict[str, Any]:
        """Give the state as JSON takes it. `degraded` when anything needs a person."""
        return {
            "state": "ok" if self.is_well else "degraded",
            "dock_id": self.dock_id,
            "version": self.version,
            "isolation": self.isolation,
            "routes_allowed": self.routes_allowed,
            "words": self.in_words(),
            "troubles": [{"subject": subject, **asdict(trouble)} for subject, trouble in self.troubles.items()],
            "bays": [asdict(bay) for _name, bay in sorted(self.bays.items())],
        }

    def _lights_in_words(self) -> str:
        if not self.bays:
            return _("no camera")
        lights = [bay.light for bay in self.bays.values()]
        counts = {light: lights.count(light) for light in Light}
        parts = (f"{count} {light.value}" for light, count in counts.items() if count)
        return ngettext("{n} bay: {lights}", "{n} bays: {lights}", len(lights)).format(
            n=len(lights), lights=", ".join(parts)
        )

    def _troubles_in_words(self) -> list[str]:
        words = [f"{subject}: {trouble.message}" for subject, trouble in self.troubles.items()]
        return [*words, _("trial: routes of this host are allowed")] if self.routes_allowed else words

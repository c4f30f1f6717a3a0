"""What `dockd status` shows: one board that the daemon writes and the control socket reads."""

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

import structlog

from dockd.errors import DockdError
from dockd.events import Event


class Light(StrEnum):
    """The one light of a bay. Green means only: all registered, cleared as configured, left powered."""

    BUSY = "busy"
    GREEN = "green"
    RED = "red"


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


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that needs a person, and what to do about it."""

    code: str
    message: str
    advice: str = ""


@dataclass(slots=True)
class Board:
    """The state of the dock: its bays, and whatever needs a person."""

    dock_id: str
    version: str
    isolation: dict[str, object]
    bays: dict[str, BayStatus] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)

    def show(self, bay: BayStatus) -> None:
        """Change what is known of a bay; a change of its light is logged."""
        before = self.bays.get(bay.bay)
        self.bays[bay.bay] = bay
        if before is None or before.light != bay.light:
            level = "warning" if bay.light is Light.RED else "info"
            getattr(structlog.get_logger(), level)(
                Event.BAY_CHANGED, bay=bay.bay, light=bay.light.value, reason=bay.reason or None
            )

    def update(self, bay: str, **changes: Any) -> None:
        """Change some of what is known of a bay that is shown."""
        if bay in self.bays:
            self.show(replace(self.bays[bay], **changes))

    def remove(self, bay: str) -> None:
        """The bay is empty."""
        self.bays.pop(bay, None)

    def trouble(self, subject: str, fault: DockdError | None) -> bool:
        """Note that something needs a person, or no longer does; tells whether that is news."""
        is_news = (fault is not None) != (subject in self.troubles)
        if fault is None:
            self.troubles.pop(subject, None)
        else:
            self.troubles[subject] = Trouble(fault.code, fault.message, fault.advice)
        return is_news

    def as_dict(self) -> dict[str, Any]:
        """Give the state as JSON takes it. `degraded` when anything needs a person."""
        red = any(bay.light is Light.RED for bay in self.bays.values())
        return {
            "state": "degraded" if self.troubles or red else "ok",
            "dock_id": self.dock_id,
            "version": self.version,
            "isolation": self.isolation,
            "troubles": [{"subject": subject, **asdict(trouble)} for subject, trouble in self.troubles.items()],
            "bays": [asdict(bay) for _name, bay in sorted(self.bays.items())],
        }

"""Reading a part of the register: by camera, wearer, recording, kind and period."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dockd.register.body import Row

UNASSIGNED = "unassigned"
LISTED = 10_000
"""So many unassigned recordings are listed at most."""

_ABOUT_CAMERA = ("camera_id", "claimed_id")
_NAMES = ("camera", "wearer", "recording", "kind", "since", "until")


@dataclass(frozen=True, slots=True)
class Filter:
    """What entries have to be about; None: whatever they are about.

    `since` and `until` are moments as entries write them, both included. `kind` may name several, with commas between.
    `among` are the recordings whose own entries are asked for.
    """

    camera: str | None = None
    wearer: str | None = None
    recording: str | None = None
    kind: str | None = None
    since: str | None = None
    until: str | None = None
    among: frozenset[str] | None = None

    @classmethod
    def of(cls, about: Mapping[str, str], unassigned: Collection[str] = ()) -> "Filter":
        """Read it from what a command was narrowed to; other narrowings are not its own.

        `unassigned` are the recordings that are asked for with `UNASSIGNED`.
        """
        given = {name: about[name] for name in _NAMES if name in about}
        return cls(**given, among=frozenset(unassigned) if UNASSIGNED in about else None)

    @property
    def is_open(self) -> bool:
        return self == EVERYTHING

    def takes(self, row: Row) -> bool:
        """Whether an entry is asked for; one whose body is gone or cannot be read, only if everything is."""
        if self.is_open:
            return True
        try:
            body = json.loads(row.body or b"")
        except (ValueError, RecursionError):
            return False
        return isinstance(body, dict) and self._fits(body)

    def _fits(self, body: dict[str, Any]) -> bool:
        at = str(body.get("at", ""))
        return (
            (self.kind is None or body.get("kind") in self.kind.split(","))
            and (self.recording is None or body.get("recording_id") == self.recording)
            and (self.camera is None or any(body.get(name) == self.camera for name in _ABOUT_CAMERA))
            and (self.wearer is None or body.get("wearer") == self.wearer)
            and (self.among is None or (body.get("recording_id") in self.among and "wearer_basis" in body))
            and (self.since is None or at >= self.since)
            and (self.until is None or at <= self.until)
        )


EVERYTHING = Filter()

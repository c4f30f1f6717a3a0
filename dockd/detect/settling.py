"""When has a camera's folder arrived? Decided from snapshots and a clock, without touching a disk.

A folder has arrived once names, sizes and mtimes were the same for the settle time. A docking that is over rests
until something is added or changed, or the folder goes and comes back: what dockd itself cleared is not a new arrival.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dockd.detect.snapshot import Snapshot


@dataclass(slots=True)
class _Settling:
    """Not yet unchanged for long enough; `announced`: it had arrived before, and did not leave since."""

    snapshot: Snapshot
    since: float
    announced: bool


@dataclass(slots=True)
class _Occupied:
    """Announced; its docking is not over."""

    snapshot: Snapshot


@dataclass(slots=True)
class _Resting:
    """Its docking is over, whatever came of it."""

    snapshot: Snapshot
    until_gone: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of folders that have arrived and of announced ones that are gone."""

    arrived: tuple[bytes, ...]
    gone: tuple[bytes, ...]


class Settling:
    """The folders of one dock and how far each has come. Times in seconds of any monotonic clock."""

    def __init__(self, settle_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._folders: dict[bytes, _Settling | _Occupied | _Resting] = {}
        self._missed: set[bytes] = set()

    def unregarded(self) -> frozenset[bytes]:
        """Name the folders of which only matters whether they are there: nobody needs to walk them now."""
        return frozenset(
            name
            for name, state in self._folders.items()
            if isinstance(state, _Occupied) or (isinstance(state, _Resting) and state.until_gone)
        )

    def look(self, now: float, folders: Mapping[bytes, Snapshot | None]) -> Changes:
        """Take in what lies there now; each name is announced once until it is over or gone.

        None stands for a folder that is there and was not walked.
        """
        stayed, self._missed = folders.keys() - self._missed, set()
        gone = tuple(name for name, state in self._folders.items() if name not in stayed and _announced(state))
        self._folders = {name: state for name, state in self._folders.items() if name in stayed}
        arrived = tuple(name for name, snapshot in sorted(folders.items()) if self._has_arrived(now, name, snapshot))
        return Changes(arrived, gone)

    def missed(self, name: bytes) -> None:
        """This folder was away since the last look: at the next one it has gone, and may have come back."""
        self._missed.add(name)

    def over(self, name: bytes, *, until_gone: bool = False) -> None:
        """The docking of this folder is over.

        `until_gone`: it is not announced again before it was gone, whatever has changed in it since it was announced.
        """
        state = self._folders.get(name)
        if isinstance(state, _Occupied) or (state is not None and until_gone and _announced(state)):
            self._folders[name] = _Resting(state.snapshot, until_gone)

    def again(self, name: bytes) -> None:
        """Announce a resting folder once more, as if it had just been plugged."""
        if isinstance(self._folders.get(name), _Resting):
            self._folders[name] = _Settling(Snapshot(), 0, announced=True)

    def waiting_since(self) -> tuple[float, ...]:
        """Since when each settling folder has been unchanged; an empty one waits for nothing."""
        return tuple(state.since for state in self._folders.values() if isinstance(state, _Settling) and state.snapshot)

    def _has_arrived(self, now: float, name: bytes, snapshot: Snapshot | None) -> bool:
        state = self._folders.get(name)
        # A docking may have ended while the others were walked: what was not walked then has its turn at the next look.
        if snapshot is None or isinstance(state, _Occupied):
            return False
        if isinstance(state, _Resting) and (state.until_gone or snapshot <= state.snapshot):
            state.snapshot = snapshot
            return False
        if not isinstance(state, _Settling) or state.snapshot != snapshot:
            self._folders[name] = _Settling(snapshot, now, announced=state is not None and _announced(state))
            return False
        # An empty folder is a bay with nothing in it.
        if not snapshot or now - state.since < self._settle_seconds:
            return False
        self._folders[name] = _Occupied(snapshot)
        return True


def _announced(state: _Settling | _Occupied | _Resting) -> bool:
    return not isinstance(state, _Settling) or state.announced

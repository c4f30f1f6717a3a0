"""A camera's recordings, oldest first, a batch at a time: what a docking holds of them at once stays small.

Each batch costs one walk of the camera, and the walk that brings the next one also shows what is still there of what
was cleared. Most cameras hold less than one batch.
"""

import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from dockd.driver import Other, Session
from dockd.errors import CameraProtocol
from dockd.i18n import _
from dockd.model import Recording, RecordingPath

BATCH = 200
MAX_OTHERS_NAMED = 100
"""So many of the files left alone are named in listings; the rest is only counted."""

_Turn = tuple[int, bytes]


@dataclass(slots=True)
class Batch:
    """What one walk saw: the next recordings, and how many are `waiting`, these included.

    `still_there` are paths that the camera lists although it was told to clear them.
    """

    recordings: list[Recording] = field(default_factory=list)
    waiting: int = 0
    others: list[RecordingPath] = field(default_factory=list)
    others_count: int = 0
    still_there: set[RecordingPath] = field(default_factory=set)


class Rounds:
    """Goes through the recordings that the first walk saw.

    What the camera adds later, or changes so that it is younger than all of these, is left for another docking:
    otherwise a camera that never rests would never be done.
    """

    def __init__(self, session: Session, size: int = BATCH) -> None:
        self._session = session
        self._size = size
        self._after: _Turn | None = None
        self._last: _Turn | None = None
        self._youngest: _Turn | None = None

    def next(self, cleared: Collection[RecordingPath] = ()) -> Batch:
        """Walk the camera, which was told to clear `cleared`; raises `DriverError`."""
        batch = Batch()
        batch.recordings = heapq.nsmallest(self._size, self._due(batch, cleared), key=lambda recording: recording.turn)
        if len({recording.path for recording in batch.recordings}) != len(batch.recordings):
            raise CameraProtocol(_("the camera lists one path twice"))
        self._last = self._last or self._youngest
        if batch.recordings:
            self._after = batch.recordings[-1].turn
        return batch

    def _due(self, batch: Batch, cleared: Collection[RecordingPath]) -> Iterator[Recording]:
        for found in self._session.list():
            if isinstance(found, Other):
                batch.others_count += 1
                if len(batch.others) < MAX_OTHERS_NAMED:
                    batch.others.append(found.path)
                continue
            if found.path in cleared:
                batch.still_there.add(found.path)
            if self._is_due(found.turn):
                batch.waiting += 1
                yield found

    def _is_due(self, turn: _Turn) -> bool:
        self._youngest = max(turn, self._youngest or turn)
        return (self._after is None or turn > self._after) and (self._last is None or turn <= self._last)

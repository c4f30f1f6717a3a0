"""The readable rest of a recording: what cannot be read of it is left out, and zeros stand in its place.

Only for a recording that no ordinary attempt could read. It is a last resort that stays bounded: a card of which a
great part is lost is for somebody who takes an image of it, not for a dock.
"""

import time
from collections.abc import Iterator
from functools import partial

from dockd.docking.messages import PATIENCE_SECONDS
from dockd.docking.pull import Tell
from dockd.docking.sealing import Sealing
from dockd.docking.works import BLOCK
from dockd.driver import Session
from dockd.errors import CameraMedia
from dockd.i18n import _
from dockd.model import GAP_UNIT, MAX_GAPS, Gap, Proven, Recording


class Patience:
    """How long reads that fail may still take."""

    def __init__(self, seconds: float = PATIENCE_SECONDS) -> None:
        self._left = seconds

    def spend(self, seconds: float) -> None:
        """Raises `CameraMedia` once there is none left."""
        self._left -= seconds
        if self._left < 0:
            raise CameraMedia(_("too many reads fail for the recording to be salvaged"))


def salvage(
    session: Session,
    sealing: Sealing,
    tell: Tell,
    patience: Patience,
) -> Proven:
    """Seal and prove what can be read of a recording. Without gaps all could be read after all.

    The MP4 check is left out: it would only ask for the bad places once more. Raises `CameraMedia` where nothing can be
    read, or where there are too many gaps or too little patience for them, and any other `DriverError` at once.
    """
    trail = partial(tell, "trail")
    reading = _Reading(session, sealing.recording, tell, patience)
    for block in reading.blocks():
        sealing.take(memoryview(block), trail)
    return sealing.finish(reading.gaps, partial(tell, "prove"))


class _Reading:
    """One pass over a recording. `gaps` grows as the blocks are drawn."""

    def __init__(self, session: Session, recording: Recording, tell: Tell, patience: Patience) -> None:
        self._session = session
        self._recording = recording
        self._tell = tell
        self._patience = patience
        self._asked = 0
        self._anything_read = False
        self.gaps: list[Gap] = []

    def blocks(self) -> Iterator[bytes]:
        """Yield the recording block by block.

        A block that cannot be read is asked for again in units, with nothing in between: most of what a bad place costs
        is the time of each read that fails.
        """
        size = self._recording.size
        for offset in range(0, max(1, size), BLOCK):
            end = min(size, offset + BLOCK)
            block = self._read(offset, end - offset)
            if block is None:
                block = b"".join(self._unit(start) for start in range(offset, end, GAP_UNIT))
            yield block
        if not self._anything_read:
            raise CameraMedia(_("nothing of the recording can be read"))

    def _unit(self, offset: int) -> bytes:
        size = min(GAP_UNIT, self._recording.size - offset)
        read = self._read(offset, size)
        if read is None:
            self._leave_out(offset, size)
            return bytes(size)
        return read

    def _read(self, offset: int, size: int) -> bytes | None:
        begun = time.monotonic()
        read = None
        try:
            read = self._session.read_at(self._recording, offset, size)
            self._anything_read = True
        except CameraMedia:
            self._patience.spend(time.monotonic() - begun)
        # A read that failed is progress, too: the next one may take as long.
        self._asked += size
        self._tell("salvage", self._asked)
        return read

    def _leave_out(self, offset: int, size: int) -> None:
        if self.gaps and sum(self.gaps[-1]) == offset:
            self.gaps[-1] = Gap(self.gaps[-1].offset, self.gaps[-1].size + size)
        elif len(self.gaps) < MAX_GAPS:
            self.gaps.append(Gap(offset, size))
        else:
            raise CameraMedia(_("the recording has more than {n} places that cannot be read").format(n=MAX_GAPS))

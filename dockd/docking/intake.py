"""Has one camera's recordings read, each in its turn: into a nameless file that is proven, or only to be hashed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager

from structlog.typing import FilteringBoundLogger

from dockd.docking.broken_off import BrokenOff
from dockd.docking.camera import DockedCamera
from dockd.docking.placing import Placing
from dockd.docking.shelf import Shelf
from dockd.docking.surroundings import Surroundings
from dockd.errors import CameraGone, DockdError, DriverError, PartitionError, WorkerFailed
from dockd.events import Event
from dockd.i18n import _
from dockd.model import Admitted, Proven, Recording

NEARLY_FULL = 0.8
"""From this share of its memory on a camera comes before others that are not important."""

TURN_SECONDS = 60.0
SLOW_BYTES_PER_SECOND = 2_000_000
"""What a turn lasts at most: so long, and what the recording takes at this rate; USB 2 gives ten times as much."""

Show = Callable[[str, Recording, int], None]


class Intake:
    """One docking's: `in_hand` is what was proven last, until `done`. What broke off is kept until another is begun."""

    def __init__(self, admitted: Admitted, around: Surroundings, show: Show, log: FilteringBoundLogger) -> None:
        self._admitted = admitted
        self._around = around
        self._show = show
        self._log = log
        self._placing: Placing | None = None
        self._broken_off: tuple[Recording, Placing] | None = None

    @property
    def in_hand(self) -> Placing:
        if self._placing is None:
            raise WorkerFailed(_("nothing was pulled"))
        return self._placing

    async def pull(self, camera: DockedCamera, recording: Recording) -> Proven:
        """Have a recording sealed and proven, from where it broke off if it did."""
        shelf = self._shelf()
        goes_on = self._broken_off is not None and self._broken_off[0] == recording
        file = None if goes_on else await self._new_file(shelf, recording)
        async with self._turn(camera, recording), self._believed(shelf):
            if goes_on:
                self._take_up(recording)
            try:
                return await camera.pull(recording, file, shelf.trail)
            except DriverError:
                self._broken_off, self._placing = (recording, self.in_hand), None
                raise

    async def salvage(self, camera: DockedCamera, recording: Recording) -> Proven:
        """Have sealed and proven what can be read of a recording."""
        shelf = self._shelf()
        file = await self._new_file(shelf, recording)
        async with self._turn(camera, recording), self._believed(shelf):
            return await camera.salvage(recording, file, shelf.trail)

    async def digest(self, camera: DockedCamera, recording: Recording) -> str:
        """Have a recording read and hashed."""
        async with self._turn(camera, recording):
            return await camera.digest(recording)

    async def left_by(self, camera: DockedCamera) -> DockedCamera | None:
        """Keep the worker of a camera that has gone, and what broke off, until it is back; else give it back."""
        if self._broken_off is None:
            return camera
        recording, placing = self._broken_off
        try:
            await camera.let_go()
        except DockdError:
            return camera
        self._around.waiting.keep(BrokenOff(self._admitted, recording, camera, placing))
        self._broken_off = None
        return None

    def back(self, broken_off: BrokenOff) -> DockedCamera:
        """Take over what waited for this camera."""
        self._broken_off = broken_off.recording, broken_off.placing
        return broken_off.camera

    def done(self) -> None:
        """Let go of what is in hand."""
        if self._placing is not None:
            self._placing.close()
            self._placing = None

    def end(self) -> None:
        """Let go of everything, of what broke off, too: it is not gone on with any more."""
        self.done()
        if self._broken_off is not None:
            self._broken_off[1].close()
            self._broken_off = None

    @asynccontextmanager
    async def _turn(self, camera: DockedCamera, recording: Recording) -> AsyncIterator[None]:
        """Wait until this camera may be read; raises `CameraGone` if it leaves before that, and as `_shelf`."""
        fullness = camera.listed.fullness
        rank = 0 if self._admitted.camera.important else 1 if fullness and fullness >= NEARLY_FULL else 2
        self._show("queue", recording, 0)
        if not await self._around.turns.take(rank, self._around.departed):
            raise CameraGone(_("the camera was pulled out"))
        # One that is far slower than a camera should be is read on, but no other waits for it.
        seconds = TURN_SECONDS + recording.size / SLOW_BYTES_PER_SECOND
        with ExitStack() as turn:
            turn.callback(self._around.turns.give_back)
            # It may have waited for hours.
            self._shelf()
            late = asyncio.get_running_loop().call_later(seconds, turn.close)
            try:
                yield
            finally:
                late.cancel()

    def _shelf(self) -> Shelf:
        """Give the partition of this camera; raises its fault, and `NetworkError` while this host has a route."""
        self._around.refuse_network()
        return self._around.shelves.usable(self._admitted.camera.partition)

    def _take_up(self, recording: Recording) -> None:
        assert self._broken_off is not None
        (_same, self._placing), self._broken_off = self._broken_off, None
        self._log.info(Event.RECORDING_RESUMED, path=recording.path.text, size=recording.size)

    async def _new_file(self, shelf: Shelf, recording: Recording) -> int:
        if self._broken_off is not None:
            # Its worker has it open until it begins the next: the space must be there before that.
            await self._broken_off[1].empty()
        self.end()
        self._placing = Placing(shelf, self._around.registry, self._around.dock_id, self._around.clock)
        return await self._placing.open_file(recording)

    @asynccontextmanager
    async def _believed(self, shelf: Shelf) -> AsyncIterator[None]:
        """Believe a fault of the partition only if the partition shows it, too.

        A hostile camera may own its worker, and must not be able to stop the other cameras of the partition.
        """
        try:
            yield
        except PartitionError as claimed:
            raise (await shelf.check() or WorkerFailed(claimed.message)) from claimed

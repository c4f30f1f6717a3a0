"""A docked camera as the supervisor sees it: through its worker, by messages, believing only their shape."""

from collections.abc import Callable
from typing import TypeVar

from dockd.descriptor import Descriptor
from dockd.docking.access import CameraAccess
from dockd.docking.messages import (
    PATIENCE_SECONDS,
    Camera,
    CameraHere,
    ClearedMessage,
    ClockRead,
    ClockSet,
    File,
    GoneOn,
    GoOn,
    Hash,
    Hashed,
    LetGo,
    LetGone,
    ListAgain,
    Listing,
    Progress,
    ProvenMessage,
    ReadClock,
    ReadState,
    RegisteredMessage,
    SetClock,
    StateRead,
    Wants,
)
from dockd.docking.rounds import BATCH
from dockd.docking.unit_worker import WorkerUnits
from dockd.docking.worker_link import WorkerLink
from dockd.driver import MAX_FILES, SourceKind
from dockd.errors import WorkerFailed
from dockd.i18n import _
from dockd.model import Admitted, Listed, Proven, Recording, RecordingPath, Registered

M = TypeVar("M", ProvenMessage, Hashed, ClearedMessage)

OnProgress = Callable[[str, Recording, int], None]
"""Told the stage, the recording and the bytes of it that are through."""


class DockedCamera:
    """One worker and its camera. Indexes in messages are places in the last listing, which is one batch."""

    def __init__(
        self,
        admitted: Admitted,
        access: CameraAccess,
        silence_seconds: float,
        on_progress: OnProgress,
        driver_reference: str,
        workers: WorkerUnits | None = None,
    ) -> None:
        self._admitted = admitted
        self._driver_reference = driver_reference
        self._access = access
        self._on_progress = on_progress
        self._link = WorkerLink(silence_seconds, self._heard, workers)
        self._source = SourceKind.DIRECTORY
        self._listed: Listed | None = None
        self._index: dict[Recording, int] = {}
        self._before = 0

    @property
    def listed(self) -> Listed:
        """The last listing; raises `WorkerFailed` before there is one."""
        if self._listed is None:
            raise WorkerFailed(_("the camera was never listed"))
        return self._listed

    def position(self, recording: Recording) -> tuple[int, int]:
        """Give the recording's place among all that the camera holds, from 1, and how many those are."""
        return self._before + self._index[recording] + 1, self._before + self.listed.waiting

    async def open(self, recipients: tuple[str, ...]) -> Listed:
        """Start the worker, hand it what its driver reaches the camera through, have it identify and list that."""
        camera = self._admitted.camera
        order = Camera(
            camera_id=camera.camera_id,
            must_state_id=self._admitted.arrival.known_by == "driver",
            driver=camera.driver,
            driver_reference=self._driver_reference,
            options=dict(camera.options),
            recipients=recipients,
        )
        await self._link.start()
        self._source = (await self._link.call(order, Wants, self._link.lifeline)).source
        return await self._hand_over()

    async def let_go(self) -> None:
        """Have the worker close a camera that has gone, and whatever is open of it."""
        await self._link.call(LetGo(), LetGone)

    async def come_back(self, admitted: Admitted, access: CameraAccess, on_progress: OnProgress) -> Listed:
        """Hand the worker the camera that had gone, after `let_go`, and have it identified and listed as by `open`."""
        self._admitted, self._access, self._on_progress = admitted, access, on_progress
        self._listed, self._index, self._before = None, {}, 0
        return await self._hand_over()

    async def _hand_over(self) -> Listed:
        handle = await self._access.open(self._source, writable=False)
        try:
            listed = await self._assemble(await self._link.call(CameraHere(), Listing, [handle.fileno()]))
        finally:
            handle.close()
        # A camera that has gone lists as empty, as if everything on it had been cleared.
        await self._access.must_be_there()
        return listed

    async def open_for_clearing(self) -> None:
        """Hand the worker the same camera once more, so that it can erase from it."""
        await self._link.call(LetGo(), LetGone)
        await self._go_on(await self._access.open(self._source, writable=True))

    async def list_again(self) -> Listed:
        """List through a fresh descriptor.

        1. The worker lets go: what was erased is flushed, or that is a fault. 2. It is brought onto the medium.
        3. The camera is opened afresh, not to be written. 4. It is listed. 5. It must still be there then.
        """
        await self._open_afresh()
        listed = await self._assemble(await self._link.call(ListAgain(), Listing))
        await self._access.must_be_there()
        return listed

    async def pull(self, recording: Recording, file: int | None, trail: int) -> Proven:
        """Have the recording sealed into the nameless file behind `file`, of which the worker gets a copy.

        Without one it goes on with the file of this recording that it has. `trail`: after so many bytes of the file
        they are flushed and proven.
        """
        index = self._index[recording]
        order, files = File(index=index, salvage=False, trail=trail), [] if file is None else [file]
        message = self._about(index, await self._link.call(order, ProvenMessage, files, recording.size))
        if message.gaps:
            raise WorkerFailed(_("the worker speaks of gaps in what it was to read whole"))
        return message.proven(recording)

    async def salvage(self, recording: Recording, file: int, trail: int) -> Proven:
        """Have what can be read of the recording sealed, as `pull`; without gaps all could be read after all.

        A camera that is cut off in the middle may have given nothing but failed reads: 1. it must take being opened
        afresh, 2. it must be the very one, still. Raises a `CameraError` otherwise.
        """
        index = self._index[recording]
        order = File(index=index, salvage=True, trail=trail)
        answer = await self._link.call(order, ProvenMessage, [file], recording.size, PATIENCE_SECONDS)
        proven = self._about(index, answer).proven(recording)
        await self._open_afresh()
        await self._access.must_be_there()
        return proven

    async def digest(self, recording: Recording) -> str:
        index = self._index[recording]
        message = await self._link.call(Hash(index=index), Hashed, size=recording.size)
        return self._about(index, message).plaintext_sha256

    async def clear(self, registered: Registered) -> None:
        index = self._index[registered.recording]
        order = RegisteredMessage(
            index=index,
            recording_id=registered.recording_id,
            plaintext_sha256=registered.plaintext_sha256,
            seq=registered.seq,
        )
        self._about(index, await self._link.call(order, ClearedMessage))

    async def read_clock(self, utc_offset_seconds: int) -> ClockRead:
        return await self._link.call(ReadClock(utc_offset_seconds=utc_offset_seconds), ClockRead)

    async def read_state(self) -> StateRead:
        return await self._link.call(ReadState(), StateRead)

    async def set_clock(self, utc_offset_seconds: int) -> None:
        await self._link.call(SetClock(utc_offset_seconds=utc_offset_seconds), ClockSet)

    async def _open_afresh(self) -> None:
        await self._link.call(LetGo(), LetGone)
        await self._access.settle()
        await self._go_on(await self._access.open(self._source, writable=False))

    async def _go_on(self, handle: Descriptor) -> None:
        try:
            await self._link.call(GoOn(), GoneOn, [handle.fileno()])
        finally:
            handle.close()

    def _about(self, index: int, message: M) -> M:
        if message.index != index:
            raise WorkerFailed(_("the worker speaks of another recording than it was asked about"))
        return message

    async def finish(self) -> None:
        await self._link.finish()

    async def kill(self) -> None:
        await self._link.kill()

    async def _assemble(self, first: Listing) -> Listed:
        recordings = await self._all_pages(first)
        if len({each.path for each in recordings}) != len(recordings):
            raise WorkerFailed(_("one path is listed twice"))
        before = self._listed.recordings if self._listed else ()
        if any(index >= len(before) for index in first.still_there) or first.waiting < len(recordings):
            raise WorkerFailed(_("the worker sends a listing that cannot be"))
        self._before += len(before)
        self._index = {recording: index for index, recording in enumerate(recordings)}
        self._listed = Listed(
            admitted=self._admitted,
            driver_version=first.driver_version,
            recordings=tuple(recordings),
            waiting=first.waiting,
            others=tuple(map(RecordingPath.parse, first.others)),
            others_count=first.others_count,
            still_there=frozenset(before[index].path for index in first.still_there),
            fullness=first.fullness,
        )
        return self._listed

    async def _all_pages(self, page: Listing) -> list[Recording]:
        recordings: list[Recording] = []
        while True:
            recordings += [each.recording() for each in page.recordings]
            if len(recordings) > BATCH or self._before + len(recordings) > MAX_FILES:
                raise WorkerFailed(_("more recordings are listed than dockd takes: {n}").format(n=len(recordings)))
            if not page.more:
                return recordings
            if not page.recordings:
                raise WorkerFailed(_("the worker sends a listing without end"))
            page = await self._link.next(Listing)

    def _heard(self, progress: Progress) -> None:
        if self._listed is not None and progress.index < len(self._listed.recordings):
            self._on_progress(progress.stage, self._listed.recordings[progress.index], progress.done)

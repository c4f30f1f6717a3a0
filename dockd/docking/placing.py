"""From proven to registered: the nameless file, its promised space, its sidecar, its intent, its name, its entry."""

from contextlib import ExitStack

from dockd.clock import Clock, utc_text
from dockd.descriptor import Descriptor
from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelf
from dockd.errors import OrderError, PartitionError, WorkerFailed
from dockd.i18n import _
from dockd.model import Listed, Proven, Recording, Registered, Salvaged, Stored, recording_id
from dockd.store.objects import object_path
from dockd.store.sidecar import Sidecar


class Placing:
    """One recording on its way into one partition. `close` gives back whatever is still held."""

    def __init__(self, shelf: Shelf, registry: Registry, dock_id: str, clock: Clock) -> None:
        self._shelf = shelf
        self._registry = registry
        self._dock_id = dock_id
        self._clock = clock
        self._file: Descriptor | None = None
        self._promise = ExitStack()
        self._sidecar: Sidecar | None = None

    async def open_file(self, recording: Recording) -> int:
        """Promise the space and open the nameless file; raises `PartitionFull` before anything is pulled."""
        room = self._shelf.room(recording.size)
        self._promise.enter_context(self._shelf.promises.promise(room))
        self._file = await self._shelf.new_file(room)
        return self._file.fileno()

    async def place(self, proven: Proven, listed: Listed) -> Stored:
        """Write the intent, then give the file its name with its sidecar, durably."""
        file, self._file = self._file, None
        if file is None:
            raise OrderError("nothing was pulled that could be placed")
        if proven.sealed.ciphertext_size != self._shelf.size_of(proven.sealed.recording.size):
            raise WorkerFailed(_("the sealed file has not the size that this recording would have"))
        sidecar = self._sidecar = self._describe(proven, listed)
        path = object_path(sidecar.recording_id, self._clock.now())
        await self._registry.open_intent(sidecar, path)
        try:
            return await self._shelf.place(file, proven, sidecar, path)
        except PartitionError:
            await self._shelf.check()
            raise

    async def enter(self, stored: Stored, replaces: int | None) -> Registered:
        if self._sidecar is None:
            raise OrderError("nothing was placed that could be entered")
        return await self._registry.enter(stored, self._sidecar, replaces)

    async def enter_salvage(self, stored: Stored) -> Salvaged:
        if self._sidecar is None:
            raise OrderError("nothing was placed that could be entered")
        return await self._registry.enter_salvage(stored, self._sidecar)

    async def empty(self) -> None:
        """Give the space of a file back that is of no more use, though its worker may have it open still."""
        if self._file is not None:
            await self._shelf.empty(self._file)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._promise.close()

    def _describe(self, proven: Proven, listed: Listed) -> Sidecar:
        sealed, camera = proven.sealed, listed.admitted.camera
        recording = sealed.recording
        return Sidecar(
            v=1,
            dock_id=self._dock_id,
            recording_id=recording_id(camera.camera_id, recording, sealed.plaintext_sha256, salvaged=bool(sealed.gaps)),
            camera_id=camera.camera_id,
            bay=listed.admitted.arrival.bay,
            driver=camera.driver,
            driver_version=listed.driver_version,
            path=recording.path.text,
            size=recording.size,
            mtime_ns=str(recording.mtime_ns),
            part_of=recording.part_of.text if recording.part_of else None,
            plaintext_sha256=sealed.plaintext_sha256,
            ciphertext_sha256=proven.ciphertext_sha256,
            ciphertext_size=sealed.ciphertext_size,
            read_back=proven.read_back,
            mp4=sealed.mp4,
            gaps=sealed.gaps,
            partition=self._shelf.name,
            partition_uuid=self._shelf.uuid,
            recipients=list(self._shelf.recipients),
            proven_at=utc_text(self._clock.now()),
        )

"""A docked camera as the supervisor sees it: through its worker, by messages, believing only their shape."""

import os
from collections.abc import Awaitable, Callable

from dockd.docking.messages import (
    Camera,
    ClearedMessage,
    File,
    Hash,
    Hashed,
    ListAgain,
    Listing,
    Progress,
    ProvenMessage,
    RegisteredMessage,
)
from dockd.docking.worker_link import WorkerLink
from dockd.errors import CameraGone, WorkerFailed
from dockd.i18n import _
from dockd.model import Admitted, Listed, Proven, Recording, RecordingPath, Registered

MAX_RECORDINGS = 1_000_000

OnProgress = Callable[[str, Recording, int], None]
"""Told the stage, the recording and the bytes of it that are through."""


class DockedCamera:
    """One worker and its camera. Indexes in messages are places in the last listing."""

    def __init__(self, admitted: Admitted, silence_seconds: float, on_progress: OnProgress) -> None:
        self._admitted = admitted
        self._on_progress = on_progress
        self._link = WorkerLink(silence_seconds, self._heard)
        self._listed: Listed | None = None
        self._index: dict[Recording, int] = {}

    @property
    def listed(self) -> Listed:
        """The last listing; raises `WorkerFailed` before there is one."""
        if self._listed is None:
            raise WorkerFailed(_("the camera was never listed"))
        return self._listed

    def position(self, recording: Recording) -> tuple[int, int]:
        """Give the recording's place in the listing, from 1, and how many there are."""
        return self._index[recording] + 1, len(self._index)

    async def open(self, open_directory: Callable[[], Awaitable[int]], recipients: tuple[str, ...]) -> Listed:
        """Start the worker, hand it the camera's directory, have it identify and list the camera."""
        try:
            directory = await open_directory()
        except OSError as error:
            raise CameraGone(_("the camera's folder cannot be opened: {error}").format(error=error.strerror)) from error
        try:
            await self._link.start()
        except BaseException:
            os.close(directory)
            raise
        camera = self._admitted.camera
        order = Camera(
            camera_id=camera.camera_id, driver=camera.driver, options=dict(camera.options), recipients=recipients
        )
        return await self._assemble(await self._link.call(order, Listing, [directory]))

    async def list_again(self) -> Listed:
        return await self._assemble(await self._link.call(ListAgain(), Listing))

    async def pull(self, recording: Recording, file: int) -> Proven:
        """Have the recording sealed into the nameless file behind `file`, of which the worker gets a copy."""
        message = await self._link.call(File(index=self._index[recording]), ProvenMessage, [os.dup(file)])
        return message.proven(recording)

    async def digest(self, recording: Recording) -> str:
        return (await self._link.call(Hash(index=self._index[recording]), Hashed)).plaintext_sha256

    async def clear(self, registered: Registered) -> None:
        order = RegisteredMessage(
            index=self._index[registered.recording],
            recording_id=registered.recording_id,
            plaintext_sha256=registered.plaintext_sha256,
            seq=registered.seq,
        )
        await self._link.call(order, ClearedMessage)

    async def finish(self) -> None:
        await self._link.finish()

    async def kill(self) -> None:
        await self._link.kill()

    async def _assemble(self, page: Listing) -> Listed:
        recordings = [each.recording() for each in page.recordings]
        others, others_count = page.others, page.others_count
        while page.more:
            page = await self._link.next(Listing)
            recordings += [each.recording() for each in page.recordings]
            if len(recordings) > MAX_RECORDINGS:
                raise WorkerFailed(_("more than {n} recordings listed").format(n=MAX_RECORDINGS))
        if len({each.path for each in recordings}) != len(recordings):
            raise WorkerFailed(_("one path is listed twice"))
        self._index = {recording: index for index, recording in enumerate(recordings)}
        self._listed = Listed(
            admitted=self._admitted,
            driver_version=page.driver_version,
            recordings=tuple(recordings),
            others=tuple(map(RecordingPath.parse, others)),
            others_count=others_count,
        )
        return self._listed

    def _heard(self, progress: Progress) -> None:
        if self._listed is not None and progress.index < len(self._listed.recordings):
            self._on_progress(progress.stage, self._listed.recordings[progress.index], progress.done)

"""A locked camera as the supervisor sees it: through a worker of its own, which ends before anything is read."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from dockd.docking.access import CameraAccess
from dockd.docking.messages import (
    CameraHere,
    ClockRead,
    ClockSet,
    Identified,
    Locked,
    Progress,
    ReadClock,
    SetClock,
    Unlock,
    Unlocked,
    Wants,
)
from dockd.docking.unit_worker import WorkerUnits
from dockd.docking.worker_link import WorkerLink
from dockd.errors import CameraError


def _heed_nothing(_progress: Progress) -> None:
    pass


class LockedCamera:
    """One worker, with the credential, and its camera. Raises as a docked camera does.

    Use it as a context manager, at whose end no worker is left; only what is not the camera's fault ends it at once.
    """

    def __init__(self, access: CameraAccess, silence_seconds: float, workers: WorkerUnits | None) -> None:
        self._access = access
        self._link = WorkerLink(silence_seconds, _heed_nothing, workers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            if kind is None or issubclass(kind, CameraError):
                await self._link.finish()
        finally:
            await self._link.kill()

    async def open(self, unlocker: str, reference: str, options: Mapping[str, str], credential: str) -> Identified:
        """Start the worker, hand it what its unlocker reaches the camera through, and ask the camera who it is."""
        order = Locked(unlocker=unlocker, unlocker_reference=reference, options=dict(options), credential=credential)
        await self._link.start()
        wants = await self._link.call(order, Wants, self._link.lifeline)
        handle = await self._access.open(wants.source, writable=False)
        try:
            return await self._link.call(CameraHere(), Identified, [handle.fileno()])
        finally:
            handle.close()

    async def read_clock(self, utc_offset_seconds: int) -> ClockRead:
        return await self._link.call(ReadClock(utc_offset_seconds=utc_offset_seconds), ClockRead)

    async def set_clock(self, utc_offset_seconds: int) -> None:
        await self._link.call(SetClock(utc_offset_seconds=utc_offset_seconds), ClockSet)

    async def unlock(self) -> None:
        await self._link.call(Unlock(), Unlocked)

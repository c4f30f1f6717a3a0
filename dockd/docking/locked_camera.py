"""A locked camera as the supervisor sees it: through a worker of its own, which ends before anything is read."""

from collections.abc import Mapping

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


def _heed_nothing(_progress: Progress) -> None:
    pass


class LockedCamera:
    """One worker, with the credential, and its camera. Raises as a docked camera does."""

    def __init__(self, access: CameraAccess, silence_seconds: float, workers: WorkerUnits | None) -> None:
        self._access = access
        self._link = WorkerLink(silence_seconds, _heed_nothing, workers)

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

    async def finish(self) -> None:
        await self._link.finish()

    async def kill(self) -> None:
        await self._link.kill()

"""What waits for a camera that was pulled out in the middle of a recording: the worker that has the key, and the file.

Put back in time, the camera goes on where it was; its worker has looked at what it read last by then. A key is never
kept on any medium, so after a restart of the daemon the recording begins anew.
"""

import asyncio
from dataclasses import dataclass

from dockd.docking.camera import DockedCamera
from dockd.docking.placing import Placing
from dockd.model import Admitted, Recording

WAIT_SECONDS = 600.0
"""How long a worker and the space of its file are kept for a camera that does not come back."""


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """One recording, sealed in part. `camera` is let go; its worker can go on with no other recording's file."""

    admitted: Admitted
    recording: Recording
    camera: DockedCamera
    placing: Placing

    async def drop(self) -> None:
        """End the worker, and with it the key, and give the space back."""
        self.placing.close()
        # It has let go of its camera, and nobody waits for a worker that does not want to end.
        await self.camera.kill()


class Waiting:
    """At most one for each camera, each for `seconds`. Used from the event loop."""

    def __init__(self, seconds: float = WAIT_SECONDS) -> None:
        self._seconds = seconds
        self._kept: dict[str, BrokenOff] = {}
        self._timers: dict[str, asyncio.Task[None]] = {}

    def keep(self, broken_off: BrokenOff) -> None:
        """Keep it until its camera is back, or its time is over. There must be none of that camera."""
        camera_id = broken_off.admitted.camera.camera_id
        self._kept[camera_id] = broken_off
        self._timers[camera_id] = asyncio.create_task(self._let_expire(camera_id))

    async def take(self, admitted: Admitted) -> BrokenOff | None:
        """Give what waits for this camera, if the fleet file still says the same of it; it is the caller's then."""
        broken_off = self._take(admitted.camera.camera_id)
        if broken_off is None or broken_off.admitted.camera == admitted.camera:
            return broken_off
        await broken_off.drop()
        return None

    async def drop(self, camera_id: str) -> None:
        """Wait for this camera no longer."""
        broken_off = self._take(camera_id)
        if broken_off is not None:
            await broken_off.drop()

    async def stop(self) -> None:
        """Wait for no camera any longer."""
        await asyncio.gather(*(self.drop(camera_id) for camera_id in list(self._kept)))

    def _take(self, camera_id: str) -> BrokenOff | None:
        timer = self._timers.pop(camera_id, None)
        if timer is not None and timer is not asyncio.current_task():
            timer.cancel()
        return self._kept.pop(camera_id, None)

    async def _let_expire(self, camera_id: str) -> None:
        await asyncio.sleep(self._seconds)
        await self.drop(camera_id)

"""Interrupted placings, decided at start and before a camera is served again: adopted, set aside, or nothing there."""

import structlog

from dockd.docking.registry import Placing, Registry
from dockd.docking.shelf import Shelves
from dockd.events import Event
from dockd.i18n import _
from dockd.store.recovery import Adopted, Nothing, Recovered, SetAside


class Recovery:
    """Works through the intents that were left open; raises the fault of a partition that cannot be looked at."""

    def __init__(self, registry: Registry, shelves: Shelves) -> None:
        self._registry = registry
        self._shelves = shelves

    async def recover(self, camera_id: str | None = None) -> None:
        """Decide every placing of one camera, or of all, that was not seen to the end."""
        for placing in await self._registry.placings(camera_id):
            shelf = self._shelves[placing.partition]
            found = await shelf.recover(placing.recording_id, placing.object_path)
            await self._decide(placing, found)
            structlog.get_logger().info(
                Event.PLACING_RECOVERED,
                recording=placing.recording_id,
                partition=placing.partition,
                object=placing.object_path,
                outcome=type(found).__name__.lower(),
            )

    async def _decide(self, placing: Placing, found: Recovered) -> None:
        match found:
            case Adopted(stored, sidecar):
                await self._registry.adopt(sidecar, stored)
            case SetAside(moved_to):
                reason = _("left by an interrupted placing, and not provably whole")
                await self._registry.set_aside(placing, moved_to, reason)
            case Nothing():
                await self._registry.done_with(placing.recording_id)

"""Interrupted placings, decided at start and before a camera is served again: adopted, set aside, or nothing there."""

import asyncio
from collections.abc import Callable

import structlog

from dockd.docking.registry import Placing, Registry
from dockd.docking.shelf import Shelves
from dockd.errors import PartitionError
from dockd.events import Event
from dockd.i18n import _
from dockd.store.recovery import Adopted, Nothing, Recovered, SetAside


class Recovery:
    """Works through the intents that were left open. One at a time: what one docking decides no other may touch."""

    def __init__(self, registry: Registry, shelves: Shelves) -> None:
        self._registry = registry
        self._shelves = shelves
        self._turn = asyncio.Lock()

    async def recover(self, camera_id: str) -> None:
        """Decide every placing of one camera that was not seen to the end; raises the first partition's fault."""
        async with self._turn:
            faults = await self._work_through(await self._registry.placings(camera_id))
        if faults:
            raise faults[0]

    async def recover_idle(self, is_busy: Callable[[str], bool]) -> None:
        """Decide the placings of every camera that is not being served, as far as their partitions allow it now."""
        async with self._turn:
            placings = await self._registry.placings()
            await self._work_through([placing for placing in placings if not is_busy(placing.camera_id)])

    async def _work_through(self, placings: list[Placing]) -> list[PartitionError]:
        faults: list[PartitionError] = []
        for placing in placings:
            try:
                shelf = self._shelves[placing.partition]
                found = await shelf.recover(placing.recording_id, placing.object_path)
                await self._decide(placing, found)
            except PartitionError as fault:
                faults.append(fault)
                self._log(placing, "undecided")
            else:
                self._log(placing, type(found).__name__.lower())
        return faults

    def _log(self, placing: Placing, outcome: str) -> None:
        structlog.get_logger().info(
            Event.PLACING_RECOVERED,
            recording=placing.recording_id,
            partition=placing.partition,
            object=placing.object_path,
            outcome=outcome,
        )

    async def _decide(self, placing: Placing, found: Recovered) -> None:
        match found:
            case Adopted(stored, sidecar):
                await self._registry.adopt(sidecar, stored)
            case SetAside(moved_to):
                reason = _("left by an interrupted placing, and not provably whole")
                await self._registry.set_aside(placing, moved_to, reason)
                await self._shelves[placing.partition].drop_names(placing.object_path)
                await self._registry.done_with(placing.recording_id)
            case Nothing():
                await self._registry.done_with(placing.recording_id)

"""Interrupted placings, decided at start and before a camera is served again: adopted, set aside, or nothing there."""

import asyncio
from collections.abc import Callable

import structlog

from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelves
from dockd.errors import PartitionError
from dockd.events import Event
from dockd.i18n import _
from dockd.register.journal import Intent
from dockd.store.recovery import Adopted, Nothing, SetAside


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

    async def _work_through(self, placings: list[Intent]) -> list[PartitionError]:
        faults: list[PartitionError] = []
        for placing in placings:
            try:
                outcome = await self._decide(placing)
            except PartitionError as fault:
                faults.append(fault)
                outcome = "undecided"
            self._log(placing, outcome)
        return faults

    def _log(self, placing: Intent, outcome: str) -> None:
        structlog.get_logger().info(
            Event.PLACING_RECOVERED,
            recording=placing.recording_id,
            partition=placing.partition,
            object=placing.object_path,
            outcome=outcome,
        )

    async def _decide(self, placing: Intent) -> str:
        """Decide one placing and enter it; gives the outcome as it is logged."""
        shelf = self._shelves.usable(placing.partition)
        match await shelf.recover(placing.recording_id, placing.object_path):
            case Adopted(stored, sidecar):
                await self._registry.adopt(sidecar, stored)
                return "adopted"
            case SetAside(moved_to):
                reason = _("left by an interrupted placing, and not provably whole")
                await self._registry.set_aside(placing, moved_to, reason)
                await shelf.drop_names(placing.object_path)
                await self._registry.done_with(placing.recording_id)
                return "set_aside"
            case Nothing():
                await self._registry.done_with(placing.recording_id)
                return "nothing"

"""What is beyond one camera, partitions and register: looks at them, says what changed, knows when they are better."""

import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelf, Shelves
from dockd.errors import PartitionError, PartitionFull, PartitionMissing, PartitionStuck, RegisterError
from dockd.events import Event
from dockd.ops.status import Board

_ROOM_WORTH_TRYING = 64 * 1024 * 1024

IsBetter = Callable[[], Awaitable[bool]]
"""Tells whether what ended a docking is better now."""


class Health:
    """Partitions and register of one dock. `recover` is called when a partition is well again."""

    def __init__(
        self, registry: Registry, shelves: Shelves, board: Board, recover: Callable[[], Awaitable[None]]
    ) -> None:
        self._registry = registry
        self._shelves = shelves
        self._board = board
        self._recover = recover

    async def check(self) -> None:
        """Look at every partition and at the register."""
        for shelf in self._shelves:
            await self._check_partition(shelf)
        await self._check_register()

    async def after_partition_fault(self, partition: str, error: PartitionError) -> IsBetter | None:
        """Look at the partition that ended a docking; gives what tells when it is well or has more room than now."""
        shelf = next((each for each in self._shelves if each.name == partition), None)
        if shelf is None:
            return None
        await self._check_partition(shelf)
        if shelf.fault is not None or isinstance(error, PartitionMissing | PartitionStuck):
            # A partition that came back in this very moment counts as well: the docking ended because it was away.
            return partial(_is_well, shelf)
        if isinstance(error, PartitionFull):
            with contextlib.suppress(PartitionError):
                return partial(_has_more_room, shelf, await shelf.free_bytes())
        return None

    async def after_register_fault(self) -> IsBetter | None:
        """Look at the register that ended a docking; gives what tells when it is well, None if it is now."""
        return self._register_is_well if await self._check_register() is not None else None

    async def _check_partition(self, shelf: Shelf) -> None:
        """Say when a partition falls ill and when it is well again."""
        fault, log = await shelf.check(), structlog.get_logger().bind(partition=shelf.name)
        if self._board.trouble(f"partition {shelf.name}", fault):
            if fault is None:
                log.info(Event.PARTITION_RECOVERED)
                await self._recover()
            else:
                log.error(Event.PARTITION_TROUBLE, code=fault.code, message=fault.message, advice=fault.advice)

    async def _check_register(self) -> RegisterError | None:
        """Say when the register falls ill and when it is well again."""
        fault, log = await self._registry.check(), structlog.get_logger()
        if self._board.trouble("register", fault):
            if fault is None:
                log.info(Event.REGISTER_RECOVERED)
            else:
                log.error(Event.REGISTER_TROUBLE, code=fault.code, message=fault.message, advice=fault.advice)
        return fault

    async def _register_is_well(self) -> bool:
        return await self._registry.check() is None


async def _is_well(shelf: Shelf) -> bool:
    return shelf.fault is None


async def _has_more_room(shelf: Shelf, than: int) -> bool:
    try:
        return shelf.fault is None and await shelf.free_bytes() >= than + _ROOM_WORTH_TRYING
    except PartitionError:
        return False

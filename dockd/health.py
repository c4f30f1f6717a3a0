"""What is beyond one camera: partitions, register, and that the host has no network.

Looks at each by itself, so that none waits for another; says what changed, and knows when it is better.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelf, Shelves
from dockd.errors import (
    NetworkError,
    PartitionError,
    PartitionFull,
    PartitionMissing,
    PartitionStuck,
    RegisterError,
)
from dockd.events import Event
from dockd.ops.heartbeat import Looks
from dockd.ops.status import Board

_ROOM_WORTH_TRYING = 64 * 1024 * 1024

IsBetter = Callable[[], Awaitable[bool]]
"""Tells whether what ended a docking is better now."""


Look = Callable[[], Awaitable[object]]


class Health:
    """Partitions, register and network of one dock. `refuse_network` raises `NetworkError` while there is one.

    `came_back` says that a partition is well again, and that nobody has yet decided what was interrupted on it.
    """

    def __init__(
        self, registry: Registry, shelves: Shelves, board: Board, looks: Looks, refuse_network: Callable[[], None]
    ) -> None:
        self._registry = registry
        self._shelves = shelves
        self._board = board
        self._looks = looks
        self._refuse_network = refuse_network
        self._entered_network = False
        self._checks_network = asyncio.Lock()
        self.came_back = False

    def looks(self) -> list[Look]:
        """Give one look for each part, to be taken over and over."""
        partitions = [partial(self._check_partition, shelf) for shelf in self._shelves]
        return [*partitions, self._check_register, self._check_network]

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

    async def after_network_fault(self) -> IsBetter:
        """Look at the network that ended a docking; gives what tells when it is gone."""
        await self._check_network()
        return self._network_is_gone

    async def _check_partition(self, shelf: Shelf) -> None:
        """Say when a partition falls ill and when it is well again."""
        with self._looks.at(f"partition {shelf.name}"):
            fault = await shelf.check()
        log = structlog.get_logger().bind(partition=shelf.name)
        if self._board.trouble(f"partition {shelf.name}", fault):
            if fault is None:
                log.info(Event.PARTITION_RECOVERED)
                self.came_back = True
            else:
                log.error(Event.PARTITION_TROUBLE, code=fault.code, message=fault.message, advice=fault.advice)

    async def _check_register(self) -> RegisterError | None:
        """Say when the register falls ill and when it is well again."""
        with self._looks.at("register"):
            fault = await self._registry.check()
        log = structlog.get_logger()
        if self._board.trouble("register", fault):
            if fault is None:
                log.info(Event.REGISTER_RECOVERED)
            else:
                log.error(Event.REGISTER_TROUBLE, code=fault.code, message=fault.message, advice=fault.advice)
        return fault

    async def _check_network(self) -> NetworkError | None:
        """Say and enter when the host gets a route and when it has none any more."""
        async with self._checks_network:
            fault, log = self._network_fault(), structlog.get_logger()
            if self._board.trouble("network", fault):
                if fault is None:
                    log.info(Event.NETWORK_RECOVERED)
                else:
                    log.error(Event.NETWORK_TROUBLE, code=fault.code, message=fault.message, advice=fault.advice)
            self._looks.seen("network")
            if self._entered_network != (fault is not None):
                # What cannot be entered now is the register's fault, is said as such, and is entered by a later look.
                with contextlib.suppress(RegisterError):
                    await self._registry.network_changed(fault.message if fault else None)
                    self._entered_network = fault is not None
        return fault

    def _network_fault(self) -> NetworkError | None:
        try:
            self._refuse_network()
        except NetworkError as fault:
            return fault
        return None

    async def _network_is_gone(self) -> bool:
        return self._network_fault() is None

    async def _register_is_well(self) -> bool:
        return await self._registry.check() is None


async def _is_well(shelf: Shelf) -> bool:
    return shelf.fault is None


async def _has_more_room(shelf: Shelf, than: int) -> bool:
    try:
        return shelf.fault is None and await shelf.free_bytes() >= than + _ROOM_WORTH_TRYING
    except PartitionError:
        return False

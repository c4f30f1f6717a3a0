"""Attends to the bays: one docking for each arrival, each a task of its own, so that no fault reaches another bay."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog

from dockd.admit import FindCamera, admit, refuse_identity
from dockd.clock import Clock
from dockd.descriptor import Descriptor
from dockd.docking.commands import Summary
from dockd.docking.ladder import climb
from dockd.docking.perform import Performer, Phase, Surroundings
from dockd.docking.recover import Recovery
from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelf, Shelves
from dockd.docking.story import attempt
from dockd.errors import (
    DockdError,
    IdentityMismatch,
    PartitionError,
    PartitionFull,
    PartitionMissing,
    PartitionStuck,
    RegisterError,
    unexpected,
)
from dockd.events import Event
from dockd.i18n import ngettext
from dockd.model import Admitted, AfterIngest, Arrival, Refused
from dockd.ops.status import BayStatus, Board, Light

_ROOM_WORTH_TRYING = 64 * 1024 * 1024


class Dock(Protocol):
    """Where arrivals come from."""

    async def open_camera(self, arrival: Arrival) -> Descriptor: ...

    def over(self, bay: str, *, until_gone: bool = False) -> None: ...

    def again(self, bay: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """How this dock takes cameras in, in plain values."""

    dock_id: str
    after_ingest: AfterIngest
    silence_seconds: float
    retry_delays_seconds: Sequence[float]
    find_camera: FindCamera
    drivers: Collection[str]


@dataclass(slots=True)
class _Visit:
    """One arrival, from insertion until the camera leaves. `again_when` tells whether what ended it is better now."""

    arrival: Arrival
    dock: Dock
    departed: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None
    again_when: Callable[[], Awaitable[bool]] | None = None
    was_refused: bool = False

    @property
    def bay(self) -> str:
        return self.arrival.bay

    @property
    def is_over(self) -> bool:
        return self.task is None or self.task.done()


class Attendance:
    """Everything in the bays of this dock. Used from the event loop."""

    def __init__(self, rules: Rules, registry: Registry, shelves: Shelves, board: Board, clock: Clock) -> None:
        self._rules = rules
        self._registry = registry
        self._shelves = shelves
        self._recovery = Recovery(registry, shelves)
        self._board = board
        self._clock = clock
        self._visits: dict[str, _Visit] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def recover(self) -> None:
        """Decide what was under way when this dock last stopped; a partition at fault leaves its part for later."""
        await self._recovery.recover_idle(self._is_served)

    def arrived(self, arrival: Arrival, dock: Dock) -> None:
        """Begin a docking; one that is still ending in the same bay ends first."""
        previous = self._visits.get(arrival.bay)
        visit = self._visits[arrival.bay] = _Visit(arrival, dock)
        visit.task = asyncio.create_task(self._attend(visit, previous))
        self._tasks.add(visit.task)
        visit.task.add_done_callback(self._tasks.discard)

    def departed(self, bay: str) -> None:
        """The camera is gone; its docking ends by itself, and places what is already proven."""
        visit = self._visits.get(bay)
        if visit is not None:
            visit.departed.set()
            if visit.is_over:
                self._forget(visit)

    async def check(self) -> None:
        """Look at every partition and at the register, say what changed, try again what ended because of them."""
        for shelf in self._shelves:
            await self._check_partition(shelf)
        await self._check_register()
        for visit in list(self._visits.values()):
            if visit.is_over and visit.again_when is not None and await visit.again_when():
                visit.again_when = None
                visit.dock.again(visit.bay)

    async def stop(self) -> None:
        """End every docking where it stands: what is half done is left for the next start to decide."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _attend(self, visit: _Visit, previous: _Visit | None) -> None:
        if previous is not None and previous.task is not None:
            await asyncio.wait([previous.task])
        arrival = visit.arrival
        self._board.show(BayStatus(visit.bay, Light.BUSY, arrival.claimed_id))
        try:
            decision = admit(arrival, self._rules.find_camera, self._rules.drivers)
            if isinstance(decision, Refused):
                await self._refuse(visit, decision)
            else:
                await self._dock(decision, visit)
        except RegisterError as error:
            self._red(visit.bay, error)
            if await self._check_register() is not None:
                visit.again_when = self._register_is_well
        except Exception as error:
            # A programmer's mistake ends this docking and nothing else; the camera keeps its data.
            structlog.get_logger().exception(Event.DOCKING_CRASHED, bay=visit.bay, camera=arrival.claimed_id)
            self._board.update(visit.bay, light=Light.RED, code="dockd.crashed", reason=unexpected(error))
        finally:
            if self._visits.get(visit.bay) is visit:
                visit.dock.over(visit.bay, until_gone=visit.was_refused)
                if visit.departed.is_set():
                    self._forget(visit)

    def _is_served(self, camera_id: str) -> bool:
        return any(visit.arrival.claimed_id == camera_id and not visit.is_over for visit in self._visits.values())

    def _forget(self, visit: _Visit) -> None:
        del self._visits[visit.bay]
        self._board.remove(visit.bay)

    async def _dock(self, admitted: Admitted, visit: _Visit) -> None:
        camera, bay = admitted.camera, admitted.arrival.bay
        structlog.get_logger().info(
            Event.DOCKING_STARTED, bay=bay, camera=camera.camera_id, driver=camera.driver, partition=camera.partition
        )
        begun = self._clock.monotonic()
        performer = Performer(admitted, self._surroundings(admitted, visit))
        story = climb(partial(attempt, admitted, self._rules.after_ingest), self._rules.retry_delays_seconds)
        try:
            await performer.tell(story)
        except IdentityMismatch as error:
            await self._refuse(visit, refuse_identity(admitted, error.message), error.advice)
        except RegisterError as error:
            self._log_done(admitted, performer.summary(), error, begun)
            raise
        except DockdError as error:
            await self._registry.ended(admitted, performer.summary(), error)
            self._log_done(admitted, performer.summary(), error, begun)
            self._red(bay, error)
            if isinstance(error, PartitionError):
                await self._wait_for_partition(admitted, visit, error)
        else:
            summary = performer.summary()
            await self._registry.ended(admitted, summary, None)
            self._log_done(admitted, summary, None, begun)
            self._board.update(bay, light=Light.GREEN, step="done", reason=_in_words(summary))

    def _surroundings(self, admitted: Admitted, visit: _Visit) -> Surroundings:
        return Surroundings(
            dock_id=self._rules.dock_id,
            clock=self._clock,
            shelves=self._shelves,
            registry=self._registry,
            recovery=self._recovery,
            silence_seconds=self._rules.silence_seconds,
            open_camera=lambda: visit.dock.open_camera(admitted.arrival),
            departed=visit.departed,
            on_phase=partial(self._phase, admitted.arrival.bay),
        )

    async def _refuse(self, visit: _Visit, refused: Refused, advice: str = "") -> None:
        """Refuse until the camera leaves: whatever it changes meanwhile is not asked about again."""
        arrival, visit.was_refused = refused.arrival, True
        await self._registry.refused(refused)
        await self._registry.checkpoint()
        structlog.get_logger().warning(
            Event.CAMERA_REFUSED,
            bay=arrival.bay,
            claimed_id=arrival.claimed_id,
            code=refused.code,
            reason=refused.reason,
        )
        self._board.update(arrival.bay, light=Light.RED, code=refused.code, reason=refused.reason, advice=advice)

    async def _wait_for_partition(self, admitted: Admitted, visit: _Visit, error: PartitionError) -> None:
        """Have the docking tried again once its partition is well, or has more room than now."""
        shelf = next((each for each in self._shelves if each.name == admitted.camera.partition), None)
        if shelf is None:
            return
        await self._check_partition(shelf)
        if shelf.fault is not None or isinstance(error, PartitionMissing | PartitionStuck):
            # A partition that came back in this very moment counts as well: the docking ended because it was away.
            visit.again_when = partial(_is_well, shelf)
        elif isinstance(error, PartitionFull):
            with contextlib.suppress(PartitionError):
                visit.again_when = partial(_has_more_room, shelf, await shelf.free_bytes())

    async def _check_partition(self, shelf: Shelf) -> None:
        """Say when a partition falls ill and when it is well again."""
        fault, log = await shelf.check(), structlog.get_logger().bind(partition=shelf.name)
        if self._board.trouble(f"partition {shelf.name}", fault):
            if fault is None:
                log.info(Event.PARTITION_RECOVERED)
                await self._recovery.recover_idle(self._is_served)
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

    def _phase(self, bay: str, phase: Phase) -> None:
        self._board.update(
            bay,
            step=phase.step,
            path=phase.recording.text if phase.recording else "",
            done=phase.done,
            size=phase.size,
            position=phase.position,
            count=phase.count,
        )

    def _red(self, bay: str, error: DockdError) -> None:
        self._board.update(bay, light=Light.RED, code=error.code, reason=error.message, advice=error.advice)

    def _log_done(self, admitted: Admitted, summary: Summary, error: DockdError | None, begun: float) -> None:
        log: Callable[..., None] = structlog.get_logger().warning if error else structlog.get_logger().info
        log(
            Event.DOCKING_DONE,
            bay=admitted.arrival.bay,
            camera=admitted.camera.camera_id,
            outcome="failed" if error else "complete",
            code=error.code if error else None,
            message=error.message if error else None,
            advice=error.advice if error else None,
            collected=summary.collected,
            already_registered=summary.already_registered,
            cleared=summary.cleared,
            kept=summary.kept,
            left_alone=summary.left_alone,
            seconds=round(self._clock.monotonic() - begun, 3),
        )


def _in_words(summary: Summary) -> str:
    count = summary.collected + summary.already_registered
    return ngettext("{n} recording safe, {m} cleared", "{n} recordings safe, {m} cleared", count).format(
        n=count, m=summary.cleared
    )


async def _is_well(shelf: Shelf) -> bool:
    return shelf.fault is None


async def _has_more_room(shelf: Shelf, than: int) -> bool:
    try:
        return shelf.fault is None and await shelf.free_bytes() >= than + _ROOM_WORTH_TRYING
    except PartitionError:
        return False

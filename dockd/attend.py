"""Attends to the bays: one docking for each arrival, each a task of its own, so that no fault reaches another bay."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from dockd.admit import FindCamera, admit, refuse_identity
from dockd.clock import Clock
from dockd.docking.commands import Summary
from dockd.docking.ladder import climb
from dockd.docking.perform import Performer, Phase, Surroundings
from dockd.docking.recover import Recovery
from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelf, Shelves
from dockd.docking.story import attempt
from dockd.errors import DockdError, IdentityMismatch, PartitionError, PartitionFull, RegisterError, unexpected
from dockd.events import Event
from dockd.i18n import ngettext
from dockd.model import Admitted, AfterIngest, Arrival, Refused
from dockd.ops.status import BayStatus, Board, Light, Trouble

_ROOM_WORTH_TRYING = 64 * 1024 * 1024


class Dock(Protocol):
    """Where arrivals come from."""

    async def open_camera(self, arrival: Arrival) -> int: ...

    def over(self, bay: str) -> None: ...

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


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A docking that ended because of its partition: tried again once that is better."""

    dock: Dock
    shelf: Shelf
    free_bytes: int


class Attendance:
    """Everything under way in the bays of this dock. Used from the event loop."""

    def __init__(self, rules: Rules, registry: Registry, shelves: Shelves, board: Board, clock: Clock) -> None:
        self._rules = rules
        self._registry = registry
        self._shelves = shelves
        self._recovery = Recovery(registry, shelves)
        self._board = board
        self._clock = clock
        self._dockings: dict[str, asyncio.Task[None]] = {}
        self._departed: dict[str, asyncio.Event] = {}
        self._waiting: dict[str, _Waiting] = {}

    async def recover(self) -> None:
        """Decide what was under way when this dock last stopped; a partition at fault leaves its part for later."""
        try:
            await self._recovery.recover()
        except PartitionError as error:
            structlog.get_logger().warning(
                Event.PARTITION_TROUBLE, partition=None, code=error.code, message=error.message, advice=error.advice
            )

    def arrived(self, arrival: Arrival, dock: Dock) -> None:
        """Begin a docking."""
        departed = self._departed[arrival.bay] = asyncio.Event()
        self._waiting.pop(arrival.bay, None)
        self._board.show(BayStatus(arrival.bay, Light.BUSY, arrival.claimed_id))
        self._dockings[arrival.bay] = asyncio.create_task(self._attend(arrival, dock, departed))

    def departed(self, bay: str) -> None:
        """The camera is gone; its docking ends by itself, and places what is already proven."""
        self._waiting.pop(bay, None)
        if bay in self._departed:
            self._departed[bay].set()
        if bay not in self._dockings:
            self._board.remove(bay)

    async def check_partitions(self) -> None:
        """Look at every partition, say what changed, and try again the dockings that ended because of one."""
        for shelf in self._shelves:
            before = shelf.fault
            fault = await shelf.check()
            if fault is not None and before is None:
                self._partition_trouble(shelf, fault)
            elif fault is None and before is not None:
                structlog.get_logger().info(Event.PARTITION_RECOVERED, partition=shelf.name)
            self._board.trouble(
                f"partition {shelf.name}", Trouble(fault.code, fault.message, fault.advice) if fault else None
            )
        for bay, waiting in list(self._waiting.items()):
            if waiting.shelf.fault is None and await waiting.shelf.free_bytes() >= waiting.free_bytes:
                del self._waiting[bay]
                waiting.dock.again(bay)

    async def stop(self) -> None:
        """End every docking where it stands: what is half done is left for the next start to decide."""
        for task in self._dockings.values():
            task.cancel()
        await asyncio.gather(*self._dockings.values(), return_exceptions=True)

    async def _attend(self, arrival: Arrival, dock: Dock, departed: asyncio.Event) -> None:
        bay = arrival.bay
        try:
            decision = admit(arrival, self._rules.find_camera, self._rules.drivers)
            if isinstance(decision, Refused):
                await self._refuse(decision)
            else:
                await self._dock(decision, dock, departed)
        except RegisterError as error:
            self._register_trouble(error)
            self._red(bay, error)
        except Exception as error:
            # A programmer's mistake ends this docking and nothing else; the camera keeps its data.
            structlog.get_logger().exception(Event.DOCKING_CRASHED, bay=bay, camera=arrival.claimed_id)
            self._board.update(bay, light=Light.RED, code="dockd.crashed", reason=unexpected(error))
        finally:
            del self._dockings[bay]
            dock.over(bay)
            if departed.is_set():
                self._board.remove(bay)

    async def _dock(self, admitted: Admitted, dock: Dock, departed: asyncio.Event) -> None:
        camera, bay = admitted.camera, admitted.arrival.bay
        structlog.get_logger().info(
            Event.DOCKING_STARTED, bay=bay, camera=camera.camera_id, driver=camera.driver, partition=camera.partition
        )
        begun = self._clock.monotonic()
        performer = Performer(admitted, self._surroundings(admitted, dock, departed))
        story = climb(partial(attempt, admitted, self._rules.after_ingest), self._rules.retry_delays_seconds)
        try:
            summary = await performer.tell(story)
        except IdentityMismatch as error:
            await self._refuse(refuse_identity(admitted, error.message), error.advice)
        except DockdError as error:
            self._log_done(admitted, Summary(), error, begun)
            self._red(bay, error)
            await self._wait_for_partition(admitted, dock, error)
            if isinstance(error, RegisterError):
                raise
            await self._registry.ended(admitted, Summary(), error)
        else:
            await self._registry.ended(admitted, summary, None)
            self._log_done(admitted, summary, None, begun)
            self._board.update(bay, light=Light.GREEN, step="done", reason=_in_words(summary))

    def _surroundings(self, admitted: Admitted, dock: Dock, departed: asyncio.Event) -> Surroundings:
        return Surroundings(
            dock_id=self._rules.dock_id,
            clock=self._clock,
            shelves=self._shelves,
            registry=self._registry,
            recovery=self._recovery,
            silence_seconds=self._rules.silence_seconds,
            open_camera=lambda: dock.open_camera(admitted.arrival),
            departed=departed,
            on_phase=partial(self._phase, admitted.arrival.bay),
        )

    async def _refuse(self, refused: Refused, advice: str = "") -> None:
        arrival = refused.arrival
        structlog.get_logger().warning(
            Event.CAMERA_REFUSED,
            bay=arrival.bay,
            claimed_id=arrival.claimed_id,
            code=refused.code,
            reason=refused.reason,
        )
        self._board.update(arrival.bay, light=Light.RED, code=refused.code, reason=refused.reason, advice=advice)
        await self._registry.refused(refused)
        await self._registry.checkpoint()

    async def _wait_for_partition(self, admitted: Admitted, dock: Dock, error: DockdError) -> None:
        if not isinstance(error, PartitionError):
            return
        shelf = next((each for each in self._shelves if each.name == admitted.camera.partition), None)
        if shelf is None:
            return
        if shelf.fault is not None:
            self._partition_trouble(shelf, shelf.fault)
            self._waiting[admitted.arrival.bay] = _Waiting(dock, shelf, 0)
        elif isinstance(error, PartitionFull):
            self._partition_trouble(shelf, error)
            room = await shelf.free_bytes() + _ROOM_WORTH_TRYING
            self._waiting[admitted.arrival.bay] = _Waiting(dock, shelf, room)

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

    def _partition_trouble(self, shelf: Shelf, error: PartitionError) -> None:
        structlog.get_logger().error(
            Event.PARTITION_TROUBLE, partition=shelf.name, code=error.code, message=error.message, advice=error.advice
        )

    def _register_trouble(self, error: RegisterError) -> None:
        structlog.get_logger().error(
            Event.REGISTER_TROUBLE, code=error.code, message=error.message, advice=error.advice
        )
        self._board.trouble("register", Trouble(error.code, error.message, error.advice))

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

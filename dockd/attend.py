"""Attends to the bays: one docking for each arrival, each a task of its own, so that no fault reaches another bay."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import structlog

from dockd.admit import (
    DUPLICATE_CAMERA,
    IMPOSTORS,
    STILL_LOCKED,
    FindCamera,
    FindModel,
    admit,
    advice,
    refuse_identity,
    refuse_twins,
)
from dockd.clock import Clock
from dockd.custody.inspection import Expect, Inspection, Inspections, expect_nothing
from dockd.docking.access import CameraAccess
from dockd.docking.broken_off import Waiting
from dockd.docking.commands import Summary
from dockd.docking.effort import counted
from dockd.docking.ladder import climb
from dockd.docking.perform import Performer
from dockd.docking.recover import Recovery
from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelves
from dockd.docking.story import attempt
from dockd.docking.surroundings import Phase, Surroundings
from dockd.docking.turns import Turns
from dockd.docking.unit_worker import WorkerUnits
from dockd.errors import DockdError, IdentityMismatch, NetworkError, PartitionError, RegisterError, unexpected
from dockd.events import Event
from dockd.health import Health, IsBetter, Look
from dockd.i18n import ngettext
from dockd.model import Admitted, AfterIngest, Arrival, Counts, Refused, Rung
from dockd.ops.heartbeat import Looks
from dockd.ops.status import BayStatus, Board, Light


class Dock(Protocol):
    """Where arrivals come from."""

    def access(self, admitted: Admitted) -> CameraAccess: ...

    def rungs(self, bay: str, retry_delays_seconds: Sequence[float]) -> Sequence[Rung]: ...

    def over(self, bay: str, *, until_gone: bool = False) -> None: ...

    def again(self, bay: str) -> None: ...


def _count_nothing(_bay: str, _camera_id: str, _more: Counts) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Rules:
    """How this dock takes cameras in, in plain values; `drivers` gives the module and class of each by its name."""

    dock_id: str
    after_ingest: AfterIngest
    silence_seconds: float
    retry_delays_seconds: Sequence[float]
    find_camera: FindCamera
    find_model: FindModel
    drivers: Mapping[str, str]
    refuse_network: Callable[[], None]
    read_at_once: int
    workers: WorkerUnits | None = None
    vendor_workers: WorkerUnits | None = None
    count: Callable[[str, str, Counts], None] = _count_nothing
    expect: Expect = expect_nothing


@dataclass(slots=True)
class _Visit:
    """One arrival, from insertion until the camera leaves. `again_when` tells whether what ended it is better now.

    `is_locked`: it is being unlocked, and will arrive once it has come back.
    """

    arrival: Arrival
    dock: Dock
    is_locked: bool = False
    departed: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None
    again_when: IsBetter | None = None
    refused: Refused | None = None

    @property
    def bay(self) -> str:
        return self.arrival.bay

    @property
    def is_over(self) -> bool:
        return self.task is None or self.task.done()

    @property
    def is_a_camera(self) -> bool:
        """Whether it is here and may be the camera that it claims to be."""
        is_none = self.is_locked or (self.refused is not None and self.refused.code in IMPOSTORS | STILL_LOCKED)
        return not self.departed.is_set() and not is_none

    def meets(self, other: "_Visit") -> bool:
        """Whether their dockings would share a bay, or the intents of a camera."""
        return self.bay == other.bay or self.arrival.claimed_id == other.arrival.claimed_id


class Attendance:
    """Everything in the bays of this dock. Used from the event loop."""

    def __init__(
        self, rules: Rules, registry: Registry, shelves: Shelves, board: Board, clock: Clock, looks: Looks
    ) -> None:
        self._rules = rules
        self._registry = registry
        self._shelves = shelves
        self._recovery = Recovery(registry, shelves)
        self._health = Health(registry, shelves, board, looks, rules.refuse_network)
        self._board = board
        self._clock = clock
        self._inspections = Inspections(rules.expect, registry, clock)
        self._waiting = Waiting()
        self._turns = Turns(rules.read_at_once)
        self._visits: dict[str, _Visit] = {}
        self._tasks: dict[asyncio.Task[None], _Visit] = {}

    async def recover(self) -> None:
        """Decide what was interrupted of cameras that are not served; a partition at fault leaves its part for later.

        At the start this is all that was under way when this dock last stopped.
        """
        await self._recovery.recover_idle(self._is_served)

    def arrived(self, arrival: Arrival, dock: Dock) -> None:
        """Begin a docking. If a camera in another bay claims the same id, both are refused, and it is stopped."""
        rules = self._rules
        present = [visit.arrival for visit in self._visits.values() if visit.is_a_camera]
        decision = admit(arrival, rules.find_camera, rules.find_model, rules.drivers, present)
        self._take(arrival, dock, decision)
        if isinstance(decision, Refused) and decision.code == DUPLICATE_CAMERA:
            for refused in refuse_twins(arrival, present):
                self._turn_out(refused)

    def refused(self, refused: Refused, dock: Dock) -> None:
        """Show and enter what the dock itself turned away."""
        self._take(refused.arrival, dock, refused)

    def unlocking(self, arrival: Arrival, fault: DockdError | None, dock: Dock) -> None:
        """Show a camera that is being unlocked, and what keeps it from that."""
        self._visits[arrival.bay] = _Visit(arrival, dock, is_locked=True)
        shown = BayStatus(arrival.bay, Light.RED if fault else Light.BUSY, arrival.claimed_id, step="unlock")
        if fault is not None:
            shown = replace(shown, code=fault.code, reason=fault.message, advice=fault.advice)
        self._board.show(shown)

    def departed(self, bay: str) -> None:
        """The camera is gone; its docking ends by itself, and places what is already proven."""
        visit = self._visits.get(bay)
        if visit is not None:
            visit.departed.set()
            visit.again_when = None
            if visit.is_over or visit.refused is not None:
                self._forget(visit)

    def checks(self) -> list[Look]:
        """Give what is to be done over and over, each by itself: every look, and what follows when one is better."""
        return [*self._health.looks(), self._try_again]

    async def _try_again(self) -> None:
        """Decide what was interrupted on a partition that came back, try again what ended for a fault that is over."""
        if self._health.came_back:
            self._health.came_back = False
            try:
                await self.recover()
            except RegisterError:
                # Its own look says what is wrong with the register; until it is well this is still to be done.
                self._health.came_back = True
        for visit in list(self._visits.values()):
            is_better = visit.again_when
            # Asking takes time, in which the camera may have left or been turned out.
            if is_better is not None and visit.is_over and await is_better() and visit.again_when is is_better:
                visit.again_when = None
                if visit.refused is not None:
                    self._begin(visit, visit.refused)
                else:
                    visit.dock.again(visit.bay)

    async def stop(self) -> None:
        """End every docking where it stands: what is half done is left for the next start to decide."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._waiting.stop()

    def _take(self, arrival: Arrival, dock: Dock, decision: Admitted | Refused) -> None:
        before, shown = self._visits.get(arrival.bay), self._board.bays.get(arrival.bay)
        visit = self._visits[arrival.bay] = _Visit(arrival, dock)
        # Something was added to a camera that has not left.
        stays = before is not None and not before.departed.is_set() and before.arrival.claimed_id == arrival.claimed_id
        findings = shown.findings if shown is not None and stays else ()
        self._board.show(BayStatus(visit.bay, Light.BUSY, arrival.claimed_id, findings=findings))
        self._begin(visit, decision)

    def _begin(self, visit: _Visit, decision: Admitted | Refused) -> None:
        """Act on a decision: a refusal once what it stopped has ended, a docking also after others it could meet."""
        visit.refused = decision if isinstance(decision, Refused) else None
        earlier = [
            task for task, other in self._tasks.items() if other is visit or (not visit.refused and visit.meets(other))
        ]
        visit.task = asyncio.create_task(self._attend(visit, decision, earlier))
        self._tasks[visit.task] = visit
        visit.task.add_done_callback(self._tasks.pop)

    def _turn_out(self, refused: Refused) -> None:
        """Stop at once whatever is done with a camera, as `stop` does, and refuse it; once is enough."""
        visit = self._visits[refused.arrival.bay]
        if visit.refused is not None and visit.refused.code == refused.code:
            return
        if visit.task is not None:
            visit.task.cancel()
        visit.again_when = None
        visit.dock.over(visit.bay, until_gone=True)
        self._begin(visit, refused)

    async def _attend(self, visit: _Visit, decision: Admitted | Refused, earlier: "list[asyncio.Task[None]]") -> None:
        if earlier:
            await asyncio.wait(earlier)
        try:
            if isinstance(decision, Refused):
                await self._refuse(visit, decision)
            else:
                await self._dock(decision, visit)
        except RegisterError as error:
            self._red(visit, error)
            visit.again_when = await self._health.after_register_fault()
        except Exception as error:
            # A programmer's mistake ends this docking and nothing else; the camera keeps its data.
            structlog.get_logger().exception(Event.DOCKING_CRASHED, bay=visit.bay, camera=visit.arrival.claimed_id)
            self._show(visit, light=Light.RED, code="dockd.crashed", reason=unexpected(error))
        finally:
            if self._is_current(visit):
                visit.dock.over(visit.bay, until_gone=visit.refused is not None)
                if visit.departed.is_set():
                    self._forget(visit)

    def _is_served(self, camera_id: str) -> bool:
        return any(visit.arrival.claimed_id == camera_id and not visit.refused for visit in self._tasks.values())

    def _forget(self, visit: _Visit) -> None:
        del self._visits[visit.bay]
        self._board.remove(visit.bay)

    async def _dock(self, admitted: Admitted, visit: _Visit) -> None:
        camera, bay = admitted.camera, admitted.arrival.bay
        structlog.get_logger().info(
            Event.DOCKING_STARTED, bay=bay, camera=camera.camera_id, driver=camera.driver, partition=camera.partition
        )
        begun = self._clock.monotonic()
        inspection = self._inspections.begin(admitted)
        performer = Performer(admitted, self._surroundings(admitted, visit, inspection))
        rungs = visit.dock.rungs(bay, self._rules.retry_delays_seconds)
        story = climb(partial(attempt, admitted, self._rules.after_ingest), rungs)
        story = counted(story, partial(self._rules.count, bay, camera.camera_id))
        try:
            await performer.tell(story)
        except IdentityMismatch as error:
            await self._refuse(visit, refuse_identity(admitted, error.message))
        except RegisterError as error:
            self._log_done(admitted, performer.summary(), error, begun)
            raise
        except DockdError as error:
            await self._find(visit, inspection, is_complete=False)
            await self._registry.ended(admitted, performer.summary(), error)
            self._log_done(admitted, performer.summary(), error, begun)
            self._red(visit, error)
            if isinstance(error, PartitionError):
                visit.again_when = await self._health.after_partition_fault(camera.partition, error)
            elif isinstance(error, NetworkError):
                visit.again_when = await self._health.after_network_fault()
        else:
            summary = performer.summary()
            await self._find(visit, inspection, is_complete=True)
            await self._registry.ended(admitted, summary, None)
            self._log_done(admitted, summary, None, begun)
            self._show(visit, light=Light.GREEN, step="done", reason=_in_words(summary))

    async def _find(self, visit: _Visit, inspection: Inspection, *, is_complete: bool) -> None:
        """Show what the check of a camera found, beside what earlier ones did since it came."""
        found = await inspection.end(is_complete=is_complete)
        if self._is_current(visit) and (shown := self._board.bays.get(visit.bay)) is not None:
            all_of_them = {each.code: each for each in (*shown.findings, *found)}
            self._show(visit, findings=tuple(all_of_them.values()))

    def _surroundings(self, admitted: Admitted, visit: _Visit, inspection: Inspection) -> Surroundings:
        return Surroundings(
            dock_id=self._rules.dock_id,
            clock=self._clock,
            shelves=self._shelves,
            registry=self._registry,
            recovery=self._recovery,
            silence_seconds=self._rules.silence_seconds,
            workers=self._rules.workers,
            refuse_network=self._rules.refuse_network,
            waiting=self._waiting,
            turns=self._turns,
            driver_reference=self._rules.drivers[admitted.camera.driver],
            access=visit.dock.access(admitted),
            departed=visit.departed,
            on_phase=partial(self._phase, visit),
            on_clock=inspection.clock,
            on_listed=inspection.listed,
            on_collected=inspection.collected,
        )

    async def _refuse(self, visit: _Visit, refused: Refused) -> None:
        """Refuse until the camera leaves: whatever it changes meanwhile is not asked about again."""
        arrival, visit.refused = refused.arrival, refused
        await self._waiting.drop(arrival.claimed_id)
        status = BayStatus(
            visit.bay,
            Light.RED,
            arrival.claimed_id,
            code=refused.code,
            reason=refused.reason,
            advice=advice(refused),
        )
        await self._registry.refused(refused)
        await self._registry.checkpoint()
        structlog.get_logger().warning(
            Event.CAMERA_REFUSED,
            bay=arrival.bay,
            claimed_id=arrival.claimed_id,
            code=refused.code,
            reason=refused.reason,
        )
        if self._is_current(visit):
            self._board.show(status)
        if refused.code == DUPLICATE_CAMERA:
            # A docking of it may have been stopped anywhere.
            await self.recover()

    def _is_current(self, visit: _Visit) -> bool:
        """Whether the bay is still this visit's: its camera is there, or nobody has taken its place while it ends."""
        return self._visits.get(visit.bay) is visit

    def _show(self, visit: _Visit, **changes: Any) -> None:
        if self._is_current(visit):
            self._board.update(visit.bay, **changes)

    def _phase(self, visit: _Visit, phase: Phase) -> None:
        self._show(
            visit,
            step=phase.step,
            path=phase.recording.text if phase.recording else "",
            done=phase.done,
            size=phase.size,
            position=phase.position,
            count=phase.count,
        )

    def _red(self, visit: _Visit, error: DockdError) -> None:
        self._show(visit, light=Light.RED, code=error.code, reason=error.message, advice=error.advice)

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
            salvaged=summary.salvaged,
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

"""Does what the story of a docking asks for: camera, store and register, each through its own door."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from dockd.docking import commands as c
from dockd.docking.camera import DockedCamera
from dockd.docking.camera_clock import ClockBook, tend
from dockd.docking.camera_state import enter_state
from dockd.docking.intake import Intake
from dockd.docking.surroundings import Phase, Surroundings
from dockd.docking.tally import Tally
from dockd.errors import (
    CameraError,
    CameraGone,
    CameraUnsupported,
    DockdError,
    WorkerFailed,
)
from dockd.events import Event
from dockd.i18n import _
from dockd.model import (
    Admitted,
    Cleared,
    Listed,
    Proven,
    Recording,
    Registered,
    Rung,
    Salvaged,
    Stored,
)

T = TypeVar("T")

_ENTERED_AT_ONCE = 100


class Performer:
    """Performs one docking. `tell` is called once."""

    def __init__(self, admitted: Admitted, around: Surroundings) -> None:
        self._admitted = admitted
        self._around = around
        self._camera_id = admitted.camera.camera_id
        self._log = structlog.get_logger().bind(bay=admitted.arrival.bay, camera=self._camera_id)
        self._camera: DockedCamera | None = None
        self._intake = Intake(admitted, around, self._show, self._log)
        self._begun = 0.0
        self._was_asked = False
        self._tally = Tally()
        self._do: dict[type[c.Command[Any]], Callable[[Any], Awaitable[object]]] = {
            c.OpenCamera: self._open,
            c.AskCamera: self._ask_camera,
            c.RecoverPlacings: self._recover,
            c.UnderWay: self._under_way,
            c.Find: self._find,
            c.HashOnCamera: self._hash,
            c.CheckObject: self._check_object,
            c.Confirm: self._confirm,
            c.SetObjectAside: self._set_aside,
            c.Pull: self._pull,
            c.HasSalvage: self._has_salvage,
            c.Salvage: self._salvage,
            c.Place: self._place,
            c.Enter: self._enter,
            c.EnterSalvage: self._enter_salvage,
            c.OpenForClearing: self._open_for_clearing,
            c.Clear: self._clear,
            c.ListAgain: self._list_again,
            c.EnterCleared: self._enter_cleared,
            c.Keep: self._keep,
            c.EnterFailure: self._enter_failure,
            c.EndWorker: self._end_worker,
            c.LeavePowered: self._leave_powered,
            c.TakeRung: self._take_rung,
        }

    async def tell(self, story: c.Story[T]) -> T:
        """Perform the story to its end and give what it gives; raises what it raises.

        No worker is left behind, but for one that waits for its camera (`Surroundings.waiting`).
        """
        try:
            command = next(story)
            while True:
                try:
                    result = await self._do[type(command)](command)
                except DockdError as error:
                    command = story.throw(await self._as_it_is(error))
                else:
                    command = story.send(result)
        except StopIteration as end:
            told: T = end.value
            return told
        finally:
            self._intake.end()
            if self._camera is not None:
                await self._camera.kill()

    async def _as_it_is(self, error: DockdError) -> DockdError:
        """Give the fault, or that the camera is gone: out of its bay it may seem broken, changed or empty."""
        if isinstance(error, CameraError):
            with contextlib.suppress(CameraError):
                try:
                    await self._around.access.must_be_there()
                except CameraGone as gone:
                    if self._camera is not None and not isinstance(error, WorkerFailed):
                        self._camera = await self._intake.left_by(self._camera)
                    return gone
        return error

    def summary(self) -> c.Summary:
        """Count what was achieved so far, over all attempts, each recording once."""
        return self._tally.summary()

    async def _open(self, command: c.OpenCamera) -> Listed:
        self._around.on_phase(Phase("open"))
        if self._around.departed.is_set():
            raise CameraGone(_("the camera was pulled out"))
        self._around.refuse_network()
        shelf = self._around.shelves.usable(self._admitted.camera.partition)
        around = self._around
        self._tally.began()
        if (broken_off := await around.waiting.take(self._admitted)) is not None:
            self._camera = self._intake.back(broken_off)
            try:
                return self._counted(await self._camera.come_back(command.admitted, around.access, self._show))
            except WorkerFailed:
                # It is not the camera's fault that its worker did not last.
                self._intake.end()
                await self._camera.kill()
        self._camera = DockedCamera(
            command.admitted,
            around.access,
            around.silence_seconds,
            self._show,
            around.driver_reference,
            around.workers,
        )
        return self._counted(await self._camera.open(shelf.recipients))

    async def _ask_camera(self, _command: c.AskCamera) -> None:
        if not self._was_asked:
            book = ClockBook(self._admitted.arrival.bay, self._camera_id, self._around.registry)
            # Also if it fails: a clock that no answer comes of must not be asked in each attempt.
            self._was_asked = True
            offset_ms = await tend(self._docked(), self._admitted.camera.clock, self._around.clock, book)
            if offset_ms is not None:
                self._around.on_clock(offset_ms)
            await enter_state(self._docked(), self._admitted.arrival.bay, self._camera_id, self._around.registry)

    async def _recover(self, command: c.RecoverPlacings) -> None:
        await self._around.recovery.recover(command.camera_id)

    async def _under_way(self, command: c.UnderWay) -> tuple[Registered, ...]:
        return await self._around.registry.under_way(command.camera_id)

    async def _find(self, command: c.Find) -> tuple[c.Known, ...]:
        self._begun = self._around.clock.monotonic()
        self._show("find", command.recording, 0)
        return await self._around.registry.find(command.camera_id, command.recording)

    async def _hash(self, command: c.HashOnCamera) -> str:
        return await self._intake.digest(self._docked(), command.recording)

    async def _check_object(self, command: c.CheckObject) -> bool:
        known = command.known
        shelf = self._around.shelves.usable(known.partition)
        return await shelf.is_intact(known.object_path, known.ciphertext_sha256, known.recording.size)

    async def _confirm(self, command: c.Confirm) -> Registered:
        registered = await self._around.registry.confirm(self._camera_id, command.known, command.plaintext_sha256)
        self._tally.confirmed(registered.seq)
        self._log_done(registered, "already_registered", command.known.object_path)
        return registered

    async def _set_aside(self, command: c.SetObjectAside) -> None:
        known, shelf = command.known, self._around.shelves.usable(command.known.partition)
        moved = await shelf.link_aside(known.object_path)
        await self._around.registry.set_aside(known, moved, _("the object is no longer what was registered"))
        await shelf.drop_names(known.object_path)
        await self._around.registry.done_with(known.recording_id)

    async def _pull(self, command: c.Pull) -> Proven:
        return await self._intake.pull(self._docked(), command.recording)

    async def _has_salvage(self, command: c.HasSalvage) -> bool:
        return await self._around.registry.has_salvage(command.camera_id, command.recording)

    async def _salvage(self, command: c.Salvage) -> Proven:
        proven = await self._intake.salvage(self._docked(), command.recording)
        if self._around.departed.is_set():
            raise CameraGone(_("the camera was pulled out"))
        return proven

    async def _place(self, command: c.Place) -> Stored:
        return await self._intake.in_hand.place(command.proven, self._docked().listed)

    async def _enter(self, command: c.Enter) -> Registered:
        stored = command.stored
        registered = await self._intake.in_hand.enter(stored, command.replaces)
        self._intake.done()
        self._tally.collected(registered.seq)
        self._around.on_collected(stored.proven.sealed)
        self._log_done(registered, "collected", stored.object_path, stored.proven)
        return registered

    async def _enter_salvage(self, command: c.EnterSalvage) -> Salvaged:
        stored = command.stored
        salvaged = await self._intake.in_hand.enter_salvage(stored)
        self._intake.done()
        self._tally.salvaged()
        self._log_done(salvaged, "salvaged", stored.object_path, stored.proven)
        return salvaged

    async def _open_for_clearing(self, _command: c.OpenForClearing) -> None:
        self._around.on_phase(Phase("clear"))
        await self._docked().open_for_clearing()

    async def _clear(self, command: c.Clear) -> None:
        """Clear one recording, unless its partition or the register has fallen ill since, or a route has come up."""
        self._around.on_phase(Phase("clear", command.registered.recording.path))
        self._around.shelves.usable(self._admitted.camera.partition)
        await self._around.registry.must_be_well()
        self._around.refuse_network()
        await self._docked().clear(command.registered)

    async def _list_again(self, _command: c.ListAgain) -> Listed:
        self._around.on_phase(Phase("list_again"))
        return self._counted(await self._docked().list_again())

    def _counted(self, listed: Listed) -> Listed:
        self._tally.listed(listed)
        self._around.on_listed(listed)
        return listed

    async def _enter_cleared(self, command: c.EnterCleared) -> tuple[Cleared, ...]:
        """Enter many at once, for the flushes of the register's disk, but so that other bays get their turns."""
        inferred = command.inferred
        cleared: tuple[Cleared, ...] = ()
        for start in range(0, len(command.registered), _ENTERED_AT_ONCE):
            those = command.registered[start : start + _ENTERED_AT_ONCE]
            cleared += await self._around.registry.cleared(self._camera_id, those, inferred=inferred)
            for each in those:
                self._tally.cleared(each.seq, inferred=inferred)
                path = each.recording.path.text
                self._log.info(Event.RECORDING_CLEARED, recording=each.recording_id, path=path, inferred=inferred)
        return cleared

    async def _keep(self, command: c.Keep) -> None:
        await self._around.registry.done_with(*(each.recording_id for each in command.registered))

    async def _enter_failure(self, command: c.EnterFailure) -> None:
        error, recording = command.error, command.recording
        if recording is None:
            self._log.warning(Event.DOCKING_ATTEMPT_FAILED, code=error.code, message=error.message, advice=error.advice)
        else:
            self._log.warning(
                Event.RECORDING_FAILED,
                path=recording.path.text,
                size=recording.size,
                code=error.code,
                message=error.message,
            )
        await self._around.registry.failed(self._admitted, error, recording.path if recording else None)

    async def _end_worker(self, _command: c.EndWorker) -> None:
        self._intake.end()
        if self._camera is not None:
            await self._camera.finish()
            self._camera = None

    async def _leave_powered(self, _command: c.LeavePowered) -> None:
        self._around.on_phase(Phase("leave"))
        await self._around.access.leave()

    async def _take_rung(self, command: c.TakeRung) -> None:
        """Take a rung and enter it, whatever came of it; one that this dock does not have was not taken."""
        rung, fault = command.rung, None
        self._around.on_phase(Phase("wait" if rung.seconds else rung.kind))
        try:
            await self._climb(rung)
        except CameraUnsupported:
            raise
        except CameraError as error:
            fault = error
        self._log.info(Event.RUNG_TAKEN, rung=rung.kind, seconds=rung.seconds, cause=command.cause)
        await self._around.registry.rung_taken(self._admitted, rung, command.cause)
        if fault is not None:
            raise fault

    async def _climb(self, rung: Rung) -> None:
        match rung.kind:
            case "replug":
                await self._around.access.replug()
            case "power-cycle":
                await self._around.access.power_cycle()
            case "retry" | "charge":
                await self._wait(rung.seconds)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._around.departed.wait()
            raise CameraGone(_("the camera was pulled out"))

    def _docked(self) -> DockedCamera:
        if self._camera is None:
            raise WorkerFailed(_("the worker is gone"))
        return self._camera

    def _show(self, step: str, recording: Recording, done: int) -> None:
        position, count = self._docked().position(recording)
        self._around.on_phase(Phase(step, recording.path, done, recording.size, position, count))

    def _log_done(self, entered: Registered | Salvaged, outcome: str, path: str, proven: Proven | None = None) -> None:
        recording, gaps = entered.recording, proven.sealed.gaps if proven else ()
        self._log.info(
            Event.RECORDING_DONE,
            recording=entered.recording_id,
            path=recording.path.text,
            size=recording.size,
            outcome=outcome,
            seq=entered.seq,
            object=path,
            read_back=proven.read_back if proven else None,
            mp4=proven.sealed.mp4.verdict if proven else None,
            gaps=len(gaps),
            gap_bytes=sum(gap.size for gap in gaps),
            seconds=round(self._around.clock.monotonic() - self._begun, 3),
        )

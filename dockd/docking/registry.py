"""The register as a docking uses it: entries in the words of a docking, on the register's own thread.

Here alone `Registered` comes to be in the supervisor: from an entry that is durable on both media.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

from dockd.docking.commands import Known, Summary
from dockd.docking.ingested import NOT_SAID, Custody, collected, entry_of, salvaged
from dockd.errors import DockdError, OrderError, RegisterError, RegisterTampered, WorkerFailed
from dockd.i18n import _
from dockd.model import Admitted, Cleared, Recording, RecordingPath, Refused, Registered, Rung, Salvaged, Stored
from dockd.register import kinds
from dockd.register.body import Facts, Row
from dockd.register.bundle import Bundle, Growth
from dockd.register.commands import WitnessedEntry
from dockd.register.journal import Intent, Journal
from dockd.register.kinds import CollectedEntry
from dockd.register.lookup import Handover
from dockd.register.pruning import Age
from dockd.register.schema import StoredCheckpoint
from dockd.store.sidecar import Sidecar
from dockd.volume import Volume

_DATES_AT_ONCE = 1000


async def _not_said(_sidecar: Sidecar) -> Custody:
    return NOT_SAID


def _tell_nobody(_note: str) -> None:
    pass


class Registry:
    """Every method raises `RegisterError` if the entry, or the answer, could not be had."""

    def __init__(self, journal: Journal, volume: Volume) -> None:
        self._journal = journal
        self._volume = volume
        self._held: RegisterError | None = None
        # Each recording is asked for, and seldom anything has changed.
        self._handovers: dict[str, list[Handover]] = {}
        self.on_checkpoint: Callable[[str], None] = _tell_nobody
        """Is told of each checkpoint that is signed."""
        self.judge: Callable[[Sidecar], Awaitable[Custody]] = _not_said
        """Says of a recording what its sidecar does not: its wearer, and whether its dates can be."""

    async def find(self, camera_id: str, recording: Recording) -> tuple[Known, ...]:
        found = await self._volume.run(partial(self._journal.find_collected, camera_id, recording))
        return tuple(_known(each) for each in found)

    async def open_intent(self, sidecar: Sidecar, object_path: str) -> None:
        """Note durably that this object is about to be placed; raises `WorkerFailed` if it could not be entered."""
        try:
            entry_of(sidecar, object_path)
        except ValueError as error:
            raise WorkerFailed(_("the register cannot hold what was listed of this recording")) from error
        await self._open_intent(sidecar.recording_id, sidecar.camera_id, sidecar.partition, object_path)

    async def placings(self, camera_id: str | None = None) -> list[Intent]:
        """Give the placings of a camera, or of all, that were not seen to the end."""
        intents = await self._volume.run(partial(self._journal.intents, camera_id))
        return [intent for intent in intents if intent.state == "placing"]

    async def under_way(self, camera_id: str) -> tuple[Registered, ...]:
        """Give what is registered of a camera and was not seen to be cleared, nor kept as configured."""
        return await self._volume.run(partial(self._under_way, camera_id))

    async def enter(self, stored: Stored, sidecar: Sidecar, replaces: int | None) -> Registered:
        """Enter a stored recording; its intent says from then on that the camera may be cleared."""
        return await self._enter(stored, sidecar, replaces, recovered=False)

    async def enter_salvage(self, stored: Stored, sidecar: Sidecar) -> Salvaged:
        """Enter the readable rest of a recording; nothing is under way with it any more, and nothing may be cleared."""
        return await self._enter_salvage(stored, sidecar, recovered=False)

    async def has_salvage(self, camera_id: str, recording: Recording) -> bool:
        """Whether what can be read of this recording, as its camera lists it now, was stored before."""
        return bool(await self._volume.run(partial(self._journal.find_salvaged, camera_id, recording)))

    async def adopt(self, sidecar: Sidecar, stored: Stored) -> None:
        """Enter what was placed before an interruption and turned out intact; its entry may be there already."""
        if sidecar.gaps:
            await self._enter_salvage(stored, sidecar, recovered=True)
        else:
            await self._adopt(sidecar, stored)

    async def _adopt(self, sidecar: Sidecar, stored: Stored) -> None:
        known = await self._volume.run(partial(self._journal.collected_by_id, sidecar.recording_id))
        if known is not None and known.ciphertext_sha256 == sidecar.ciphertext_sha256:
            await self._append(marks=[sidecar.recording_id])
        else:
            await self._enter(stored, sidecar, known.seq if known else None, recovered=True)

    async def confirm(self, camera_id: str, known: Known, plaintext_sha256: str) -> Registered:
        """Give the earlier registration of a recording that the camera still holds, byte for byte.

        Its intent is open again, so that a clearing of it that is interrupted is entered all the same.
        """
        if known.plaintext_sha256 != plaintext_sha256:
            raise OrderError("confirmed another recording than the register holds")
        await self._open_intent(known.recording_id, camera_id, known.partition, known.object_path)
        await self._append(marks=[known.recording_id])
        return Registered(known.recording, known.recording_id, plaintext_sha256, known.seq)

    async def cleared(self, camera_id: str, registered: Sequence[Registered], *, inferred: bool) -> tuple[Cleared, ...]:
        """Enter that recordings are gone from their camera, all or none; nothing is under way with them any more."""
        facts = [
            kinds.Cleared(
                recording_id=each.recording_id, camera_id=camera_id, collected_seq=each.seq, inferred=inferred
            )
            for each in registered
        ]
        await self._append(*facts, closes=[each.recording_id for each in registered])
        return tuple(map(Cleared, registered))

    async def done_with(self, *recording_ids: str) -> None:
        """Close intents without an entry: nothing came of them, or the recordings stay on their camera."""
        await self._append(closes=list(recording_ids))

    async def set_aside(self, known: Known | Intent, moved_to: tuple[str, ...], reason: str) -> None:
        """Enter where files of the store are moved that no longer count; before their first names are dropped."""
        facts = [
            kinds.ObjectSetAside(partition=known.partition, object_path=known.object_path, moved_to=path, reason=reason)
            for path in moved_to
        ]
        await self._append(*facts)

    async def failed(self, admitted: Admitted, error: DockdError, path: RecordingPath | None) -> None:
        await self._append(
            kinds.AttemptFailed(
                bay=admitted.arrival.bay,
                camera_id=admitted.camera.camera_id,
                path=path.text if path else None,
                code=error.code,
                message=error.message,
            )
        )

    async def rung_taken(self, admitted: Admitted, rung: Rung, cause: str) -> None:
        await self._append(
            kinds.RungTaken(
                bay=admitted.arrival.bay,
                camera_id=admitted.camera.camera_id,
                rung=rung.kind,
                waited_ms=round(rung.seconds * 1000),
                cause=cause,
            )
        )

    async def camera_clock(self, facts: kinds.CameraClockRead | kinds.CameraClockSet) -> None:
        await self._append(facts)

    async def camera_state(self, facts: kinds.CameraState) -> None:
        await self._append(facts)

    async def unlocked(self, facts: kinds.CameraUnlocked) -> None:
        await self._append(facts)

    async def refused(self, refused: Refused) -> None:
        arrival = refused.arrival
        facts = kinds.Refused(bay=arrival.bay, claimed_id=arrival.claimed_id, code=refused.code, reason=refused.reason)
        await self._append(facts)

    async def found(self, admitted: Admitted, checked: int, findings: tuple[kinds.CameraFinding, ...]) -> None:
        """Enter what the check of a camera found; `checked` recordings were judged."""
        bay, camera_id = admitted.arrival.bay, admitted.camera.camera_id
        await self._append(kinds.CameraFindings(bay=bay, camera_id=camera_id, checked=checked, findings=findings))

    async def ended(self, admitted: Admitted, summary: Summary, error: DockdError | None) -> None:
        """Enter how a docking ended and sign a checkpoint over it."""
        await self._append(
            kinds.DockingEnded(
                bay=admitted.arrival.bay,
                camera_id=admitted.camera.camera_id,
                outcome="failed" if error else "complete",
                code=error.code if error else None,
                collected=summary.collected,
                salvaged=summary.salvaged,
                already_registered=summary.already_registered,
                cleared=summary.cleared,
                kept=summary.kept,
                left_alone=summary.left_alone,
                left_alone_paths=summary.left_alone_paths,
            )
        )
        await self.checkpoint()

    async def started(self, software: str, config_sha256: dict[str, str]) -> None:
        await self._append(kinds.ServiceStarted(software=software, config_sha256=config_sha256))

    async def stopped(self, reason: str) -> None:
        await self._append(kinds.ServiceStopped(reason=reason))
        await self.checkpoint()

    async def commanded(self, author: str, facts: Facts) -> None:
        """Enter what somebody asked for, or was refused, and sign a checkpoint over it."""
        await self._append(facts, author=author)
        self._handovers.clear()
        await self.checkpoint()

    async def disagreements(self) -> dict[str, str]:
        """Give the checkpoints that the register did not grow from and nobody has decided about, by their witnesses."""
        return await self._volume.run(self._journal.disagreements)

    async def last_prunable(self, now: datetime, *, believes_all: bool = False) -> int:
        """Give the last entry that is old enough to be pruned, -1 if none is; looks a page at a time, as others work.

        What is still under way with a camera is not pruned, however old.
        """
        age, seen, reached = Age(now, believes_all=believes_all), -1, False
        while not reached and (page := await self._volume.run(partial(self._journal.dates, seen, _DATES_AT_ONCE))):
            reached = any(age.is_reached(each) for each in page)
            seen = page[-1].seq
        first = await self._volume.run(self._journal.first_under_way)
        return age.last if first is None else min(age.last, first - 1)

    async def last_confirmation(self) -> WitnessedEntry | None:
        """Give the newest checkpoint that came back signed by somebody outside the dock."""
        return await self._volume.run(self._journal.last_confirmation)

    async def handovers(self, camera_id: str) -> list[Handover]:
        """Give the newest issues and returns of a camera, oldest first."""
        if camera_id not in self._handovers:
            self._handovers[camera_id] = await self._volume.run(partial(self._journal.handovers, camera_id))
        return self._handovers[camera_id]

    async def unassigned(self, limit: int) -> tuple[int, list[str]]:
        """Count the recordings whose wearer is to be justified, and name some of them."""
        return await self._volume.run(partial(self._journal.unassigned, limit))

    async def knows(self, recording_id: str) -> bool:
        """Whether a recording is registered, whole or not."""
        return await self._volume.run(partial(self._journal.has_recording, recording_id))

    async def pruned_until(self) -> int:
        """Give the last entry that was pruned, or is being, -1 if none was."""
        return await self._volume.run(self._journal.pruned_until)

    async def clock_stepped(self, seconds: float) -> None:
        """Enter that the dock's clock was set, and by how much, and sign a checkpoint over it."""
        await self._append(kinds.ClockStepped(by_ms=str(round(seconds * 1000))))
        await self.checkpoint()

    async def finish_pruning(self) -> None:
        """Go on with a pruning that was entered, until nothing is left of what it covers."""
        if await self._volume.run(self._journal.has_pruning):
            while await self._volume.run(self._journal.prune_some):
                pass

    async def checkpoint(self) -> str:
        note = await self._volume.run(self._journal.checkpoint)
        self.on_checkpoint(note)
        return note

    def hold(self, fault: RegisterError | None) -> None:
        """Have nothing cleared because of this fault, though entries can be made; None: no longer."""
        self._held = fault

    async def grew_from(self, note: str) -> bool:
        """Whether the register has only grown since a checkpoint of its own was signed."""
        try:
            await self.prove_growth(note)
        except RegisterTampered:
            return False
        return True

    async def witness_disagreed(self, witness: str, size: int, note: str) -> None:
        """Enter what a witness has that the register did not grow from."""
        await self._append(kinds.WitnessDisagreed(witness=witness, size=size, note=note))
        await self.checkpoint()

    async def network_changed(self, fault: str | None) -> None:
        """Enter that the host has a route, or none any more, and sign a checkpoint over it."""
        await self._append(kinds.NetworkChanged(fault=fault))
        await self.checkpoint()

    def is_answering(self) -> bool:
        """Whether work on the register is under way that still has time."""
        return self._volume.is_answering()

    async def check(self) -> RegisterError | None:
        """Look whether the register answers and takes entries, and is believed; gives its fault, or None."""
        try:
            await self._volume.run(self._journal.check)
        except RegisterError as error:
            return error
        return self._held

    async def must_be_well(self) -> None:
        """Raise the fault of the register, if one is known."""
        await self._volume.run(self._journal.must_be_well)
        if self._held is not None:
            raise self._held

    async def rows(self, after: int, limit: int) -> list[Row]:
        return await self._volume.run(partial(self._journal.entries, after, limit))

    async def checkpoints(self, after: int, limit: int) -> list[StoredCheckpoint]:
        return await self._volume.run(partial(self._journal.checkpoints, after, limit))

    async def prove_entry(self, seq: int) -> Bundle:
        """Prove an entry to a third party; raises `RegisterError` if there is none."""
        return await self._volume.run(partial(self._journal.prove_entry, seq))

    async def prove_recording(self, recording_id: str) -> Bundle:
        """Prove the newest entry of a recording, as `prove_entry`."""
        return await self._volume.run(partial(self._journal.prove_recording, recording_id))

    async def prove_growth(self, old: str) -> Growth:
        """Prove that the register has only grown since the checkpoint `old`; `RegisterTampered` if it has not."""
        return await self._volume.run(partial(self._journal.prove_growth, old))

    @property
    def size(self) -> int:
        """Number of entries, as of the last one entered."""
        return self._journal.size

    async def _enter(self, stored: Stored, sidecar: Sidecar, replaces: int | None, *, recovered: bool) -> Registered:
        if stored.proven.sealed.gaps:
            raise OrderError("a salvage is no recording that is safe")
        custody = await self.judge(sidecar)
        facts = collected(sidecar, stored.object_path, custody, replaces=replaces, recovered=recovered)
        [seq] = await self._append(facts, marks=[stored.recording_id])
        sealed = stored.proven.sealed
        return Registered(sealed.recording, stored.recording_id, sealed.plaintext_sha256, seq)

    async def _enter_salvage(self, stored: Stored, sidecar: Sidecar, *, recovered: bool) -> Salvaged:
        facts = salvaged(sidecar, stored.object_path, await self.judge(sidecar), recovered=recovered)
        [seq] = await self._append(facts, closes=[stored.recording_id])
        return Salvaged(stored.proven.sealed.recording, stored.recording_id, seq)

    async def _append(
        self,
        *facts: Facts,
        author: str = "dockd",
        marks: list[str] | None = None,
        closes: list[str] | None = None,
    ) -> list[int]:
        append = partial(self._journal.append, *facts, author=author, marks=marks or (), closes=closes or ())
        return await self._volume.run(append)

    async def _open_intent(self, recording_id: str, camera_id: str, partition: str, object_path: str) -> None:
        await self._volume.run(
            partial(
                self._journal.open_intent,
                recording_id,
                camera_id=camera_id,
                partition=partition,
                object_path=object_path,
            )
        )

    def _under_way(self, camera_id: str) -> tuple[Registered, ...]:
        return tuple(
            self._registered_intent(each) for each in self._journal.intents(camera_id) if each.state == "registered"
        )

    def _registered_intent(self, intent: Intent) -> Registered:
        found = self._journal.collected_by_id(intent.recording_id)
        if found is None:
            raise RegisterTampered(
                _("recording {recording_id} is said to be registered and has no entry").format(
                    recording_id=intent.recording_id
                )
            )
        return _registered(found)


def _recording(entry: CollectedEntry) -> Recording:
    part_of = RecordingPath.parse(entry.part_of) if entry.part_of else None
    return Recording(RecordingPath.parse(entry.path), entry.size, int(entry.mtime_ns), part_of)


def _registered(entry: CollectedEntry) -> Registered:
    return Registered(_recording(entry), entry.recording_id, entry.plaintext_sha256, entry.seq)


def _known(entry: CollectedEntry) -> Known:
    return Known(
        recording_id=entry.recording_id,
        recording=_recording(entry),
        plaintext_sha256=entry.plaintext_sha256,
        ciphertext_sha256=entry.ciphertext_sha256,
        partition=entry.partition,
        object_path=entry.object_path,
        seq=entry.seq,
    )

"""A dock that exists only in memory: one camera, a store and a register, with what survives a power cut kept apart.

It answers the commands of the real story. `hazard` stands between any two steps that matter and throws what it likes:
every error of dockd, or a power cut, after which only the durable part is left.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dockd.docking import commands as c
from dockd.docking.rounds import Rounds
from dockd.errors import CameraBusy, CameraDenied, CameraGone, CameraMedia, DockdError, OrderError, PartitionMedia
from dockd.model import (
    GAP_UNIT,
    Admitted,
    Arrival,
    Cleared,
    FleetCamera,
    Gap,
    Listed,
    Mp4Report,
    Proven,
    Recording,
    RecordingPath,
    Registered,
    Salvaged,
    Sealed,
    Stored,
    recording_id,
)

CAMERA = "cam-1"
ADMITTED = Admitted(Arrival("dock/cam-1", CAMERA, "/dock/cam-1"), FleetCamera(CAMERA, "folder", "police"))
BATCH = 2
NEVER = 10**9
PATHS = tuple(RecordingPath(name) for name in (b"a.mp4", b"b.mp4", b"c.mp4"))


class PowerCut(BaseException):
    """Everything volatile is gone."""


class Broken(AssertionError):
    """An invariant does not hold."""


def _leaves(kind: type[DockdError]) -> list[type[DockdError]]:
    return [kind, *(leaf for each in kind.__subclasses__() for leaf in _leaves(each))]


FAULTS: list[type[BaseException]] = [
    *(each for each in _leaves(DockdError) if each.__module__ == "dockd.errors"),
    *[PowerCut] * 8,
]


@dataclass
class Object:
    """What lies under an object's name: its sidecar is there before it, and it may be damaged."""

    id: str
    sidecar: Proven
    ciphertext: str | None = None


@dataclass(frozen=True)
class OnCamera:
    """One file of the camera. `version` is what a driver sees of a change that size and mtime hide.

    Before it is read as a whole it fails `unreadable` times more, NEVER for ever.
    """

    recording: Recording
    content: str
    version: int
    unreadable: int = 0


@dataclass
class Intent:
    object_path: str
    state: str = "placing"


@dataclass
class World:
    """Durable first; `worker` is what the running worker has read, `in_hand` the proven, nameless file."""

    rng: random.Random
    danger: float = 0.0
    on_camera: dict[RecordingPath, OnCamera] = field(default_factory=dict)
    objects: dict[str, Object] = field(default_factory=dict)
    orphans: int = 0
    entries: list[c.Known] = field(default_factory=list)
    salvages: dict[Recording, str] = field(default_factory=dict)
    replaced: set[int] = field(default_factory=set)
    intents: dict[str, Intent] = field(default_factory=dict)
    unentered: set[str] = field(default_factory=set)
    lies: bool = False
    keep: bool = False
    peace: bool = False
    fatal: bool = False
    failed: bool = False
    departed: bool = False
    worker: dict[Recording, str] | None = None
    versions: dict[Recording, int] = field(default_factory=dict)
    told: set[RecordingPath] = field(default_factory=set)
    rounds: Rounds | None = None
    in_hand: Proven | None = None
    day: int = 1
    count: int = 0

    # The camera and its user

    def record(self, path: RecordingPath) -> None:
        self.count += 1
        content = hashlib.sha256(b"content %d" % self.rng.randrange(4)).hexdigest()
        size, mtime = self.rng.choice([(0, 1), (9000, 1), (9000, self.count)])
        recording = Recording(path, size, mtime)
        unreadable = self.rng.choice([0, 0, 0, 0, 0, 1, 4, 7, NEVER]) if size else 0
        self.on_camera[path] = OnCamera(recording, content, self.count, unreadable)
        # The very same recording is there again: a camera that lost its own erasing. Nothing is left to be entered.
        self.unentered.discard(recording_id(CAMERA, recording, content))

    def heal(self, *, all: bool) -> None:
        """From now on what could not be read can be; or only what would heal one day."""
        for path, there in self.on_camera.items():
            if all or there.unreadable < NEVER // 2:
                self.on_camera[path] = replace(there, unreadable=0)

    def power_cut(self) -> None:
        self.worker = self.in_hand = None

    def hazard(self) -> None:
        if self.danger and self.rng.random() < self.danger:
            match self.rng.randrange(6):
                case 0:
                    self.departed = True
                case 1 if self.on_camera:
                    self.record(self.rng.choice(list(self.on_camera)))
                case _:
                    raise self.rng.choice(FAULTS)("thrown by the simulation")

    def damage(self) -> None:
        """Something happens to the store while nobody looks."""
        if self.objects:
            path = self.rng.choice(sorted(self.objects))
            if self.rng.random() < 0.5:
                del self.objects[path]
            else:
                self.objects[path] = replace(self.objects[path], ciphertext="damaged")

    # What the story asks for

    def perform(self, command: c.Command[Any]) -> object:
        self.hazard()
        answer: Callable[[Any], object] = getattr(self, f"on_{type(command).__name__}")
        result = answer(command)
        self.hazard()
        return result

    def on_OpenCamera(self, command: c.OpenCamera) -> Listed:
        if self.departed:
            raise CameraGone("pulled out")
        if self.worker is not None:
            raise Broken("an attempt got the worker of the one before")
        self.failed, self.told, self.rounds = False, set(), Rounds(self, BATCH)
        return self._listed()

    def on_ListAgain(self, command: c.ListAgain) -> Listed:
        self._docked()
        return self._listed()

    def on_AskCamera(self, _command: c.AskCamera) -> None:
        self.hazard()

    def on_RecoverPlacings(self, command: c.RecoverPlacings) -> None:
        for id, intent in list(self.intents.items()):
            if intent.state == "placing":
                self._recover(id, intent)

    def on_UnderWay(self, command: c.UnderWay) -> tuple[Registered, ...]:
        return tuple(
            Registered(known.recording, id, known.plaintext_sha256, known.seq)
            for id, intent in self.intents.items()
            if intent.state == "registered" and (known := self._newest(id))
        )

    def on_Find(self, command: c.Find) -> tuple[c.Known, ...]:
        return tuple(each for each in reversed(self.entries) if each.recording == command.recording)

    def on_HashOnCamera(self, command: c.HashOnCamera) -> str:
        return self._read(command.recording)

    def on_CheckObject(self, command: c.CheckObject) -> bool:
        return self._intact(command.known)

    def on_Confirm(self, command: c.Confirm) -> Registered:
        known = command.known
        if known.plaintext_sha256 != command.plaintext_sha256:
            raise OrderError("confirmed another recording than the register holds")
        self.intents[known.recording_id] = Intent(known.object_path)
        self.hazard()
        self.intents[known.recording_id].state = "registered"
        return Registered(known.recording, known.recording_id, known.plaintext_sha256, known.seq)

    def on_SetObjectAside(self, command: c.SetObjectAside) -> None:
        self.orphans += self.objects.pop(command.known.object_path, None) is not None
        self.hazard()
        self.intents.pop(command.known.recording_id, None)

    def on_Pull(self, command: c.Pull) -> Proven:
        self.in_hand = None
        return self._sealed(command.recording, self._read(command.recording))

    def on_HasSalvage(self, command: c.HasSalvage) -> bool:
        return command.recording in self.salvages

    def on_Salvage(self, command: c.Salvage) -> Proven:
        self.in_hand = None
        recording = command.recording
        there = self._unread(recording)
        if not there.unreadable:
            return self._sealed(recording, self._read(recording))
        self._docked().pop(recording, None)
        return self._sealed(recording, hashlib.sha256(there.content.encode()).hexdigest(), Gap(0, GAP_UNIT))

    def on_Place(self, command: c.Place) -> Stored:
        proven, self.in_hand = self.in_hand, None
        if proven is None or proven != command.proven:
            raise OrderError("nothing was pulled that could be placed")
        sealed = proven.sealed
        id = recording_id(CAMERA, sealed.recording, sealed.plaintext_sha256, salvaged=bool(sealed.gaps))
        path = f"objects/{self.day}/{id}.age"
        self.intents[id] = Intent(path)
        self.hazard()
        if path in self.objects:
            raise PartitionMedia("the name exists")
        self.objects[path] = Object(id, proven)
        self.hazard()
        self.objects[path].ciphertext = proven.ciphertext_sha256
        return Stored(proven, id, "police", path)

    def on_Enter(self, command: c.Enter) -> Registered:
        return self._enter(command.stored, command.replaces)

    def on_EnterSalvage(self, command: c.EnterSalvage) -> Salvaged:
        return self._enter_salvage(command.stored)

    def on_Clear(self, command: c.Clear) -> None:
        registered = command.registered
        if self.keep or self.fatal:
            raise Broken("cleared although it is kept, or although the partition or the register failed")
        worker = self._docked()
        if worker.get(registered.recording) != registered.plaintext_sha256:
            raise OrderError("asked to clear what this worker has not proven")
        self._must_be_safe(registered)
        there = self._unchanged(registered.recording)
        if self.danger and self.rng.random() < self.danger:
            raise CameraDenied("the camera refuses")
        if there.unreadable:
            raise Broken("cleared although it was not read as a whole")
        self.told.add(there.recording.path)
        if not self.lies:
            del self.on_camera[there.recording.path]
            self.unentered.add(registered.recording_id)

    def on_EnterCleared(self, command: c.EnterCleared) -> tuple[Cleared, ...]:
        if not command.registered:
            raise Broken("nothing to enter")
        for registered in command.registered:
            if registered.recording.path in self.on_camera and not self.danger:
                raise Broken("entered as cleared, and still there")
            self.unentered.discard(registered.recording_id)
            self.intents.pop(registered.recording_id, None)
            self.hazard()
        return tuple(map(Cleared, command.registered))

    def on_Keep(self, command: c.Keep) -> None:
        for registered in command.registered:
            self.intents.pop(registered.recording_id, None)

    def on_EnterFailure(self, command: c.EnterFailure) -> None:
        if not isinstance(command.error, DockdError):
            raise Broken("an entry about something that is no fault of dockd")
        if self.peace:
            raise Broken("an attempt failed without a fault")
        self.failed = self.failed or command.recording is not None

    def on_EndWorker(self, command: c.EndWorker) -> None:
        self.worker = None

    def on_OpenForClearing(self, command: c.OpenForClearing) -> None:
        self._docked()

    def on_LeavePowered(self, command: c.LeavePowered) -> None:
        if self.worker is not None:
            raise Broken("left while a worker is still at it")

    def on_TakeRung(self, command: c.TakeRung) -> None:
        if self.worker is not None:
            raise Broken("a rung is taken while a worker is still at it")
        if self.departed:
            raise CameraGone("pulled out")

    # What must hold

    def _must_be_safe(self, registered: Registered) -> None:
        """Nothing is cleared unless it is registered and its object is intact at that moment."""
        known = self._newest(registered.recording_id)
        if known is None:
            raise Broken("cleared without an entry")
        if (known.seq, known.plaintext_sha256) != (registered.seq, registered.plaintext_sha256):
            raise Broken("cleared by another entry than its newest")
        if not self._intact(known):
            raise Broken("cleared while its object is not intact")
        there = self._unchanged(registered.recording)
        if there.content != registered.plaintext_sha256:
            raise Broken("cleared bytes that are not the registered ones")

    def check(self) -> None:
        """At most one live object and one live entry for each recording."""
        ids = [each.id for each in self.objects.values() if each.ciphertext is not None]
        live = [each.recording_id for each in self.entries if each.seq not in self.replaced]
        if len(set(ids)) != len(ids):
            raise Broken("two objects of one recording")
        if len(set(live)) != len(live):
            raise Broken("two entries of one recording")

    # Parts

    def _docked(self) -> dict[Recording, str]:
        if self.worker is None or self.departed:
            raise CameraGone("no worker")
        return self.worker

    def list(self) -> Iterator[Recording]:
        """As a driver's session: what is on the camera now."""
        yield from [there.recording for there in self.on_camera.values()]

    def _listed(self) -> Listed:
        batch = self.rounds.next(self.told)
        self.worker, self.versions, self.told = {}, {}, set()
        return Listed(ADMITTED, "1", tuple(batch.recordings), batch.waiting, still_there=frozenset(batch.still_there))

    def _read(self, recording: Recording) -> str:
        there = self._unread(recording)
        if there.unreadable:
            self.on_camera[recording.path] = replace(there, unreadable=there.unreadable - 1)
            raise CameraMedia("a bad sector")
        self._docked()[recording] = there.content
        return there.content

    def _unread(self, recording: Recording) -> OnCamera:
        self._docked()
        there = self._there(recording)
        if there.recording != recording or self.versions.get(recording, there.version) != there.version:
            raise CameraBusy("changed since it was listed")
        self.versions[recording] = there.version
        return there

    def _sealed(self, recording: Recording, digest: str, *gaps: Gap) -> Proven:
        self.count += 1
        sealed = Sealed(recording, digest, self.count, Mp4Report("ok", ()), gaps)
        self.in_hand = Proven(sealed, f"ciphertext {self.count}", "direct")
        return self.in_hand

    def _unchanged(self, recording: Recording) -> OnCamera:
        there = self._there(recording)
        if there.version != self.versions.get(recording):
            raise CameraBusy("changed since it was read")
        return there

    def _there(self, recording: Recording) -> OnCamera:
        there = self.on_camera.get(recording.path)
        if there is None:
            raise CameraGone("no such recording")
        return there

    def _newest(self, id: str) -> c.Known | None:
        return next((each for each in reversed(self.entries) if each.recording_id == id), None)

    def _intact(self, known: c.Known) -> bool:
        object_ = self.objects.get(known.object_path)
        return object_ is not None and object_.ciphertext == known.ciphertext_sha256

    def _enter_salvage(self, stored: Stored) -> Salvaged:
        self.hazard()
        recording = stored.proven.sealed.recording
        if not stored.proven.sealed.gaps:
            raise OrderError("a whole recording is no salvage")
        if recording in self.salvages:
            raise Broken("one recording is salvaged twice")
        self.salvages[recording] = stored.recording_id
        self.intents.pop(stored.recording_id)
        return Salvaged(recording, stored.recording_id, len(self.entries))

    def _enter(self, stored: Stored, replaces: int | None) -> Registered:
        self.hazard()
        sealed = stored.proven.sealed
        if sealed.gaps:
            raise OrderError("a salvage is no recording that is safe")
        known = c.Known(
            recording_id=stored.recording_id,
            recording=sealed.recording,
            plaintext_sha256=sealed.plaintext_sha256,
            ciphertext_sha256=stored.proven.ciphertext_sha256,
            partition=stored.partition,
            object_path=stored.object_path,
            seq=len(self.entries),
        )
        self.entries.append(known)
        if replaces is not None:
            self.replaced.add(replaces)
        self.intents[known.recording_id].state = "registered"
        return Registered(known.recording, known.recording_id, known.plaintext_sha256, known.seq)

    def _recover(self, id: str, intent: Intent) -> None:
        """As store/recovery.py and docking/registry.py decide."""
        object_ = self.objects.get(intent.object_path)
        self.hazard()
        if object_ is None:
            self.intents.pop(id)
        elif object_.ciphertext == object_.sidecar.ciphertext_sha256:
            if object_.sidecar.sealed.gaps:
                self._enter_salvage(Stored(object_.sidecar, id, "police", intent.object_path))
                return
            known = self._newest(id)
            if known is not None and known.ciphertext_sha256 == object_.ciphertext:
                intent.state = "registered"
                return
            self._enter(Stored(object_.sidecar, id, "police", intent.object_path), known.seq if known else None)
        else:
            del self.objects[intent.object_path]
            self.orphans += 1
            self.hazard()
            self.intents.pop(id)

"""What the story of a docking asks for. Each command names its result; the performer, or a simulation, answers it.

A story is a generator: it yields commands and is sent their results, or has their errors thrown into it. It touches
nothing itself, so that the very same decisions run against real disks and against a hundred thousand simulated faults.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from dockd.errors import DockdError
from dockd.model import Admitted, Cleared, Listed, Proven, Recording, Registered, Rung, Salvaged, Stored

T = TypeVar("T")


class Command(Generic[T]):
    """Something to be done that gives a T."""


Story = Generator[Command[Any], Any, T]


def ask(command: Command[T]) -> Story[T]:
    """Yield one command and give its result, typed."""
    result: T = yield command
    return result


@dataclass(frozen=True, slots=True)
class Known:
    """A recording of this camera that the register holds, with where its object lies."""

    recording_id: str
    recording: Recording
    plaintext_sha256: str
    ciphertext_sha256: str
    partition: str
    object_path: str
    seq: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a docking came to; `left_alone` counts files that are no recordings."""

    collected: int = 0
    salvaged: int = 0
    already_registered: int = 0
    cleared: int = 0
    kept: int = 0
    left_alone: int = 0
    left_alone_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenCamera(Command[Listed]):
    """Start a worker, hand it the camera, have it identify and list it."""

    admitted: Admitted


@dataclass(frozen=True, slots=True)
class AskCamera(Command[None]):
    """Enter how far its clock is off, set that if it is to be, and enter what it says of itself; once in a docking."""


@dataclass(frozen=True, slots=True)
class RecoverPlacings(Command[None]):
    """Decide what interrupted placings of this camera's recordings left behind, and enter it."""

    camera_id: str


@dataclass(frozen=True, slots=True)
class UnderWay(Command[tuple[Registered, ...]]):
    """Give the recordings of this camera that are registered and whose clearing was never seen to the end."""

    camera_id: str


@dataclass(frozen=True, slots=True)
class Find(Command[tuple[Known, ...]]):
    """Give what the register holds under this camera, path, size and mtime, newest first."""

    camera_id: str
    recording: Recording


@dataclass(frozen=True, slots=True)
class HashOnCamera(Command[str]):
    """Have the worker read the recording again; give its SHA-256."""

    recording: Recording


@dataclass(frozen=True, slots=True)
class CheckObject(Command[bool]):
    """Read the stored object back now; give whether it still has its ciphertext digest."""

    known: Known


@dataclass(frozen=True, slots=True)
class Confirm(Command[Registered]):
    """The camera's bytes and the stored object both still agree with the register: it is registered."""

    known: Known
    plaintext_sha256: str


@dataclass(frozen=True, slots=True)
class SetObjectAside(Command[None]):
    """Move an object that no longer matches its entry out of the way, and enter that."""

    known: Known


@dataclass(frozen=True, slots=True)
class Pull(Command[Proven]):
    """Have the worker seal the recording into a nameless file and prove it."""

    recording: Recording


@dataclass(frozen=True, slots=True)
class HasSalvage(Command[bool]):
    """Give whether what can be read of this very recording, as it is listed now, was stored before."""

    camera_id: str
    recording: Recording


@dataclass(frozen=True, slots=True)
class Salvage(Command[Proven]):
    """Have the worker seal and prove what can be read of the recording; without gaps it could all be read after all.

    Believed only of a camera that was there all the time, and that can be opened afresh.
    """

    recording: Recording


@dataclass(frozen=True, slots=True)
class Place(Command[Stored]):
    """Write the intent and give the proven file its name, durably."""

    proven: Proven


@dataclass(frozen=True, slots=True)
class Enter(Command[Registered]):
    """Enter the stored recording in the register, durably on both media."""

    stored: Stored
    replaces: int | None


@dataclass(frozen=True, slots=True)
class EnterSalvage(Command[Salvaged]):
    """Enter the stored rest of a recording in the register, durably on both media."""

    stored: Stored


@dataclass(frozen=True, slots=True)
class Clear(Command[None]):
    """Have the worker erase a registered recording from the camera."""

    registered: Registered


@dataclass(frozen=True, slots=True)
class OpenForClearing(Command[None]):
    """Have the worker let go of the camera, and hand it to it once more so that it can be erased from."""


@dataclass(frozen=True, slots=True)
class ListAgain(Command[Listed]):
    """Have the worker list the camera through a fresh descriptor; only a camera that is there then counts.

    Gives what is still there of what was cleared, and what comes next.
    """


@dataclass(frozen=True, slots=True)
class EnterCleared(Command[tuple[Cleared, ...]]):
    """Enter that a listing no longer shows registered recordings; `inferred` if an earlier docking cleared them."""

    registered: tuple[Registered, ...]
    inferred: bool


@dataclass(frozen=True, slots=True)
class Keep(Command[None]):
    """The recordings are registered and stay on the camera as configured: nothing is under way any more."""

    registered: tuple[Registered, ...]


@dataclass(frozen=True, slots=True)
class EnterFailure(Command[None]):
    """Enter an attempt that failed, on one recording or on the camera."""

    error: DockdError
    recording: Recording | None


@dataclass(frozen=True, slots=True)
class EndWorker(Command[None]):
    """Let the worker finish, or kill it if it does not."""


@dataclass(frozen=True, slots=True)
class LeavePowered(Command[None]):
    """The worker has ended and all is done: leave the camera powered, as its model wants it."""


@dataclass(frozen=True, slots=True)
class TakeRung(Command[None]):
    """Enter a rung of the ladder and take it; `CameraUnsupported` if this dock does not have it.

    `cause` is the code of the fault that it is taken for.
    """

    rung: Rung
    cause: str

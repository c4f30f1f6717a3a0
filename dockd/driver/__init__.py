"""The public contract of a driver: the code that speaks to one kind of camera.

A driver subclasses `Driver` and `Session` and writes the methods that begin with an underscore. dockd calls the
public ones, which keep the contract: types and sizes are checked, and nothing but `DriverError` comes out. A driver
is found by its entry point in the group `dockd.drivers` and runs in the worker of one docking, never in the
supervisor.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, cast

from dockd.driver.basis import (
    BY_DESCRIPTOR,
    ENTRY_POINTS,
    MAX_IDENTITY,
    Ability,
    AnyDriver,
    DirectorySource,
    NodeSource,
    Source,
    SourceKind,
    UsbSource,
    checked_identity,
    only_driver_errors,
)
from dockd.errors import CameraBusy, CameraProtocol, CameraUnsupported, DriverError
from dockd.i18n import _
from dockd.model import MAX_SIZE, MAX_TIME_NS, Recording, RecordingPath

__all__ = [
    "BY_DESCRIPTOR",
    "ENTRY_POINTS",
    "MAX_FILES",
    "MAX_IDENTITY",
    "Ability",
    "AnyDriver",
    "DirectorySource",
    "Driver",
    "Found",
    "NodeSource",
    "Other",
    "Session",
    "Source",
    "SourceKind",
    "UsbSource",
    "only_driver_errors",
]

MAX_FILES = 200_000
"""A camera that holds more files, or more directories, is not served."""

_MAX_PATH = 4096
_END = object()


@dataclass(frozen=True, slots=True)
class Other:
    """A file that is no recording: it is reported and left alone."""

    path: RecordingPath


Found = Recording | Other


class Session(ABC):
    """An open driver on one camera. Calls come one at a time, from any thread.

    Once the camera is let go, every call but `go_on`, `let_go` and `close` is refused with `CameraBusy`.
    """

    def __init__(self, abilities: frozenset[Ability]) -> None:
        self._abilities = abilities
        self._listing: Iterator[Found] | None = None
        self._holds = True
        self._lost: DriverError | None = None

    @only_driver_errors
    def identify(self) -> str | None:
        """Give the identity that the camera itself states, 1 to 64 printable ASCII characters.

        None: it states none by itself, and what it was announced as on its bus stands.
        """
        self.must_hold()
        identity: object = self._identify()
        return None if identity is None else checked_identity(identity)

    @only_driver_errors
    def fullness(self) -> float | None:
        """Give the share of the camera's memory that is taken, from 0 to 1; None if it does not tell."""
        self.must_hold()
        share: object = self._fullness()
        if share is None:
            return None
        if not isinstance(share, float) or not 0 <= share <= 1:
            raise CameraProtocol(_("the driver tells of more memory than there is"))
        return share

    def list(self) -> Iterator[Found]:
        """Walk everything the camera holds now, in any order: complete, each path once, or an error.

        One at a time, so that a hundred thousand files need no more memory than ten. What was read before is
        forgotten: a recording is cleared only as it was read since the last listing.

        What can be told to belong to a recording only while that one is there has its turn before it, and keeps it.
        """
        found = self._begin_list()
        for _number in range(MAX_FILES + 1):
            each = self._next_found(found)
            if each is None:
                return
            yield each
        raise CameraProtocol(_("more than {n} files").format(n=MAX_FILES))

    @only_driver_errors
    def read_into(self, recording: Recording, offset: int, into: memoryview) -> int:
        """Fill `into` from `offset` on and give the number of bytes.

        Fewer come only at the recording's listed end, or if the camera fails after some were read: the next read says
        how. Short reads of the driver are completed. `CameraBusy`: it ends before its listed size, or is no longer the
        very file that was listed, or read since then.
        """
        self.must_hold()
        wanted = max(0, min(len(into), recording.size - offset))
        if not wanted:
            # Nothing to read, but still to be looked at: an empty recording, too, is cleared only as it was read.
            self._read_into(recording, offset, into[:0])
        done = 0
        while done < wanted:
            try:
                got: object = self._read_into(recording, offset + done, into[done:wanted])
            except Exception:
                if done:
                    return done
                raise
            if not _is_number(got, 0, wanted - done):
                raise CameraProtocol(_("the driver says that it read what it cannot have read"))
            if not got:
                raise CameraBusy(_("the recording ends before its listed size"))
            done += cast(int, got)
        return done

    def read_at(self, recording: Recording, offset: int, size: int) -> bytes:
        """Give exactly `size` bytes at `offset`, fewer only at the recording's listed end; raises as `read_into`."""
        into = bytearray(max(0, min(size, recording.size - offset)))
        done = self.read_into(recording, offset, memoryview(into))
        while done < len(into):
            done += self.read_into(recording, offset + done, memoryview(into)[done:])
        return bytes(into)

    @only_driver_errors
    def reads_parts(self, recording: Recording) -> bool:
        """Whether any part of it can be read; of another, whatever is asked for, all is read from its beginning."""
        self.must_hold()
        can: object = self._reads_parts(recording)
        if not isinstance(can, bool):
            raise CameraProtocol(_("the driver does not say whether it can read a part"))
        return can

    @only_driver_errors
    def clear(self, recording: Recording) -> None:
        """Erase one recording from the camera, durably.

        Refuses with `CameraBusy` one that is not exactly as this session has read it. That it is gone is believed
        only once a fresh `list` no longer shows it.
        """
        if Ability.CLEAR not in self._abilities:
            raise CameraUnsupported(_("this driver cannot clear a camera"))
        self.must_hold()
        self._clear(recording)

    def let_go(self) -> None:
        """Make durable what was cleared, and keep nothing of the camera open, so that it can be mounted anew.

        What was read stays known. The descriptor of the source stays the caller's, to be closed after this. Raises if
        anything that was cleared may not be durable; that is final: the camera is let go all the same, this and
        `go_on` only repeat the fault. A second call does nothing.
        """
        if self._lost is not None:
            raise self._lost
        if not self._holds:
            return
        self._holds = False
        try:
            self._flush_and_let_go()
        except DriverError as error:
            self._lost = error
            raise

    @only_driver_errors
    def go_on(self, source: Source) -> None:
        """Go on with the very camera that was let go, behind a fresh source, which the caller closes as before.

        What was read before can be read on and cleared, if it is still exactly as it was read. Whether it is the very
        camera may be asked with `identify` after this: a driver must then ask the camera again.
        """
        if self._lost is not None:
            raise self._lost
        if self._holds:
            raise CameraBusy(_("the camera was not let go"))
        self._go_on(source)
        self._holds = True

    def close(self) -> None:
        """Let go of the camera; never raises, a second call does nothing."""

    def must_hold(self) -> None:
        """Raise `CameraBusy` unless the camera is held."""
        if not self._holds:
            raise CameraBusy(_("the camera was let go"))

    @only_driver_errors
    def _flush_and_let_go(self) -> None:
        try:
            self._break_off_listing()
        finally:
            self._let_go()

    @only_driver_errors
    def _begin_list(self) -> Iterator[Found]:
        self.must_hold()
        self._break_off_listing()
        self._listing = iter(self._list())
        return self._listing

    def _break_off_listing(self) -> None:
        """A walk that nobody went to the end of would keep directories of the camera open."""
        listing, self._listing = self._listing, None
        if isinstance(listing, Generator):
            listing.close()

    @only_driver_errors
    def _next_found(self, found: Iterator[Found]) -> Found | None:
        self.must_hold()
        if found is not self._listing:
            raise CameraBusy(_("the listing was broken off"))
        each: object = next(found, _END)
        if each is _END:
            return None
        if isinstance(each, Recording) and _is_recording(each):
            return each
        if isinstance(each, Other) and _is_path(each.path):
            return each
        raise CameraProtocol(_("the driver lists what is no file, or impossible paths, sizes or times"))

    @abstractmethod
    def _identify(self) -> str | None: ...

    def _fullness(self) -> float | None:
        """May be left out; a float, and no other kind of number."""
        return None

    def _reads_parts(self, recording: Recording) -> bool:
        """May be left out by who can always seek."""
        return True

    @abstractmethod
    def _list(self) -> Iterator[Found]: ...

    @abstractmethod
    def _read_into(self, recording: Recording, offset: int, into: memoryview) -> int: ...

    @abstractmethod
    def _clear(self, recording: Recording) -> None: ...

    @abstractmethod
    def _let_go(self) -> None: ...

    @abstractmethod
    def _go_on(self, source: Any) -> None:
        """Take the camera up again, behind a source of the kind that the driver asks for."""


def _is_recording(recording: Recording) -> bool:
    return (
        _is_path(recording.path)
        and _is_number(recording.size, 0, MAX_SIZE)
        and _is_number(recording.mtime_ns, -MAX_TIME_NS, MAX_TIME_NS)
        and _is_number(recording.turn[0], -MAX_TIME_NS, MAX_TIME_NS)
        and (recording.part_of is None or (_is_path(recording.part_of) and recording.part_of != recording.path))
    )


def _is_path(path: object) -> bool:
    return isinstance(path, RecordingPath) and type(path.raw) is bytes and 0 < len(path.raw) <= _MAX_PATH


def _is_number(number: object, least: int, most: int) -> bool:
    return type(number) is int and least <= number <= most


class Driver(AnyDriver):
    """Reads one kind of camera: lists what it holds, reads it, clears it."""

    @only_driver_errors
    def open(self, source: Source) -> Session:
        """Begin to speak to the camera behind `source`, which is of the kind that the class asks for."""
        return self._open(source)

    @abstractmethod
    def _open(self, source: Any) -> Session:
        """Begin to speak to the camera behind a source of the kind that the class asks for."""

"""The public contract of a driver: the code that speaks to one kind of camera.

A driver subclasses `Driver` and `Session` and writes the methods that begin with an underscore. dockd calls the
public ones, which keep the contract: types and sizes are checked, and nothing but `DriverError` comes out. A driver
is found by its entry point in the group `dockd.drivers` and runs in the worker of one docking, never in the
supervisor.
"""

import errno
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, ParamSpec, TypeVar

from dockd.errors import (
    CameraBusy,
    CameraDenied,
    CameraGone,
    CameraMedia,
    CameraProtocol,
    CameraUnsupported,
    DriverError,
    unexpected,
)
from dockd.i18n import _
from dockd.model import MAX_SIZE, Recording, RecordingPath

ENTRY_POINTS = "dockd.drivers"
MAX_IDENTITY = 64
MAX_OTHERS_NAMED = 100
"""So many of the files left alone are named in listings; the rest is only counted."""

_MAX_NUMBER = 2**63 - 1
_MAX_PATH = 4096

_BY_ERRNO: dict[int, type[DriverError]] = {
    errno.ENOENT: CameraGone,
    errno.ENODEV: CameraGone,
    errno.ENXIO: CameraGone,
    errno.ESHUTDOWN: CameraGone,
    errno.EBUSY: CameraBusy,
    errno.ESTALE: CameraBusy,
    errno.EACCES: CameraDenied,
    errno.EPERM: CameraDenied,
    errno.EROFS: CameraDenied,
    errno.EIO: CameraMedia,
    errno.EOPNOTSUPP: CameraUnsupported,
    errno.ENOSYS: CameraUnsupported,
}


class SourceKind(StrEnum):
    """What a driver is handed to reach its camera."""

    DIRECTORY = "directory"


class Ability(StrEnum):
    """What a camera can do beyond being listed and read."""

    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class DirectorySource:
    """A camera that is a directory, reached through this descriptor and nothing else. The caller closes it."""

    fd: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a camera holds: the recordings, some of the other files by name, and how many of those there are."""

    recordings: tuple[Recording, ...]
    others: tuple[RecordingPath, ...] = ()
    others_count: int = 0


P = ParamSpec("P")
T = TypeVar("T")


def _only_driver_errors(method: Callable[P, T]) -> Callable[P, T]:
    @functools.wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except DriverError:
            raise
        except OSError as error:
            kind = _BY_ERRNO.get(error.errno or 0, CameraProtocol)
            raise kind(error.strerror or unexpected(error)) from error
        except Exception as error:
            raise CameraProtocol(unexpected(error)) from error

    return guarded


class Session(ABC):
    """An open driver on one camera. Calls come one at a time, from any thread."""

    def __init__(self, abilities: frozenset[Ability]) -> None:
        self._abilities = abilities

    @_only_driver_errors
    def identify(self) -> str:
        """Give the identity that the camera itself states, 1 to 64 printable ASCII characters."""
        identity: object = self._identify()
        if not isinstance(identity, str) or not identity.isascii() or not identity.isprintable():
            raise CameraProtocol(_("the camera's identity is not plain text"))
        if not 1 <= len(identity) <= MAX_IDENTITY:
            raise CameraProtocol(_("the camera's identity has {n} characters").format(n=len(identity)))
        return identity

    @_only_driver_errors
    def list(self) -> Contents:
        """Give everything the camera holds now: complete, each path once, or an error."""
        contents = self._list()
        if not _is_listing(contents):
            raise CameraProtocol(_("the driver gave no listing, or one with impossible paths, sizes or times"))
        if len({recording.path for recording in contents.recordings}) != len(contents.recordings):
            raise CameraProtocol(_("the camera lists one path twice"))
        return Contents(contents.recordings, contents.others[:MAX_OTHERS_NAMED], contents.others_count)

    @_only_driver_errors
    def read_at(self, recording: Recording, offset: int, size: int) -> bytes:
        """Read exactly `size` bytes at `offset`, fewer only at the recording's listed end.

        Short reads of the driver are completed; a recording that ends before its listed size is `CameraBusy`.
        """
        wanted = max(0, min(size, recording.size - offset))
        if not wanted:
            # Nothing to read, but still to be looked at: an empty recording, too, is cleared only as it was read.
            self._read_at(recording, offset, 0)
        parts: list[bytes] = []
        while wanted:
            part: object = self._read_at(recording, offset, wanted)
            if not isinstance(part, bytes) or len(part) > wanted:
                raise CameraProtocol(_("the driver gave more than it was asked for, or no bytes"))
            if not part:
                raise CameraBusy(_("the recording ends before its listed size"))
            parts.append(part)
            offset, wanted = offset + len(part), wanted - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @_only_driver_errors
    def clear(self, recording: Recording) -> None:
        """Erase one recording from the camera, durably.

        Refuses with `CameraBusy` one that is not exactly as this session has read it. That it is gone is believed
        only once a fresh `list` no longer shows it.
        """
        if Ability.CLEAR not in self._abilities:
            raise CameraUnsupported(_("this driver cannot clear a camera"))
        self._clear(recording)

    def close(self) -> None:
        """Let go of the camera; never raises, a second call does nothing."""

    @abstractmethod
    def _identify(self) -> str: ...

    @abstractmethod
    def _list(self) -> Contents: ...

    @abstractmethod
    def _read_at(self, recording: Recording, offset: int, size: int) -> bytes: ...

    @abstractmethod
    def _clear(self, recording: Recording) -> None: ...


def _is_listing(contents: object) -> bool:
    """Whether a listing is made of what it must be made of, whoever wrote the driver."""
    return (
        isinstance(contents, Contents)
        and _is_tuple_of(contents.recordings, _is_recording)
        and _is_tuple_of(contents.others, _is_path)
        and _is_number(contents.others_count, len(contents.others))
    )


def _is_tuple_of(values: object, check: Callable[[object], bool]) -> bool:
    return isinstance(values, tuple) and all(map(check, values))


def _is_recording(recording: object) -> bool:
    return (
        isinstance(recording, Recording)
        and _is_path(recording.path)
        and _is_number(recording.size, 0, MAX_SIZE)
        and _is_number(recording.mtime_ns, -_MAX_NUMBER)
    )


def _is_path(path: object) -> bool:
    return isinstance(path, RecordingPath) and type(path.raw) is bytes and 0 < len(path.raw) <= _MAX_PATH


def _is_number(number: object, least: int, most: int = _MAX_NUMBER) -> bool:
    return type(number) is int and least <= number <= most


class Driver(ABC):
    """One kind of camera: what it is called, what it is handed, which options a technician may give it."""

    name: ClassVar[str]
    version: ClassVar[str]
    source: ClassVar[SourceKind]
    abilities: ClassVar[frozenset[Ability]]
    option_names: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, options: Mapping[str, str]) -> None:
        unknown = sorted(set(options) - self.option_names)
        if unknown:
            raise CameraUnsupported(
                _("the driver {driver} has no option {options}").format(driver=self.name, options=", ".join(unknown)),
                advice=_("It knows: {names}. Correct the camera's options in the fleet file.").format(
                    names=", ".join(sorted(self.option_names)) or "-"
                ),
            )
        self.options = dict(options)

    @_only_driver_errors
    def open(self, source: DirectorySource) -> Session:
        """Begin to speak to the camera behind `source`."""
        return self._open(source)

    @abstractmethod
    def _open(self, source: DirectorySource) -> Session: ...

"""Cameras that appear as a directory: docks with a disk of their own.

Everything is reached through one directory descriptor. Names are bytes chosen by the camera: each file is opened
with openat2(2) beneath that directory, without following any link, and then only its descriptor is used.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from dockd.driver import Ability, DirectorySource, Driver, Found, Other, Session, SourceKind
from dockd.errors import CameraBusy, CameraProtocol
from dockd.i18n import _
from dockd.model import Recording, RecordingPath

IDENTITY_FILE = "camera_id.txt"
RECORDING_SUFFIX = b".mp4"
MAX_DEPTH = 16
MAX_IDENTITY_BYTES = 256

_SYS_OPENAT2 = 437  # the same number on every architecture (include/uapi/asm-generic/unistd.h)
_RESOLVE_NO_XDEV = 0x01
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_RESOLVE = _RESOLVE_NO_XDEV | _RESOLVE_NO_MAGICLINKS | _RESOLVE_NO_SYMLINKS | _RESOLVE_BENEATH
# O_NONBLOCK: opening a FIFO that a camera put there must not hang.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY_FLAGS = _FILE_FLAGS | os.O_DIRECTORY

_libc = ctypes.CDLL(None, use_errno=True)


def open_beneath(root: int, path: bytes, flags: int) -> int:
    """Open `path` below the directory `root`; links, `..` and mount points on the way are refused (OSError)."""
    how = struct.pack("QQQ", flags, 0, _RESOLVE)
    fd = int(_libc.syscall(_SYS_OPENAT2, root, ctypes.c_char_p(path), how, len(how)))
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return fd


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What must stay the same for a file to be the one that was read."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "_Stamp":
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class FolderSession(Session):
    """One camera's directory. Stamps remember each file as it was read since the last listing."""

    def __init__(self, source: DirectorySource, identity_file: bytes) -> None:
        super().__init__(FolderDriver.abilities)
        self._root = source.fd
        self._identity_file = identity_file
        self._read: dict[RecordingPath, _Stamp] = {}
        self._open: tuple[RecordingPath, int] | None = None

    def close(self) -> None:
        if self._open:
            os.close(self._open[1])
            self._open = None

    def _identify(self) -> str:
        try:
            fd = open_beneath(self._root, self._identity_file, _FILE_FLAGS)
        except FileNotFoundError as error:
            if not os.fstat(self._root).st_nlink:
                raise
            raise CameraProtocol(
                _("the camera holds no file {name}").format(name=RecordingPath(self._identity_file).text),
                advice=_("It must state the camera's id. Another name is set by the option identity_file."),
            ) from error
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise CameraProtocol(_("the camera's identity file is not a file"))
            text = os.read(fd, MAX_IDENTITY_BYTES)
        finally:
            os.close(fd)
        return text.partition(b"\n")[0].strip().decode("ascii", "replace")

    def _list(self) -> Iterator[Found]:
        self.close()
        self._read.clear()
        for path, status in self._walk(b"", self._root, 0):
            if stat.S_ISREG(status.st_mode) and path.raw.lower().endswith(RECORDING_SUFFIX):
                yield Recording(path, status.st_size, status.st_mtime_ns)
            elif path.raw != self._identity_file:
                yield Other(path)

    def _walk(self, prefix: bytes, directory: int, depth: int) -> Iterator[tuple[RecordingPath, os.stat_result]]:
        if depth > MAX_DEPTH:
            raise CameraProtocol(_("directories nested deeper than {n}").format(n=MAX_DEPTH))
        with os.scandir(directory) as entries:
            for entry in entries:
                name, status = os.fsencode(entry.name), entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    yield from self._walk_below(prefix + name + b"/", directory, name, depth + 1)
                else:
                    yield RecordingPath(prefix + name), status

    def _walk_below(
        self, prefix: bytes, parent: int, name: bytes, depth: int
    ) -> Iterator[tuple[RecordingPath, os.stat_result]]:
        child = open_beneath(parent, name, _DIRECTORY_FLAGS)
        try:
            yield from self._walk(prefix, child, depth)
        finally:
            os.close(child)

    def _read_at(self, recording: Recording, offset: int, size: int) -> bytes:
        fd = self._descriptor(recording)
        part = os.pread(fd, size, offset)
        if _Stamp.of(os.fstat(fd)) != self._read[recording.path]:
            raise CameraBusy(_("the recording changed while it was read"))
        return part

    def _descriptor(self, recording: Recording) -> int:
        if self._open and self._open[0] == recording.path:
            return self._open[1]
        self.close()
        fd = open_beneath(self._root, recording.path.raw, _FILE_FLAGS)
        status = os.fstat(fd)
        stamp = _Stamp.of(status)
        as_listed = (stamp.size, stamp.mtime_ns) == (recording.size, recording.mtime_ns)
        if not stat.S_ISREG(status.st_mode) or not as_listed or self._read.get(recording.path, stamp) != stamp:
            os.close(fd)
            raise CameraBusy(_("the recording changed since it was listed"))
        self._open = recording.path, fd
        self._read[recording.path] = stamp
        return fd

    def _clear(self, recording: Recording) -> None:
        """1. The parent, opened beneath the root. 2. Still the file that was read. 3. Unlink. 4. fsync the parent.

        On FAT a failed write shows only in the fsync of the directory, so its error is the camera's refusal.
        """
        self.close()
        parent_path, _separator, name = recording.path.raw.rpartition(b"/")
        parent = open_beneath(self._root, parent_path or b".", _DIRECTORY_FLAGS)
        try:
            stamp = _Stamp.of(os.stat(name, dir_fd=parent, follow_symlinks=False))
            if stamp != self._read.get(recording.path):
                raise CameraBusy(_("the recording is not as it was read"))
            os.unlink(name, dir_fd=parent)
            os.fsync(parent)
        finally:
            os.close(parent)


class FolderDriver(Driver):
    """The camera is a directory; a text file in it, written by the dock or the camera, states the camera's id."""

    name: ClassVar[str] = "folder"
    version: ClassVar[str] = "1"
    source: ClassVar[SourceKind] = SourceKind.DIRECTORY
    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.CLEAR})
    option_names: ClassVar[frozenset[str]] = frozenset({"identity_file"})

    def _open(self, source: DirectorySource) -> Session:
        return FolderSession(source, os.fsencode(self.options.get("identity_file", IDENTITY_FILE)))

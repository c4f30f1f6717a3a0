"""What drivers share whose camera is a directory: one session over one directory descriptor.

Names are bytes chosen by the camera: each file is opened beneath that directory and nowhere else, without following
any link, and then only its descriptor is used. A driver says what each file is (`_sort_in`), and what must stay the
same for a file to be the one that was read (`Stamp`).
"""

import ctypes
import errno
import os
import stat
import struct
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dockd.driver import MAX_FILES, Ability, DirectorySource, Found, Session
from dockd.errors import CameraBusy, CameraProtocol
from dockd.i18n import _
from dockd.model import Recording, RecordingPath

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

Stamp = Callable[[os.stat_result], tuple[int, ...]]
"""Give what must stay the same for a file to be the one that was read."""


def open_beneath(root: int, path: bytes, flags: int) -> int:
    """Open `path` below the directory `root`; links, `..` and mount points on the way are refused (OSError)."""
    how = struct.pack("QQQ", flags, 0, _RESOLVE)
    try:
        return _checked(_libc.syscall(_SYS_OPENAT2, root, ctypes.c_char_p(path), how, len(how)))
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
    # systemd takes openat2 away from every unit with a dynamic user (RestrictSUIDSGID=).
    return walk_beneath(root, path, flags)


def walk_beneath(root: int, path: bytes, flags: int) -> int:
    """Do what `open_beneath` does, name by name."""
    if path.startswith(b"/") or not path:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    *above, last = [part for part in path.split(b"/") if part not in (b"", b".")] or [b"."]
    if path.endswith((b"/", b"/.")):
        flags |= os.O_DIRECTORY
    directory = os.dup(root)
    try:
        for part in above:
            below = _open_here(directory, part, _DIRECTORY_FLAGS)
            os.close(directory)
            directory = below
        return _open_here(directory, last, flags)
    finally:
        os.close(directory)


def _open_here(directory: int, name: bytes, flags: int) -> int:
    if name == b"..":
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    fd = os.open(name, flags | os.O_NOFOLLOW, dir_fd=directory)
    if os.fstat(fd).st_dev != os.fstat(directory).st_dev:
        os.close(fd)
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    return fd


def flush_filesystem(fd: int) -> None:
    """Write out the filesystem that `fd` lies on, and no other (syncfs(2), which Python does not have).

    Raises OSError also for a write that failed since `fd` was opened, once (Linux 5.8).
    """
    _checked(_libc.syncfs(fd))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory of the camera, while it is walked. `prefix` is empty, or its path with a slash at the end."""

    prefix: bytes
    fd: int
    depth: int

    def files(self) -> Iterator[tuple[bytes, os.stat_result]]:
        """Yield name and status of everything in it that is no directory. Can be asked again."""
        for entry in self.entries():
            if not entry.is_dir(follow_symlinks=False):
                yield os.fsencode(entry.name), entry.stat(follow_symlinks=False)

    def entries(self) -> Iterator["os.DirEntry[str]"]:
        # Opened anew: whoever else holds this descriptor, or a walk that was broken off, shares its place in it.
        fd = open_beneath(self.fd, b".", _DIRECTORY_FLAGS)
        try:
            with os.scandir(fd) as entries:
                for number, entry in enumerate(entries):
                    if number >= MAX_FILES:
                        raise _too_many()
                    yield entry
        finally:
            os.close(fd)


Sort = Callable[[bytes, os.stat_result], Found | None]
"""Say of a file in one directory, by its name and status, what it is; None: nothing to be told of."""


class _Walk:
    """One walk, bounded in depth and in entries: a hostile filesystem can hold a directory within itself."""

    def __init__(self, sort_in: Callable[[Directory], Sort]) -> None:
        self._sort_in = sort_in
        self._entries = 0

    def through(self, directory: Directory) -> Iterator[Found]:
        sort = self._sort_in(directory)
        for entry in directory.entries():
            self._entries += 1
            if self._entries > MAX_FILES:
                raise _too_many()
            name = os.fsencode(entry.name)
            if entry.is_dir(follow_symlinks=False):
                yield from self._below(directory, name)
            elif found := sort(name, entry.stat(follow_symlinks=False)):
                yield found

    def _below(self, parent: Directory, name: bytes) -> Iterator[Found]:
        if parent.depth == MAX_DEPTH:
            raise CameraProtocol(_("directories nested deeper than {n}").format(n=MAX_DEPTH))
        fd = open_beneath(parent.fd, name, _DIRECTORY_FLAGS)
        try:
            yield from self.through(Directory(parent.prefix + name + b"/", fd, parent.depth + 1))
        finally:
            os.close(fd)


class DirectorySession(Session):
    """One camera's directory. Stamps remember each file as it was read since the last listing."""

    def __init__(
        self, source: DirectorySource, abilities: frozenset[Ability], stamp: Stamp, identity_file: bytes | None
    ) -> None:
        super().__init__(abilities)
        self._root = source.fd
        self._stamp = stamp
        self._identity_file = identity_file
        self._read: dict[RecordingPath, tuple[int, ...]] = {}
        self._open: tuple[RecordingPath, int] | None = None
        self._flush_failed: OSError | None = None
        self._unflushed = False

    def close(self) -> None:
        if self._open:
            os.close(self._open[1])
            self._open = None

    @abstractmethod
    def _sort_in(self, directory: Directory) -> Sort:
        """Prepare to say of each file of one directory what it is; may look through it first."""

    def _identify(self) -> str | None:
        if self._identity_file is None:
            return None
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

    def _fullness(self) -> float | None:
        filesystem = os.fstatvfs(self._root)
        if not 0 <= filesystem.f_bfree <= filesystem.f_blocks or not filesystem.f_blocks:
            return None
        return 1 - filesystem.f_bfree / filesystem.f_blocks

    def _list(self) -> Iterator[Found]:
        self.close()
        self._read.clear()
        yield from _Walk(self._sort_in).through(Directory(b"", self._root, 0))

    def _read_into(self, recording: Recording, offset: int, into: memoryview) -> int:
        fd = self._descriptor(recording)
        got = os.preadv(fd, [into], offset)
        if self._stamp(os.fstat(fd)) != self._read[recording.path]:
            raise CameraBusy(_("the recording changed while it was read"))
        return got

    def _descriptor(self, recording: Recording) -> int:
        if self._open and self._open[0] == recording.path:
            return self._open[1]
        self.close()
        fd = open_beneath(self._root, recording.path.raw, _FILE_FLAGS)
        status = os.fstat(fd)
        stamp = self._stamp(status)
        as_listed = (status.st_size, status.st_mtime_ns) == (recording.size, recording.mtime_ns)
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
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISREG(status.st_mode) or self._stamp(status) != self._read.get(recording.path):
                raise CameraBusy(_("the recording is not as it was read"))
            self._must_be_flushed()
            os.unlink(name, dir_fd=parent)
            self._unflushed = True
            del self._read[recording.path]
            self._flush(os.fsync, parent)
        finally:
            os.close(parent)

    def _let_go(self) -> None:
        """Nothing that was cleared is left to chance: the filesystem is flushed, after each directory was."""
        self.close()
        root, self._root = self._root, -1
        self._must_be_flushed()
        if self._unflushed:
            self._flush(flush_filesystem, root)
            self._unflushed = False

    def _go_on(self, source: DirectorySource) -> None:
        self._root = source.fd

    def _flush(self, flush: Callable[[int], None], fd: int) -> None:
        try:
            flush(fd)
        except OSError as error:
            self._flush_failed = error
            raise

    def _must_be_flushed(self) -> None:
        """Raise the fault of an earlier flush: asked again, the kernel would say that all is well."""
        if self._flush_failed is not None:
            raise self._flush_failed


def _too_many() -> CameraProtocol:
    return CameraProtocol(_("more than {n} files").format(n=MAX_FILES))

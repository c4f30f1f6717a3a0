"""A partition of the store: a directory with a marker, its own recipients and its own reserve of space.

Everything below the root is reached through a descriptor of the root that is opened once, so that a volume unmounted
or mounted over in the meantime can never redirect a write.
"""

import contextlib
import fcntl
import json
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dockd.clock import Clock, utc_text
from dockd.descriptor import Descriptor
from dockd.errors import AlreadyRunning, PartitionError, PartitionFull, PartitionMissing
from dockd.i18n import _
from dockd.store.medium import as_partition_error, flush, open_direct, write_all, write_named

MARKER = ".dockd-partition.json"
OBJECTS = "objects"
ORPHANS = "orphans"

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MAX_MARKER = 4096
_DIRECTORY_MODE = 0o750
_MARKER_MODE = 0o440


@dataclass(frozen=True, slots=True)
class Partition:
    """An open partition. `root` is the descriptor of its directory, `uuid` what its marker says."""

    name: str
    dock_id: str
    path: Path
    uuid: str
    reserve_bytes: int
    recipients: tuple[str, ...]
    root: int
    _flushed: set[tuple[int, int]] = field(default_factory=set)

    def check(self) -> None:
        """Find out whether the partition can still be written to; raises `PartitionError` if not.

        1. The configured path still leads to the directory opened at start, with its marker. 2. A probe is written
        and flushed, so that a read-only remount or a failing disk shows now and not in the middle of a recording.
        3. Its reserve is untouched.
        """
        try:
            here, opened = os.stat(self.path), os.fstat(self.root)
            if (here.st_dev, here.st_ino) != (opened.st_dev, opened.st_ino):
                raise PartitionMissing(
                    _("{path} is no longer the volume that was opened at start").format(path=self.path),
                    advice=_("Mount the volume again and restart dockd."),
                )
            if _read_marker(self.root, self.name, self.dock_id) != self.uuid:
                raise PartitionMissing(
                    _("{path} carries the marker of another volume than at start").format(path=self.path),
                    advice=_("Mount the volume again and restart dockd."),
                )
            probe = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600, dir_fd=self.root)
            try:
                write_all(probe, b"dockd probe")
                flush(probe)
            finally:
                os.close(probe)
            free = self.free_bytes()
        except OSError as error:
            raise as_partition_error(error, _("checking partition {name}").format(name=self.name)) from error

        if free < self.reserve_bytes:
            raise PartitionFull(
                _("partition {name}: {free} bytes free, fewer than the {reserve} kept in reserve").format(
                    name=self.name, free=free, reserve=self.reserve_bytes
                ),
                advice=_("Free space on this volume, or lower reserve_gib knowingly."),
            )

    def new_file(self, room: int, promised: int) -> Descriptor:
        """Open a nameless file for a recording that will take `room` bytes.

        `promised` are bytes already given out to other recordings. Raises `PartitionFull` if the reserve would be
        touched, before a single byte is pulled.
        """
        try:
            free = self.free_bytes()
            if free - promised - room < self.reserve_bytes:
                raise PartitionFull(
                    _("partition {name}: {room} bytes needed, {free} free, {reserve} kept in reserve").format(
                        name=self.name, room=room + promised, free=free, reserve=self.reserve_bytes
                    ),
                    advice=_("Free space on this volume, or lower reserve_gib knowingly."),
                )
            return Descriptor(open_direct(".", os.O_TMPFILE | os.O_RDWR, 0o600, dir_fd=self.root))
        except OSError as error:
            raise as_partition_error(error, _("opening a file in partition {name}").format(name=self.name)) from error

    def free_bytes(self) -> int:
        """Bytes an unprivileged process may still use."""
        try:
            status = os.fstatvfs(self.root)
        except OSError as error:
            raise as_partition_error(
                error, _("asking for the space of partition {name}").format(name=self.name)
            ) from error
        return status.f_bavail * status.f_frsize

    def open_directory(self, *parts: str) -> int:
        """Open a directory below the root, making what is missing, durably; the caller closes it."""
        fd = os.open(".", _DIRECTORY, dir_fd=self.root)
        try:
            for part in parts:
                fd = self._descend(fd, part)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def close(self) -> None:
        os.close(self.root)

    def _descend(self, parent: int, name: str) -> int:
        """Trade the descriptor of `parent` for that of `name` in it, whose entry there is durable.

        One that exists may be from a run that ended before its flush, so each is flushed once in every run.
        """
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, _DIRECTORY_MODE, dir_fd=parent)
        child = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        try:
            status = os.fstat(child)
            if (status.st_dev, status.st_ino) not in self._flushed:
                flush(parent)
                self._flushed.add((status.st_dev, status.st_ino))
        except BaseException:
            os.close(child)
            raise
        os.close(parent)
        return child


def create(path: Path, name: str, dock_id: str, clock: Clock, announce: Callable[[str], None]) -> None:
    """Make a partition of an existing, empty directory: the only way that a partition comes to be.

    `announce` is given its uuid just before the marker is written, so that no partition exists unregistered. Raises
    `PartitionError` if the directory is missing or not empty (`lost+found` aside), and what `announce` raises.
    """
    try:
        root = os.open(path, _DIRECTORY)
    except OSError as error:
        raise as_partition_error(error, _("opening {path}").format(path=path)) from error
    try:
        found = sorted(set(os.listdir(root)) - {"lost+found"})
        if found:
            raise PartitionError(
                _("{path} is not empty: it holds {name}").format(path=path, name=found[0]),
                advice=_("A partition is made in an empty directory of its own, and only once."),
            )
        partition_uuid = str(uuid.uuid4())
        marker = {
            "v": 1,
            "partition": name,
            "uuid": partition_uuid,
            "dock_id": dock_id,
            "created_at": utc_text(clock.now()),
        }
        announce(partition_uuid)
        write_named(root, MARKER, json.dumps(marker).encode() + b"\n", _MARKER_MODE)
    except OSError as error:
        raise as_partition_error(error, _("making partition {name}").format(name=name)) from error
    finally:
        os.close(root)


def open_partition(path: Path, name: str, dock_id: str, reserve_bytes: int, recipients: tuple[str, ...]) -> Partition:
    """Open a partition made by `create` and hold it against every other dockd until `close`.

    Raises `PartitionError` if the volume is not there or is another one, `AlreadyRunning` if somebody holds it.
    """
    try:
        root = os.open(path, _DIRECTORY)
    except OSError as error:
        raise as_partition_error(error, _("opening partition {name}").format(name=name)) from error
    try:
        marker_uuid = _read_marker(root, name, dock_id)
        _hold(root, name, path)
    except BaseException:
        os.close(root)
        raise
    return Partition(name, dock_id, path, marker_uuid, reserve_bytes, recipients, root)


def _hold(root: int, name: str, path: Path) -> None:
    """Lock the directory itself (flock(2)): two writers would count the same free space, each for itself."""
    try:
        fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRunning(
            _("another dockd holds partition {name} in {path}").format(name=name, path=path),
            advice=_("Stop it first, or give this dock a partition of its own."),
        ) from None
    except OSError as error:
        raise as_partition_error(error, _("locking partition {name}").format(name=name)) from error


def _read_marker(root: int, name: str, dock_id: str) -> str:
    """Give the uuid in the marker; raises `PartitionMissing` unless it is that of partition `name` of this dock."""
    try:
        # O_NONBLOCK: a FIFO in its place must not hang.
        fd = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=root)
        try:
            marker = json.loads(os.read(fd, _MAX_MARKER))
        finally:
            os.close(fd)
        if (marker["partition"], marker["dock_id"]) == (name, dock_id):
            return str(uuid.UUID(str(marker["uuid"])))
        wrong = _("its marker is that of partition {other} of dock {dock_id}").format(
            # As JSON, which has nothing that a terminal or a log could take for more than text.
            other=json.dumps(marker["partition"]),
            dock_id=json.dumps(marker["dock_id"]),
        )
    except FileNotFoundError:
        wrong = _("it has no marker")
    except OSError as error:
        raise as_partition_error(error, _("reading the marker of partition {name}").format(name=name)) from error
    except (ValueError, KeyError, TypeError, RecursionError):
        wrong = _("its marker cannot be read")
    raise PartitionMissing(
        _("partition {name}: {wrong}").format(name=name, wrong=wrong),
        advice=_("Mount the right volume; a new one is made by: dockd init-partition {name}").format(name=name),
    )

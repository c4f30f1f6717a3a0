"""Objects: giving a proven, nameless file its name in the store, reading it again, setting it aside.

Nothing here overwrites or deletes: linkat(2) fails if the name exists, and what does not belong is moved to
`orphans/`, never removed on a guess.
"""

import contextlib
import errno
import fcntl
import hashlib
import itertools
import os
import stat
import time
from datetime import UTC, datetime

from dockd.descriptor import Descriptor
from dockd.errors import PartitionError, PartitionMedia, PartitionMissing, WriterLeft
from dockd.i18n import _
from dockd.model import Proven, Stored
from dockd.store.medium import as_partition_error, flush, link, open_direct, read_past_cache, write_named
from dockd.store.partition import OBJECTS, ORPHANS, Partition
from dockd.store.sidecar import MAX_SIDECAR, Sidecar

OBJECT_SUFFIX = ".age"
SIDECAR_SUFFIX = ".json"

_OBJECT_MODE = 0o440
# O_NONBLOCK: a FIFO in the place of a file must not hang.
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LEASE_TRIES = 20
_LEASE_PAUSE_SECONDS = 0.05


def object_path(recording_id: str, day: datetime) -> str:
    """Name an object below its partition: `objects/YYYY/MM/DD/<recording-id>.age`, the dock's UTC date of ingest."""
    return f"{OBJECTS}/{day.astimezone(UTC):%Y/%m/%d}/{recording_id}{OBJECT_SUFFIX}"


def sidecar_path(path: str) -> str:
    return path.removesuffix(OBJECT_SUFFIX) + SIDECAR_SUFFIX


def place(partition: Partition, file: Descriptor, proven: Proven, sidecar: Sidecar, signed: bytes, path: str) -> Stored:
    """Give the proven file behind `file` its name; `file` is closed once it is known to be the one.

    1. The file is what the proof speaks of: regular, nameless, of that size. 2. It is made read-only and flushed.
    3. A read lease shows that no writer of it is left anywhere. 4. The sidecar is durable under its name. 5. The
    object is linked. 6. Its directory is flushed.

    Raises `WriterLeft` in 3, another `PartitionError` where the medium fails; a failed fsync is final.
    """
    try:
        final = _sealed_off(file, proven.sealed.ciphertext_size)
        try:
            folder, name = path.rsplit("/", 1)
            directory = partition.open_directory(*folder.split("/"))
            try:
                write_named(directory, sidecar_path(name), signed, _OBJECT_MODE)
                link(final, directory, name)
                flush(directory)
            finally:
                os.close(directory)
        finally:
            os.close(final)
    except OSError as error:
        raise as_partition_error(error, _("placing {path}").format(path=path)) from error
    return Stored(proven, sidecar.recording_id, partition.name, path)


def _sealed_off(file: Descriptor, size: int) -> int:
    """Trade the writable descriptor for a read-only one under a lease (steps 1 to 3)."""
    writer = file.fileno()
    status = os.fstat(writer)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink or status.st_size != size:
        raise PartitionError(_("the proven file is not the one the proof speaks of"))
    os.fchmod(writer, _OBJECT_MODE)
    flush(writer)
    final = os.open(f"/proc/self/fd/{writer}", os.O_RDONLY | os.O_CLOEXEC)
    file.close()
    try:
        _lease(final)
    except BaseException:
        os.close(final)
        raise
    return final


def _lease(final: int) -> None:
    """Take the read lease, which the kernel grants only while nobody has the file open for writing.

    A subprocess being started holds copies of all our descriptors until its exec, so EAGAIN is asked again shortly.
    """
    for attempt in range(_LEASE_TRIES):
        try:
            fcntl.fcntl(final, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
            if attempt + 1 == _LEASE_TRIES:
                raise WriterLeft(_("a writer of the proven file is still open: it is not placed")) from error
            time.sleep(_LEASE_PAUSE_SECONDS)
        else:
            return


def stored_digest(partition: Partition, path: str) -> str:
    """Read an object again past the page cache and give its SHA-256.

    Raises `PartitionMissing` if it is not there, another `PartitionError` if it cannot be read.
    """
    try:
        fd = open_direct(path, _READ_FLAGS, dir_fd=partition.root)
        try:
            size = os.fstat(fd).st_size
            digest = hashlib.sha256()
            for block in read_past_cache(fd, size):
                digest.update(block)
        finally:
            os.close(fd)
    except OSError as error:
        raise as_partition_error(error, _("reading {path} again").format(path=path)) from error
    return digest.hexdigest()


def is_intact(partition: Partition, path: str, ciphertext_sha256: str) -> bool:
    """Whether the object, read back now, is still what was registered; a missing or unreadable one is not.

    A partition that itself cannot be trusted is another matter: that is for `Partition.check`.
    """
    try:
        return stored_digest(partition, path) == ciphertext_sha256
    except (PartitionMissing, PartitionMedia):
        return False


def load_sidecar(partition: Partition, path: str) -> bytes | None:
    """Give the bytes of the sidecar beside an object, or None if there is none."""
    try:
        fd = os.open(sidecar_path(path), _READ_FLAGS, dir_fd=partition.root)
        try:
            return os.read(fd, MAX_SIDECAR)
        finally:
            os.close(fd)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise as_partition_error(error, _("reading the sidecar of {path}").format(path=path)) from error


def link_aside(partition: Partition, path: str) -> list[str]:
    """Give an object and its sidecar a second name in `orphans/`, durably; give these names.

    The first half of setting aside: the move is entered in the register before `drop_names` takes the first names
    away. Done again after an interruption it gives the same names.
    """
    linked: list[str] = []
    try:
        orphans = partition.open_directory(ORPHANS)
        try:
            for old in (path, sidecar_path(path)):
                new = _second_name(partition.root, old, orphans)
                linked += [f"{ORPHANS}/{new}"] if new else []
            flush(orphans)
        finally:
            os.close(orphans)
    except OSError as error:
        raise as_partition_error(error, _("setting {path} aside").format(path=path)) from error
    return linked


def drop_names(partition: Partition, path: str) -> None:
    """Take the names of an object and its sidecar that were linked aside away, durably."""
    try:
        for name in (path, sidecar_path(path)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=partition.root)
        folder = os.open(path.rsplit("/", 1)[0], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=partition.root)
        try:
            flush(folder)
        finally:
            os.close(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise as_partition_error(error, _("setting {path} aside").format(path=path)) from error


def _second_name(root: int, path: str, orphans: int) -> str | None:
    """Link `path` under the first name in `orphans` that is free or already its own; rename(2) could overwrite."""
    stem, dot, suffix = path.rsplit("/", 1)[1].partition(".")
    for number in itertools.count():
        name = f"{stem}.{number}{dot}{suffix}"
        try:
            os.link(path, name, src_dir_fd=root, dst_dir_fd=orphans, follow_symlinks=False)
        except FileExistsError:
            there = os.stat(name, dir_fd=orphans, follow_symlinks=False)
            if os.path.samestat(there, os.stat(path, dir_fd=root, follow_symlinks=False)):
                return name
        except FileNotFoundError:
            return None
        else:
            return name
    return None

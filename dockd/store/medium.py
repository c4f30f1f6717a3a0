"""Reading a medium past the page cache (O_DIRECT), and saying honestly when that cannot be done."""

import contextlib
import errno
import fcntl
import mmap
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from dockd.errors import FlushFailed, PartitionError, PartitionFull, PartitionMedia, PartitionMissing
from dockd.i18n import _
from dockd.model import ReadBack

ALIGNMENT = 4096
SLOT = 4 * 1024 * 1024


def open_direct(path: str, flags: int, mode: int = 0, *, dir_fd: int | None = None) -> int:
    """Open with O_DIRECT where the medium takes it, without where it does not; `is_direct` tells which."""
    try:
        return os.open(path, flags | os.O_DIRECT | os.O_CLOEXEC, mode, dir_fd=dir_fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
        return os.open(path, flags | os.O_CLOEXEC, mode, dir_fd=dir_fd)


def is_rotating(fd: int, sysfs: Path = Path("/sys")) -> bool:
    """Whether the disk that a file lies on has heads to move, as the kernel knows it (sysfs: `rotational`)."""
    device = os.fstat(fd).st_dev
    folder = (sysfs / f"dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    if any(bus.startswith("virtio") and below == "block" for bus, below in pairwise(folder.parts)):
        return False  # virtio-blk has no word for it, and the kernel says of every such disk that it rotates
    for queue in (folder / "queue", folder.parent / "queue"):  # of the disk itself, or of the disk of a partition
        with contextlib.suppress(OSError):
            return (queue / "rotational").read_text().strip() == "1"
    return False


def write_all(fd: int, data: bytes) -> None:
    """Write every byte: a medium that fills up takes a part first, and only refuses the rest."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def is_direct(fd: int) -> bool:
    return bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)


def read_back_mode(fd: int) -> ReadBack:
    return "direct" if is_direct(fd) else "cached"


def read_past_cache(fd: int, size: int) -> Iterator[memoryview]:
    """Yield the first `size` bytes of a flushed file; each view is valid until the next one is asked for.

    Without O_DIRECT the kernel is asked to drop its cache first, which it may ignore: that is what `cached` says.
    Ends early if the file does.
    """
    if not is_direct(fd):
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    view = memoryview(mmap.mmap(-1, SLOT))  # page-aligned, which O_DIRECT asks for
    offset = 0
    while offset < size and (got := os.preadv(fd, [view], offset)):
        yield view[: min(got, size - offset)]
        offset += got


class _FlushError(OSError):
    """An fsync that failed; asking again would be answered with success, whatever was lost."""


def flush(fd: int) -> None:
    """fsync(2); a failure becomes `FlushFailed` and is never tried again."""
    try:
        os.fsync(fd)
    except OSError as error:
        raise _FlushError(error.errno, error.strerror) from error


def link(fd: int, directory: int, name: str) -> None:
    """Give a nameless file a name in `directory`; FileExistsError if it is taken, for linkat(2) never overwrites."""
    # Without src_dir_fd CPython calls link(2), which fails on /proc/self/fd with EXDEV; linkat(2) follows it.
    os.link(f"/proc/self/fd/{fd}", name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=True)


def write_named(directory: int, name: str, content: bytes, mode: int) -> None:
    """Write a small new file and only then give it its name: an interruption leaves none rather than half of one.

    Durable once it returns; FileExistsError if the name is taken.
    """
    fd = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, mode, dir_fd=directory)
    try:
        write_all(fd, content)
        flush(fd)
        link(fd, directory, name)
    finally:
        os.close(fd)
    flush(directory)


def as_partition_error(error: OSError, doing: str) -> PartitionError:
    """Give the fault of a partition that an OSError means; `doing` says in words what was attempted."""
    message = _("{doing}: {error}").format(doing=doing, error=error.strerror)
    if isinstance(error, _FlushError):
        return FlushFailed(message, advice=_("Check or replace this disk, then restart dockd."))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PartitionFull(message, advice=_("Free space on this volume, or give it a larger one."))
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ESTALE):
        return PartitionMissing(message, advice=_("Check that the volume is mounted where the configuration says."))
    return PartitionMedia(message, advice=_("Look at the kernel's log for this disk; replace it if it fails again."))

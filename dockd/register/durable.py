"""Files that must be there after a power cut."""

import contextlib
import errno
import os
from pathlib import Path


def create(path: Path, content: bytes) -> None:
    """Make a new file that only its owner can read, durably. Raises FileExistsError or another OSError.

    As the store's `write_named`, which the register may not import: it gets its name only when it is whole. Where
    the filesystem knows no nameless files or no links (FAT, as a mirror may have), an interruption can leave it
    incomplete.
    """
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            descriptor = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=directory)
            named = False
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
                raise
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor, named = os.open(path.name, flags, 0o600, dir_fd=directory), True
        try:
            if os.write(descriptor, content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(descriptor)
            if not named:
                # src_dir_fd makes CPython call linkat(2), which follows /proc/self/fd; link(2) would not.
                source = f"/proc/self/fd/{descriptor}"
                os.link(source, path.name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=True)
        finally:
            os.close(descriptor)
        os.fsync(directory)
    finally:
        os.close(directory)


def replace(directory: int, name: str, content: bytes, mode: int) -> None:
    """Put a file in the place of the one of this name, if any, durably: an interruption leaves the one or the other.

    Raises OSError.
    """
    unfinished = f"{name}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(unfinished, dir_fd=directory)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(unfinished, flags, mode, dir_fd=directory), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(unfinished, name, src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Holds whoever reads a file, at a chosen read, by fanotify(7): a moment in the middle of a pull, without a race."""

import ctypes
import os
import select
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.daemon import DEADLINE_SECONDS

# <linux/fanotify.h>
_FAN_CLOEXEC = 0x1
_FAN_CLASS_CONTENT = 0x4
_FAN_MARK_ADD = 0x1
_FAN_ACCESS_PERM = 0x20000
_FAN_ALLOW = 1
_AT_FDCWD = -100
_EVENT = struct.Struct("=IBBHQii")

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def held_at_read(path: Path, number: int) -> Iterator[None]:
    """Let the first `number` reads of a file pass, and run the block while the next one waits to be allowed.

    Whoever runs the block must not read the file. Skips the test where the kernel or the rights do not give this.
    """
    group = int(_libc.fanotify_init(_FAN_CLASS_CONTENT | _FAN_CLOEXEC, os.O_RDONLY | os.O_CLOEXEC))
    if group < 0:
        pytest.skip(f"nobody can be held at a read here: {os.strerror(ctypes.get_errno())}")
    try:
        mask = ctypes.c_uint64(_FAN_ACCESS_PERM)
        if _libc.fanotify_mark(group, _FAN_MARK_ADD, mask, _AT_FDCWD, os.fsencode(path)) < 0:
            pytest.skip(f"nobody can be held at a read here: {os.strerror(ctypes.get_errno())}")
        for _allowed in range(number):
            os.write(group, struct.pack("=iI", _next_read(group), _FAN_ALLOW))
        _next_read(group)
        yield
    finally:
        # Closing the group allows what waits and forgets the mark.
        os.close(group)


def _next_read(group: int) -> int:
    """Wait for the next read; gives the number that its answer must carry."""
    end = select.poll()
    end.register(group, select.POLLIN)
    assert end.poll(DEADLINE_SECONDS * 1000), "nobody read the recording so far"
    *_head, fd, _pid = _EVENT.unpack(os.read(group, _EVENT.size))
    os.close(fd)
    return int(fd)

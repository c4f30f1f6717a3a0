"""The nameless file (O_TMPFILE) that a recording is sealed into: written and read back past the page cache.

With O_DIRECT, offsets, lengths and buffers must be aligned: whole slots are written from a page-aligned buffer, the
last one padded, and the file is then cut to its size. Where the medium refuses O_DIRECT the read-back is only as good
as the kernel's promise to have dropped its cache, and the proof says `cached`.
"""

import mmap
import os
from collections.abc import Iterator

from dockd.model import ReadBack
from dockd.store.medium import ALIGNMENT, SLOT, read_back_mode, read_past_cache


class NamelessFile:
    """A descriptor handed over by the supervisor; `close` is the caller's duty before anything is said to be proven.

    What is written, and later what is read back, passes through `slot`; one file after the other may use the same.
    """

    def __init__(self, fd: int, slot: mmap.mmap) -> None:
        self._fd = fd
        self._slot = slot
        self._fill = 0
        self._written = 0

    @property
    def size(self) -> int:
        """Bytes put in so far."""
        return self._written + self._fill

    @property
    def read_back_mode(self) -> ReadBack:
        return read_back_mode(self._fd)

    def write(self, data: bytes | memoryview) -> None:
        """Append; raises OSError as the medium says it."""
        rest = memoryview(data)
        while rest:
            part = rest[: SLOT - self._fill]
            self._slot[self._fill : self._fill + len(part)] = part
            self._fill += len(part)
            rest = rest[len(part) :]
            if self._fill == SLOT:
                self._flush_slot(SLOT)

    def finish(self) -> None:
        """Write what is left, cut the padding off and flush; a failure is final (fsync is never retried)."""
        size = self.size
        if self._fill:
            padded = -(-self._fill // ALIGNMENT) * ALIGNMENT
            self._slot[self._fill : padded] = bytes(padded - self._fill)
            self._flush_slot(padded)
        os.ftruncate(self._fd, size)
        self._written = size
        os.fsync(self._fd)

    def read_back(self) -> Iterator[memoryview]:
        """Yield the whole file from the medium, in order; each view is valid until the next one is asked for."""
        return read_past_cache(self._fd, self._written, self._slot)

    def close(self) -> None:
        os.close(self._fd)

    def _flush_slot(self, length: int) -> None:
        with memoryview(self._slot) as view:
            done = 0
            while done < length:
                done += os.pwrite(self._fd, view[done:length], self._written + done)
        self._written += length
        self._fill = 0

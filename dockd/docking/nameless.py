"""The nameless file (O_TMPFILE) that a recording is sealed into: written and read back past the page cache.

With O_DIRECT, offsets, lengths and buffers must be aligned: whole slots are written, the last one padded, and the file
is then cut to its size. Where the medium refuses O_DIRECT the read-back is only as good as the kernel's promise to have
dropped its cache, and the proof says `cached`.
"""

import os
from concurrent.futures import Future
from functools import partial

from dockd.docking.works import SLOT, Works
from dockd.model import ReadBack
from dockd.store.medium import ALIGNMENT, is_direct, read_back_mode


class NamelessFile:
    """A descriptor handed over by the supervisor; `close` is the caller's duty before anything is said to be proven.

    Bytes are put into `space` and counted with `add`; what fills a slot is written on its lane. Everything raises
    OSError as the medium says it, perhaps for what was put in earlier.
    """

    def __init__(self, fd: int, works: Works) -> None:
        self._fd = fd
        self._works = works
        self._lane = works.writing
        self._slots = works.write_slots
        self._straddling = works.straddling
        self._slot = self._slots[0]
        self._turn = 0
        self._fill = 0
        self.handed_over = 0
        """Bytes that are written, or about to be: a whole number of slots, until `finish`."""

    @property
    def size(self) -> int:
        """Bytes put in so far."""
        return self.handed_over + self._fill

    @property
    def read_back_mode(self) -> ReadBack:
        return read_back_mode(self._fd)

    def space(self, size: int) -> memoryview:
        """Give room for the next bytes, at most a sealed chunk of them, to be filled before `add`."""
        end = self._fill + size
        return self._slot[self._fill : end] if end <= SLOT else self._straddling[:size]

    def add(self, size: int) -> None:
        """Append what was put into `space`."""
        end = self._fill + size
        if end < SLOT:
            self._fill = end
            return
        part = SLOT - self._fill
        if end > SLOT:
            self._slot[self._fill :] = self._straddling[:part]
        self._hand_over(SLOT)
        self._fill = end - SLOT
        if self._fill:
            self._slot[: self._fill] = self._straddling[part:size]

    def flushed(self) -> "Future[None]":
        """Have everything handed over so far flushed, without waiting; tells when it is, or what failed."""
        told: Future[None] = Future()
        self._lane.do(partial(self._flush, told), told.set_exception)
        return told

    def settle(self) -> None:
        """Wait until what was handed over is written."""
        self._lane.wait()

    def finish(self) -> None:
        """Write what is left, cut the padding off and flush; a failure is final (fsync is never retried)."""
        size = self.size
        if self._fill:
            padded = -(-self._fill // ALIGNMENT) * ALIGNMENT
            self._slot[self._fill : padded] = bytes(padded - self._fill)
            self._hand_over(padded)
        self._lane.wait()
        os.ftruncate(self._fd, size)
        self.handed_over, self._fill = size, 0
        os.fsync(self._fd)

    def drop_cache(self) -> None:
        """Ask the kernel to drop what is flushed, where the medium is not read past its cache anyway."""
        if not is_direct(self._fd):
            os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def read_back(self, offset: int, into: memoryview) -> int:
        """Read from the medium; gives fewer bytes than `into` has only at the end of the file."""
        return os.preadv(self._fd, [into], offset)

    def emptied(self) -> "NamelessFile":
        """Throw away what was put in, to begin anew; this object is of no more use."""
        self._lane.drain()
        os.ftruncate(self._fd, 0)
        return NamelessFile(self._fd, self._works)

    def close(self) -> None:
        """Let nothing of the file be under way or open here any more."""
        self._lane.drain()
        os.close(self._fd)

    def _hand_over(self, size: int) -> None:
        self._lane.do(partial(self._write, self._slot[:size], self.handed_over))
        self.handed_over += size
        self._turn = (self._turn + 1) % len(self._slots)
        self._slot = self._slots[self._turn]
        # Of the calls under way the one that writes this slot is the oldest.
        self._lane.wait(len(self._slots) - 1)

    def _write(self, data: memoryview, offset: int) -> None:
        done = 0
        while done < len(data):
            done += os.pwrite(self._fd, data[done:], offset + done)

    def _flush(self, told: "Future[None]") -> None:
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            told.set_exception(error)
            raise
        told.set_result(None)

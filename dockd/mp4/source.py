"""Reading from a file that may lie about everything, within an allowance of bytes and boxes."""

import sys
from array import array
from collections.abc import Callable
from typing import Literal

from dockd.mp4.findings import Damage, Finding

ReadAt = Callable[[int, int], bytes]
"""Give exactly so many bytes (second argument) from an offset (first), fewer only at the end of the file.

What gives fewer, or no `bytes` at all, is taken for a file that ended; what gives more is cut."""

Width = Literal["B", "H", "I", "Q"]

MAX_INDEX_BYTES = 32 * 1024 * 1024
"""So much of headers and index is read."""
MAX_WORK = 2_400_000
"""So much of it is looked into, in steps of a quarter of a microsecond: some three hours of video with sound."""

FETCH_WORK = 16
BOX_WORK = 16
RUN_WORK = 60
CHUNK_WORK = 1
UNEVEN_CHUNK_WORK = 4
SIZES_A_STEP = 12

_AHEAD = 64 * 1024
_SLICE = 1024 * 1024


class Source:
    """A file of `size` bytes. Every read is inside it, every step is counted; raises `Damage` where it must end."""

    def __init__(self, read_at: ReadAt, size: int, allowance: int = MAX_INDEX_BYTES) -> None:
        self.size = size
        self._read_at = read_at
        self._bytes_left = allowance
        self._work_left = MAX_WORK
        self._window = b""
        self._window_start = 0

    def spend(self, work: int) -> None:
        """Count steps of work."""
        self._work_left -= work
        if self._work_left < 0:
            raise Damage(Finding.TOO_LARGE)

    def read(self, offset: int, size: int, upto: int = 0) -> bytes:
        """Read exactly `size` bytes; at the same time a little ahead, as far as offset `upto` will be needed, too."""
        start = offset - self._window_start
        if not 0 <= start <= len(self._window) - size:
            ahead = min(_AHEAD, upto - offset, self.size - offset)
            self._window, self._window_start, start = self._fetch(offset, max(size, ahead)), offset, 0
        return self._window[start : start + size]

    def numbers(self, width: Width, offset: int, count: int) -> "array[int]":
        """Read big-endian unsigned numbers, without a second copy of them."""
        values = array(width)
        end = offset + count * values.itemsize
        for at in range(offset, end, _SLICE):
            values.frombytes(self._fetch(at, min(_SLICE, end - at)))
        if sys.byteorder == "little":
            values.byteswap()
        return values

    def _fetch(self, offset: int, size: int) -> bytes:
        if not 0 <= offset <= self.size - size:
            raise Damage(Finding.BOX_PAST_END)
        self.spend(FETCH_WORK)
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise Damage(Finding.TOO_LARGE)
        data: object = self._read_at(offset, size)
        if not isinstance(data, bytes) or len(data) < size:
            raise Damage(Finding.READ_SHORT)
        return data[:size]

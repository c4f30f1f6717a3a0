"""What a worker takes recordings in with: its threads and its buffers, made once and used for one recording at a time.

In a process whose memory is locked both cost milliseconds to make, and a camera can hold thousands of short recordings.
The buffers are page-aligned, which O_DIRECT asks for, and small enough to be still in the processor's cache when the
next lane comes to them.
"""

import mmap

from dockd.docking.lane import Lane
from dockd.seal.stream import CHUNK, SEALED_CHUNK

BLOCK = 16 * CHUNK
"""Bytes read from the camera at once; a whole number of age chunks."""

BLOCKS_AHEAD = 2
"""How many blocks are read from the camera before they are asked for."""

HASHED_BEHIND = 2
"""How many blocks may be sealed already and not yet hashed."""

SLOT = 2 * 1024 * 1024
"""Bytes written to the medium at once, and read back from it."""

_BLOCKS = BLOCKS_AHEAD + HASHED_BEHIND + 2
_WRITE_SLOTS = 3
_READ_SLOTS = 3


class Works:
    """Each lane has one caller: that of `hashing_back` and `opening` is the lane `reading_back`, that of all others the
    thread that takes orders.

    `blocks` are used in turn: the last two that were given out, and what is still to be hashed, stay as they are.
    """

    def __init__(self) -> None:
        self.reading = Lane("read")
        self.hashing = Lane("hash")
        self.writing = Lane("write")
        self.reading_back = Lane("read-back")
        self.hashing_back = Lane("hash-back")
        self.opening = Lane("open")
        self.blocks = [_buffer(BLOCK) for _number in range(_BLOCKS)]
        self.write_slots = [_buffer(SLOT) for _number in range(_WRITE_SLOTS)]
        self.read_slots = [_buffer(SLOT) for _number in range(_READ_SLOTS)]
        self.opened = _buffer(SLOT + CHUNK)
        self.straddling = memoryview(bytearray(SEALED_CHUNK))

    def close(self) -> None:
        """Let the threads end."""
        for lane in (self.reading, self.hashing, self.writing, self.reading_back, self.hashing_back, self.opening):
            lane.end()


def _buffer(size: int) -> memoryview:
    return memoryview(mmap.mmap(-1, size))

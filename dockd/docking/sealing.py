"""One recording on its way from the camera into its nameless file: in one pass it is hashed, sealed, written, proven.

The key lives here, and nowhere else, from the first chunk until the proof is made. What broke off because the camera
left can go on in the same process: no chunk is sealed twice, because a second sealing under one index would give away
the XOR of two plaintexts.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from dockd.docking.nameless import NamelessFile
from dockd.docking.prove import Proof
from dockd.docking.works import BLOCK, HASHED_BEHIND, SLOT, Works
from dockd.model import Gap, Mp4Report, Proven, Recording, Sealed
from dockd.mp4.examine import UNCHECKED
from dockd.seal.recipients import Recipient
from dockd.seal.stream import CHUNK, TAG, begin

LOOKED_AT_AGAIN = BLOCK - CHUNK
"""Bytes read again before a recording is gone on with; of a chunk that was read in part, that part comes on top."""


class Sealing:
    """`recording` is taken block by block; the file is this object's own from now on, and is closed with it.

    Every `trail` bytes of it are flushed and read back while later ones are taken. OSError is the medium's fault,
    `ProofFailed` the proof's; both may be about what was taken earlier.
    """

    def __init__(
        self, recording: Recording, file: NamelessFile, recipients: Sequence[Recipient], works: Works, trail: int
    ) -> None:
        self.recording = recording
        self._file = file
        self._recipients = recipients
        self._works = works
        self._trail = max(SLOT, trail)
        self._begin()

    def _begin(self) -> None:
        self.done = 0
        """Bytes of the recording that are sealed."""
        self.mp4: Mp4Report | None = None
        """What the check on the camera found, once it was made."""
        self._digest = hashlib.sha256()
        self._last: deque[memoryview | bytes] = deque(maxlen=2)
        prefix, self._key = begin(self._recipients)
        self._proof = Proof(self._key, len(prefix), self._file, self._works)
        for place in range(0, len(prefix), CHUNK):
            part = prefix[place : place + CHUNK]
            self._file.space(len(part))[:] = part
            self._file.add(len(part))

    def take(self, block: memoryview, told: Callable[[int], None]) -> None:
        """Take the next block, a whole number of chunks unless it is the last.

        It must stay as it is until `HASHED_BEHIND` more were taken. `told` how many bytes of the file are read back
        meanwhile, on a thread of its own.
        """
        self._works.hashing.do(partial(self._digest.update, block))
        size = self.recording.size
        for place in range(0, max(1, len(block)), CHUNK):
            chunk = block[place : place + CHUNK]
            self.done += len(chunk)
            sealed = len(chunk) + TAG
            self._key.seal_into(chunk, self.done == size, self._file.space(sealed))
            self._file.add(sealed)
        self._last.append(block)
        if self._file.handed_over - self._proof.asked >= self._trail:
            self._proof.trail(self._file.handed_over, self._file.flushed(), told)
        self._works.hashing.wait(HASHED_BEHIND)

    def finish(self, gaps: Sequence[Gap], told: Callable[[int], None]) -> Proven:
        """Flush, prove and close: all of the recording was taken. `told` how many bytes are read back."""
        self._works.hashing.wait()
        self._file.finish()
        sealed = Sealed(self.recording, self._digest.hexdigest(), self._file.size, self.mp4 or UNCHECKED, tuple(gaps))
        proven = self._proof.finish(sealed, told)
        # Closed before it is called proven: a writer that is left makes the supervisor refuse to place it.
        self._file.close()
        return proven

    def pause(self) -> None:
        """Let nothing be under way, so that it can go on later; raises what failed."""
        self._works.hashing.wait()
        self._last = deque([self.last], maxlen=2)
        self._file.settle()
        self._proof.settle()

    @property
    def last(self) -> bytes:
        """The last bytes that were taken, at most `LOOKED_AT_AGAIN` of them."""
        return b"".join(self._last)[-LOOKED_AT_AGAIN:]

    def begin_anew(self) -> None:
        """Begin again from the first byte, under a new key, with the same file."""
        self._works.hashing.drain()
        self._proof.drop()
        self._file = self._file.emptied()
        self._begin()

    def drop(self) -> None:
        """Forget the key and close the file, wherever it stands."""
        self._works.hashing.drain()
        self._proof.drop()
        self._file.close()

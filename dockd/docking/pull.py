"""The one pass over a recording: it is read from the camera some blocks ahead of what is sealed."""

import hashlib
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from typing import Literal

from dockd.docking.messages import Stage
from dockd.docking.sealing import Sealing
from dockd.docking.works import BLOCK, BLOCKS_AHEAD, HASHED_BEHIND, Works
from dockd.driver import Session
from dockd.errors import DriverError, WorkerFailed
from dockd.model import Mp4Report, Proven, Recording
from dockd.mp4.examine import UNCHECKED, examine
from dockd.seal.stream import CHUNK

Told = Stage | Literal["trail"]

Tell = Callable[[Told, int], None]
"""Told the stage and the number of bytes that are through it so far.

`trail`: these of the file are read back while later ones are sealed; it is told of from a thread of its own.
"""

Crashed = Callable[[Exception], None]
"""Told of a fault of dockd's own MP4 check."""


def pull(session: Session, sealing: Sealing, works: Works, tell: Tell, crashed: Crashed) -> Proven:
    """Seal and prove a recording, from where an earlier pull of it broke off, if one did.

    Raises `DriverError` for the camera's side, after which it can go on, `ProofFailed`, and OSError for the file's.
    """
    recording = sealing.recording
    if sealing.mp4 is None:
        # First: a camera pulled out just after its last byte was read has given a whole recording, and no doubt.
        sealing.mp4 = look_into(session, recording, tell, crashed)
    trail = partial(tell, "trail")
    with closing(blocks_ahead(session, recording, works, sealing.done)) as blocks:
        for block in blocks:
            sealing.take(block, trail)
            tell("seal", sealing.done)
    return sealing.finish((), partial(tell, "prove"))


def goes_on(session: Session, sealing: Sealing) -> bool:
    """Read again what was read last, and tell whether it is the same; one that cannot be read from there is not.

    What was read before it is known by path, size and time only; to be sure of it would be to begin anew.
    """
    last, recording = sealing.last, sealing.recording
    if not last:
        return True
    return session.reads_parts(recording) and session.read_at(recording, sealing.done - len(last), len(last)) == last


def look_into(session: Session, recording: Recording, tell: Tell, crashed: Crashed) -> Mp4Report | None:
    """Make the MP4 check on the camera; whatever happens to it, the recording is taken in. None: the camera failed.

    It reads here and there, for which a camera that gives only whole recordings would have to give it many times.
    """
    done = 0

    def read_at(offset: int, size: int) -> bytes:
        nonlocal done
        part = session.read_at(recording, offset, size)
        done += len(part)
        tell("check", done)
        return part

    try:
        return examine(read_at, recording.size) if session.reads_parts(recording) else UNCHECKED
    except DriverError:
        return None
    except WorkerFailed:
        raise
    except Exception as error:
        # A fault of the check itself: nothing that a recording holds may keep it from being taken in.
        crashed(error)
        return UNCHECKED


def digest_on_camera(session: Session, recording: Recording, works: Works, tell: Tell) -> str:
    """Read a recording again and give its SHA-256."""
    digest = hashlib.sha256()
    done = 0
    with closing(blocks_ahead(session, recording, works)) as blocks:
        for block in blocks:
            works.hashing.do(partial(digest.update, block))
            works.hashing.wait(HASHED_BEHIND)
            done += len(block)
            tell("hash", done)
    works.hashing.wait()
    return digest.hexdigest()


def blocks_ahead(
    session: Session, recording: Recording, works: Works, start: int = 0
) -> Generator[memoryview, None, None]:
    """Yield the rest of a recording block by block while the next ones are read; an empty one is one empty block.

    Each is valid as `Works.blocks` says. Raises `DriverError`, after all whole chunks that were read before it.
    """
    offsets = range(start, max(start + 1, recording.size), BLOCK)
    blocks = [_Block(session, recording, buffer) for buffer in works.blocks]
    lane, asked = works.reading, 0
    try:
        for number in range(len(offsets)):
            while asked < len(offsets) and asked <= number + BLOCKS_AHEAD:
                lane.do(partial(blocks[asked % len(blocks)].read, offsets[asked]))
                asked += 1
            lane.wait(asked - number - 1)
            block = blocks[number % len(blocks)]
            if block.is_short:
                lane.drain()
                asked = number + 1
                try:
                    block.complete()
                except DriverError:
                    if whole := block.whole_chunks():
                        yield whole
                    raise
            yield block.bytes()
    finally:
        lane.drain()


class _Block:
    """One of the buffers, and what of a recording was read into it."""

    def __init__(self, session: Session, recording: Recording, buffer: memoryview) -> None:
        self._session = session
        self._recording = recording
        self._buffer = buffer
        self._offset = 0
        self._size = 0
        self._got = 0

    def read(self, offset: int) -> None:
        self._offset, self._size = offset, min(len(self._buffer), self._recording.size - offset)
        self._got = self._session.read_into(self._recording, offset, self._buffer)

    @property
    def is_short(self) -> bool:
        return self._got < self._size

    def complete(self) -> None:
        while self.is_short:
            rest = self._buffer[self._got : self._size]
            self._got += self._session.read_into(self._recording, self._offset + self._got, rest)

    def whole_chunks(self) -> memoryview:
        return self._buffer[: self._got // CHUNK * CHUNK]

    def bytes(self) -> memoryview:
        return self._buffer[: self._size]

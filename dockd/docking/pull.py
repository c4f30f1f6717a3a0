"""The one pass over a recording: read from the camera, hash, seal, write. Reading runs one block ahead."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from dockd.docking.messages import Stage
from dockd.docking.nameless import NamelessFile
from dockd.driver import Session
from dockd.errors import DriverError, WorkerFailed
from dockd.model import Gap, Mp4Report, Recording, Sealed
from dockd.mp4.examine import UNCHECKED, examine
from dockd.seal.recipients import Recipient
from dockd.seal.stream import CHUNK, TAG, PayloadKey, begin

BLOCK = 16 * CHUNK
"""Bytes read from the camera at once; a whole number of age chunks."""

Tell = Callable[[Stage, int], None]
"""Told the stage and the number of bytes that are through it so far."""

Crashed = Callable[[Exception], None]
"""Told of a fault of dockd's own MP4 check."""


def pull(
    session: Session,
    recording: Recording,
    file: NamelessFile,
    recipients: Sequence[Recipient],
    tell: Tell,
    crashed: Crashed,
) -> tuple[Sealed, PayloadKey, int]:
    """Seal a recording into `file`, flushed; give the live key and the payload's offset for the proof.

    Raises `DriverError` for the camera's side and OSError for the file's. Nothing is left but the nameless file.
    """
    # First: a camera that is pulled out just after its last byte was read has given a whole recording, and no doubt.
    mp4 = look_into(session, recording, tell, crashed)
    return seal(recording, mp4, _told(blocks_ahead(session, recording), tell), [], file, recipients)


def seal(
    recording: Recording,
    mp4: Mp4Report,
    blocks: Iterable[bytes],
    gaps: Sequence[Gap],
    file: NamelessFile,
    recipients: Sequence[Recipient],
) -> tuple[Sealed, PayloadKey, int]:
    """Seal `blocks`, which are all of the recording, as `pull` does; `gaps` is complete once they are drawn."""
    prefix, key = begin(recipients)
    digest = hashlib.sha256()
    sealed = bytearray(CHUNK + TAG)
    file.write(prefix)
    done = 0
    for block in blocks:
        digest.update(block)
        for chunk in _chunks(block):
            done += len(chunk)
            out = memoryview(sealed)[: len(chunk) + TAG]
            key.seal_into(chunk, done == recording.size, out)
            file.write(out)
    file.finish()
    return Sealed(recording, digest.hexdigest(), file.size, mp4, tuple(gaps)), key, len(prefix)


def _told(blocks: Iterable[bytes], tell: Tell) -> Iterator[bytes]:
    """Pass on block by block, and tell of each once it is sealed and written."""
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        tell("seal", done)


def look_into(session: Session, recording: Recording, tell: Tell, crashed: Crashed) -> Mp4Report:
    """Make the MP4 check on the camera; whatever happens to it, the recording is taken in."""
    done = 0

    def read_at(offset: int, size: int) -> bytes:
        nonlocal done
        part = session.read_at(recording, offset, size)
        done += len(part)
        tell("check", done)
        return part

    try:
        return examine(read_at, recording.size)
    except DriverError:
        return UNCHECKED
    except WorkerFailed:
        raise
    except Exception as error:
        # A fault of the check itself: nothing that a recording holds may keep it from being taken in.
        crashed(error)
        return UNCHECKED


def digest_on_camera(session: Session, recording: Recording, tell: Tell) -> str:
    """Read a recording again and give its SHA-256."""
    digest = hashlib.sha256()
    done = 0
    for block in blocks_ahead(session, recording):
        digest.update(block)
        done += len(block)
        tell("hash", done)
    return digest.hexdigest()


def blocks_ahead(session: Session, recording: Recording) -> Iterator[bytes]:
    """Yield the recording block by block while the next one is being read; an empty recording is one empty block."""
    if recording.size <= BLOCK:
        yield session.read_at(recording, 0, BLOCK)
        return
    offsets = range(0, recording.size, BLOCK)
    with ThreadPoolExecutor(1, "read") as reader:
        ahead = reader.submit(session.read_at, recording, 0, BLOCK)
        for offset in offsets:
            block = ahead.result()
            if offset + BLOCK < recording.size:
                ahead = reader.submit(session.read_at, recording, offset + BLOCK, BLOCK)
            yield block


def _chunks(block: bytes) -> Iterator[memoryview]:
    view = memoryview(block)
    for offset in range(0, max(1, len(block)), CHUNK):
        yield view[offset : offset + CHUNK]

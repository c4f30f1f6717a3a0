"""The proof: what lies on the medium decrypts to exactly the bytes that were read from the camera.

It trails the pull: a stretch is read back as soon as it is flushed, while later ones are still being pulled.
"""

import hashlib
import hmac
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from dockd.docking.nameless import NamelessFile
from dockd.docking.works import SLOT, Works
from dockd.errors import ProofFailed, SealError
from dockd.i18n import _
from dockd.model import Proven, Sealed
from dockd.seal.stream import Opener, PayloadKey
from dockd.store.medium import ALIGNMENT

STRETCHES_BEHIND = 2
"""How many stretches may be flushed and not yet proven; the pull waits for the proof then."""


class Proof:
    """One recording's proof, as far as it has come. The payload stands behind the first `prefix` bytes.

    Every method raises OSError if the medium fails, and `ProofFailed`, perhaps for an earlier stretch.
    """

    def __init__(self, key: PayloadKey, prefix: int, file: NamelessFile, works: Works) -> None:
        self._file = file
        self._lane = works.reading_back
        self._hashing = works.hashing_back
        self._opening = works.opening
        self._slots = works.read_slots
        self._opened = works.opened
        self._opener = Opener(key)
        self._skip = prefix
        self._ciphertext = hashlib.sha256()
        self._plaintext = hashlib.sha256()
        self._asked = 0
        self._done = 0
        self._turn = 0

    @property
    def asked(self) -> int:
        """Bytes of the file that were asked to be proven."""
        return self._asked

    def trail(self, end: int, flushed: "Future[None]", told: Callable[[int], None]) -> None:
        """Read back up to `end`, a multiple of SLOT, once that is flushed; waits only if that is far behind."""
        self._wait(STRETCHES_BEHIND - 1)
        self._asked = end
        self._lane.do(partial(self._read_on, end, flushed, told))

    def settle(self) -> None:
        """Wait until nothing is under way."""
        self._wait(0)

    def finish(self, sealed: Sealed, told: Callable[[int], None]) -> Proven:
        """Read the rest of the finished file and compare; `told` how many bytes are read back, from another thread.

        1. Every byte came from the medium; their SHA-256 is the ciphertext digest. 2. The payload decrypts, complete
        and in order (age v1). 3. The plaintext's SHA-256 is the one taken from the camera.
        """
        self._asked = self._file.size
        self._lane.do(partial(self._read_on, self._asked, None, told))
        self._wait(0)
        try:
            self._plaintext.update(self._opener.finish(self._opened))
        except SealError as error:
            raise _does_not_decrypt() from error
        if self._done != sealed.ciphertext_size or not hmac.compare_digest(
            self._plaintext.hexdigest(), sealed.plaintext_sha256
        ):
            raise ProofFailed(_("what was read back is not what was read from the camera"))
        return Proven(sealed, self._ciphertext.hexdigest(), self._file.read_back_mode)

    def drop(self) -> None:
        """Let nothing be under way, whatever failed."""
        self._lane.drain()
        self._hashing.drain()
        self._opening.drain()

    def _wait(self, pending: int) -> None:
        try:
            self._lane.wait(pending)
        except SealError as error:
            raise _does_not_decrypt() from error

    def _read_on(self, end: int, flushed: "Future[None] | None", told: Callable[[int], None]) -> None:
        if flushed is not None:
            flushed.result()
        self._file.drop_cache()
        while self._done < end:
            slot = self._slots[self._turn]
            # Of the calls under way those that have this slot are the oldest.
            self._hashing.wait(len(self._slots) - 1)
            self._opening.wait(len(self._slots) - 1)
            self._turn = (self._turn + 1) % len(self._slots)
            wanted = min(SLOT, end - self._done)
            got = min(wanted, self._file.read_back(self._done, slot[: -(-wanted // ALIGNMENT) * ALIGNMENT]))
            if not got:
                break
            self._hashing.do(partial(self._ciphertext.update, slot[:got]))
            self._opening.do(partial(self._open, slot[self._skip : got]))
            self._skip = max(0, self._skip - got)
            self._done += got
            told(self._done)
        self._hashing.wait()
        self._opening.wait()

    def _open(self, payload: memoryview) -> None:
        # Hashed all at once: after each of many short calls it would wait for Python's lock.
        self._plaintext.update(self._opener.feed(payload, self._opened))


def _does_not_decrypt() -> ProofFailed:
    return ProofFailed(_("what was read back does not decrypt"))

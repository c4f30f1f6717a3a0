"""The proof: what lies on the medium decrypts to exactly the bytes that were read from the camera."""

import hashlib
import hmac

from dockd.docking.nameless import NamelessFile
from dockd.docking.pull import Tell
from dockd.errors import ProofFailed, SealError
from dockd.i18n import _
from dockd.model import Proven, Sealed
from dockd.seal.stream import Opener, PayloadKey


def prove(sealed: Sealed, key: PayloadKey, prefix: int, file: NamelessFile, tell: Tell) -> Proven:
    """Read the flushed file back, decrypt it and compare.

    1. Every byte comes from the medium again (`NamelessFile.read_back`); their SHA-256 is the ciphertext digest.
    2. The payload behind the first `prefix` bytes decrypts, complete and in order (age v1).
    3. The plaintext's SHA-256 is the one taken from the camera.

    Raises `ProofFailed` if any of it does not hold, OSError if the medium fails.
    """
    ciphertext, plaintext = hashlib.sha256(), hashlib.sha256()
    opener = Opener(key)
    skip, done = prefix, 0
    try:
        for block in file.read_back():
            ciphertext.update(block)
            for plain in opener.feed(block[skip:]):
                plaintext.update(plain)
            skip = max(0, skip - len(block))
            done += len(block)
            tell("prove", done)
        plaintext.update(opener.finish())
    except SealError as error:
        raise ProofFailed(_("what was read back does not decrypt")) from error
    if done != sealed.ciphertext_size or not hmac.compare_digest(plaintext.hexdigest(), sealed.plaintext_sha256):
        raise ProofFailed(_("what was read back is not what was read from the camera"))
    return Proven(sealed, ciphertext.hexdigest(), file.read_back_mode)

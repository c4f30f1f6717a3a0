"""The age v1 payload (C2SP age.md, "Payload"): 64 KiB chunks, ChaCha20-Poly1305, a counter and a last-chunk flag.

The key of a recording exists only as the live cipher inside `PayloadKey`. Python cannot wipe memory for certain;
what can be done is to let go of the file key at once and of the cipher as soon as the read-back is compared.
"""

import itertools
import secrets
from collections.abc import Iterable, Iterator, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from dockd.errors import HeaderInvalid, OrderError, PayloadInvalid
from dockd.i18n import _
from dockd.seal.header import MAX_HEADER, header_size, new_file_key, parse_header, unwrap, write_header
from dockd.seal.kinds import derive
from dockd.seal.recipients import Identity, Recipient

CHUNK = 64 * 1024
TAG = 16
SEALED_CHUNK = CHUNK + TAG
PAYLOAD_NONCE = 16

BytesLike = bytes | bytearray | memoryview


class PayloadKey:
    """The live key of one sealed recording: encrypts each chunk index at most once, then opens what was written.

    A second encryption under one index would give away the XOR of two plaintexts, so it is an error.
    """

    def __init__(self, file_key: bytes, nonce: bytes) -> None:
        self._cipher = ChaCha20Poly1305(derive(file_key, nonce, b"payload"))
        self._next = 0

    def seal_into(self, chunk: BytesLike, last: bool, out: memoryview) -> None:
        """Encrypt the next chunk into `out`, which must be exactly `TAG` bytes longer than `chunk`."""
        self._cipher.encrypt_into(_nonce(self._next, last), chunk, None, out)
        self._next += 1

    def open_into(self, index: int, last: bool, sealed: BytesLike, out: memoryview) -> None:
        """Decrypt chunk `index` into `out`; raises `PayloadInvalid` if one bit of it is not as it was sealed."""
        try:
            self._cipher.decrypt_into(_nonce(index, last), sealed, None, out)
        except (InvalidTag, ValueError) as error:
            raise PayloadInvalid(_("chunk {index} does not decrypt").format(index=index)) from error


def begin(recipients: Sequence[Recipient]) -> tuple[bytes, PayloadKey]:
    """Start a sealed recording: give what stands before the first chunk, and the key. The file key is let go."""
    file_key = new_file_key()
    nonce = secrets.token_bytes(PAYLOAD_NONCE)
    return write_header(file_key, recipients) + nonce, PayloadKey(file_key, nonce)


def prefix_size(recipients: Iterable[Recipient]) -> int:
    """Bytes that stand before the first chunk of every object for these recipients."""
    return header_size(recipients) + PAYLOAD_NONCE


def sealed_size(prefix: int, plaintext: int) -> int:
    """Bytes of the whole object for `plaintext` bytes behind a prefix of `prefix` bytes; an empty one has a chunk."""
    chunks = max(1, -(-plaintext // CHUNK))
    return prefix + plaintext + chunks * TAG


class Opener:
    """Decrypts a payload that comes in blocks of any size, without knowing in advance where it ends.

    A chunk is opened as "not the last" only once bytes beyond it have come, and `finish` opens the rest as the last:
    truncation, surplus and reordering all fail to decrypt.
    """

    def __init__(self, key: PayloadKey) -> None:
        self._key = key
        self._index = 0
        self._pending = memoryview(bytearray(SEALED_CHUNK))
        self._fill = 0

    def feed(self, block: BytesLike, into: memoryview) -> memoryview:
        """Give the plaintext of all chunks that are now known to be complete and not the last, at the start of `into`.

        That must have room for one chunk more than the block is long, or it is an OrderError.
        """
        data = memoryview(block)
        if len(into) < len(data) + CHUNK:
            raise OrderError("an opener was given too little room")
        made = 0
        if self._fill and len(data) > SEALED_CHUNK - self._fill:
            place = SEALED_CHUNK - self._fill
            self._pending[self._fill :] = data[:place]
            self._fill = 0
            made = self._open(self._pending, into, last=False)
            data = data[place:]
        place, end = 0, len(data)
        if not self._fill:
            while end - place > SEALED_CHUNK:
                made += self._open(data[place : place + SEALED_CHUNK], into[made:], last=False)
                place += SEALED_CHUNK
        # Of what is complete, too, it is not known yet whether it is the last.
        self._pending[self._fill : self._fill + end - place] = data[place:]
        self._fill += end - place
        return into[:made]

    def finish(self, into: memoryview) -> memoryview:
        """Give the plaintext of the last chunk in `into`; raises `PayloadInvalid` if the payload was cut or goes on."""
        if len(into) < CHUNK:
            raise OrderError("an opener was given too little room")
        if self._fill < TAG or (self._fill == TAG and self._index):
            raise PayloadInvalid(_("the object is cut short after {n} chunks").format(n=self._index))
        return into[: self._open(self._pending[: self._fill], into, last=True)]

    def _open(self, sealed: memoryview, into: memoryview, *, last: bool) -> int:
        size = len(sealed) - TAG
        self._key.open_into(self._index, last, sealed, into[:size])
        self._index += 1
        return size


def unseal(blocks: Iterable[bytes], identity: Identity) -> Iterator[bytes]:
    """Decrypt a whole object with a private key of the CSU.

    Raises a `SealError` for anything that is not exactly one complete, untouched object: `NotForIdentity`,
    `HeaderInvalid`, `HeaderChanged` or `PayloadInvalid`. What was yielded before is genuine but may be incomplete.
    """
    source = iter(blocks)
    start = bytearray()
    for first in source:
        start += first
        if len(start) >= MAX_HEADER + PAYLOAD_NONCE:
            break
    header = parse_header(bytes(start[:MAX_HEADER]))
    file_key = unwrap(header, identity)
    payload = header.size + PAYLOAD_NONCE
    if len(start) < payload:
        raise HeaderInvalid(_("the object ends before its payload"))
    opener = Opener(PayloadKey(file_key, bytes(start[header.size : payload])))
    into = memoryview(b"")
    for block in itertools.chain([bytes(start[payload:])], source):
        if len(into) < len(block) + CHUNK:
            into = memoryview(bytearray(len(block) + CHUNK))
        if plain := opener.feed(block, into):
            yield bytes(plain)
    yield bytes(opener.finish(into))


def _nonce(index: int, last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if last else b"\x00")

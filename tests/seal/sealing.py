"""Sealing in one call, as the worker does it chunk by chunk; and the sizes at which something can go wrong."""

from collections.abc import Iterator

from dockd.seal.kinds import POST_QUANTUM, X25519
from dockd.seal.recipients import Identity, Recipient
from dockd.seal.stream import CHUNK, TAG, begin, unseal

FIXED = Identity(X25519, bytes(range(32)))
OTHER = Identity(X25519, bytes(range(32, 64)))
FIXED_PQ = Identity(POST_QUANTUM, bytes(range(32)))
OTHER_PQ = Identity(POST_QUANTUM, bytes(range(32, 64)))

MIB = 1024 * 1024
BOUNDARIES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, MIB - 1, MIB, MIB + 1, 4 * MIB - 1, 4 * MIB, 5 * MIB + 7]


def chunks(plain: bytes) -> list[bytes]:
    return [plain[offset : offset + CHUNK] for offset in range(0, max(1, len(plain)), CHUNK)]


def seal_parts(plain: bytes, *recipients: Recipient) -> tuple[bytes, list[bytes]]:
    """Give what stands before the payload, and each sealed chunk."""
    prefix, key = begin(recipients or (FIXED.recipient,))
    parts = chunks(plain)
    sealed = []
    for number, chunk in enumerate(parts):
        out = bytearray(len(chunk) + TAG)
        key.seal_into(chunk, number == len(parts) - 1, memoryview(out))
        sealed.append(bytes(out))
    return prefix, sealed


def seal(plain: bytes, *recipients: Recipient) -> bytes:
    prefix, sealed = seal_parts(plain, *recipients)
    return prefix + b"".join(sealed)


def unsealed(data: bytes, identity: Identity = FIXED, block: int = 100_000) -> bytes:
    return b"".join(unseal(blocks(data, block), identity))


def blocks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[offset : offset + size] for offset in range(0, len(data), size))


def pattern(size: int) -> bytes:
    """Bytes that no shift by a chunk or a block leaves the same."""
    return b"".join(n.to_bytes(4, "big") for n in range(size // 4 + 1))[:size]

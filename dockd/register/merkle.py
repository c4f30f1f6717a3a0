"""The Merkle tree of RFC 6962 section 2.1, grown one leaf at a time."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

SALT_BYTES = 32
LEAF_BYTES = 32
HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()


def leaf_data(salt: bytes, body: bytes) -> bytes:
    """Return what the tree knows of an entry. The salt keeps a pruned body from being guessed from its leaf."""
    return sha256(salt + body).digest()


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def hashes(together: bytes) -> list[bytes]:
    """Take apart hashes that stand one behind the other."""
    return [together[place : place + HASH_BYTES] for place in range(0, len(together), HASH_BYTES)]


def complete_subtrees(size: int) -> Iterator[tuple[int, int]]:
    """Name the complete subtrees that a tree of `size` leaves consists of, largest first: (last leaf, level)."""
    end = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            end += 1 << level
            yield end - 1, level


class Frontier:
    """The right edge of a growing tree: the roots of its complete subtrees, largest first.

    It takes log2(size) hashes to keep, to append to and to take the root of.
    """

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        self.size = size
        self._roots = list(roots)

    def copy(self) -> "Frontier":
        return Frontier(self.size, self._roots)

    def append(self, leaf: bytes) -> bytes:
        """Add a leaf; return the roots of the subtrees that it completes, level 1 first, one behind the other."""
        # Written out: a full verification comes by here a million times.
        root = sha256(b"\x00" + leaf).digest()
        roots, merging = self._roots, self.size
        self.size = merging + 1
        if not merging & 1:
            roots.append(root)
            return b""
        completed = root = sha256(b"\x01" + roots.pop() + root).digest()
        merging >>= 1
        while merging & 1:
            root = sha256(b"\x01" + roots.pop() + root).digest()
            completed += root
            merging >>= 1
        roots.append(root)
        return completed

    def root(self) -> bytes:
        if not self._roots:
            return EMPTY_ROOT
        root = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            root = node_hash(left, root)
        return root

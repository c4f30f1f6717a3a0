"""Proofs of a Merkle tree for somebody who does not have it: RFC 6962 sections 2.1.1 and 2.1.2.

They are made from the roots of complete subtrees, which the register keeps, so that a proof costs log2(size)^2
look-ups at most. They are checked as RFC 9162 sections 2.1.3.2 and 2.1.4.2 say.
"""

from collections.abc import Callable, Sequence

from dockd.errors import RegisterTampered
from dockd.i18n import _
from dockd.register.merkle import leaf_hash, node_hash

SubtreeRoot = Callable[[int, int], bytes]
"""Gives the root of a complete subtree by its last leaf and its level; level 0 is the hash of the leaf."""


def inclusion(index: int, size: int, subtree: SubtreeRoot) -> list[bytes]:
    """Give the hashes that lead from leaf `index` to the root over `size` leaves, the lowest first."""
    if not 0 <= index < size:
        raise ValueError("there is no such leaf in this tree")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_root(middle, high, subtree))
            high = middle
        else:
            path.append(_root(low, middle, subtree))
            low = middle
    return path[::-1]


def consistency(old: int, new: int, subtree: SubtreeRoot) -> list[bytes]:
    """Give the hashes that show that the tree over `old` leaves, 1 or more, is the beginning of that over `new`."""
    if not 1 <= old <= new:
        raise ValueError("a tree cannot be the beginning of a smaller one, and every tree begins with an empty one")
    path: list[bytes] = []
    low, high, whole = 0, new, True
    while low + old != high:
        middle = low + _split(high - low)
        if low + old <= middle:
            path.append(_root(middle, high, subtree))
            high = middle
        else:
            path.append(_root(low, middle, subtree))
            old, low, whole = low + old - middle, middle, False
    return path[::-1] if whole else [_root(low, high, subtree), *path[::-1]]


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Raise RegisterTampered unless `path` leads from `leaf`, at `index`, to the root over `size` leaves."""
    number, last, hash_ = index, size - 1, leaf_hash(leaf)
    for each in path:
        if last == 0:
            raise _wrong()
        if number & 1 or number == last:
            hash_ = node_hash(each, hash_)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            hash_ = node_hash(hash_, each)
        number, last = number >> 1, last >> 1
    if not 0 <= index < size or last != 0 or hash_ != root:
        raise _wrong()


def check_consistency(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> None:
    """Raise RegisterTampered unless `path` shows that the tree over `old` leaves is how that over `new` begins."""
    if old == new:
        if path or old_root != new_root:
            raise _wrong()
        return
    if not 1 <= old < new or not path:
        raise _wrong()
    rest = list(path) if old & (old - 1) else [old_root, *path]
    number, last = old - 1, new - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    before = after = rest[0]
    for each in rest[1:]:
        if last == 0:
            raise _wrong()
        if number & 1 or number == last:
            before, after = node_hash(each, before), node_hash(each, after)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            after = node_hash(after, each)
        number, last = number >> 1, last >> 1
    if last != 0 or before != old_root or after != new_root:
        raise _wrong()


def _split(length: int) -> int:
    """Give the largest power of two below `length`, which is 2 or more."""
    return 1 << (length - 1).bit_length() - 1


def _root(low: int, high: int, subtree: SubtreeRoot) -> bytes:
    """Give the root over the leaves from `low` to before `high`; `low` is where a subtree of that length begins."""
    length = high - low
    if length & (length - 1) == 0:
        return subtree(high - 1, length.bit_length() - 1)
    middle = low + _split(length)
    return node_hash(_root(low, middle, subtree), _root(middle, high, subtree))


def _wrong() -> RegisterTampered:
    return RegisterTampered(_("the proof does not lead from one to the other"))

"""Merkle proofs: those of the published vectors, of an independent implementation, and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, verify_consistency

from dockd.errors import RegisterTampered
from dockd.register.merkle import Frontier, hashes, leaf_hash
from dockd.register.proof import check_consistency, check_inclusion, consistency, inclusion
from tests.register.test_merkle import CT_LEAVES, CT_ROOTS, recursive_root

# Of the Certificate Transparency reference implementation, by its own count from 1 (merkle_tree_test.cc).
CT_PATHS = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (3, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        2,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
CT_CONSISTENCIES = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]


class Tree:
    """A tree that keeps what the register keeps."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves
        self._roots: dict[tuple[int, int], bytes] = {}
        grown = Frontier()
        for number, leaf in enumerate(leaves):
            self._roots[number, 0] = leaf_hash(leaf)
            for level, root in enumerate(hashes(grown.append(leaf)), start=1):
                self._roots[number, level] = root

    def subtree(self, last: int, level: int) -> bytes:
        return self._roots[last, level]

    def root(self, size: int) -> bytes:
        return recursive_root(self.leaves[:size])


CT = Tree([bytes.fromhex(leaf) for leaf in CT_LEAVES])


@pytest.mark.parametrize(("leaf", "size", "path"), CT_PATHS)
def test_inclusion_proofs_are_those_of_the_certificate_transparency_vectors(leaf, size, path):
    assert [each.hex() for each in inclusion(leaf - 1, size, CT.subtree)] == path
    root = bytes.fromhex(CT_ROOTS[size - 1])
    check_inclusion(CT.leaves[leaf - 1], leaf - 1, size, list(map(bytes.fromhex, path)), root)


@pytest.mark.parametrize(("old", "new", "path"), CT_CONSISTENCIES)
def test_consistency_proofs_are_those_of_the_certificate_transparency_vectors(old, new, path):
    assert [each.hex() for each in consistency(old, new, CT.subtree)] == path
    roots = (bytes.fromhex(CT_ROOTS[size - 1]) for size in (old, new))
    check_consistency(old, next(roots), new, next(roots), list(map(bytes.fromhex, path)))


@st.composite
def grown(draw):
    """Give the leaves of a tree, and two of its sizes, the smaller one first."""
    leaves = draw(st.lists(st.binary(max_size=4), min_size=1, max_size=70))
    new = draw(st.integers(1, len(leaves)))
    return leaves, draw(st.integers(1, new)), new


@given(grown(), st.integers(0))
def test_an_independent_implementation_has_the_same_roots_and_proofs(tree, index):
    leaves, old, new = tree
    index %= new
    ours, theirs = Tree(leaves), InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        theirs.append_entry(leaf)
    assert theirs.get_root(new) == ours.root(new)
    path = inclusion(index, new, ours.subtree)
    # Theirs begins with the leaf itself, and counts leaves from 1.
    assert theirs.prove_inclusion(index + 1, new).path == [leaf_hash(leaves[index]), *path]
    verify_consistency(ours.root(old), ours.root(new), theirs.prove_consistency(old, new), old, new)
    check_inclusion(leaves[index], index, new, path, ours.root(new))
    check_consistency(old, ours.root(old), new, ours.root(new), consistency(old, new, ours.subtree))


@given(grown(), st.integers(0), st.data())
def test_no_other_leaf_place_size_root_or_path_is_proven(tree, index, data):
    leaves, _old, size = tree
    index %= size
    ours = Tree(leaves)
    leaf, path, root = leaves[index], inclusion(index, size, ours.subtree), ours.root(size)
    bit = data.draw(st.integers(0, 8 * 32 * len(path) - 1)) if path else 0
    for wrong in (
        (leaf + b"!", index, size, path, root),
        (leaf, index, size, [*path, root], root),
        (leaf, index, size, path[:-1], root) if path else (leaf, index, 0, path, root),
        (leaf, index, size, _flipped(path, bit), root) if path else (leaf, index + 1, size, path, root),
        (leaf, index, size, path, leaf_hash(root)),
        (leaf, size, size, path, root),
        (leaf, -1, size, path, root),
    ):
        with pytest.raises(RegisterTampered):
            check_inclusion(*wrong)


@given(grown(), st.data())
def test_no_other_beginning_is_proven(tree, data):
    leaves, old, new = tree
    ours = Tree(leaves)
    before, after, path = ours.root(old), ours.root(new), consistency(old, new, ours.subtree)
    other = leaf_hash(before)
    wrong = [(old, other, new, after, path), (old, before, new, other, path), (old, before, new, after, [*path, other])]
    wrong += [(0, before, new, after, path), (new + 1, before, new, after, path)]
    if path:
        bit = data.draw(st.integers(0, 8 * 32 * len(path) - 1))
        wrong += [(old, before, new, after, path[:-1]), (old, before, new, after, _flipped(path, bit))]
    for each in wrong:
        with pytest.raises(RegisterTampered):
            check_consistency(*each)


def _flipped(path: list[bytes], bit: int) -> list[bytes]:
    place, within = divmod(bit, 8 * 32)
    changed = int.from_bytes(path[place], "big") ^ 1 << within
    return [*path[:place], changed.to_bytes(32, "big"), *path[place + 1 :]]


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 2)])
def test_what_is_not_in_a_tree_has_no_proof(index, size):
    with pytest.raises(ValueError, match="leaf"):
        inclusion(index, size, CT.subtree)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3)])
def test_what_is_not_a_beginning_has_no_proof(old, new):
    with pytest.raises(ValueError, match="beginning"):
        consistency(old, new, CT.subtree)

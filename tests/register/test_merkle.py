import hashlib

from hypothesis import given
from hypothesis import strategies as st

from dockd.register.merkle import EMPTY_ROOT, Frontier, complete_subtrees, hashes, leaf_hash, node_hash

# The leaves and roots of the Certificate Transparency reference implementation.
CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def recursive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + recursive_root(leaves[:k]) + recursive_root(leaves[k:])).digest()


def test_the_roots_are_those_of_the_certificate_transparency_vectors() -> None:
    tree = Frontier()
    assert tree.root() == EMPTY_ROOT
    for leaf, root in zip(CT_LEAVES, CT_ROOTS, strict=True):
        tree.append(bytes.fromhex(leaf))
        assert tree.root().hex() == root


@given(st.lists(st.binary(max_size=8), max_size=130))
def test_every_root_is_that_of_the_recursive_definition(leaves: list[bytes]) -> None:
    tree = Frontier()
    for count, leaf in enumerate(leaves, start=1):
        tree.append(leaf)
        assert (tree.size, tree.root()) == (count, recursive_root(leaves[:count]))


@given(st.integers(0, 200))
def test_a_tree_taken_up_from_its_completed_subtrees_is_the_same_tree(size: int) -> None:
    whole = Frontier()
    roots = {}
    for seq in range(size):
        leaf = seq.to_bytes(2, "big")
        roots[seq, 0] = leaf_hash(leaf)
        for level, root in enumerate(hashes(whole.append(leaf)), start=1):
            roots[seq, level] = root
    taken_up = Frontier(size, [roots[place] for place in complete_subtrees(size)])
    assert taken_up.root() == whole.root()
    assert taken_up.append(b"next") == whole.append(b"next")
    assert taken_up.root() == whole.root()


def test_a_completed_subtree_is_the_node_over_its_halves() -> None:
    tree = Frontier()
    assert tree.append(b"a") == b""
    assert tree.append(b"b") == node_hash(leaf_hash(b"a"), leaf_hash(b"b"))


def test_a_copy_grows_apart_from_its_original() -> None:
    tree = Frontier()
    tree.append(b"a")
    grown = tree.copy()
    grown.append(b"b")
    assert tree.root() == leaf_hash(b"a") != grown.root()

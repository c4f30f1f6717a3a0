"""Nothing but the exact object is ever accepted as complete."""

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dockd.errors import OrderError, SealError
from dockd.seal.header import MAX_HEADER, parse_header, unwrap, write_header
from dockd.seal.kinds import X25519
from dockd.seal.recipients import Recipient
from dockd.seal.stream import CHUNK, SEALED_CHUNK, TAG, Opener, PayloadKey, begin, unseal
from tests.seal.sealing import FIXED, OTHER, pattern, seal, seal_parts, unsealed

PLAIN = pattern(2 * CHUNK + 100)
PREFIX, PARTS = seal_parts(PLAIN)
OBJECT = PREFIX + b"".join(PARTS)


def refused(data, block=100_000):
    """Check that no reader gets to the end, and that whatever comes before is genuine."""
    got = b""
    with pytest.raises(SealError):
        for part in unseal(iter([data[n : n + block] for n in range(0, len(data), block)]), FIXED):
            got += part
    assert PLAIN.startswith(got)


def test_every_bit_of_header_mac_and_nonce_matters():
    for place, bit in itertools.product(range(len(PREFIX)), range(8)):
        changed = bytearray(PREFIX + PARTS[0])
        changed[place] ^= 1 << bit
        refused(bytes(changed) + b"".join(PARTS[1:]))


@settings(max_examples=60)
@given(st.integers(len(PREFIX), len(OBJECT) - 1), st.integers(0, 7))
@example(len(PREFIX), 0)
@example(len(PREFIX) + CHUNK, 0)
@example(len(PREFIX) + SEALED_CHUNK - 1, 7)
@example(len(PREFIX) + SEALED_CHUNK, 0)
@example(len(OBJECT) - TAG, 0)
@example(len(OBJECT) - 1, 7)
def test_every_bit_of_every_chunk_and_tag_matters(place, bit):
    changed = bytearray(OBJECT)
    changed[place] ^= 1 << bit
    refused(bytes(changed))


@pytest.mark.parametrize("chunks", range(3))
@pytest.mark.parametrize("more", [-1, 0, 1, TAG - 1, TAG, TAG + 1])
def test_an_object_cut_at_or_near_a_chunk_is_refused(chunks, more):
    refused(OBJECT[: len(PREFIX) + chunks * SEALED_CHUNK + more])


@given(st.integers(0, len(OBJECT) - 1))
def test_an_object_cut_anywhere_is_refused(size):
    refused(OBJECT[:size])


@pytest.mark.parametrize("surplus", [b"\0", bytes(TAG), PARTS[2], PARTS[0], OBJECT])
def test_surplus_bytes_are_refused(surplus):
    refused(OBJECT + surplus)


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 0, 2], [0, 2], [1, 2], [2], [0, 2, 1], [0, 1], [0, 1, 2, 2]])
def test_chunks_in_another_order_are_refused(order):
    refused(PREFIX + b"".join(PARTS[n] for n in order))


def test_a_last_flag_in_the_middle_is_refused():
    prefix, key = begin([FIXED.recipient])
    out = bytearray(SEALED_CHUNK)
    parts = []
    for last in (False, True, True):
        key.seal_into(PLAIN[:CHUNK], last, memoryview(out))
        parts.append(bytes(out))
    with pytest.raises(SealError):
        unsealed(prefix + b"".join(parts))


def test_an_end_without_a_last_flag_is_refused():
    prefix, key = begin([FIXED.recipient])
    out = bytearray(5 + TAG)
    key.seal_into(b"dockd", False, memoryview(out))
    with pytest.raises(SealError):
        unsealed(prefix + bytes(out))


def test_an_empty_last_chunk_is_allowed_only_for_an_empty_recording():
    prefix, key = begin([FIXED.recipient])
    full, empty = bytearray(SEALED_CHUNK), bytearray(TAG)
    key.seal_into(PLAIN[:CHUNK], False, memoryview(full))
    key.seal_into(b"", True, memoryview(empty))
    with pytest.raises(SealError):
        unsealed(prefix + bytes(full + empty))
    assert unsealed(seal(b"")) == b""


def test_another_identity_opens_nothing():
    with pytest.raises(SealError):
        unsealed(OBJECT, OTHER)


def test_the_header_of_one_object_does_not_open_another():
    other_prefix, _parts = seal_parts(PLAIN)
    refused(other_prefix + b"".join(PARTS))


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_low_order_points_are_refused_as_recipient_and_as_share(point):
    with pytest.raises(SealError):
        write_header(bytes(16), [Recipient(X25519, "age1…", point)])
    with pytest.raises(SealError):
        X25519.unwrap(FIXED.secret, point, bytes(32))


def test_an_object_for_nobody_is_refused():
    with pytest.raises(SealError):
        begin([])


def test_a_payload_key_never_seals_an_index_twice():
    key = PayloadKey(bytes(16), bytes(16))
    seen = set()
    for _ in range(5):
        out = bytearray(4 + TAG)
        key.seal_into(b"same", False, memoryview(out))
        seen.add(bytes(out))
        with pytest.raises(ValueError, match="buffer"):
            key.seal_into(b"same", False, memoryview(bytearray(3)))
    assert len(seen) == 5


@settings(max_examples=40)
@given(st.lists(st.integers(0, 150_000), max_size=8), st.integers(0, 3 * CHUNK))
def test_it_does_not_matter_how_an_object_is_split_into_blocks(cuts, size):
    plain = PLAIN[:size]
    data = seal(plain)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert b"".join(unseal([data[a:b] for a, b in itertools.pairwise(edges)], FIXED)) == plain


def without_surprise(read, data):
    try:
        return read(data)
    except SealError:
        return None


LINES = st.sampled_from(
    [b"age-encryption.org/v1\n", b"-> X25519 ", b"-> a\n", b"--- ", b"\n", b"A" * 43, b"A" * 64, b" ", b"=", *[PREFIX]]
)


@given(st.binary(max_size=300) | st.lists(LINES | st.binary(max_size=3), max_size=20).map(b"".join))
@example(b"age-encryption.org/v1\n" + b"-> a\n" * 13_000)
@example(b"age-encryption.org/v1\n-> a\n" + b"A" * MAX_HEADER)
def test_any_bytes_as_an_object_only_raise_a_seal_error(data):
    header = without_surprise(parse_header, data)
    if header is not None:
        without_surprise(lambda _data: unwrap(header, FIXED), data)
    without_surprise(unsealed, data)


def test_too_little_room_is_never_taken_for_a_fault_of_the_object():
    opener = Opener(PayloadKey(bytes(16), bytes(16)))
    with pytest.raises(OrderError):
        opener.feed(b"x" * 100, memoryview(bytearray(CHUNK + 99)))
    with pytest.raises(OrderError):
        opener.finish(memoryview(bytearray(CHUNK - 1)))


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_any_bytes_as_a_payload_only_raise_a_seal_error(parts):
    opener = Opener(PayloadKey(bytes(16), bytes(16)))
    into = memoryview(bytearray(2 * CHUNK))
    with pytest.raises(SealError):
        for part in parts:
            opener.feed(part, into)
        opener.finish(into)

"""The check stays within a second and 100 MB whatever a file claims, and millions of real samples fit into that."""

import random
import struct
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.mp4.examine import Mp4Report, examine
from dockd.mp4.source import MAX_INDEX_BYTES
from tests.fuzz import fuzz_mp4
from tests.mp4.boxes import AVC1, FTYP, MEDIA_AT, MVHD, box, full, movie, numbers, table, trak, unit
from tests.mp4.sources import kept

MAX_SECONDS = 1.0
MAX_BYTES = 100_000_000
TRACK = trak(table([], b""))
MVEX = box(b"mvex", full(b"trex", numbers(1, 1, 40, 5, 0)))
TFHD = box(b"tfhd", numbers(0x20000, 1))
SMALL = unit(b"\x65")
KINDS = st.sampled_from(fuzz_mp4.KINDS)


def alternating(chunks: int) -> bytes:
    return b"".join(struct.pack(">III", chunk + 1, 1 + 2 * (chunk & 1), 1) for chunk in range(chunks))


def one_a_chunk(count: int) -> bytes:
    tables = table(numbers(5) * count, numbers(MEDIA_AT) * count, runs=numbers(1, 1, 1))
    return movie(SMALL * 2, trak(tables))


def uneven(chunks: int) -> bytes:
    sizes = numbers(0) * 2 * chunks
    return movie(SMALL, trak(table(sizes, numbers(MEDIA_AT) * chunks, runs=alternating(chunks))))


def in_one_chunk(count: int) -> bytes:
    return movie(SMALL * count, trak(table(numbers(5) * count, numbers(MEDIA_AT))))


def nibbles(count: int) -> bytes:
    tables = table(b"", numbers(MEDIA_AT), count=count)
    tables[b"stsz"] = full(b"stz2", numbers(4, count), bytes(count // 2))
    return movie(SMALL, trak(tables))


def many_mdats(mdats: int, chunks: int) -> bytes:
    tables = table(b"", numbers(MEDIA_AT) * chunks, runs=alternating(chunks), count=2 * chunks)
    tables[b"stsz"] = full(b"stsz", numbers(5, 2 * chunks))
    return FTYP + box(b"mdat", SMALL * 4) * mdats + box(b"moov", MVHD, trak(tables))


def fragments(count: int) -> bytes:
    trun = box(b"trun", numbers(1, 1, 8))
    each = box(b"moof", full(b"mfhd", numbers(1)), box(b"traf", TFHD, trun)) + box(b"mdat", SMALL)
    return FTYP + box(b"moov", MVHD, TRACK, MVEX) + each * count


def runs(count: int, rows: int) -> bytes:
    trun = box(b"trun", numbers(0xF00, rows), numbers(40, 5, 0, 0) * rows)
    moof = box(b"moof", full(b"mfhd", numbers(1)), box(b"traf", TFHD, trun * count))
    return FTYP + box(b"moov", MVHD, TRACK, MVEX) + moof


def nested(depth: int) -> bytes:
    held = b""
    for _ in range(depth):
        held = box(b"trak", held)
    return FTYP + box(b"moov", held)


HEAVY = {
    "two million samples, each a chunk": lambda: one_a_chunk(2_000_000),
    "as many as there is room for": lambda: one_a_chunk(MAX_INDEX_BYTES // 8 - 100),
    "uneven chunks, just taken": lambda: uneven(280_000),
    "uneven chunks, too many": lambda: uneven(1_000_000),
    "eight million samples in a chunk": lambda: in_one_chunk(8_000_000),
    "more index than is read": lambda: movie(SMALL, trak(table(numbers(5) * 9_000_000, numbers(MEDIA_AT)))),
    "sizes of four bits, just taken": lambda: nibbles(28_000_000),
    "sizes of four bits": lambda: nibbles(60_000_000),
    "many mdats": lambda: many_mdats(20_000, 150_000),
    "a row of empty boxes": lambda: FTYP + box(b"free") * 2_000_000,
    "empty boxes in the movie": lambda: movie(SMALL, box(b"free") * 2_000_000),
    "boxes in boxes": lambda: nested(20_000),
    "a thousand tracks": lambda: movie(SMALL, trak(table([5] * 10, numbers(MEDIA_AT) * 10)) * 1000),
    "tiny fragments": lambda: fragments(60_000),
    "tiny runs": lambda: runs(200_000, 1),
    "one run": lambda: runs(1, 2_000_000),
    "tiny units": lambda: movie(SMALL * 2_000_000, trak(table([5000] * 2000, numbers(MEDIA_AT)))),
    "large samples": lambda: movie(
        unit(b"\x65" + b"\x00\x00\x01" * 333_333) * 20, trak(table([1_000_004] * 20, numbers(MEDIA_AT)))
    ),
}  # fmt: skip


def measured(data: bytes) -> Mp4Report:
    """Examine twice, for time and for memory; processor time, because other tests run beside this one."""
    started = time.process_time()
    found = examine(lambda offset, size: data[offset : offset + size], len(data))
    took = time.process_time() - started
    tracemalloc.start()
    assert examine(lambda offset, size: data[offset : offset + size], len(data)) == found
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{took:.3f} s, {peak / 1e6:.1f} MB, {found}")
    assert took < MAX_SECONDS
    assert peak < MAX_BYTES
    return found


@pytest.mark.parametrize("name", HEAVY)
def test_no_file_takes_a_second_or_a_hundred_megabytes(name):
    measured(HEAVY[name]())


def test_two_million_samples_are_wholly_checked():
    assert measured(one_a_chunk(2_000_000)).findings == ()
    outside = one_a_chunk(2_000_000)
    last = len(outside) - 4
    assert "sample-outside" in measured(outside[:last] + numbers(MEDIA_AT + 6)).findings


@pytest.mark.parametrize("name", ["more index than is read", "uneven chunks, too many", "tiny fragments"])
def test_what_is_beyond_the_limits_is_said_to_be(name):
    assert "too-large" in measured(HEAVY[name]()).findings


def test_a_file_of_an_exabyte_costs_no_more():
    head = FTYP + (1).to_bytes(4) + b"mdat" + ((1 << 60) - len(FTYP)).to_bytes(8)

    def sparse(offset, size):
        return head[offset : offset + size].ljust(size, b"\0")

    assert examine(sparse, 1 << 60).findings == ("no-moov",)
    assert examine(sparse, (1 << 60) - 1).findings == ("box-past-end", "no-moov")


@given(st.binary(max_size=4096), st.sampled_from([b"", FTYP, FTYP + b"\0\0\1\0moov", movie(SMALL, TRACK)]))
def test_noise_raises_nothing(noise, before):
    fuzz_mp4.check(before + noise)


@given(st.sampled_from(kept()), st.randoms(use_true_random=False))
def test_wounded_clips_raise_nothing(genuine, rng: random.Random):
    fuzz_mp4.check(fuzz_mp4.wounded(rng, genuine.read()))


@given(st.recursive(st.binary(max_size=40), lambda held: st.builds(box, KINDS, held, held), max_leaves=40))
def test_trees_of_boxes_raise_nothing(tree):
    fuzz_mp4.check(FTYP + tree)
    fuzz_mp4.check(movie(SMALL, trak({b"": tree}, entry=AVC1), tree))


def test_a_short_run_of_the_fuzzer_finds_nothing(seed):
    tally = fuzz_mp4.run(3000, seed)
    assert tally.cases == 3000
    assert {"ok", "truncated", "no-index", "opaque", "suspect"} == set(tally.verdicts)

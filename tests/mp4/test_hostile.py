"""No file, no size and no way to answer a read makes the check raise, or write more than a little."""

import random
from dataclasses import asdict, replace
from itertools import cycle

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from dockd.mp4.examine import examine
from dockd.mp4.findings import Finding
from tests.fuzz import fuzz_mp4
from tests.mp4.boxes import AVC1, FTYP, MEDIA_AT, box, movie, numbers, report, table, trak
from tests.mp4.heavy import SMALL, TRACK, codecs, fragments, one_a_chunk, uneven
from tests.mp4.sources import kept

KINDS = st.sampled_from(fuzz_mp4.KINDS)


def test_a_file_of_an_exabyte_costs_no_more():
    head = FTYP + (1).to_bytes(4) + b"mdat" + ((1 << 60) - len(FTYP)).to_bytes(8)

    def sparse(offset, size):
        return head[offset : offset + size].ljust(size, b"\0")

    assert examine(sparse, 1 << 60).findings == ("no-moov",)
    assert examine(sparse, (1 << 60) - 1).findings == ("box-past-end", "no-moov")


@pytest.mark.parametrize(
    "answer",
    [None, b"", b"\0", "free" * 9, 7, bytearray(99), memoryview(bytes(99)), [0] * 99, bytes(99), FTYP * 99],
    ids=lambda answer: f"{type(answer).__name__}-{answer if isinstance(answer, int) else len(answer or [])}",
)
@pytest.mark.parametrize("size", [*range(-1, 18), 4096, 2**31, 2**32 + 8, 2**53 - 1, 2**63, 2**64 + 1])
def test_no_answer_to_a_read_and_no_size_raises_anything(answer, size):
    """What is no bytes is as good as nothing; what is too long is cut."""
    found = examine(lambda offset, wanted: answer, size)
    assert found.verdict != "ok"
    if size > 99 and type(answer) is not bytes:
        assert found.findings == ("read-short",)


@pytest.mark.parametrize("genuine", kept(), ids=lambda each: each.name)
def test_what_is_given_beyond_what_was_asked_changes_nothing(genuine):
    clip = genuine.read()
    assert examine(lambda offset, size: clip[offset : offset + size + 7], len(clip)) == report(clip)


@given(st.lists(st.integers(0, 3), min_size=1), st.randoms(use_true_random=False))
def test_a_file_that_changes_between_reads_raises_nothing(turns, rng: random.Random):
    versions = (one_a_chunk(9), fragments(9), uneven(9), rng.randbytes(2000))
    turn = cycle(turns)
    examine(lambda offset, size: versions[next(turn)][offset : offset + size].ljust(size, b"\1"), 2000)


def test_the_widest_report_is_under_a_kilobyte_and_plain():
    tables, entries = table([5], numbers(MEDIA_AT)), [*codecs(30), box(b"\0\xff\n\x1b", AVC1[8:])]
    found = report(movie(SMALL, *(trak(tables, *entries[at : at + 8]) for at in (24, 16, 8, 0, 8, 16))))
    assert found.codecs == ('"\\";', *(f'"\\"{last}' for last in "<=>?@"), "????", *(f'"\\"{x}' for x in "3456789:+"))
    widest = replace(found, findings=tuple(Finding), duration_ms=2**53 - 1, creation_time_raw=2**53 - 1)
    assert 512 < len(rfc8785.dumps(asdict(widest))) <= 1024


@given(st.binary(max_size=4096), st.sampled_from([b"", FTYP, FTYP + b"\0\0\1\0moov", movie(SMALL, TRACK)]))
def test_noise_raises_nothing(noise, before):
    fuzz_mp4.check(before + noise)


@given(st.sampled_from(kept()), st.randoms(use_true_random=False))
def test_wounded_clips_raise_nothing(genuine, rng: random.Random):
    fuzz_mp4.check(fuzz_mp4.wounded(rng, genuine.read()))


@given(st.recursive(st.binary(max_size=40), lambda held: st.builds(box, KINDS, held, held), max_leaves=40))
def test_trees_of_boxes_raise_nothing(tree):
    fuzz_mp4.check(FTYP + tree)
    fuzz_mp4.check(movie(SMALL, trak({b"": tree}), tree))

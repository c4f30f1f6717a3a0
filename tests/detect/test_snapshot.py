"""A snapshot is the set of its numbers, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from dockd.detect.snapshot import Snapshot

NUMBERS = st.lists(st.integers(0, 7) | st.integers(0, 2**64 - 1))


@given(NUMBERS, NUMBERS)
def test_two_snapshots_compare_as_their_sets_do(some, others):
    here, there = Snapshot(some), Snapshot(others)
    assert (here == there) == (set(some) == set(others))
    assert (here <= there) == (set(some) <= set(others))
    assert bool(here) == bool(some)


@given(NUMBERS, NUMBERS)
def test_what_is_added_or_taken_away_shows(some, more):
    assert Snapshot(some) <= Snapshot(some + more)
    assert (Snapshot(some + more) <= Snapshot(some)) == (set(more) <= set(some))


@given(NUMBERS, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(some, random):
    twice = some * 2
    random.shuffle(twice)
    assert Snapshot(twice) == Snapshot(some)
    assert hash(Snapshot(twice)) == hash(Snapshot(some))

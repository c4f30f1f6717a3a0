"""A camera gone through a batch at a time gives the same recordings as one seen whole, whatever moves meanwhile."""

import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.docking.rounds import BATCH, MAX_OTHERS_NAMED, Rounds
from dockd.driver import Other, Session
from dockd.errors import CameraMedia, CameraProtocol
from dockd.model import Recording, RecordingPath


class Walked(Session):
    """Lists what stands in `found` at that moment."""

    def __init__(self, found):
        super().__init__(frozenset())
        self.found = found

    def _list(self):
        return iter(self.found() if callable(self.found) else list(self.found))

    def _identify(self):
        raise AssertionError("only listings are asked for")

    _read_into = _clear = _let_go = _go_on = _identify


def recording(name, mtime_ns=0, size=1):
    return Recording(RecordingPath(name), size, mtime_ns)


def all_rounds(rounds):
    """Go on until there are no more; a lap too many fails."""
    batches = list(itertools.takewhile(lambda batch: batch.recordings, (rounds.next() for _lap in range(500))))
    assert len(batches) < 500
    return batches


recordings = st.builds(recording, st.binary(min_size=1, max_size=3), st.integers(-5, 5))


@given(st.lists(recordings, unique_by=lambda each: each.path), st.integers(1, 7))
def test_batches_together_are_all_recordings_oldest_first_and_each_once(listed, size):
    batches = all_rounds(Rounds(Walked(listed), size))
    assert [each for batch in batches for each in batch.recordings] == sorted(
        listed, key=lambda each: (each.mtime_ns, each.path)
    )
    assert all(len(batch.recordings) <= size for batch in batches)
    assert [batch.waiting for batch in batches] == [len(listed) - n * size for n in range(len(batches))]


def test_what_has_its_turn_before_its_time_comes_before():
    old, young = recording(b"a", 1), recording(b"b", 2)
    beside = Recording(RecordingPath(b"c"), 1, 3, old.path, turn_ns=0)
    [batch, *_others] = all_rounds(Rounds(Walked([young, beside, old]), 3))
    assert batch.recordings == [beside, old, young]


@given(st.lists(recordings, min_size=1, unique_by=lambda each: each.path), st.data())
def test_what_is_cleared_on_the_way_does_not_hide_what_comes_after(listed, data):
    camera, seen = list(listed), []
    rounds = Rounds(Walked(camera), data.draw(st.integers(1, 5)))
    batch = rounds.next()
    while batch.recordings:
        seen += batch.recordings
        refused = data.draw(st.sets(st.sampled_from(batch.recordings)))
        for each in set(batch.recordings) - refused:
            camera.remove(each)
        told = {each.path for each in batch.recordings}
        batch = rounds.next(told)
        assert batch.still_there == {each.path for each in refused}
    assert sorted(seen, key=lambda each: each.path) == sorted(listed, key=lambda each: each.path)


def test_a_camera_that_never_rests_is_done_all_the_same():
    """Every look finds the file grown and younger, and one more beside it."""
    clock = itertools.count(10)

    def growing():
        now = next(clock)
        return [recording(b"old"), recording(b"growing", now), *(recording(b"%d" % n, n) for n in range(10, now))]

    batches = all_rounds(Rounds(Walked(growing), 1))
    assert [each.path.raw for batch in batches for each in batch.recordings] == [b"old", b"10"]


def test_a_path_listed_twice_is_a_fault_of_the_camera():
    with pytest.raises(CameraProtocol, match="twice"):
        Rounds(Walked([recording(b"a"), recording(b"a", 5)])).next()


def test_what_was_to_be_cleared_and_came_back_as_another_is_still_there():
    camera = [recording(b"a", 1)]
    rounds = Rounds(Walked(camera))
    rounds.next()
    camera[0] = recording(b"a", 99, 7)
    batch = rounds.next({RecordingPath(b"a")})
    assert (batch.recordings, batch.still_there) == ([], {RecordingPath(b"a")})


def test_no_more_others_are_named_than_the_cap():
    batch = Rounds(Walked([Other(RecordingPath(b"%d" % n)) for n in range(MAX_OTHERS_NAMED + 20)])).next()
    assert (len(batch.others), batch.others_count) == (MAX_OTHERS_NAMED, MAX_OTHERS_NAMED + 20)


def test_a_walk_that_breaks_gives_no_batch_and_does_not_count():
    def broken():
        yield recording(b"b", 7)
        raise CameraMedia("bad sector")

    walked = Walked(broken)
    rounds = Rounds(walked)
    with pytest.raises(CameraMedia):
        rounds.next()
    walked.found = [recording(b"a", 1), recording(b"b", 7)]
    assert len(rounds.next().recordings) == 2


def peak_of_a_round(number):
    rounds = Rounds(Walked(lambda: (recording(b"DCIM/100MEDIA/VID%09d.MP4" % n, n) for n in range(number))))
    tracemalloc.start()
    try:
        assert rounds.next().waiting == number
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_hundred_thousand_files_need_no_more_memory_than_one_batch():
    assert peak_of_a_round(100_000) < peak_of_a_round(BATCH) + 200_000

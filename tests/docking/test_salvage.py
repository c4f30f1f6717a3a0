"""Salvaging: every byte that can be read is in its place, every other one is in a gap, and it comes to an end."""

import itertools
import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dockd.docking.salvage import Patience, salvage
from dockd.docking.works import BLOCK, Works
from dockd.driver import DirectorySource
from dockd.errors import CameraBusy, CameraGone, CameraMedia
from dockd.model import GAP_UNIT, MAX_GAPS, Gap, Mp4Report, Recording, RecordingPath, Sealed
from dockd.testing.fake_camera import FakeCamera, Unreadable
from tests.docking.bench import nameless, sealing, unsealed

PATIENT = 3600.0


def quiet(_stage, _done):
    pass


def salvaged(folder, camera, tell=quiet, patience=None):
    """Salvage the one recording of a camera and prove it; give the sealed step and what the object decrypts to."""
    session = camera.driver()({}).open(DirectorySource(-1))
    [recording] = session.list()
    fd = nameless(folder)
    works = Works()
    under_way = sealing(recording, fd, works)
    try:
        proven = salvage(session, under_way, tell, patience or Patience(PATIENT))
        return proven.sealed, unsealed(fd)
    except BaseException:
        under_way.drop()
        raise
    finally:
        works.close()
        os.close(fd)


def a_camera(content, *unreadable, **faults):
    camera = FakeCamera(**faults)
    camera.put(b"a.mp4", content, *unreadable)
    return camera


def with_gaps(content, gaps):
    salvaged = bytearray(content)
    for offset, size in gaps:
        salvaged[offset : offset + size] = bytes(size)
    return bytes(salvaged)


LONG = os.urandom(2 * BLOCK + 10_000)


@pytest.mark.parametrize(
    ("bad", "gaps"),
    [
        ([(5, 6)], [(0, 4096)]),
        ([(4095, 4097)], [(0, 8192)]),
        ([(4096, 8192)], [(4096, 4096)]),
        ([(len(LONG) - 1, len(LONG))], [(2 * BLOCK + 8192, 1808)]),
        ([(BLOCK - 1, BLOCK + 1)], [(BLOCK - 4096, 8192)]),
        ([(0, BLOCK)], [(0, BLOCK)]),
        ([(0, 1), (8192, 8193)], [(0, 4096), (8192, 4096)]),
        ([(1, 2), (3, 4)], [(0, 4096)]),
        ([(BLOCK, len(LONG))], [(BLOCK, BLOCK + 10_000)]),
    ],
)
def test_gaps_are_the_units_that_cannot_be_read_joined_where_they_touch(tmp_path, bad, gaps):
    sealed, plaintext = salvaged(tmp_path, a_camera(LONG, *itertools.starmap(Unreadable, bad)))
    assert list(sealed.gaps) == gaps
    assert plaintext == with_gaps(LONG, gaps)
    assert sealed.mp4.findings == ("unchecked",)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.integers(1, BLOCK + 3 * GAP_UNIT),
    st.lists(st.tuples(st.integers(0, BLOCK + 3 * GAP_UNIT), st.integers(1, 30_000)), max_size=4),
    st.sampled_from([None, 3000, 100_000]),
)
def test_whatever_cannot_be_read_every_other_byte_is_in_its_place(tmp_path, size, bad, short):
    content = os.urandom(size)
    ends = [(start, min(size, start + length)) for start, length in bad if start < size]
    camera = a_camera(content, *itertools.starmap(Unreadable, ends), short=short)
    lost = {unit for start, end in ends for unit in range(start // GAP_UNIT, (end - 1) // GAP_UNIT + 1)}
    units = range(-(-size // GAP_UNIT))
    if lost.issuperset(units):
        with pytest.raises(CameraMedia):
            salvaged(tmp_path, camera)
        return
    sealed, plaintext = salvaged(tmp_path, camera)
    missing = {
        unit for offset, length in sealed.gaps for unit in range(offset // GAP_UNIT, -(-(offset + length) // GAP_UNIT))
    }
    assert missing == lost
    assert plaintext == with_gaps(content, sealed.gaps)


def test_a_place_that_heals_when_it_is_asked_for_in_units_leaves_no_gap(tmp_path):
    sealed, plaintext = salvaged(tmp_path, a_camera(LONG, Unreadable(5, 6, heals_after=1)))
    assert (sealed.gaps, plaintext) == ((), LONG)


@pytest.mark.parametrize("content", [b"", b"x", os.urandom(BLOCK + 1)])
def test_a_recording_of_which_nothing_can_be_read_is_not_salvaged(tmp_path, content):
    def before(verb):
        if verb == "read":
            raise CameraMedia("all is lost")

    with pytest.raises(CameraMedia):
        salvaged(tmp_path, a_camera(content, before=before))


def test_as_many_gaps_as_are_allowed_are_salvaged_and_one_more_is_not(tmp_path):
    content = bytes(GAP_UNIT * 2 * (MAX_GAPS + 1))
    bad = [Unreadable(2 * GAP_UNIT * n, 2 * GAP_UNIT * n + 1) for n in range(MAX_GAPS + 1)]
    sealed, _plaintext = salvaged(tmp_path, a_camera(content, *bad[1:]))
    assert len(sealed.gaps) == MAX_GAPS
    with pytest.raises(CameraMedia, match="more than"):
        salvaged(tmp_path, a_camera(content, *bad))


def test_patience_with_reads_that_fail_is_one_for_all_recordings(tmp_path, monkeypatch):
    seconds = itertools.count(step=10)
    monkeypatch.setattr("dockd.docking.salvage.time.monotonic", lambda: float(next(seconds)))
    patience = Patience(35)
    # Each of these costs two reads that fail, of ten seconds each.
    salvaged(tmp_path, a_camera(LONG, Unreadable(0, 1)), patience=patience)
    with pytest.raises(CameraMedia, match="too many reads fail"):
        salvaged(tmp_path, a_camera(LONG, Unreadable(0, 1)), patience=patience)


@pytest.mark.parametrize("fault", [CameraGone("pulled out"), CameraBusy("changed")])
@pytest.mark.parametrize("after", [0, 1, 2, 100])
def test_any_other_fault_ends_it(tmp_path, fault, after):
    reads = itertools.count()

    def before(verb):
        if verb == "read" and next(reads) >= after:
            raise fault

    with pytest.raises(type(fault)):
        salvaged(tmp_path, a_camera(LONG, Unreadable(0, 1), before=before))


def test_every_read_is_told_as_progress_also_one_that_fails(tmp_path):
    told = []
    salvaged(tmp_path, a_camera(LONG, Unreadable(BLOCK, BLOCK + 2 * GAP_UNIT)), lambda *each: told.append(each))
    assert {stage for stage, _done in told} == {"salvage", "prove"}
    done = [each for stage, each in told if stage == "salvage"]
    assert done == sorted(set(done))
    assert len(done) == 3 + BLOCK // GAP_UNIT
    assert done[-1] == len(LONG) + BLOCK


SEALED = Sealed(Recording(RecordingPath(b"a.mp4"), 10_000, 0), "a" * 64, 5, Mp4Report("ok", ()))


@pytest.mark.parametrize("gaps", [[(0, 4096)], [(8192, 1808)], [(0, 4096), (8192, 1808)], [(4096, 5904)]])
def test_gaps_of_whole_units_are_a_salvage(gaps):
    assert replace(SEALED, gaps=tuple(itertools.starmap(Gap, gaps))).gaps == tuple(gaps)


@pytest.mark.parametrize(
    "gaps",
    [
        [(0, 0)],
        [(0, -4096)],
        [(-4096, 4096)],
        [(1, 4095)],
        [(0, 4095)],
        [(8192, 1807)],
        [(8192, 4096)],
        [(12_288, 4096)],
        [(0, 4096), (4096, 4096)],
        [(0, 8192), (4096, 4096)],
        [(8192, 1808), (0, 4096)],
        [(0, 10_000)],
        [(0, 4096)] * (MAX_GAPS + 1),
    ],
)
def test_gaps_that_no_salvage_has_cannot_be_said(gaps):
    with pytest.raises(ValueError, match=r"gap|salvage"):
        replace(SEALED, gaps=tuple(itertools.starmap(Gap, gaps)))

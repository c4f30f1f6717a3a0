"""Which locked cameras were asked in vain, over a restart of dockd, in a file that anything may have happened to."""

import json
import os

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from dockd.errors import TriesUnknown
from dockd.unlock_tries import MOST, SECONDS, Tries
from tests.usb.bus import Clock

KEY = ("/sys/devices/usb1/1-2", 7)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "tries.json"


@pytest.fixture
def clock():
    return Clock()


def loaded(path, clock):
    tries = Tries(path, clock)
    tries.load()
    return tries


def test_what_was_begun_is_known_after_a_restart_and_what_was_answered_is_not(path, clock):
    tries = loaded(path, clock)
    tries.begin("b1", "0123", KEY)
    tries.begin("b2", "0123", ("/sys/devices/usb1/1-3", 8))
    tries.answered(KEY)
    tries = loaded(path, clock)
    assert not tries.has(KEY)
    assert tries.has(("/sys/devices/usb1/1-3", 8))


def test_it_is_the_same_one_only_at_its_place_on_the_bus_and_with_its_number(path, clock):
    tries = loaded(path, clock)
    tries.begin("b1", "0123", KEY)
    assert not tries.has(("/sys/devices/usb1/1-3", KEY[1]))
    assert not tries.has((KEY[0], 8))


def test_asked_again_in_one_visit_it_counts_once(path, clock):
    tries = loaded(path, clock)
    for _number in range(MOST):
        tries.begin("b1", "0123", KEY)
    assert not tries.are_many("b1", "0123")


def test_many_are_counted_over_restarts_and_within_their_time_and_for_one_claim_only(path, clock):
    for number in range(MOST):
        tries = loaded(path, clock)
        assert not tries.are_many("b1", "0123")
        tries.begin("b1", "0123", (KEY[0], number))
    assert loaded(path, clock).are_many("b1", "0123")
    assert not loaded(path, clock).are_many("b2", "0123")
    assert not loaded(path, clock).are_many("b1", "4567")
    clock.now += SECONDS
    assert not loaded(path, clock).are_many("b1", "0123")


def test_one_that_still_stands_there_is_known_however_long_and_no_other_is_kept(path, clock):
    tries = loaded(path, clock)
    tries.begin("b1", "0123", ("/old", 1))
    tries.begin("b1", "0123", KEY)
    clock.now += SECONDS
    tries.begin("b2", "0123", ("/sys/devices/usb1/1-3", 8))
    tries = loaded(path, clock)
    assert tries.has(KEY)
    assert not tries.has(("/old", 1))
    assert len(json.loads(path.read_bytes())) == 2


def test_what_cannot_be_written_is_not_known_either(path, clock):
    tries = loaded(path, clock)
    path.parent.write_bytes(b"in the way")
    with pytest.raises(TriesUnknown, match="cannot be written"):
        tries.begin("b1", "0123", KEY)
    assert not tries.has(KEY)


@given(
    st.binary()
    | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda each: json.dumps(each).encode())
)
def test_whatever_stands_in_the_file_dockd_starts_and_can_write_it(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("run") / "tries.json"
    path.write_bytes(content)
    tries = loaded(path, Clock())
    tries.begin("b1", "0123", KEY)
    assert loaded(path, Clock()).has(KEY)


def test_a_loss_is_logged(path, clock):
    path.parent.mkdir()
    path.write_bytes(b"[{}]")
    with structlog.testing.capture_logs() as logs:
        loaded(path, clock)
    assert [each["event"] for each in logs] == ["unlock.tries_lost"]


def test_what_is_no_file_is_not_waited_for(path, clock):
    path.parent.mkdir()
    os.mkfifo(path)
    tries = loaded(path, clock)
    tries.begin("b1", "0123", KEY)
    assert loaded(path, clock).has(KEY)


def test_what_another_boot_left_behind_is_of_no_camera_here(path, clock):
    later = Clock()
    later.now = clock.now + 10 * SECONDS
    loaded(path, later).begin("b1", "0123", KEY)
    assert not loaded(path, clock).has(KEY)

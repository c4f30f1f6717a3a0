"""A worker that unlocks: order by order, over a real socket, with a fake lock behind the public interface."""

import os

import pytest

from dockd.docking.messages import (
    CameraHere,
    ClockRead,
    ClockSet,
    Done,
    Identified,
    ListAgain,
    Locked,
    ReadClock,
    SetClock,
    Stop,
    Trouble,
    Unlock,
    Unlocked,
    Wants,
)
from dockd.driver import SourceKind
from dockd.errors import OrderError
from dockd.testing.fake_camera import FakeCamera
from tests.docking.bench import a_worker
from tests.usb.a_lock import ALock

LOCKED = Locked(unlocker="fake-lock", unlocker_reference="", options={}, credential="000000")


def here(bench):
    fd = os.open("/dev/null", os.O_RDWR)
    try:
        return bench.ask(CameraHere(), fd)
    finally:
        os.close(fd)


@pytest.fixture
def lock():
    return ALock()


@pytest.fixture
def bench(lock):
    lock.driver = lock.unlocker
    with a_worker(lock) as bench:
        yield bench


def test_a_camera_is_identified_its_clock_tended_and_it_is_told_to_come_back(bench, lock):
    assert bench.ask(LOCKED) == Wants(source=SourceKind.USB)
    assert here(bench) == Identified(unlocker_version="3", identity="BWC1")
    assert isinstance(bench.ask(ReadClock(utc_offset_seconds=0)), ClockRead)
    assert bench.ask(SetClock(utc_offset_seconds=3600)) == ClockSet()
    assert bench.ask(Unlock()) == Unlocked()
    assert bench.ask(Stop()) == Done()
    assert lock.did == ["open", "identify", "tell_time", "take_time", "unlock", "close"]


def test_a_refused_credential_is_trouble_with_its_code(bench, lock):
    lock.credential = "another"
    bench.ask(LOCKED)
    assert here(bench).code == "camera.denied"


def test_nothing_is_listed_or_read_by_it(bench):
    bench.ask(LOCKED)
    here(bench)
    assert bench.ask(ListAgain()) is None
    assert isinstance(bench.ended, OrderError)


def test_nothing_is_unlocked_before_the_camera_is_there(bench, lock):
    bench.ask(LOCKED)
    assert bench.ask(Unlock()) is None
    assert isinstance(bench.ended, OrderError)
    assert lock.did == []


def test_a_driver_that_reads_is_no_unlocker_and_the_other_way_round(bench):
    assert isinstance(trouble := bench.open(), Trouble)
    assert trouble.message == "fake unlocks cameras, and reads none"
    with a_worker(FakeCamera()) as other:
        assert isinstance(trouble := other.ask(LOCKED), Trouble)
        assert trouble.message == "fake-lock reads cameras, and unlocks none"

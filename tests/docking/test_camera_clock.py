"""How far a camera's clock is off is entered before anything is set, and nothing is set that is not to be."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from dockd.docking.camera_clock import CLOSE_ENOUGH_MS, tend
from dockd.docking.messages import ClockRead, ClockSet, ReadClock, SetClock, Trouble
from dockd.driver.abilities import CameraTime
from dockd.errors import CameraBusy, CameraGone, CameraProtocol, CameraUnsupported, DriverError
from dockd.model import ClockRules
from dockd.testing.fake_camera import FakeCamera
from tests.docking.bench import a_worker
from tests.store.shop import FixedClock

HOUR = 3600
WINTER = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class Clock(FixedClock):
    def __init__(self, *, trusted=True, zone="Europe/Paris", now=WINTER):
        super().__init__()
        self._trusted, self._zone, self._now = trusted, zone, now

    def now(self):
        return self._now

    def zone(self):
        return self._zone

    def trusted(self):
        return self._trusted


class Camera:
    """Its clock is `offsets[0]` ms ahead, and the next one once it was set; a fault in their place is raised."""

    def __init__(self, book, *offsets, taking=None):
        self._book, self._offsets, self._taking = book, list(offsets), taking
        self.zones = set()

    async def read_clock(self, utc_offset_seconds):
        self.zones.add(utc_offset_seconds)
        if isinstance(self._offsets[0], Exception):
            raise self._offsets[0]
        return ClockRead(said="now", offset_ms=self._offsets[0])

    async def set_clock(self, utc_offset_seconds):
        self._book.log.append("set")
        self.zones.add(utc_offset_seconds)
        if self._taking is not None:
            raise self._taking
        self._offsets.pop(0)


class Book:
    def __init__(self):
        self.log = []

    async def clock_read(self, said, offset_ms, code):
        self.log.append(("entered", offset_ms if code is None else code))

    async def clock_set(self, offset_ms, _utc_offset_seconds):
        self.log.append(("command entered", offset_ms))


def tended(*offsets, when="if_read", zone="local", clock=None, taking=None):
    book = Book()
    camera = Camera(book, *offsets, taking=taking)
    asyncio.run(tend(camera, ClockRules(when, zone), clock or Clock(), book))
    return book.log, camera.zones


def test_offset_before_command_and_offset_after_are_entered_in_that_order():
    log, _zones = tended(-90_000, 12)
    assert log == [("entered", -90_000), ("command entered", -90_000), "set", ("entered", 12)]


@pytest.mark.parametrize("offset", [0, CLOSE_ENOUGH_MS, -CLOSE_ENOUGH_MS])
def test_a_clock_that_is_close_enough_is_entered_and_left_alone(offset):
    assert tended(offset)[0] == [("entered", offset)]


def test_never_is_never():
    assert tended(HOUR * 1000, when="never")[0] == [("entered", HOUR * 1000)]


@pytest.mark.parametrize("when", ["if_read", "always"])
def test_a_dock_whose_own_clock_nobody_answers_for_sets_none(when):
    assert tended(HOUR * 1000, when=when, clock=Clock(trusted=False))[0] == [("entered", HOUR * 1000)]


@pytest.mark.parametrize("fault", [CameraBusy("-"), CameraProtocol("-"), DriverError("-")])
def test_a_clock_that_could_not_be_read_is_not_set_and_that_is_entered(fault):
    assert tended(fault)[0] == [("entered", fault.code)]


def test_unless_the_fleet_file_says_so():
    fault = CameraProtocol("-")
    assert tended(fault, 5, when="always")[0] == [
        ("entered", fault.code),
        ("command entered", None),
        "set",
        ("entered", 5),
    ]


def test_a_camera_without_a_clock_is_passed_over_in_silence():
    assert tended(CameraUnsupported("-"))[0] == []


def test_a_camera_that_does_not_take_the_time_is_entered_as_that():
    fault = CameraProtocol("-")
    log, _zones = tended(HOUR * 1000, taking=fault)
    assert log == [("entered", HOUR * 1000), ("command entered", HOUR * 1000), "set", ("entered", fault.code)]


@pytest.mark.parametrize("where", ["reading", "setting"])
def test_a_camera_that_is_pulled_out_ends_it(where):
    gone = CameraGone("-")
    with pytest.raises(CameraGone):
        tended(gone) if where == "reading" else tended(HOUR * 1000, taking=gone)


@pytest.mark.parametrize(
    ("zone", "clock", "seconds"),
    [
        ("local", Clock(), HOUR),
        ("local", Clock(now=WINTER.replace(month=7)), 2 * HOUR),
        ("local", Clock(zone="no/such"), 0),
        ("utc", Clock(), 0),
    ],
)
def test_the_clock_shows_the_time_of_the_docks_zone_or_utc(zone, clock, seconds):
    assert tended(HOUR * 1000, 0, zone=zone, clock=clock)[1] == {seconds}


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (datetime(2026, 11, 22, 10, 0, 5), 5000),
        (datetime(2026, 11, 22, 9, 0, 5, tzinfo=UTC), 5000),
        (datetime(2026, 11, 22, 11, 0, 5, tzinfo=timezone(timedelta(hours=2))), 5000),
        (datetime(2000, 1, 1), -848_656_800_000),
    ],
)
def test_an_offset_is_against_the_middle_of_asking(shown, expected):
    now = WINTER.timestamp()
    assert CameraTime(shown, "").ahead_ms(HOUR, now - 0.5, now + 0.5) == expected


def test_a_worker_reads_the_clock_sets_it_and_reads_it_again():
    camera = FakeCamera(clock_ahead_seconds=-90.0)
    with a_worker(camera) as bench:
        bench.open()
        before = bench.ask(ReadClock(utc_offset_seconds=HOUR))
        assert isinstance(before, ClockRead) and abs(before.offset_ms + 90_000) < 5000
        assert bench.ask(SetClock(utc_offset_seconds=HOUR)) == ClockSet()
        after = bench.ask(ReadClock(utc_offset_seconds=HOUR))
        assert isinstance(after, ClockRead) and abs(after.offset_ms) < 5000
        camera.clock_ahead_seconds = None
        told = bench.ask(ReadClock(utc_offset_seconds=0))
        assert isinstance(told, Trouble) and told.code == CameraUnsupported.code

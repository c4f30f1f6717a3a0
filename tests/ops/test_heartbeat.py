"""When a heartbeat is given and when it is withheld, on a clock that the test moves."""

import pytest
import structlog

from dockd.events import Event
from dockd.ops.heartbeat import Heartbeat, Looks
from dockd.ops.status import BayStatus, Board, Light, Trouble
from tests.store.shop import FixedClock


class MovedClock(FixedClock):
    time = 1000.0

    def monotonic(self):
        return self.time


class Manager:
    """Notes what it is told."""

    def __init__(self, heartbeat_seconds=10.0):
        self.heartbeat_seconds = heartbeat_seconds
        self.told = []

    def starting(self, _seconds):
        self.told.append("starting")

    def ready(self):
        self.told.append("ready")

    def status(self, words):
        self.told.append(words)

    def heartbeat(self):
        self.told.append("beat")


class Dock:
    def __init__(self, heartbeat_seconds=10.0):
        self.clock, self.manager = MovedClock(), Manager(heartbeat_seconds)
        self.looks, self.board = Looks(self.clock), Board("dock-7", "0", {})
        self.heartbeat = Heartbeat(self.manager, self.looks, self.board, self.clock)

    def after(self, seconds):
        """Give what is told in this time, tick by tick."""
        self.manager.told.clear()
        for _tick in range(seconds):
            self.clock.time += 1
            self.heartbeat.tick()
        return list(self.manager.told)


@pytest.fixture
def dock():
    return Dock()


@pytest.fixture
def started(dock):
    dock.looks.expect("register", 60)
    dock.heartbeat.ready()
    return dock


def test_a_service_that_starts_asks_for_time_and_gives_no_heartbeat(dock):
    assert dock.after(2) == ["starting", "starting"]
    dock.manager.told.clear()
    dock.heartbeat.ready()
    assert dock.manager.told == ["ready", "no camera", "beat"]


def test_a_heartbeat_comes_as_often_as_is_asked_and_never_later(started):
    assert [started.after(10).count("beat") for _time in range(3)] == [1, 1, 1]


def test_without_anybody_who_waits_for_it_no_heartbeat_is_given():
    dock = Dock(heartbeat_seconds=None)
    dock.heartbeat.ready()
    assert "beat" not in dock.after(100)


def test_a_status_is_told_when_it_changes_and_only_then(started):
    assert [told for told in started.after(30) if told != "beat"] == []
    started.board.show(BayStatus("dock/a", Light.BUSY, "a"))
    started.board.trouble("partition pm", Trouble("partition.full", "full"))
    assert [told for told in started.after(30) if told != "beat"] == ["1 bay: 1 busy; partition pm: full"]


def test_what_is_not_looked_at_in_time_stops_the_heartbeat_is_said_once_and_resumes(started):
    with structlog.testing.capture_logs() as logs:
        assert "beat" in started.after(60)
        assert "beat" not in started.after(60)
        assert started.board.as_dict()["state"] == "degraded"
        assert "register" in started.board.in_words()
        started.looks.seen("register")
        assert "beat" in started.after(10)
    assert [(each["event"], each.get("overdue")) for each in logs] == [
        (Event.HEARTBEAT_WITHHELD, ["register"]),
        (Event.HEARTBEAT_RESUMED, None),
    ]
    assert started.board.as_dict()["state"] == "ok"


def test_one_part_that_is_looked_at_does_not_stand_for_another(started):
    started.looks.expect("partition pm", 60)
    for _time in range(6):
        told = started.after(20)
        started.looks.seen("register")
    assert "beat" not in told and started.looks.overdue() == ["partition pm"]


def test_a_look_that_waits_behind_work_that_has_time_is_not_overdue_until_that_time_is_over(dock):
    has_time = [True]
    dock.looks.expect("partition pm", 60, lambda: has_time[0])
    dock.heartbeat.ready()
    with dock.looks.at("partition pm"):
        assert "beat" in dock.after(100) and dock.looks.overdue() == []
        has_time[0] = False
        assert dock.looks.overdue() == ["partition pm"]
    assert dock.looks.overdue() == []


def test_work_that_has_time_is_no_excuse_for_not_looking(dock):
    dock.looks.expect("partition pm", 60, lambda: True)
    dock.heartbeat.ready()
    with dock.looks.at("partition pm"):
        pass
    dock.after(61)
    assert dock.looks.overdue() == ["partition pm"]


def test_a_look_that_ends_in_a_crash_has_seen_nothing(started):
    started.after(61)
    with pytest.raises(ZeroDivisionError), started.looks.at("register"):
        1 / 0  # noqa: B018
    assert started.looks.overdue() == ["register"]


def test_the_pause_is_short_enough_for_any_time_that_is_granted():
    assert [Dock(seconds).heartbeat.pause_seconds for seconds in (30.0, 0.5, None)] == [1.0, 0.25, 1.0]

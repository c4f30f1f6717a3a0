"""What a camera says of itself is entered as it says it; that it says nothing is no fault of its docking."""

import asyncio

import pytest
import structlog

from dockd.docking.camera_state import enter_state
from dockd.docking.messages import StateRead
from dockd.errors import CameraGone, CameraMedia, CameraUnsupported
from dockd.events import Event


class Book:
    def __init__(self):
        self.entries = []

    async def camera_state(self, facts):
        self.entries.append(facts)


class Camera:
    def __init__(self, answer):
        self._answer = answer

    async def read_state(self):
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def entered(answer):
    book = Book()
    with structlog.testing.capture_logs() as logged:
        asyncio.run(enter_state(Camera(answer), "b1", "BWC1", book))
    return book.entries, logged


def test_it_is_entered_and_logged_as_it_is_said():
    [facts], [line] = entered(StateRead(battery_percent=80, firmware=None, officer="004711"))
    assert (facts.bay, facts.camera_id, facts.battery_percent, facts.firmware) == ("b1", "BWC1", 80, None)
    assert facts.officer == "004711"
    assert (line["event"], line["battery_percent"], line["code"]) == (Event.CAMERA_STATE, 80, None)


def test_a_camera_that_cannot_be_asked_leaves_no_trace():
    assert entered(CameraUnsupported("no")) == ([], [])


def test_a_fault_is_logged_and_the_docking_goes_on():
    entries, [line] = entered(CameraMedia("flaky"))
    assert entries == []
    assert line["code"] == "camera.media"


def test_a_camera_that_is_gone_ends_it():
    with pytest.raises(CameraGone):
        entered(CameraGone("gone"))

"""What waits for a camera is given to that camera alone, and to nobody once its time is over."""

import asyncio
from dataclasses import replace

import pytest

from dockd.docking.broken_off import BrokenOff, Waiting
from dockd.model import Recording, RecordingPath
from tests.docking.test_worker_link import ADMITTED, LONG

RECORDING = Recording(RecordingPath(b"a.mp4"), 10, 0)


class Held:
    """Stands for a worker, or for what is placed: notes that it was let go of."""

    def __init__(self):
        self.gone = asyncio.Event()

    def close(self):
        self.gone.set()

    async def kill(self):
        self.gone.set()


def kept(waiting):
    broken_off = BrokenOff(ADMITTED, RECORDING, Held(), Held())
    waiting.keep(broken_off)
    return broken_off


def is_let_go(broken_off):
    return broken_off.camera.gone.is_set() and broken_off.placing.gone.is_set()


def test_a_camera_that_is_back_gets_it_once_whatever_bay_it_stands_in():
    async def story():
        waiting = Waiting()
        broken_off = kept(waiting)
        back = replace(ADMITTED, arrival=replace(ADMITTED.arrival, bay="another"))
        assert await waiting.take(back) is broken_off
        assert await waiting.take(back) is None
        await waiting.stop()
        assert not is_let_go(broken_off)

    asyncio.run(story())


@pytest.mark.parametrize("changed", [{"partition": "other"}, {"driver": "other"}, {"options": (("a", "b"),)}])
def test_a_camera_of_which_the_fleet_file_says_something_else_now_begins_anew(changed):
    async def story():
        waiting = Waiting()
        broken_off = kept(waiting)
        assert await waiting.take(replace(ADMITTED, camera=replace(ADMITTED.camera, **changed))) is None
        assert is_let_go(broken_off)

    asyncio.run(story())


def test_it_is_let_go_of_once_its_time_is_over():
    async def story():
        waiting = Waiting(seconds=0)
        broken_off = kept(waiting)
        async with asyncio.timeout(LONG):
            await broken_off.camera.gone.wait()
        assert is_let_go(broken_off)
        assert await waiting.take(ADMITTED) is None

    asyncio.run(story())


def test_it_is_let_go_of_when_the_daemon_stops_or_the_camera_is_refused():
    async def story():
        waiting = Waiting()
        for let_go in (waiting.stop, lambda: waiting.drop(ADMITTED.camera.camera_id)):
            broken_off = kept(waiting)
            await let_go()
            assert is_let_go(broken_off)

    asyncio.run(story())

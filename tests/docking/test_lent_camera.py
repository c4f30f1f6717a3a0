"""A camera whose unlocker opens it by itself: in a worker that may, one at a time, and no longer than it takes."""

import asyncio
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from dockd.docking.locked_camera import LockedCamera, Workers
from dockd.docking.unit_worker import WorkerUnits
from dockd.errors import CameraGone, CameraProtocol, CredentialRefused, WorkerFailed
from tests.docking.access import AnAccess
from tests.drivers.gat947.vendor import PASSWORD, SERIAL, VendorCamera, compiled, needs_compiler

pytestmark = needs_compiler

LONG = 60.0
WORKER = [sys.executable, "-P", "-m", "dockd.worker_process"]


def nothing():
    pass


class Lending(AnAccess):
    """Lends a camera; the log says when, and by which name."""

    def __init__(self, camera, log, name="", fault=None):
        super().__init__(log=log)
        self._camera, self._name, self._fault = camera, name, fault
        self.at_the_end = lambda: None

    async def lend(self):
        self._log.append(f"lent {self._name}".strip())
        if self._fault:
            raise self._fault
        return str(self._camera.node)

    async def take_back(self):
        self.at_the_end()
        self._log.append(f"taken back {self._name}".strip())


class Socket:
    """Starts a worker for each connection, as systemd does with `Accept=yes`."""

    def __init__(self, path):
        self.units = WorkerUnits(path, reserve=False)
        self.started = []
        self._is_over = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            connection, _address = self._listener.accept()
            with connection:
                if self._is_over.is_set():
                    break
                self.started.append(subprocess.Popen(WORKER, stdin=connection, stdout=subprocess.DEVNULL))
        # A worker ends with the thread that started it.
        for process in self.started:
            process.wait()

    def close(self):
        self._is_over.set()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as last:
            last.connect(str(self.units.path))
        self._thread.join()
        self._listener.close()


@pytest.fixture
def sockets():
    """The socket of the workers, and that of those who may open what is lent to them."""
    with tempfile.TemporaryDirectory() as place:
        made = [Socket(Path(place) / name) for name in ("worker", "vendor")]
        yield made
        for each in made:
            each.close()


@pytest.fixture
def camera(tmp_path, monkeypatch):
    return VendorCamera(tmp_path, monkeypatch)


async def opened(locked, library="plain"):
    options = {"library": str(compiled(library))}
    return (await locked.open("gat947", "drivers.gat947:Gat947Unlocker", options, PASSWORD)).identity


def test_it_is_opened_by_a_worker_that_may_and_by_no_other(camera, sockets):
    log = []

    async def story():
        workers = Workers(*(each.units for each in sockets))
        async with LockedCamera(Lending(camera, log), nothing, LONG, workers) as locked:
            assert await opened(locked) == SERIAL
            assert log == ["lent"]
            await locked.unlock()

    asyncio.run(story())
    assert log == ["lent", "taken back"] and camera.is_told
    assert [len(each.started) for each in sockets] == [1, 1]


def test_where_there_are_no_units_a_subprocess_opens_it(camera):
    log = []

    async def story():
        async with LockedCamera(Lending(camera, log), nothing, LONG, Workers()) as locked:
            assert await opened(locked) == SERIAL

    asyncio.run(story())
    assert log == ["lent", "taken back"]


def test_one_camera_is_lent_at_a_time(camera):
    log = []

    async def story():
        workers = Workers()
        first, second = (LockedCamera(Lending(camera, log, name), nothing, LONG, workers) for name in ("a", "b"))
        async with second:
            async with first:
                assert await opened(first) == SERIAL
                waiting = asyncio.create_task(opened(second))
                await asyncio.wait([waiting], timeout=1)
                assert log == ["lent a"]
            assert await waiting == SERIAL

    asyncio.run(story())
    assert log == ["lent a", "taken back a", "lent b", "taken back b"]


@pytest.mark.parametrize(
    ("library", "fault", "kind"),
    [
        ("aborts", None, WorkerFailed),
        ("plain", CameraGone("it has left"), CameraGone),
        ("writes_past", None, CameraProtocol),
    ],
)
def test_it_is_taken_back_whatever_happens_once_its_worker_has_ended(camera, library, fault, kind):
    log = []

    async def story():
        workers, access = Workers(), Lending(camera, log, fault=fault)
        with pytest.raises(kind):
            async with LockedCamera(access, nothing, LONG, workers) as locked:
                access.at_the_end = lambda: log.append(f"worker {locked._link.pid}")
                await opened(locked, library)
                await locked.unlock()
        assert not workers.one_lent.locked()

    asyncio.run(story())
    assert log == ["lent", "worker None", "taken back"]


def test_one_that_is_given_up_while_it_waits_was_not_lent(camera):
    log = []

    async def story():
        workers = Workers()
        await workers.one_lent.acquire()
        async with LockedCamera(Lending(camera, log), nothing, LONG, workers) as locked:
            waiting = asyncio.create_task(opened(locked))
            await asyncio.wait([waiting], timeout=1)
            waiting.cancel()
            await asyncio.wait([waiting])
        assert workers.one_lent.locked()

    asyncio.run(story())
    assert log == []


def test_a_wrong_password_is_refused_by_the_worker_that_may_open_it(camera, sockets):
    async def story():
        workers = Workers(*(each.units for each in sockets))
        async with LockedCamera(Lending(camera, []), nothing, LONG, workers) as locked:
            await locked.open("gat947", "drivers.gat947:Gat947Unlocker", {"library": str(compiled("plain"))}, "654321")

    with pytest.raises(CredentialRefused):
        asyncio.run(story())

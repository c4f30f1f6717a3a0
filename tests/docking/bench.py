"""A worker in a thread over a real socketpair, with a fake camera and nameless files, spoken to message by message."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dockd.docking.channel import WorkerEnd, pair
from dockd.docking.messages import (
    MAX_PACKET,
    Camera,
    CameraHere,
    File,
    Listing,
    Order,
    Progress,
    ProvenMessage,
    Ready,
    Report,
    Trouble,
    Wants,
    decode_report,
    encode,
)
from dockd.docking.nameless import NamelessFile
from dockd.docking.sealing import Sealing
from dockd.docking.worker import Worker
from dockd.docking.works import Works
from dockd.model import Recording, RecordingPath
from dockd.seal.recipients import Identity
from dockd.seal.stream import unseal
from dockd.testing.fake_camera import FakeCamera

CSU = Identity.generate()
TIMEOUT = 30


def nameless(folder: Path, *, direct: bool = False) -> int:
    return os.open(folder, os.O_TMPFILE | os.O_RDWR | (os.O_DIRECT if direct else 0), 0o600)


def sealing(recording: Recording, fd: int, works: Works, trail: int = 64 * 2**20) -> Sealing:
    """Begin to seal a recording into a file of its own descriptor, which is left open."""
    return Sealing(recording, NamelessFile(os.dup(fd), works), [CSU.recipient], works, trail)


def unsealed(fd: int) -> bytes:
    with open(f"/proc/self/fd/{fd}", "rb") as file:
        return b"".join(unseal(iter(lambda: file.read(1 << 20), b""), CSU))


def _no_crash(_path: str, error: Exception) -> None:
    raise error


class Bench:
    """The supervisor's end, blocking. `ended` is what the worker ended with, None if it was told to stop."""

    def __init__(self, camera: FakeCamera) -> None:
        self.camera = camera
        self.ours, theirs = pair()
        self.ours.settimeout(TIMEOUT)
        self.ended: BaseException | None = None
        self.thread = threading.Thread(target=self._serve, args=(theirs,), daemon=True)
        self.thread.start()
        assert self.hear() == Ready()

    def _serve(self, theirs: socket.socket) -> None:
        with theirs:
            try:
                Worker(WorkerEnd(theirs), lambda *_driver: self.camera.driver(), os.close, _no_crash).serve()
            except BaseException as error:
                self.ended = error

    def tell(self, order: Order, *fds: int) -> None:
        socket.send_fds(self.ours, [encode(order)], fds)

    def hear(self) -> Report | None:
        """Give the next report that is not progress, None once the worker has ended."""
        while packet := self.ours.recv(MAX_PACKET):
            report = decode_report(packet)
            if not isinstance(report, Progress):
                return report
        self.thread.join(TIMEOUT)
        return None

    def ask(self, order: Order, *fds: int) -> Report | None:
        self.tell(order, *fds)
        return self.hear()

    def open(
        self,
        camera_id: str = "cam-1",
        recipients: tuple[str, ...] = (CSU.recipient.text,),
        must_state_id: bool = False,
    ) -> Report | None:
        order = Camera(
            camera_id=camera_id,
            must_state_id=must_state_id,
            driver="fake",
            driver_reference="fake:Driver",
            options={},
            recipients=recipients,
        )
        wants = self.ask(order)
        if not isinstance(wants, Wants):
            return wants
        fd = os.open("/", os.O_RDONLY)
        try:
            return self.ask(CameraHere(), fd)
        finally:
            os.close(fd)

    def index(self, listing: Report | None, path: bytes) -> int:
        assert isinstance(listing, Listing), listing
        return [each.path for each in listing.recordings].index(RecordingPath(path).text)

    def ingest(self, index: int, file: int, *, salvage: bool = False, trail: int = 0) -> ProvenMessage | Trouble:
        report = self.ask(File(index=index, salvage=salvage, trail=trail), file)
        assert isinstance(report, ProvenMessage | Trouble), (report, self.ended)
        return report


@contextmanager
def a_worker(camera: FakeCamera) -> Iterator[Bench]:
    bench = Bench(camera)
    try:
        yield bench
    finally:
        bench.ours.close()
        bench.thread.join(TIMEOUT)
        assert not bench.thread.is_alive(), "the worker outlives its supervisor"

"""Starts real dockd processes by fork from one that has imported everything: the import is most of their cost.

`python -m tests.integration.nursery` serves requests on the socket that is its standard input. A request runs one
worker or dockd command with one descriptor as standard input and one as standard error. A daemon gets a nursery of its
own for its workers, so that everything dies with it, as it does in service.
"""

import asyncio
import ctypes
import json
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import dockd.catalogue
import dockd.cli
import dockd.cli.run
import dockd.daemon
import dockd.worker_process
import drivers.folder
from dockd.custody import witnesses
from dockd.custody.camera_check import CameraCheck
from dockd.docking import worker_link
from dockd.docking.registry import Registry
from dockd.driver.abilities import CameraTime
from drivers.folder import FolderSession
from tests.integration import taps

PRELOADED = (dockd.catalogue, dockd.cli.run, dockd.worker_process, dockd.daemon, drivers.folder)

WORKER = "worker"

_MAX_REQUEST = 65536
_PR_SET_PDEATHSIG = 1


@dataclass
class Child:
    """A process that may be somebody else's child; `pidfd` is readable once it has ended."""

    pid: int
    pidfd: int

    def kill(self) -> None:
        if self.pidfd < 0:
            raise ProcessLookupError(self.pid)
        signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    async def wait(self) -> int:
        if self.pidfd >= 0:
            ended = asyncio.Event()
            asyncio.get_running_loop().add_reader(self.pidfd, ended.set)
            try:
                await ended.wait()
            finally:
                asyncio.get_running_loop().remove_reader(self.pidfd)
            os.close(self.pidfd)
            self.pidfd = -1
        return 0


class Nursery:
    """The side that asks."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def start(self, arguments: list[str], rig: dict[str, Any], stdin: int, stderr: int) -> Child:
        socket.send_fds(self._sock, [json.dumps([arguments, rig]).encode()], [stdin, stderr])
        pid, fds, _flags, _address = socket.recv_fds(self._sock, 64, 1)
        assert fds, "the nursery is gone"
        return Child(int(pid), fds[0])

    def close(self) -> None:
        self._sock.close()


def serve(sock: socket.socket) -> NoReturn:
    """Fork for each request until nobody can ask any more."""
    while True:
        packet, fds, _flags, _address = socket.recv_fds(sock, _MAX_REQUEST, 2)
        if not packet:
            os._exit(0)
        nursery = os.getpid()
        pid = os.fork()
        if pid == 0:
            sock.close()
            _become(nursery, *json.loads(packet), *fds)
        pidfd = os.pidfd_open(pid)
        socket.send_fds(sock, [b"%d" % pid], [pidfd])
        for fd in (*fds, pidfd):
            os.close(fd)
        _bury()


def _bury() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _become(nursery: int, arguments: list[str], rig: dict[str, Any], stdin: int, stderr: int) -> NoReturn:
    """Be a worker, or run one dockd command as `main` does; never returns."""
    code = 70
    try:
        os.dup2(stdin, 0)
        os.dup2(stderr, 2)
        _die_with(nursery)
        os.environ.update(rig.get("environment", {}))
        if rig.get("hangs"):
            signal.signal(signal.SIGUSR1, _hang)
        if arguments[0] == "run":
            _own_nursery(rig)
        taps.install(arguments[0], rig)
        if "clock" in rig:
            _give_clock(Path(rig["clock"]))
        if arguments == [WORKER]:
            dockd.worker_process.main()
            code = 0
        else:
            code = dockd.cli.dockd.main(arguments, prog_name="dockd", standalone_mode=False) or 0
    except BaseException as error:
        print(f"{arguments}: {error!r}", file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _give_clock(ahead: Path) -> None:
    """Let cameras of the driver `folder` have a clock: the file says how many seconds it is ahead."""

    def tell_time(_session: FolderSession) -> CameraTime:
        shown = datetime.fromtimestamp(time.time() + float(ahead.read_text()), UTC)
        return CameraTime(shown, shown.isoformat(timespec="seconds"))

    def take_time(_session: FolderSession, now: datetime) -> None:
        ahead.write_text(str(now.timestamp() - time.time()))

    FolderSession.tell_time, FolderSession.take_time = tell_time, take_time  # type: ignore[attr-defined]


def _hang(_number: int, _frame: object) -> None:
    """Hold up whatever the main thread does, and so the event loop, for good."""
    while True:
        signal.pause()


def _own_nursery(rig: dict[str, Any]) -> None:
    """Let this daemon start its workers from a nursery that dies with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    daemon = os.getpid()
    if os.fork() == 0:
        ours.close()
        _die_with(daemon)
        serve(theirs)
    theirs.close()
    nursery = Nursery(ours)

    async def spawn(end: socket.socket) -> worker_link.Process:
        child = nursery.start([WORKER], rig, end.fileno(), 2)
        taps.tell("worker.born", pid=child.pid)
        return child

    worker_link.spawn = spawn
    if rig.get("checks_hang"):
        Registry.check = _never_done
    if "check_fails_in" in rig:
        setattr(CameraCheck, rig["check_fails_in"], _fails)
    dockd.daemon.CHECK_SECONDS = rig.get("check_seconds", dockd.daemon.CHECK_SECONDS)
    witnesses.AGAIN_SECONDS = rig.get("check_seconds", witnesses.AGAIN_SECONDS)


def _fails(*_given: object, **_named: object) -> NoReturn:
    raise ZeroDivisionError


async def _never_done(_registry: Registry) -> None:
    await asyncio.Event().wait()


def _die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    asked = socket.socket(fileno=0)
    # The number 0 is for the children's standard input.
    moved = socket.socket(fileno=os.dup(asked.fileno()))
    asked.detach()
    tree = Path(dockd.__file__).parents[1]
    assert tree == Path(__file__).parents[2], f"these tests would test {tree}"
    serve(moved)

"""The supervisor's side of one worker: start it, give it orders, believe little, wait for nothing for ever."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from dockd.docking.channel import SupervisorEnd, pair
from dockd.docking.messages import Order, Progress, Report, Stop, Trouble
from dockd.errors import (
    CameraBusy,
    CameraDenied,
    CameraError,
    CameraGone,
    CameraMedia,
    CameraProtocol,
    CameraUnsupported,
    DockdError,
    DriverError,
    IdentityMismatch,
    PartitionFull,
    PartitionMedia,
    ProofFailed,
    WorkerFailed,
)
from dockd.i18n import _

R = TypeVar("R", bound=Report)
T = TypeVar("T")

# What a worker may claim. Anything else it says about faults is itself a fault of the worker.
_CLAIMS: dict[str, type[DockdError]] = {
    kind.code: kind
    for kind in (
        CameraBusy,
        CameraDenied,
        CameraGone,
        CameraMedia,
        CameraProtocol,
        CameraUnsupported,
        DriverError,
        IdentityMismatch,
        ProofFailed,
        PartitionFull,
        PartitionMedia,
    )
}


class Process(Protocol):
    """A running worker, however it was started."""

    @property
    def pid(self) -> int: ...

    def kill(self) -> None: ...

    async def wait(self) -> int: ...


async def spawn(end: socket.socket) -> Process:
    """Start a worker as a plain subprocess with its socket as standard input, as systemd's Accept=yes would."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "dockd", "worker", stdin=end.fileno(), stdout=asyncio.subprocess.DEVNULL
    )


class WorkerLink:
    """One worker, from `start` to `end`. `silence_seconds` without a word, progress included, and it is killed."""

    def __init__(self, silence_seconds: float, on_progress: Callable[[Progress], None]) -> None:
        self._silence_seconds = silence_seconds
        self._on_progress = on_progress
        self._end: SupervisorEnd | None = None
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        ours, theirs = pair()
        self._end = SupervisorEnd(ours)
        try:
            self._process = await spawn(theirs)
        finally:
            theirs.close()

    async def call(self, order: Order, expected: type[R], fds: Sequence[int] = ()) -> R:
        """Give an order and wait for its report; the descriptors in `fds` are handed over and closed here.

        Raises what the worker claims happened, or `WorkerFailed` if it dies, falls silent or says something else.
        """
        end = self._opened()
        try:
            await self._within_silence(end.send(order, fds))
        finally:
            for fd in fds:
                os.close(fd)
        return await self.next(expected)

    async def next(self, expected: type[R]) -> R:
        """Wait for one more report of a kind; as `call`."""
        while True:
            report = await self._within_silence(self._opened().receive())
            if isinstance(report, Progress):
                self._on_progress(report)
            elif isinstance(report, Trouble):
                raise _claimed(report)
            elif isinstance(report, expected):
                return report
            else:
                raise WorkerFailed(_("the worker answered something else than it was asked"))

    async def finish(self) -> None:
        """Let the worker end by itself; kill it if it does not within its time of silence."""
        if self._process is None or self._end is None:
            return
        with contextlib.suppress(CameraError):
            await self._within_silence(self._end.send(Stop()))
            await self._within_silence(self._process.wait())
        await self.kill()

    async def kill(self) -> None:
        """End the worker now, whatever it is doing; it can be killed with no harm."""
        if self._end is not None:
            self._end.close()
            self._end = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None

    def _opened(self) -> SupervisorEnd:
        if self._end is None:
            raise WorkerFailed(_("the worker is gone"))
        return self._end

    async def _within_silence(self, waiting: Coroutine[Any, Any, T]) -> T:
        try:
            return await asyncio.wait_for(waiting, self._silence_seconds)
        except TimeoutError:
            raise WorkerFailed(
                _("the worker was silent for {n} seconds").format(n=round(self._silence_seconds))
            ) from None


def _claimed(trouble: Trouble) -> DockdError:
    kind = _CLAIMS.get(trouble.code)
    if kind is None:
        return WorkerFailed(trouble.message)
    return kind(trouble.message, advice=trouble.advice)

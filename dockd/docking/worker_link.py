"""The supervisor's side of one worker: start it, give it orders, believe little, wait for nothing for ever."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar, get_args

import structlog

from dockd.docking.channel import pair
from dockd.docking.messages import Order, Progress, Ready, Report, Stage, Stop, Trouble
from dockd.docking.supervisor_end import SupervisorEnd
from dockd.docking.unit_worker import UnitWorker, WorkerUnits
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
from dockd.events import Event
from dockd.i18n import _

SLOWEST_BYTES_PER_SECOND = 50_000
"""A camera slower than this over a whole recording counts as stuck; USB 1.1 gives twenty times as much."""

START_SECONDS = 90
"""What systemd gives a unit to start (DefaultTimeoutStartSec): a busy computer takes its time for it."""

KILL_SECONDS = 10

_STAGES = get_args(Stage)
_left_behind: set["asyncio.Future[int]"] = set()

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
    def pid(self) -> int | None: ...

    def kill(self) -> None: ...

    async def wait(self) -> int: ...


async def spawn(end: socket.socket) -> Process:
    """Start a worker as a plain subprocess with its socket as standard input, as systemd's Accept=yes would."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "dockd.worker_process", stdin=end.fileno(), stdout=asyncio.subprocess.DEVNULL
    )


class WorkerLink:
    """One worker, from `start` to `end`. Once it has started: `silence_seconds` without a word, and it is killed.

    `workers` gives units of systemd; without, it is a subprocess.
    """

    def __init__(
        self, silence_seconds: float, on_progress: Callable[[Progress], None], workers: WorkerUnits | None = None
    ) -> None:
        self._workers = workers
        self._silence_seconds = silence_seconds
        self._on_progress = on_progress
        self._end: SupervisorEnd | None = None
        self._process: Process | None = None
        self._was_silent = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def lifeline(self) -> Sequence[int]:
        """What has to be handed to the worker so that it can be killed, if anything."""
        return [self._process.lifeline] if isinstance(self._process, UnitWorker) else []

    async def start(self) -> None:
        """Start the worker, and wait until it takes orders; raises `WorkerFailed`."""
        if self._workers is None:
            await self._spawn()
        else:
            self._take(self._workers)
        try:
            async with asyncio.timeout(START_SECONDS):
                _expected(await self._opened().receive(), Ready)
        except TimeoutError:
            self._was_silent = True
            raise WorkerFailed(_("the worker did not start in {n} seconds").format(n=START_SECONDS)) from None

    def _take(self, workers: WorkerUnits) -> None:
        try:
            self._end = SupervisorEnd(workers.take())
        except OSError as error:
            raise WorkerFailed(
                _("no worker can be had at {path}: {error}").format(path=workers.path, error=error.strerror),
                advice=_("See: systemctl status {unit}.socket").format(unit=workers.path.parent.name),
            ) from error
        self._process = UnitWorker()

    async def _spawn(self) -> None:
        ours, theirs = pair()
        self._end = SupervisorEnd(ours)
        try:
            self._process = await spawn(theirs)
        except OSError as error:
            raise WorkerFailed(_("no worker can be started: {error}").format(error=error.strerror)) from error
        finally:
            theirs.close()

    async def call(
        self, order: Order, expected: type[R], fds: Sequence[int] = (), size: int = 0, extra_seconds: float = 0
    ) -> R:
        """Give an order and wait for its report; the worker gets copies of the descriptors in `fds`.

        `size` is how many bytes the order is about; it may take `extra_seconds` beside what these take. Raises what the
        worker claims happened, or `WorkerFailed` if it dies, falls silent, takes longer than the slowest camera would,
        or says something else.
        """
        await self._patiently(self._opened().send(order, fds))
        return await self.next(expected, size, extra_seconds)

    async def next(self, expected: type[R], size: int = 0, extra_seconds: float = 0) -> R:
        """Wait for one more report of a kind; as `call`.

        Progress is believed only as far as it gets further, so that chatter does not keep a stuck worker alive.
        """
        now = asyncio.get_running_loop().time
        end = now() + self._silence_seconds + size / SLOWEST_BYTES_PER_SECOND + extra_seconds
        furthest = (-1, -1)
        try:
            async with asyncio.timeout(self._silence_seconds) as patience:
                while True:
                    report = await self._opened().receive()
                    # What waits already is received without a pause: a worker that chatters must not have the loop.
                    await asyncio.sleep(0)
                    if not isinstance(report, Progress):
                        return _expected(report, expected)
                    reached = (_STAGES.index(report.stage), report.done + report.proven)
                    if reached > furthest:
                        furthest = reached
                        patience.reschedule(min(now() + self._silence_seconds, end))
                        self._on_progress(report)
        except TimeoutError:
            raise self._silent() from None

    async def finish(self) -> None:
        """Let the worker end by itself; kill it if it does not in its time of silence, or was silent before."""
        if self._process is None or self._end is None:
            return
        if self._was_silent:
            return await self.kill()
        with contextlib.suppress(CameraError):
            await self._patiently(self._end.send(Stop()))
            await self._patiently(self._process.wait())
        await self.kill()

    async def kill(self) -> None:
        """End the worker now, whatever it is doing; it can be killed with no harm.

        One that hangs in the kernel does not even end then: it is left behind, and that is said.
        """
        if self._end is not None:
            self._end.close()
            self._end = None
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        ended = asyncio.ensure_future(process.wait())
        _left_behind.add(ended)
        ended.add_done_callback(_left_behind.discard)
        if not (await asyncio.wait([ended], timeout=KILL_SECONDS))[0]:
            structlog.get_logger().error(Event.WORKER_STUCK, pid=process.pid)

    def _opened(self) -> SupervisorEnd:
        if self._end is None:
            raise WorkerFailed(_("the worker is gone"))
        return self._end

    async def _patiently(self, waiting: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout(self._silence_seconds):
                return await waiting
        except TimeoutError:
            raise self._silent() from None

    def _silent(self) -> WorkerFailed:
        self._was_silent = True
        return WorkerFailed(_("the worker got no further for {n} seconds").format(n=round(self._silence_seconds)))


def _expected(report: Report, expected: type[R]) -> R:
    if isinstance(report, Trouble):
        raise _claimed(report)
    if not isinstance(report, expected):
        raise WorkerFailed(_("the worker answered something else than it was asked"))
    return report


def _claimed(trouble: Trouble) -> DockdError:
    kind = _CLAIMS.get(trouble.code)
    if kind is None:
        return WorkerFailed(trouble.message)
    return kind(trouble.message, advice=trouble.advice)

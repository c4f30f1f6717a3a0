"""What this process can do by itself to keep plaintext and keys from leaving it, and how far it is isolated."""

import ctypes
import fcntl
import os
import resource
import select
import signal
import threading
from dataclasses import asdict, dataclass

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_MCL_CURRENT = 1
_MCL_FUTURE = 2
_STACK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Isolation:
    """How far the processes of this dock are kept apart; shown by `dockd status`."""

    workers: str
    own_users: bool

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


PLAIN_SUBPROCESSES = Isolation(workers="plain subprocesses", own_users=False)
"""Without systemd a worker has the supervisor's user and could reach whatever that user can."""


UNITS = Isolation(workers="units of their own", own_users=True)
"""Each worker is a unit of systemd with a user of its own."""


def hold(lifeline: int) -> None:
    """Have the kernel kill this process as soon as anything happens on the lifeline, its closing above all.

    Keeps the descriptor open for as long as the process lives (fcntl(2): F_SETSIG, F_SETOWN).
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(lifeline, select.POLLIN | select.POLLHUP)
    if poll.poll(0):
        # It happened before anybody was told to watch.
        os.kill(os.getpid(), signal.SIGKILL)


def harden_worker(parent: int) -> None:
    """Keep recordings out of core dumps and swap, and end with the supervisor.

    Locking memory needs a limit that systemd grants and a plain user may not have; without it the kernel could swap
    plaintext out, which is one reason why plain subprocesses count as not isolated.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    # Locked memory is there in full: of the usual eight MiB of each thread's stack hardly a page is ever used.
    threading.stack_size(_STACK_BYTES)
    libc.mlockall(_MCL_CURRENT | _MCL_FUTURE)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # The supervisor died before the kernel was told to watch it.
        os.kill(os.getpid(), signal.SIGKILL)

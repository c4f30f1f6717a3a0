"""A worker that systemd starts, with a user of its own: how it is reached, killed, and known to have ended.

It cannot be signalled, being another user's process. So it is given a lifeline, one end of a pair of sockets, on which
it has the kernel send it SIGKILL for whatever happens there (`hold` in ops/isolation.py): the supervisor's closing of
its own end is enough, and so is the supervisor's end by whatever cause. The kernel kills a worker that hangs in code
that holds the interpreter's lock just as well. One that took its lifeline off has only its unit's RuntimeMaxSec left.
"""

import asyncio
import contextlib
import select
import socket
from pathlib import Path

from dockd.docking.channel import pair

_PIECE = 65536
_PAUSE_SECONDS = 1.0


class UnitWorker:
    """A worker unit, as `Process`."""

    def __init__(self) -> None:
        self._ours, self._theirs = pair()
        self._ours.setblocking(False)

    @property
    def pid(self) -> int | None:
        """Nobody tells it."""
        return None

    @property
    def lifeline(self) -> int:
        """The worker's end, to be handed over."""
        return self._theirs.fileno()

    def kill(self) -> None:
        self._theirs.close()
        # Only for writing: that there is nobody left at the other end is how `wait` knows, which may have been asked.
        if self._ours.fileno() >= 0:
            self._ours.shutdown(socket.SHUT_WR)

    async def wait(self) -> int:
        """Wait until nobody holds the lifeline any more."""
        self._theirs.close()
        with contextlib.closing(self._ours), contextlib.suppress(OSError):
            while await asyncio.get_running_loop().sock_recv(self._ours, _PIECE):
                await asyncio.sleep(_PAUSE_SECONDS)  # nobody writes here but a worker that means harm
        return 0


class WorkerUnits:
    """The socket on which systemd gives workers.

    One is kept in reserve, started, unless `reserve` is False: no camera waits for its start.
    """

    def __init__(self, path: Path, *, reserve: bool = True) -> None:
        self.path = path
        self._reserve = reserve
        self._spare: socket.socket | None = None

    def prepare(self) -> None:
        """See to it that one is in reserve; where none can be had now, the next docking says so."""
        if not self._reserve:
            return
        with contextlib.suppress(OSError):
            if self._spare is None or _has_ended(self._spare):
                self.close()
                self._spare = self._reach()

    def take(self) -> socket.socket:
        """Give the connection to a worker, and have the next one started; raises OSError."""
        spare, self._spare = self._spare, None
        if spare is None or _has_ended(spare):
            spare = self._reach()
        self.prepare()
        return spare

    def close(self) -> None:
        """Let the one in reserve end."""
        if self._spare is not None:
            self._spare.close()
            self._spare = None

    def _reach(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            sock.setblocking(False)
            sock.connect(str(self.path))
        except OSError:
            sock.close()
            raise
        return sock


def _has_ended(worker: socket.socket) -> bool:
    poll = select.poll()
    poll.register(worker, select.POLLHUP)
    return bool(poll.poll(0))

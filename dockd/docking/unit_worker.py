"""A worker that systemd starts, with a user of its own: how it is reached, killed, and known to have ended.

It cannot be signalled, being another user's process. So it is given a lifeline, one end of a pair of sockets, on which
it has the kernel send it SIGKILL for whatever happens there (`hold` in ops/isolation.py): the supervisor's closing of
its own end is enough, and so is the supervisor's end by whatever cause. The kernel kills a worker that hangs in code
that holds the interpreter's lock just as well. One that took its lifeline off has only its unit's RuntimeMaxSec left.
"""

import asyncio
import contextlib
import socket
from pathlib import Path

from dockd.docking.channel import pair


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
        # Only for writing: that there is nobody left at the other end is how `wait` knows.
        self._ours.shutdown(socket.SHUT_WR)

    async def wait(self) -> int:
        """Wait until nobody holds the lifeline any more."""
        self._theirs.close()
        with contextlib.closing(self._ours), contextlib.suppress(OSError):
            while await asyncio.get_running_loop().sock_recv(self._ours, 1):
                pass
        return 0


def reach(path: Path) -> socket.socket:
    """Ask systemd for a worker, by connecting to its socket; raises OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        sock.setblocking(False)
        sock.connect(str(path))
    except OSError:
        sock.close()
        raise
    return sock

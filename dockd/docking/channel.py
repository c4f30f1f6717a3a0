"""The wire between supervisor and worker: a SOCK_SEQPACKET pair, one message a packet, descriptors beside it.

Here is the worker's end. The supervisor's is in supervisor_end.py, for the sake of a worker's start: it needs asyncio.
"""

import os
import select
import socket

from dockd.docking.messages import MAX_PACKET, Order, Report, decode_order, encode
from dockd.errors import WorkerFailed
from dockd.i18n import _

_MAX_DESCRIPTORS = 2


def pair() -> tuple[socket.socket, socket.socket]:
    """Make both ends; neither is inherited by accident."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class WorkerEnd:
    """The worker's end: blocking. The supervisor's silence is no fault here; its end of file is."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def send(self, report: Report) -> None:
        """Say something; raises `WorkerFailed` once nobody listens any more, so that a worker never outlives that."""
        try:
            self._sock.send(encode(report))
        except OSError as error:
            raise WorkerFailed(_("the supervisor is gone")) from error

    def receive(self) -> tuple[Order, list[int]]:
        """Wait for the next order and its descriptors, which are the caller's to close."""
        try:
            packet, fds, flags, _address = socket.recv_fds(self._sock, MAX_PACKET, _MAX_DESCRIPTORS)
        except OSError as error:
            # ECONNRESET: it went without having read everything that was said here.
            raise WorkerFailed(_("the supervisor is gone")) from error
        try:
            # A worker that starts late may find orders of a supervisor that has long given it up: it must not hold a
            # camera that others wait for.
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or not packet or self._is_alone():
                raise WorkerFailed(_("the supervisor is gone"))
            return decode_order(packet), fds
        except WorkerFailed:
            for fd in fds:
                os.close(fd)
            raise

    def _is_alone(self) -> bool:
        poll = select.poll()
        poll.register(self._sock, select.POLLHUP)
        return bool(poll.poll(0))

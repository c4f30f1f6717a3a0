"""The supervisor's end of the wire to a worker, on its event loop.

Descriptors go one way only, to the worker: the supervisor reads without room for ancillary data, so the kernel
closes whatever a worker might send.
"""

import asyncio
import socket
from collections.abc import Sequence

from dockd.docking.messages import MAX_PACKET, Order, Report, decode_report, encode
from dockd.errors import WorkerFailed
from dockd.i18n import _


class SupervisorEnd:
    """Wraps its socket, which becomes non-blocking."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock

    async def send(self, order: Order, fds: Sequence[int] = ()) -> None:
        """Give an order; raises `WorkerFailed` if the worker's end is closed."""
        packet = encode(order)
        while True:
            try:
                socket.send_fds(self._sock, [packet], list(fds))
            except BlockingIOError:
                await self._writable()
            except OSError as error:
                raise WorkerFailed(_("the worker is gone")) from error
            else:
                return

    async def receive(self) -> Report:
        """Wait for the next report; raises `WorkerFailed` at end of file or for a packet that is not one of ours."""
        try:
            packet = await asyncio.get_running_loop().sock_recv(self._sock, MAX_PACKET + 1)
        except OSError as error:
            raise WorkerFailed(_("the worker is gone")) from error
        if not packet:
            raise WorkerFailed(_("the worker is gone"))
        if len(packet) > MAX_PACKET:
            raise WorkerFailed(_("the worker sent a packet that is too long"))
        return decode_report(packet)

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(self._sock, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._sock)

    def close(self) -> None:
        self._sock.close()

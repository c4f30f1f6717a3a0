"""JSON lines over a socket that QEMU has the other end of: its monitor, and the agent in the guest."""

import json
import select
import socket
import time
from typing import Any

Message = dict[str, Any]


class LinkClosed(Exception):
    """QEMU has ended, or closed this line."""


class Lines:
    """One line at a time, each way; every wait has a deadline."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self._poll = select.poll()
        self._poll.register(end, select.POLLIN)
        self._rest = b""

    def send(self, message: Message, descriptor: int | None = None) -> None:
        """Send one line, with a descriptor for QEMU if it is to have one (`getfd`)."""
        line = json.dumps(message).encode() + b"\n"
        try:
            if descriptor is not None:
                socket.send_fds(self.socket, [line], [descriptor])
            else:
                self.socket.sendall(line)
        except OSError as error:
            raise LinkClosed(str(error)) from error

    def receive(self, seconds: float) -> Message:
        """Give the next line; raises TimeoutError, or `LinkClosed`."""
        return dict(json.loads(self.line(seconds)))

    def line(self, seconds: float) -> bytes:
        """Give the next line as it is."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise TimeoutError(f"no line within {seconds:.0f} s")
            try:
                block = self.socket.recv(1 << 20)
            except OSError as error:
                raise LinkClosed(str(error)) from error
            if not block:
                raise LinkClosed("closed by QEMU")
            self._rest += block
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def close(self) -> None:
        self.socket.close()

"""Tells whether the kernel holds its clock for synchronised: started by dockd-clock.socket, for dockd.service.

    python -I -m dockd.clock_state

Apart from the supervisor, because the one system call that reads it is also the one that sets the clock, and a filter
of system calls cannot tell the two: this process may make it, has no right to set anything, and does nothing else.
Each connection gets one byte, `1` or `0`.
"""

import contextlib
import os
import socket
import sys

from dockd.clock import kernel_is_synchronised


def serve(listener: socket.socket) -> None:
    while True:
        connection, _address = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.send(b"1" if kernel_is_synchronised() else b"0")


if __name__ == "__main__":
    if os.environ.get("LISTEN_FDS") != "1":
        sys.exit("started by dockd-clock.service, with its socket: dockd.clock_state")
    serve(socket.socket(fileno=3))

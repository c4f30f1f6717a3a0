"""Tells systemd how the service is: the protocol of sd_notify(3) and sd_watchdog_enabled(3), and nothing else.

Each message is one datagram of `NAME=value` lines to the socket that NOTIFY_SOCKET names; a first `@` stands for the
zero byte of an abstract name (unix(7)).
"""

import contextlib
import os
import socket
from collections.abc import MutableMapping

_MICROSECONDS = 1_000_000
_STATUS_BYTES = 1024
"""systemd takes 4096 bytes a message (NOTIFY_BUFFER_MAX); nobody reads a status that long."""


class ServiceManager:
    """Whoever started the service and listens. Without one every message goes nowhere.

    `heartbeat_seconds` is how often `heartbeat` must be called to stay well within the time that is granted: half of
    it, as sd_watchdog_enabled(3) advises. None if nobody waits for one.
    """

    def __init__(self, address: str | None = None, heartbeat_seconds: float | None = None) -> None:
        self.heartbeat_seconds = heartbeat_seconds if address else None
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        # A manager that does not read must not stop the bays.
        self._socket.setblocking(False)

    @classmethod
    def take_from(cls, environment: MutableMapping[str, str]) -> "ServiceManager":
        """Find the manager in the environment, and take it out: a worker must not speak for the service."""
        name = environment.pop("NOTIFY_SOCKET", "")
        granted = environment.pop("WATCHDOG_USEC", "")
        meant = environment.pop("WATCHDOG_PID", "")
        address = f"\0{name[1:]}" if name.startswith("@") else name if name.startswith("/") else None
        is_ours = not meant or meant == str(os.getpid())
        granted_usec = int(granted) if granted.isascii() and granted.isdecimal() else 0
        return cls(address, granted_usec / _MICROSECONDS / 2 if is_ours and granted_usec else None)

    def starting(self, seconds: float) -> None:
        """Ask for so much time more to start; without this a long recovery would be taken for a hung start."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * _MICROSECONDS)}")

    def ready(self) -> None:
        self._send("READY=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def status(self, words: str) -> None:
        """Say in words how the service is, on one line: a second one could say anything in our name."""
        line = " ".join("".join(each if each.isprintable() else " " for each in words).split())
        self._send("STATUS=" + line.encode("utf-8", "replace")[:_STATUS_BYTES].decode("utf-8", "ignore"))

    def heartbeat(self) -> None:
        self._send("WATCHDOG=1")

    def close(self) -> None:
        self._socket.close()

    def _send(self, message: str) -> None:
        if self._address is not None:
            # Nothing is to be done about a message that is lost: the manager itself acts on what it does not hear.
            with contextlib.suppress(OSError):
                self._socket.sendto(message.encode(), self._address)

"""Time, in one place, so that tests can hold it still.

The dock has no NTP by design. Whether the kernel holds its clock for synchronised is a fact of its own, recorded
with every entry; nothing is ever corrected.
"""

import ctypes
import os
import socket
import time
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

_STA_UNSYNC = 0x0040  # <linux/timex.h>
_TIME_ERROR = 5
_ANSWER_SECONDS = 5
_STEP_SECONDS = 2


def zone_of(name: str) -> tzinfo:
    """Give a zone by its name, UTC for one that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


class Clock(Protocol):
    """What dockd asks of time."""

    def now(self) -> datetime:
        """Return the wall clock, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only ever grow while this system runs."""
        ...

    def zone(self) -> str:
        """Return the name of the local zone, kept beside UTC times for people."""
        ...

    def trusted(self) -> bool:
        """Return whether the wall clock is believed: the kernel holds it for synchronised, or a person confirmed it."""
        ...


class _Timex(ctypes.Structure):
    """Head of `struct timex`, see adjtimex(2); the tail is only room for the kernel to write in."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("tail", ctypes.c_long * 32),
    )


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def zone(self) -> str:
        if zone := os.environ.get("TZ"):
            return zone
        localtime = Path("/etc/localtime")
        target = str(localtime.resolve()) if localtime.is_symlink() else ""
        return target.partition("/zoneinfo/")[2] or time.tzname[0]

    def trusted(self) -> bool:
        return kernel_is_synchronised()


class AnsweredClock:
    """A clock that a person can answer for, until it is set: see `stepped`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._is_confirmed = False
        self._stands = self._difference()

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def zone(self) -> str:
        return self._clock.zone()

    def trusted(self) -> bool:
        """Return whether the kernel holds the wall clock for synchronised, or a person confirmed it."""
        return self._is_confirmed or self._clock.trusted()

    def confirm(self) -> None:
        """Take somebody's word that the wall clock is right now."""
        self._is_confirmed = True

    def stepped(self) -> float:
        """Give by how many seconds the wall clock was set since the last call, 0 if it was not.

        Less than `_STEP_SECONDS` is no step: the two clocks are read one after the other, and one is disciplined.
        After a step nobody answers for the clock any more.
        """
        before, self._stands = self._stands, self._difference()
        by = self._stands - before
        if abs(by) < _STEP_SECONDS:
            return 0
        self._is_confirmed = False
        return by

    def _difference(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()


class WatchedClock(SystemClock):
    """The clock of this machine for a process that may not ask the kernel itself: it asks dockd-clock.service.

    What was last told counts until it is asked again; no answer means not synchronised.
    """

    def __init__(self, socket_path: Path) -> None:
        self._path = socket_path
        self._is_synchronised = False

    def trusted(self) -> bool:
        return self._is_synchronised

    def ask(self) -> None:
        """Ask anew; blocks for `_ANSWER_SECONDS` at most."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
            asking.settimeout(_ANSWER_SECONDS)
            try:
                asking.connect(str(self._path))
                self._is_synchronised = asking.recv(1) == b"1"
            except OSError:
                self._is_synchronised = False


def kernel_is_synchronised() -> bool:
    """Whether the kernel holds the wall clock for synchronised: adjtimex(2) without STA_UNSYNC."""
    state = _Timex()
    libc = ctypes.CDLL(None, use_errno=True)
    return 0 <= int(libc.adjtimex(ctypes.byref(state))) != _TIME_ERROR and not state.status & _STA_UNSYNC


def utc_text(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with microseconds: the one form of time in formats and messages."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

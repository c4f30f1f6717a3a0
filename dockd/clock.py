"""Time, in one place, so that tests can hold it still.

The dock has no NTP by design. Whether the kernel holds its clock for synchronised is a fact of its own, recorded
with every entry; nothing is ever corrected.
"""

import ctypes
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

_STA_UNSYNC = 0x0040  # <linux/timex.h>
_TIME_ERROR = 5


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
        """Return whether the kernel holds the wall clock for synchronised (adjtimex(2) without STA_UNSYNC)."""
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
        state = _Timex()
        libc = ctypes.CDLL(None, use_errno=True)
        return 0 <= int(libc.adjtimex(ctypes.byref(state))) != _TIME_ERROR and not state.status & _STA_UNSYNC


def utc_text(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with microseconds: the one form of time in formats and messages."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

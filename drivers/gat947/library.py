"""A vendor's shared library with the calls of GA/T 947, called so that it can do no worse than end this process.

No two are built alike. Each is handed zeroed memory, larger than any of them fills, between guards that are looked at
after each call. What happened is told in two bytes or in four, with a code of its own for each kind of success. What a
call returns counts only where no code says anything: some return true in any case, and some a `bool` of C++, of which
nothing but the lowest byte is meant.
"""

import ctypes
import sys
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

from dockd.errors import CameraProtocol, CameraUnsupported
from dockd.i18n import _

ROOM = 256
"""Bytes for anything that is handed over, the longest of which the standard gives 94."""

_NUMBER = 8
_GUARD = b"\xa5" * 4096
_ELF_HEADER = 20
_WINDOWS = b"MZ"


class Code(IntEnum):
    """What a call says happened. NOTHING: it does not say."""

    NOTHING = 0
    CONNECTED = 1
    NOT_CONNECTED = 2
    PASSWORD_RIGHT = 3
    PASSWORD_WRONG = 4
    TIME_SET = 5
    TIME_NOT_SET = 6
    STORAGE = 7
    NO_STORAGE = 8


class Call:
    """The names of the calls."""

    INIT = "Init_Device"
    CODE = "GetIDCode"
    INFO = "GetZFYInfo"
    TIME = "SyncDevTime"
    STORAGE = "SetMSDC"
    BATTERY = "ReadDeviceBatteryDumpEnergy"
    END = "UnInit_Device"


_SUCCESS = {Call.TIME: {Code.TIME_SET, Code.CONNECTED}, Call.STORAGE: {Code.STORAGE, Code.CONNECTED}}
# That the password was right says nothing yet of what was asked for with it.
_UNDECIDED = {Code.NOTHING, Code.PASSWORD_RIGHT}


class Memory:
    """Memory for the library to read, or to fill, between guards."""

    def __init__(self, content: bytes = b"", size: int = ROOM) -> None:
        whole = _GUARD + content.ljust(size, b"\0") + _GUARD
        self._whole = ctypes.create_string_buffer(whole, len(whole))
        self.address = ctypes.c_void_p(ctypes.addressof(self._whole) + len(_GUARD))

    @property
    def content(self) -> bytes:
        return self._whole.raw[len(_GUARD) : -len(_GUARD)]

    @property
    def number(self) -> int:
        """What was written as a number of two, four or eight bytes, taken as none below zero."""
        return int.from_bytes(self.content[:_NUMBER], "little")

    @property
    def is_intact(self) -> bool:
        """Whether nothing was written before it or behind it."""
        raw = self._whole.raw
        return raw.startswith(_GUARD) and raw.endswith(_GUARD)


def number_memory() -> Memory:
    """Give memory for a number of which nobody says how long it is."""
    return Memory(size=_NUMBER)


class VendorLibrary:
    """A loaded library. Raises `CameraUnsupported` if it cannot be loaded, or lacks one of the calls in `needed`."""

    def __init__(self, path: Path, needed: Sequence[str]) -> None:
        self._library = _loaded(path)
        self._path = path
        self._has_overrun = False
        if missing := [name for name in needed if not self.has(name)]:
            raise _unusable(
                path,
                _("it lacks {names}").format(names=", ".join(missing)),
                _("Ask the vendor for a library with the calls of GA/T 947, part 4, under their plain names (C)."),
            )

    def has(self, name: str) -> bool:
        return hasattr(self._library, name)

    def call(self, name: str, *handed: Memory) -> tuple[bool, int]:
        """Make a call; tells whether it succeeded, and its code.

        Raises `CameraProtocol` if it writes where it has nothing to write, and for every call after that.
        """
        self.must_be_sound()
        code = number_memory()
        returned = self._function(name)(*(each.address for each in (*handed, code)))
        self._has_overrun = not all(each.is_intact for each in (*handed, code))
        self.must_be_sound()
        if code.number in _UNDECIDED:
            return returned & 0xFF == 1, code.number
        return code.number in _SUCCESS.get(name, {Code.CONNECTED}), code.number

    def _function(self, name: str) -> Any:
        function = getattr(self._library, name, None)
        if function is None:
            raise _unusable(self._path, _("it lacks {names}").format(names=name), "")
        function.restype = ctypes.c_int
        return function

    def must_be_sound(self) -> None:
        """Raise `CameraProtocol` once it has written where it had nothing to write."""
        if self._has_overrun:
            raise CameraProtocol(
                _("the library {path} writes past the memory that it is handed").format(path=self._path),
                advice=_("Nothing that it says can be believed. Ask the vendor for a corrected one."),
            )


def _loaded(path: Path) -> ctypes.CDLL:
    try:
        head = _head(path)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error), _readable()) from error
    if head.startswith(_WINDOWS):
        raise _unusable(path, _("it is one for Windows"), _for_this_machine())
    # Class, order of bytes and machine. The loader calls a library of another machine one that is not there.
    ours = _head(Path(sys.executable))
    if (head[:6], head[18:]) != (ours[:6], ours[18:]):
        raise _unusable(path, _("it is no shared library for this machine"), _for_this_machine())
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        advice = _("It says what it needs: install that, or ask the vendor for a library that this system can load.")
        raise _unusable(path, str(error), advice) from error


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_ELF_HEADER)


def _readable() -> str:
    return _("A worker must be able to read it: put it below /opt or /usr/local/lib, readable for everybody.")


def _for_this_machine() -> str:
    return _("Ask the vendor for a shared library for Linux on this kind of machine.")


def _unusable(path: Path, reason: str, advice: str) -> CameraUnsupported:
    return CameraUnsupported(
        _("the library {path} cannot be used: {reason}").format(path=path, reason=reason), advice=advice
    )

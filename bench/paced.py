"""The folder driver for the bench: reads no faster than a camera's bus would, and notes when it read what.

Options: `bytes_per_second`; `marks`, the file that its notes go to. A camera whose folder is no longer in its bay is
gone, as one on a cable would be.
"""

import json
import os
import threading
import time
from collections.abc import Mapping
from typing import ClassVar

from dockd.driver import Ability, DirectorySource, Driver, Session, SourceKind
from dockd.model import Recording
from drivers.folder import FolderDriver, FolderSession, _stamp

_BAY = "/dock/"
_LATE_SECONDS = 0.25


class PacedSession(FolderSession):
    def __init__(self, source: DirectorySource, options: Mapping[str, str]) -> None:
        super().__init__(source, frozenset({Ability.CLEAR}), _stamp, b"camera_id.txt")
        self._rate = float(options["bytes_per_second"])
        self._marks = options["marks"]
        self._begun = self._due = 0.0
        self._count = 0

    def _read_into(self, recording: Recording, offset: int, into: memoryview) -> int:
        if _BAY not in os.readlink(f"/proc/self/fd/{self._root}"):
            self._note("gone")
            raise OSError(19, "No such device")
        if not self._begun:
            self._begun = self._due = time.monotonic()
            self._note("first")
        # What a camera did not give while it was away, or nobody asked for, it does not give faster later.
        self._due = max(self._due, time.monotonic() - _LATE_SECONDS) + len(into) / self._rate
        threading.Event().wait(max(0.0, self._due - time.monotonic()))
        got = super()._read_into(recording, offset, into)
        self._count += got
        if offset + got == recording.size:
            self._note("last")
        return got

    def _note(self, what: str) -> None:
        line = json.dumps({"what": what, "pid": os.getpid(), "at": time.time(), "read": self._count}) + "\n"
        fd = os.open(self._marks, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, line.encode())
        finally:
            os.close(fd)


class PacedDriver(Driver):
    name: ClassVar[str] = "paced"
    version: ClassVar[str] = "1"
    source: ClassVar[SourceKind] = SourceKind.DIRECTORY
    abilities: ClassVar[frozenset[Ability]] = FolderDriver.abilities
    option_names: ClassVar[frozenset[str]] = frozenset({"bytes_per_second", "marks"})

    def _open(self, source: DirectorySource) -> Session:
        return PacedSession(source, self.options)

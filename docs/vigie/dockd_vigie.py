"""Driver for the cameras of Vigie, which show themselves as a directory.

`DEVICE.TXT` states the serial number; recordings end in `.mp4`, and what lies below `CACHE` is none. On FAT a name may
come in capitals or not.
"""

import os
import re
from functools import partial
from typing import ClassVar

from dockd.driver import Ability, DirectorySource, Driver, Found, Other, Session, SourceKind
from dockd.driver.directory import Directory, DirectorySession, Sort, open_beneath
from dockd.errors import CameraProtocol
from dockd.model import Recording, RecordingPath

ABOUT = b"DEVICE.TXT"
ABOUT_BYTES = 4096


def stamp(status: os.stat_result) -> tuple[int, ...]:
    """Size and time: a file is the one that was read as long as they stay the same."""
    return status.st_size, status.st_mtime_ns


class VigieSession(DirectorySession):
    def _identify(self) -> str:
        fd = open_beneath(self._root, ABOUT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            found = re.search(rb"(?m)^SERIAL=([^\r\n]+)", os.read(fd, ABOUT_BYTES))
        finally:
            os.close(fd)
        if found is None:
            raise CameraProtocol("DEVICE.TXT states no SERIAL")
        return found[1].decode("ascii", "replace")

    def _sort_in(self, directory: Directory) -> Sort:
        return partial(self._sort, directory.prefix)

    def _sort(self, prefix: bytes, name: bytes, status: os.stat_result) -> Found | None:
        path = RecordingPath(prefix + name)
        if path.raw == ABOUT:
            return None
        if name.lower().endswith(b".mp4") and not prefix.lower().startswith(b"cache/"):
            return Recording(path, status.st_size, status.st_mtime_ns)
        return Other(path)


class VigieDriver(Driver):
    name: ClassVar[str] = "vigie"
    version: ClassVar[str] = "1.0"
    source: ClassVar[SourceKind] = SourceKind.DIRECTORY
    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.CLEAR})

    def _open(self, source: DirectorySource) -> Session:
        return VigieSession(source, self.abilities, stamp, None)

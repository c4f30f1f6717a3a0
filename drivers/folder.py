"""Cameras that appear as a directory: docks with a disk of their own."""

import os
import stat
from functools import partial
from typing import ClassVar

from dockd.driver import Ability, DirectorySource, Driver, Found, Other, Session, SourceKind
from dockd.driver.directory import Directory, DirectorySession, Sort
from dockd.model import Recording, RecordingPath

IDENTITY_FILE = "camera_id.txt"
RECORDING_SUFFIX = b".mp4"


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class FolderSession(DirectorySession):
    """Every file that ends in .mp4 is a recording."""

    def _sort_in(self, directory: Directory) -> Sort:
        return partial(self._sort, directory.prefix)

    def _sort(self, prefix: bytes, name: bytes, status: os.stat_result) -> Found | None:
        path = RecordingPath(prefix + name)
        if stat.S_ISREG(status.st_mode) and name.lower().endswith(RECORDING_SUFFIX):
            return Recording(path, status.st_size, status.st_mtime_ns)
        return Other(path) if path.raw != self._identity_file else None


class FolderDriver(Driver):
    """The camera is a directory; a text file in it, written by the dock or the camera, states the camera's id."""

    name: ClassVar[str] = "folder"
    version: ClassVar[str] = "1"
    source: ClassVar[SourceKind] = SourceKind.DIRECTORY
    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.CLEAR})
    option_names: ClassVar[frozenset[str]] = frozenset({"identity_file"})

    def _open(self, source: DirectorySource) -> Session:
        identity_file = os.fsencode(self.options.get("identity_file", IDENTITY_FILE))
        return FolderSession(source, self.abilities, _stamp, identity_file)

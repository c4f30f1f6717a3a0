"""Cameras that appear as a card: a FAT or exFAT filesystem, reached through the descriptor of a detached mount.

FAT and exFAT give new inode numbers at every mount, and their ctime is no time of change: a file is the one that was
read as long as its size and mtime are the same. What is a recording, and what goes with one: `dockd.driver.places`.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from functools import partial
from typing import ClassVar

from dockd.driver import Ability, DirectorySource, Driver, Found, Other, Session, SourceKind
from dockd.driver.directory import Directory, DirectorySession, Sort
from dockd.driver.places import CardFile, Kinds, Name, Places, wrong_option
from dockd.errors import CameraProtocol, CameraUnsupported
from dockd.i18n import _
from dockd.model import Recording, RecordingPath


def _file(name: bytes, status: os.stat_result) -> CardFile:
    return CardFile(name, status.st_size, status.st_mtime_ns)


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns


class CardSession(DirectorySession):
    """One card. See the top of this file for what is what on it."""

    def __init__(
        self, source: DirectorySource, abilities: frozenset[Ability], identity_file: bytes | None, kinds: Kinds
    ) -> None:
        super().__init__(source, abilities, _stamp, identity_file)
        self._kinds = kinds

    def _list(self) -> Iterator[Found]:
        filesystem = os.fstatvfs(self._root)
        room = filesystem.f_blocks * filesystem.f_frsize
        for found in super()._list():
            if isinstance(found, Recording):
                room -= found.size
                if room < 0:
                    # A hostile filesystem lists a hundred thousand files of 4 GiB on a small card.
                    raise CameraProtocol(_("the files of this card are larger together than the card"))
            yield found

    def _sort_in(self, directory: Directory) -> Sort:
        files = (_file(name, status) for name, status in directory.files() if stat.S_ISREG(status.st_mode))
        return partial(self._sort, directory.prefix, Places(files, self._kinds))

    def _sort(self, prefix: bytes, places: Places, name: bytes, status: os.stat_result) -> Found | None:
        path = RecordingPath(prefix + name)
        if self._states_identity(path):
            return None
        return places.sort(prefix, _file(name, status)) if stat.S_ISREG(status.st_mode) else Other(path)

    def _states_identity(self, path: RecordingPath) -> bool:
        return self._identity_file is not None and path.raw.lower() == self._identity_file.lower()


class MassStorageDriver(Driver):
    """The camera is a card. It is known by its serial on the bus, and by a file on the card where there is one."""

    name: ClassVar[str] = "mass-storage"
    version: ClassVar[str] = "1"
    source: ClassVar[SourceKind] = SourceKind.DIRECTORY
    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.CLEAR})
    option_names: ClassVar[frozenset[str]] = Kinds.OPTIONS | {"identity_file"}
    usb_ids: ClassVar[frozenset[str]] = frozenset({"08:06:50"})

    def __init__(self, options: Mapping[str, str]) -> None:
        super().__init__(options)
        self._kinds = Kinds.of(self.name, options)
        self._identity_file = self._identity_path()

    def _open(self, source: DirectorySource) -> Session:
        return CardSession(source, self.abilities, self._identity_file, self._kinds)

    def _identity_path(self) -> bytes | None:
        if "identity_file" not in self.options:
            return None
        path = os.fsencode(self.options["identity_file"])
        if b"\0" in path or {b"", b".", b".."} & set(path.split(b"/")):
            raise self._wrong(_("It is the path of a file on the card, such as MISC/id.txt."))
        if Name.of(path).extension in self._kinds.recordings:
            raise self._wrong(_("A recording is cleared, and cannot be what states the camera's id."))
        return path

    def _wrong(self, advice: str) -> CameraUnsupported:
        return wrong_option(self.name, self.options, "identity_file", advice)

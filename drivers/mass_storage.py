"""Cameras that appear as a card: a FAT or exFAT filesystem, reached through the descriptor of a detached mount.

FAT and exFAT give new inode numbers at every mount, and their ctime is no time of change: a file is the one that was
read as long as its size and mtime are the same. What the camera writes beside a recording under the same stem goes
with it, and the files into which it splits a long one are told to belong together. No directory is passed over for its
name: what it holds is a recording, goes with one, or is reported and left alone.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from dockd.driver import Ability, DirectorySource, Driver, Found, Other, Session, SourceKind
from dockd.driver.directory import Directory, DirectorySession, Sort
from dockd.errors import CameraProtocol, CameraUnsupported
from dockd.i18n import _
from dockd.model import Recording, RecordingPath

DEFAULT_EXTENSIONS = "mp4"
DEFAULT_SIDECAR_EXTENSIONS = "3gf,csv,gps,gpx,jpeg,jpg,json,log,lrv,nmea,srt,thm,txt,wav,xml"

NEARLY_4_GIB = 4 * 2**30 - 64 * 2**20
"""From this size on, in bytes, a file may be one that the camera closed because FAT allows no longer one."""

MAX_NAME_BYTES = 8 * 2**20
"""The names of one directory's recordings, which are held while it is listed, may be so long together."""

_EXTENSION = re.compile(r"[a-z0-9_-]{1,16}")
_LAST_NUMBER = re.compile(rb"([0-9]+)([^0-9]*)$")


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Which extensions make a recording, and which a file that goes with one: lower case, without the dot."""

    recordings: frozenset[bytes]
    sidecars: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class _Name:
    """A file's name taken apart, ASCII letters in lower case: FAT does not tell them from capitals."""

    stem: bytes
    extension: bytes

    @classmethod
    def of(cls, name: bytes) -> "_Name":
        stem, dot, extension = name.lower().rpartition(b".")
        return cls(stem, extension) if dot else cls(extension, b"")

    @property
    def number(self) -> int | None:
        """The last number in the stem, if there is one."""
        last = _LAST_NUMBER.search(self.stem)
        return int(last[1]) if last else None

    def next(self) -> "_Name":
        """Give this name with its number one higher, and of at least as many digits."""
        stem = _LAST_NUMBER.sub(lambda last: b"%0*d" % (len(last[1]), int(last[1]) + 1) + last[2], self.stem, count=1)
        return _Name(stem, self.extension)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file belongs: the name of a recording in the same directory, if any, and its turn."""

    part_of: bytes | None
    turn_ns: int

    def before(self, recording: bytes) -> "_Place":
        return _Place(recording, self.turn_ns - 1)


class _Places:
    """Which files of one directory belong to which recording of it. Holds the names of that directory's recordings.

    A bond is told from what is there, so that the file with it has its turn first: a later file before an earlier, and
    before each of them what goes with it. Otherwise it could not be told any more once the other is cleared.
    """

    def __init__(self, directory: Directory, kinds: _Kinds) -> None:
        self._sidecars = kinds.sidecars
        self._by_stem: dict[bytes, tuple[bytes, int]] = {}
        full: dict[_Name, tuple[bytes, int]] = {}
        name_bytes = 0
        for name, status in directory.files():
            parts = _Name.of(name)
            if parts.extension not in kinds.recordings or not stat.S_ISREG(status.st_mode):
                continue
            name_bytes += len(name)
            if name_bytes > MAX_NAME_BYTES:
                raise CameraProtocol(_("a directory holds more names, and longer ones, than dockd takes"))
            here = name, status.st_mtime_ns
            # Where one stem has two recordings, in whatever order they come, always the same of them.
            self._by_stem[parts.stem] = min(here, self._by_stem.get(parts.stem, here))
            if status.st_size >= NEARLY_4_GIB and parts.number is not None:
                full[parts] = min(here, full.get(parts, here))
        self._later = _later(full)

    def of_recording(self, name: bytes, mtime_ns: int) -> _Place:
        """Give the first of the files that a recording was split into, if this is a later one."""
        return self._later.get(_Name.of(name)) or _Place(None, mtime_ns)

    def of_sidecar(self, name: bytes) -> _Place | None:
        """Give the recording that a file goes with, if it is one that may, and there is one."""
        parts = _Name.of(name)
        if parts.extension not in self._sidecars or parts.stem not in self._by_stem:
            return None
        recording, mtime_ns = self._by_stem[parts.stem]
        return self.of_recording(recording, mtime_ns).before(recording)


def _later(full: dict[_Name, tuple[bytes, int]]) -> dict[_Name, _Place]:
    """Give the place of every name that could follow one of these, which have a number and are nearly 4 GiB long."""
    later: dict[_Name, _Place] = {}
    # By number, so that the way to the first is known when a file is come to; by length, because 10 follows 09, not 9.
    for each in sorted(full, key=lambda name: (name.number or 0, len(name.stem))):
        name, mtime_ns = full[each]
        here = later.get(each, _Place(None, mtime_ns))
        later[each.next()] = here.before(here.part_of or name)
    return later


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns


class CardSession(DirectorySession):
    """One card. See the top of this file for what is what on it."""

    def __init__(
        self, source: DirectorySource, abilities: frozenset[Ability], identity_file: bytes | None, kinds: _Kinds
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
        return partial(self._sort, directory.prefix, _Places(directory, self._kinds))

    def _sort(self, prefix: bytes, places: _Places, name: bytes, status: os.stat_result) -> Found | None:
        path = RecordingPath(prefix + name)
        if self._states_identity(path):
            return None
        place = self._place(places, name, status)
        if place is None:
            return Other(path)
        part_of = RecordingPath(prefix + place.part_of) if place.part_of else None
        return Recording(path, status.st_size, status.st_mtime_ns, part_of, place.turn_ns)

    def _place(self, places: _Places, name: bytes, status: os.stat_result) -> _Place | None:
        if not stat.S_ISREG(status.st_mode):
            return None
        if _Name.of(name).extension in self._kinds.recordings:
            return places.of_recording(name, status.st_mtime_ns)
        return places.of_sidecar(name)

    def _states_identity(self, path: RecordingPath) -> bool:
        return self._identity_file is not None and path.raw.lower() == self._identity_file.lower()


class MassStorageDriver(Driver):
    """The camera is a card. It is known by its serial on the bus, and by a file on the card where there is one."""

    name: ClassVar[str] = "mass-storage"
    version: ClassVar[str] = "1"
    source: ClassVar[SourceKind] = SourceKind.DIRECTORY
    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.CLEAR})
    option_names: ClassVar[frozenset[str]] = frozenset({"extensions", "sidecar_extensions", "identity_file"})

    def __init__(self, options: Mapping[str, str]) -> None:
        super().__init__(options)
        recordings = self._extensions("extensions", DEFAULT_EXTENSIONS)
        sidecars = self._extensions("sidecar_extensions", DEFAULT_SIDECAR_EXTENSIONS)
        if not recordings:
            raise self._wrong("extensions", _("It names the extensions of the recordings, such as mp4."))
        if "sidecar_extensions" in options and recordings & sidecars:
            raise self._wrong("sidecar_extensions", _("An extension is that of recordings or of what goes with one."))
        self._kinds = _Kinds(recordings, sidecars - recordings)
        self._identity_file = self._identity_path()

    def _open(self, source: DirectorySource) -> Session:
        return CardSession(source, self.abilities, self._identity_file, self._kinds)

    def _extensions(self, option: str, default: str) -> frozenset[bytes]:
        texts = [text.strip().lower() for text in self.options.get(option, default).split(",")]
        if texts == [""]:
            return frozenset()
        if not all(map(_EXTENSION.fullmatch, texts)):
            raise self._wrong(option, _("It is a list such as mp4,mov: letters and digits, no dots."))
        return frozenset(text.encode() for text in texts)

    def _identity_path(self) -> bytes | None:
        if "identity_file" not in self.options:
            return None
        path = os.fsencode(self.options["identity_file"])
        if b"\0" in path or {b"", b".", b".."} & set(path.split(b"/")):
            raise self._wrong("identity_file", _("It is the path of a file on the card, such as MISC/id.txt."))
        if _Name.of(path).extension in self._kinds.recordings:
            raise self._wrong("identity_file", _("A recording is cleared, and cannot be what states the camera's id."))
        return path

    def _wrong(self, option: str, advice: str) -> CameraUnsupported:
        return CameraUnsupported(
            _("the driver {driver} cannot take {value} for its option {option}").format(
                driver=self.name, value=repr(self.options.get(option, "")), option=option
            ),
            advice=advice,
        )

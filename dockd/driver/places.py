"""What is a recording on a camera's card, what goes with one, and what the card splits: told from names, sizes, times.

What the camera writes beside a recording under the same stem goes with it, and the files into which it splits a long
one are told to belong together. No directory is passed over for its name: what it holds is a recording, goes with one,
or is reported and left alone.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from dockd.driver import Found, Other
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
class Kinds:
    """Which extensions make a recording, and which a file that goes with one: lower case, without the dot."""

    recordings: frozenset[bytes]
    sidecars: frozenset[bytes]

    OPTIONS: ClassVar[frozenset[str]] = frozenset({"extensions", "sidecar_extensions"})

    @classmethod
    def of(cls, driver: str, options: Mapping[str, str]) -> "Kinds":
        """Take them from a driver's options, those of `OPTIONS`; raises `CameraUnsupported` for senseless ones."""
        recordings = _extensions(driver, options, "extensions", DEFAULT_EXTENSIONS)
        sidecars = _extensions(driver, options, "sidecar_extensions", DEFAULT_SIDECAR_EXTENSIONS)
        if not recordings:
            advice = _("It names the extensions of the recordings, such as mp4.")
            raise wrong_option(driver, options, "extensions", advice)
        if "sidecar_extensions" in options and recordings & sidecars:
            advice = _("An extension is that of recordings or of what goes with one.")
            raise wrong_option(driver, options, "sidecar_extensions", advice)
        return cls(recordings, sidecars - recordings)


def _extensions(driver: str, options: Mapping[str, str], option: str, default: str) -> frozenset[bytes]:
    texts = [text.strip().lower() for text in options.get(option, default).split(",")]
    if texts == [""]:
        return frozenset()
    if not all(map(_EXTENSION.fullmatch, texts)):
        raise wrong_option(driver, options, option, _("It is a list such as mp4,mov: letters and digits, no dots."))
    return frozenset(text.encode() for text in texts)


def wrong_option(driver: str, options: Mapping[str, str], option: str, advice: str) -> CameraUnsupported:
    """Make the refusal of what an option of a driver is set to."""
    return CameraUnsupported(
        _("the driver {driver} cannot take {value} for its option {option}").format(
            driver=driver, value=repr(options.get(option, "")), option=option
        ),
        advice=advice,
    )


@dataclass(frozen=True, slots=True)
class CardFile:
    """One file of a directory, by the name that it has there; `size` in bytes."""

    name: bytes
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Name:
    """A file's name taken apart, ASCII letters in lower case: FAT does not tell them from capitals."""

    stem: bytes
    extension: bytes

    @classmethod
    def of(cls, name: bytes) -> "Name":
        stem, dot, extension = name.lower().rpartition(b".")
        return cls(stem, extension) if dot else cls(extension, b"")

    @property
    def number(self) -> int | None:
        """The last number in the stem, if there is one."""
        last = _LAST_NUMBER.search(self.stem)
        return int(last[1]) if last else None

    def next(self) -> "Name":
        """Give this name with its number one higher, and of at least as many digits."""
        stem = _LAST_NUMBER.sub(lambda last: b"%0*d" % (len(last[1]), int(last[1]) + 1) + last[2], self.stem, count=1)
        return Name(stem, self.extension)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file belongs: the name of a recording in the same directory, if any, and its turn."""

    part_of: bytes | None
    turn_ns: int

    def before(self, recording: bytes) -> "Place":
        return Place(recording, self.turn_ns - 1)


class Places:
    """Which files of one directory belong to which recording of it. Holds the names of that directory's recordings.

    A bond is told from what is there, so that the file with it has its turn first: a later file before an earlier, and
    before each of them what goes with it. Otherwise it could not be told any more once the other is cleared.
    """

    def __init__(self, files: Iterable[CardFile], kinds: Kinds) -> None:
        self._kinds = kinds
        self._by_stem: dict[bytes, tuple[bytes, int]] = {}
        full: dict[Name, tuple[bytes, int]] = {}
        name_bytes = 0
        for each in files:
            parts = Name.of(each.name)
            if parts.extension not in kinds.recordings:
                continue
            name_bytes += len(each.name)
            if name_bytes > MAX_NAME_BYTES:
                raise CameraProtocol(_("a directory holds more names, and longer ones, than dockd takes"))
            here = each.name, each.mtime_ns
            # Where one stem has two recordings, in whatever order they come, always the same of them.
            self._by_stem[parts.stem] = min(here, self._by_stem.get(parts.stem, here))
            if each.size >= NEARLY_4_GIB and parts.number is not None:
                full[parts] = min(here, full.get(parts, here))
        self._later = _later(full)

    def sort(self, prefix: bytes, file: CardFile) -> Found:
        """Say what a file of this directory is, whose path is `prefix`: empty, or with a slash at the end."""
        place = self._place(file)
        if place is None:
            return Other(RecordingPath(prefix + file.name))
        part_of = RecordingPath(prefix + place.part_of) if place.part_of else None
        return Recording(RecordingPath(prefix + file.name), file.size, file.mtime_ns, part_of, place.turn_ns)

    def _place(self, file: CardFile) -> Place | None:
        if Name.of(file.name).extension in self._kinds.recordings:
            return self._of_recording(file.name, file.mtime_ns)
        return self._of_sidecar(file.name)

    def _of_recording(self, name: bytes, mtime_ns: int) -> Place:
        """Give the first of the files that a recording was split into, if this is a later one."""
        return self._later.get(Name.of(name)) or Place(None, mtime_ns)

    def _of_sidecar(self, name: bytes) -> Place | None:
        """Give the recording that a file goes with, if it is one that may, and there is one."""
        parts = Name.of(name)
        if parts.extension not in self._kinds.sidecars or parts.stem not in self._by_stem:
            return None
        recording, mtime_ns = self._by_stem[parts.stem]
        return self._of_recording(recording, mtime_ns).before(recording)


def _later(full: dict[Name, tuple[bytes, int]]) -> dict[Name, Place]:
    """Give the place of every name that could follow one of these, which have a number and are nearly 4 GiB long."""
    later: dict[Name, Place] = {}
    # By number, so that the way to the first is known when a file is come to; by length, because 10 follows 09, not 9.
    for each in sorted(full, key=lambda name: (name.number or 0, len(name.stem))):
        name, mtime_ns = full[each]
        here = later.get(each, Place(None, mtime_ns))
        later[each.next()] = here.before(here.part_of or name)
    return later

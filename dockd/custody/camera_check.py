"""The camera check: what the recordings of one docking show of their camera, beside what is expected of its model.

Nothing is read for it, and it only judges: it is told what the docking learns anyway, recording by recording, and keeps
a bounded share of that. docs/camera-check.md says what each finding means, and what cannot be told.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from math import ceil
from typing import Literal

from dockd.custody import clocks
from dockd.driver.places import NEARLY_4_GIB
from dockd.model import Mp4Report, Recording, RecordingPath

Code = Literal[
    "clock_off",
    "clock_offset",
    "clock_lost",
    "no_position",
    "resolution",
    "bitrate_low",
    "bitrate_high",
    "gap",
    "numbers_missing",
]

SHORTEST_MS = 2000
"""A shorter recording has no bitrate that says anything."""

MAX_NAME_BYTES = 2 * 2**20
"""The names that are kept for gaps may be so long together; of a camera with more, gaps are not told."""

LONGEST_JUMP = 100
"""Numbers that are farther apart were begun anew, rather than that so many are missing."""

FULL_BYTES = range(NEARLY_4_GIB, 4 * 2**30)
"""Sizes of a file that a camera closed because FAT allows no longer one."""

_MAX_AWAITED = 1000
_MAX_RANGES = 5
_FULL_WITHIN_MS = 2000  # FAT counts in steps of two seconds
_NUMBER = re.compile(rb"(?<![0-9])([0-9]{1,9})([^0-9]*)\Z")
_PLACES = frozenset({b"gps", b"gpx", b"nmea"})


@dataclass(frozen=True, slots=True)
class Expected:
    """What the recordings of a camera should be like; None and False: whatever they are."""

    resolution: str | None = None
    bitrate_kbps_min: int | None = None
    bitrate_kbps_max: int | None = None
    needs_position: bool = False
    clock_offset_seconds: float | None = None
    gap_seconds: float | None = None
    segment_seconds: float | None = None
    consecutive_numbers: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that is not as expected, `count` times; `measured` and `path` are of the worst case, or the first.

    The units of `measured` and `expected` follow from the code.
    """

    code: Code
    count: int
    path: str | None
    measured: str
    expected: str


@dataclass(slots=True)
class _Note:
    expected: str
    count: int = 0
    weight: float = -1
    path: RecordingPath | None = None
    measured: str = ""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """When a recording was made by its camera, in milliseconds, and whether it was closed because it was full."""

    start: int
    end: int
    path: RecordingPath
    is_full: bool


@dataclass(slots=True)
class _Kept:
    """What is kept of single recordings, for the gaps between them."""

    room: int = MAX_NAME_BYTES
    numbered: dict[bytes, dict[int, RecordingPath]] = field(default_factory=dict)
    stretches: list[_Stretch] = field(default_factory=list)

    def has_room(self, path: RecordingPath) -> bool:
        # Beside the name itself, some for what holds it.
        self.room -= len(path.raw) + 64
        return self.room >= 0


class CameraCheck:
    """Of one docking, over all its attempts. `collected` is told of each recording once, `listed` as often as it is."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._notes: dict[Code, _Note] = {}
        self._kept = _Kept()
        self._awaited: dict[RecordingPath, None] = {}
        """Recordings beside which there is a file of positions, until they are collected."""
        self._knows_sidecars = True
        self._now: datetime | None = None
        self._zone: tzinfo | None = None
        self.checked = 0
        """Recordings that were judged."""

    def listed(self, recordings: Iterable[Recording], now: datetime, zone: tzinfo) -> None:
        """Take note of what the camera lists `now`, by the dock's clock."""
        self._now, self._zone = now, zone
        for each in recordings:
            if not is_beside(each):
                self._number(each)
            elif each.part_of is not None and _extension(each.path) in _PLACES:
                self._awaited[each.part_of] = None
                self._knows_sidecars &= len(self._awaited) <= _MAX_AWAITED
                if not self._knows_sidecars:
                    self._awaited.clear()

    def collected(self, recording: Recording, mp4: Mp4Report) -> None:
        """Judge a recording that is registered now. What its MP4 does not say is not judged."""
        if is_beside(recording):
            return
        self.checked += 1
        has_sidecar = recording.path in self._awaited
        self._awaited.pop(recording.path, None)
        self._judge_clock(recording)
        if mp4.verdict in ("ok", "suspect") and mp4.codecs:
            self._judge_picture(recording, mp4)
            self._judge_rate(recording, mp4)
            if self._expected.needs_position and self._knows_sidecars and not (mp4.has_position or has_sidecar):
                self._note("no_position", recording.path, "", "")
            self._keep_stretch(recording, mp4)

    def findings(self, *, is_whole: bool) -> tuple[Found, ...]:
        """Give what was found. `is_whole`: nothing is left on the camera or was left there before, so gaps are gaps."""
        if is_whole and self._kept.room >= 0:
            self._judge_gaps()
            self._judge_numbers()
        return tuple(
            Found(code, note.count, note.path.text if note.path else None, note.measured, note.expected)
            for code, note in self._notes.items()
        )

    def clock(self, offset_ms: int) -> None:
        """Judge by how much the camera's clock was ahead of the dock's, as its driver has read it."""
        allowed = self._expected.clock_offset_seconds
        if allowed is not None and abs(offset_ms) > allowed * 1000:
            self._note("clock_off", None, f"{offset_ms / 1000:.3f}", f"{allowed:g}", abs(offset_ms))

    def _judge_clock(self, recording: Recording) -> None:
        allowed = self._expected.clock_offset_seconds
        said = clocks.dates(recording.path.raw, recording.mtime_ns, None, None)
        if allowed is None or said is None or self._now is None or self._zone is None:
            return
        if said.written < clocks.NEVER_BEFORE:
            self._note("clock_lost", recording.path, said.written.isoformat(sep=" ", timespec="seconds"), "")
        # It was written before it was listed, nobody knows how long before: so much is certain, and no second more.
        offset = min(clocks.instants(said.written, self._zone)) - self._now
        if offset > timedelta(seconds=allowed):
            seconds = ceil(offset.total_seconds())
            self._note("clock_offset", recording.path, f"{seconds}", f"{allowed:g}", seconds)

    def _judge_picture(self, recording: Recording, mp4: Mp4Report) -> None:
        wanted = self._expected.resolution
        is_told = mp4.width is not None and mp4.height is not None
        measured = f"{mp4.width}x{mp4.height}" if is_told else "none"
        if wanted is not None and measured != wanted:
            self._note("resolution", recording.path, measured, wanted)

    def _judge_rate(self, recording: Recording, mp4: Mp4Report) -> None:
        if mp4.duration_ms is None or mp4.duration_ms < SHORTEST_MS:
            return
        kbps = recording.size * 8 // mp4.duration_ms  # bits in a millisecond are kbit in a second
        least, most = self._expected.bitrate_kbps_min, self._expected.bitrate_kbps_max
        if least is not None and kbps < least:
            self._note("bitrate_low", recording.path, f"{kbps}", f"{least}", least - kbps)
        if most is not None and kbps > most:
            self._note("bitrate_high", recording.path, f"{kbps}", f"{most}", kbps - most)

    def _keep_stretch(self, recording: Recording, mp4: Mp4Report) -> None:
        wanted = self._expected
        if wanted.gap_seconds is None or mp4.duration_ms is None or not self._kept.has_room(recording.path):
            return
        is_full = recording.size in FULL_BYTES or (
            wanted.segment_seconds is not None and mp4.duration_ms >= wanted.segment_seconds * 1000 - _FULL_WITHIN_MS
        )
        end = recording.mtime_ns // 10**6
        self._kept.stretches.append(_Stretch(end - mp4.duration_ms, end, recording.path, is_full))

    def _judge_gaps(self) -> None:
        allowed = self._expected.gap_seconds
        for before, after in pairwise(sorted(self._kept.stretches, key=lambda each: (each.end, each.start))):
            gap = (after.start - before.end) / 1000
            if allowed is not None and before.is_full and gap > allowed:
                self._note("gap", before.path, f"{ceil(gap)}", f"{allowed:g}", gap)

    def _number(self, recording: Recording) -> None:
        if not self._expected.consecutive_numbers:
            return
        folder, slash, name = recording.path.raw.rpartition(b"/")
        stem, _dot, extension = clocks.without_date(name).rpartition(b".")
        number = _NUMBER.search(stem)
        if number is None:
            return
        series = b"/".join((folder + slash, stem[: number.start()], number[2], extension))
        held = self._kept.numbered.setdefault(series, {})
        if int(number[1]) not in held and self._kept.has_room(recording.path):
            held[int(number[1])] = recording.path

    def _judge_numbers(self) -> None:
        missing = [
            (before + 1, after - 1, held[after])
            for held in self._kept.numbered.values()
            for before, after in pairwise(sorted(held))
            if 1 < after - before <= LONGEST_JUMP
        ]
        if missing:
            count = sum(last - first + 1 for first, last, _path in missing)
            self._note("numbers_missing", missing[0][2], _in_ranges(missing), "", count=count)

    def _note(
        self, code: Code, path: RecordingPath | None, measured: str, expected: str, weight: float = 0, count: int = 1
    ) -> None:
        note = self._notes.setdefault(code, _Note(expected))
        note.count += count
        if weight > note.weight:
            note.weight, note.path, note.measured = weight, path, measured


def is_beside(recording: Recording) -> bool:
    """Whether it is no recording, but what the camera wrote beside one: a later chapter of one has its extension."""
    return recording.part_of is not None and _extension(recording.path) != _extension(recording.part_of)


def _extension(path: RecordingPath) -> bytes:
    return path.raw.lower().rpartition(b"/")[2].rpartition(b".")[2]


def _in_ranges(missing: Sequence[tuple[int, int, RecordingPath]]) -> str:
    ranges = [f"{first}" if first == last else f"{first}-{last}" for first, last, _path in missing[:_MAX_RANGES]]
    return ", ".join(ranges) + (", ..." if len(missing) > _MAX_RANGES else "")

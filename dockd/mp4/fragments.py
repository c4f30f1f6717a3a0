"""Movie fragments (ISO/IEC 14496-12, section 8.8): the index of a file that was written piece by piece."""

import struct
from array import array
from dataclasses import dataclass, field

from dockd.mp4.boxes import Box, children, require
from dockd.mp4.findings import Damage, Finding
from dockd.mp4.movie import Movie
from dockd.mp4.nal import spread
from dockd.mp4.source import RUN_WORK, SIZES_A_STEP, Source
from dockd.mp4.tables import Extents

_BASE_OFFSET, _DESCRIPTION, _DURATION, _SIZE, _BASE_IS_MOOF = 0x1, 0x2, 0x8, 0x10, 0x20000  # tfhd
_RUN_OFFSET, _RUN_FIRST_FLAGS = 0x1, 0x4  # trun, before its rows
_ROW_DURATION, _ROW_SIZE, _ROW_FLAGS, _ROW_COMPOSITION = 0x100, 0x200, 0x400, 0x800  # trun, in each row


@dataclass(slots=True)
class Pieces:
    """What the fragments hold of one track: first sample of each run as (offset, size), the last sample, its time."""

    firsts: list[tuple[int, int]] = field(default_factory=list)
    last: tuple[int, int] = (0, 0)
    duration: int = 0

    def spread(self, most: int) -> list[tuple[int, int]]:
        """Give the last sample and the first ones of at most `most` runs."""
        chosen = [self.firsts[index] for index in spread(len(self.firsts), most)]
        return [*chosen, self.last] if chosen else []


@dataclass(slots=True)
class _Traf:
    """A track fragment: what its offsets count from, where its next run begins if it does not say, its defaults."""

    pieces: Pieces
    base: int
    next_run: int
    duration: int
    size: int


class Fragments:
    """Reads the fragments of one file, in their order. Each fault becomes a finding; `by_track` is what was read."""

    def __init__(self, source: Source, movie: Movie, extents: Extents, findings: set[Finding]) -> None:
        self.by_track = {track_id: Pieces() for track_id in movie.extends}
        self._source = source
        self._extends = movie.extends
        self._extents = extents
        self._findings = findings
        self._number = -1

    def read(self, moof: Box) -> None:
        """Read one fragment. Raises `Damage` if it cannot be read to its end."""
        end_of_data = moof.start
        for box in children(self._source, moof, self._findings):
            if box.kind == b"mfhd":
                self._follow(int.from_bytes(require(self._source, box, 8)[4:]))
            elif box.kind == b"traf":
                end_of_data = self._track_fragment(box, moof.start, end_of_data)

    def _follow(self, number: int) -> None:
        # Section 8.8.5: greater than the one before, not necessarily by one.
        if number <= self._number:
            self._findings.add(Finding.FRAGMENT_ORDER)
        self._number = number

    def _track_fragment(self, traf: Box, moof_start: int, end_of_data: int) -> int:
        """Check the runs of one track; give where its data end, from which the next may count."""
        state: _Traf | None = None
        for box in children(self._source, traf, self._findings):
            if box.kind == b"tfhd":
                state = self._header(box, moof_start, end_of_data)
            elif box.kind == b"trun" and state is not None:
                self._run(box, state)
        if state is None:
            raise Damage(Finding.TRACK_INCOMPLETE)
        return state.next_run

    def _header(self, tfhd: Box, moof_start: int, end_of_data: int) -> _Traf:
        flags, track_id = struct.unpack(">II", require(self._source, tfhd, 8))
        if track_id not in self.by_track:
            raise Damage(Finding.FRAGMENT_ORPHAN)
        present = [flag for flag in (_BASE_OFFSET, _DESCRIPTION, _DURATION, _SIZE) if flags & flag]
        form = ">8x" + "".join("Q" if flag == _BASE_OFFSET else "I" for flag in present)
        values = struct.unpack(form, require(self._source, tfhd, struct.calcsize(form)))
        said = dict(zip(present, values, strict=True))
        base = said.get(_BASE_OFFSET, moof_start if flags & _BASE_IS_MOOF else end_of_data)
        duration, size = self._extends[track_id]
        return _Traf(self.by_track[track_id], base, base, said.get(_DURATION, duration), said.get(_SIZE, size))

    def _run(self, trun: Box, state: _Traf) -> None:
        flags, count = struct.unpack(">II", require(self._source, trun, 8))
        flags &= 0xFFFFFF
        rows, start = trun.body + 8, state.next_run
        if flags & _RUN_OFFSET:
            (offset,) = struct.unpack(">8xi", require(self._source, trun, 12))
            rows, start = rows + 4, state.base + offset
        if flags & _RUN_FIRST_FLAGS:
            rows += 4
        columns = [flag for flag in (_ROW_DURATION, _ROW_SIZE, _ROW_FLAGS, _ROW_COMPOSITION) if flags & flag]
        if rows + 4 * count * len(columns) > trun.end:
            raise Damage(Finding.TABLE_COUNT)
        self._source.spend(RUN_WORK + count * len(columns) // SIZES_A_STEP)
        table = self._source.numbers("I", rows, count * len(columns))
        durations, sizes = (_column(table, columns, flag) for flag in (_ROW_DURATION, _ROW_SIZE))
        state.pieces.duration += count * state.duration if durations is None else sum(durations)
        state.next_run = start + (count * state.size if sizes is None else sum(sizes))
        if count:
            self._extents.check((start,), (state.next_run,), self._findings)
            first, last = (state.size, state.size) if sizes is None else (sizes[0], sizes[-1])
            state.pieces.firsts.append((start, first))
            state.pieces.last = (state.next_run - last, last)


def _column(table: "array[int]", columns: list[int], flag: int) -> "array[int] | None":
    return table[columns.index(flag) :: len(columns)] if flag in columns else None

"""The sample tables of a track (ISO/IEC 14496-12, sections 8.6 and 8.7): do they agree, and where do samples lie?

Written for millions of samples without a list of them: the loops run inside the iterators of the standard library.
"""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice, repeat
from operator import add, lt, mul, sub

from dockd.mp4.boxes import Box, require
from dockd.mp4.findings import Damage, Finding
from dockd.mp4.source import CHUNK_WORK, SIZES_A_STEP, UNEVEN_CHUNK_WORK, Source, Width

_HIGH_NIBBLE = bytes(byte >> 4 for byte in range(256))
_LOW_NIBBLE = bytes(byte & 15 for byte in range(256))


class Extents:
    """Where media may lie: what the mdat boxes hold, in the order of the file, and where the file ends."""

    def __init__(self, mdats: Iterable[Box], size: int) -> None:
        bodies = [(box.body, box.end) for box in mdats]
        self._starts = [start for start, _ in bodies]
        # One to the left of every start: an offset before the first mdat finds an end that nothing can keep.
        self._ends = [-(1 << 64), *(end for _, end in bodies)]
        self._size = size

    def check(self, starts: Sequence[int], ends: Iterable[int], findings: set[Finding]) -> None:
        """Find pieces of media that are not wholly inside one mdat: missing from the file, or elsewhere in it."""
        limits: Iterable[int]
        if len(self._starts) == 1 and starts and min(starts) >= self._starts[0]:
            limits = repeat(self._ends[1])
        else:
            limits = map(self._ends.__getitem__, map(bisect_right, repeat(self._starts), starts))
        for end in (end for end, limit in zip(ends, limits, strict=False) if end > limit):
            findings.add(Finding.SAMPLE_PAST_END if end > self._size else Finding.SAMPLE_OUTSIDE)
            if {Finding.SAMPLE_PAST_END, Finding.SAMPLE_OUTSIDE} <= findings:
                return


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of the samples: `each`, or one for all if that is None."""

    count: int
    common: int
    each: "array[int] | bytearray | None"

    def total(self, first: int, beyond: int) -> int:
        if self.each is None:
            return self.common * (beyond - first)
        return sum(memoryview(self.each)[first:beyond])  # a slice of the table itself would be a copy of it


@dataclass(frozen=True, slots=True)
class SampleTable:
    """A track's index. Runs of chunks begin with `first_chunks` (from 1); each such chunk has `per_chunk` samples."""

    sizes: Sizes
    offsets: "array[int]"
    first_chunks: "array[int]"
    per_chunk: "array[int]"

    def check(self, extents: Extents, findings: set[Finding]) -> None:
        counts = chain.from_iterable(map(repeat, self.per_chunk, self._run_lengths()))
        spans: Iterator[int]
        if self.sizes.each is None:
            spans = map(mul, counts, repeat(self.sizes.common))
        elif self._is_even():
            spans = iter(self.sizes.each)
        else:
            spans = map(sum, map(islice, repeat(iter(self.sizes.each)), counts))
        extents.check(self.offsets, map(add, self.offsets, spans), findings)

    def agrees(self, durations: int) -> bool:
        """Say whether stsz, stsc, stco and stts (samples with a duration) speak of the same number of samples."""
        if not self.sizes.count:
            return not self.offsets and not durations
        ascending = all(map(lt, self.first_chunks, islice(self.first_chunks, 1, None)))
        if not self.first_chunks or self.first_chunks[0] != 1 or not ascending:
            return False
        if self.first_chunks[-1] > len(self.offsets):
            return False
        in_chunks: int = sum(map(mul, self.per_chunk, self._run_lengths()))
        return self.sizes.count == in_chunks == durations

    def samples(self, wanted: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Yield offset and size of some samples, given in ascending order, of a table that agrees."""
        if not self.sizes.count:
            return
        firsts = array("Q", accumulate(map(mul, self.per_chunk, self._run_lengths()), initial=0))
        known, offset = -1, 0
        for sample in wanted:
            run = bisect_right(firsts, sample) - 1
            in_run = sample - firsts[run]
            start = sample - in_run % self.per_chunk[run]
            if known < start:
                known, offset = start, self.offsets[self.first_chunks[run] - 1 + in_run // self.per_chunk[run]]
            # From the last one of the same chunk on: a chunk of a million samples is summed once.
            offset, known = offset + self.sizes.total(known, sample), sample
            yield offset, self.sizes.total(sample, sample + 1)

    def work(self) -> int:
        """Tell how many steps it takes to check this table."""
        of_chunks = len(self.offsets) * (CHUNK_WORK if self._is_even() else UNEVEN_CHUNK_WORK)
        return of_chunks + len(self.first_chunks) * UNEVEN_CHUNK_WORK

    def _is_even(self) -> bool:
        """Say whether each chunk is one sample."""
        return min(self.per_chunk, default=1) == max(self.per_chunk, default=1) == 1

    def _run_lengths(self) -> Iterator[int]:
        nexts = chain(islice(self.first_chunks, 1, None), (len(self.offsets) + 1,))
        return map(sub, nexts, self.first_chunks)


def read_table(source: Source, tables: dict[bytes, Box], findings: set[Finding]) -> SampleTable | None:
    """Read the index of a track; None, with the finding, if its boxes do not agree."""
    offsets_kind: bytes = b"stco" if b"stco" in tables else b"co64"
    if not {b"stts", b"stsc", offsets_kind} <= tables.keys() or not {b"stsz", b"stz2"} & tables.keys():
        raise Damage(Finding.TRACK_INCOMPLETE)
    sizes = _sizes(source, tables)
    durations = sum(_numbers(source, tables[b"stts"], "I", 2)[::2])
    runs = _numbers(source, tables[b"stsc"], "I", 3)
    offsets = _numbers(source, tables[offsets_kind], "I" if offsets_kind == b"stco" else "Q")
    table = SampleTable(sizes, offsets, runs[::3], runs[1::3])
    source.spend(table.work())
    if table.agrees(durations):
        return table
    findings.add(Finding.TABLES_DISAGREE)
    return None


def _sizes(source: Source, tables: dict[bytes, Box]) -> Sizes:
    if box := tables.get(b"stsz"):
        common, count = struct.unpack(">4xII", require(source, box, 12))
        source.spend(0 if common else count // SIZES_A_STEP)
        return Sizes(count, common, None if common else _entries(source, box, 12, "I", count))
    box = tables[b"stz2"]
    bits, count = struct.unpack(">7xBI", require(source, box, 12))
    source.spend(count // SIZES_A_STEP)
    if bits == 4:
        pairs = _entries(source, box, 12, "B", (count + 1) // 2).tobytes()
        nibbles = bytearray(2 * len(pairs))
        nibbles[::2], nibbles[1::2] = pairs.translate(_HIGH_NIBBLE), pairs.translate(_LOW_NIBBLE)
        del nibbles[count:]
        return Sizes(count, 0, nibbles)
    if bits not in (8, 16):
        raise Damage(Finding.TABLE_COUNT)
    return Sizes(count, 0, _entries(source, box, 12, "B" if bits == 8 else "H", count))


def _numbers(source: Source, box: Box, width: Width, columns: int = 1) -> "array[int]":
    count = int.from_bytes(require(source, box, 8)[4:])
    return _entries(source, box, 8, width, count * columns)


def _entries(source: Source, box: Box, skip: int, width: Width, count: int) -> "array[int]":
    """Read a table of a box, never more than the box holds."""
    if count * array(width).itemsize > box.end - box.body - skip:
        raise Damage(Finding.TABLE_COUNT)
    return source.numbers(width, box.body + skip, count)

"""The check of one file, in its order: the row of boxes, the movie, each track's index, the fragments, some samples."""

from collections.abc import Iterable
from itertools import chain

from dockd.model import Mp4Report
from dockd.mp4.boxes import MIN_HEADER, Box, row
from dockd.mp4.findings import Damage, Finding, verdict
from dockd.mp4.fragments import Fragments, Pieces
from dockd.mp4.movie import Movie, Track, read_movie
from dockd.mp4.nal import MAX_SAMPLE_BYTES, MAX_SAMPLES, check_samples, spread
from dockd.mp4.source import ReadAt, Source
from dockd.mp4.tables import Extents, read_table

_BEFORE_FTYP = frozenset({b"free", b"skip", b"wide", b"uuid", b"pdin"})
_UNREAD = {Finding.TOO_LARGE, Finding.READ_SHORT}
_HEAD = 4096
_TOLERANCE_MS = 500
_GREATEST_IN_JSON = 2**53 - 1
_MAX_CODECS = 16


UNCHECKED = Mp4Report(verdict({Finding.UNCHECKED}), (Finding.UNCHECKED.value,))
"""What is said of a file that could not be read for the check."""


def examine(read_at: ReadAt, size: int) -> Mp4Report:
    """Check a file of `size` bytes. No content makes it raise; what `read_at` raises passes through.

    Reads headers, the index and a bounded look into video samples; docs/mp4-check.md gives every limit.
    """
    findings: set[Finding] = set()
    source = Source(read_at, size)
    boxes = row(source, findings)
    if not boxes:
        return _report({_instead(source)})
    if not _begins_with_ftyp(boxes):
        findings.add(Finding.NO_FTYP)
    moovs = [box for box in boxes if box.kind == b"moov"]
    if not moovs:
        # Where the row of boxes was not read to its end, it may yet come.
        return _report(findings if findings & _UNREAD else findings | {Finding.NO_MOOV})
    if len(moovs) > 1:
        findings.add(Finding.MOOV_TWICE)

    movie = read_movie(source, moovs[0], findings)
    extents = Extents((box for box in boxes if box.kind == b"mdat"), size)
    fragments = _fragments(source, boxes, movie, extents, findings)
    _check_tracks(source, Source(read_at, size, MAX_SAMPLE_BYTES), movie, extents, fragments, findings)
    return _report(findings, movie, _duration_ms(movie, fragments, findings))


def _instead(source: Source) -> Finding:
    """Say what a file is that holds no box: nothing, the beginning of a header, zeros, or a secret of its maker."""
    if source.size < MIN_HEADER:
        return Finding.HEADER_CUT if source.size else Finding.EMPTY
    try:
        return Finding.NO_BOXES if any(source.read(0, min(_HEAD, source.size))) else Finding.ZEROS
    except Damage as damage:
        return damage.finding


def _begins_with_ftyp(boxes: list[Box]) -> bool:
    return next((box.kind for box in boxes if box.kind not in _BEFORE_FTYP), b"") in (b"ftyp", b"styp")


def _fragments(
    source: Source, boxes: list[Box], movie: Movie, extents: Extents, findings: set[Finding]
) -> dict[int, Pieces]:
    fragments = Fragments(source, movie, extents, findings)
    for moof in (box for box in boxes if box.kind == b"moof"):
        try:
            fragments.read(moof)
        except Damage as damage:
            findings.add(damage.finding)
            if damage.finding is Finding.TOO_LARGE:
                break
    return fragments.by_track


def _check_tracks(
    source: Source,
    media: Source,
    movie: Movie,
    extents: Extents,
    fragments: dict[int, Pieces],
    findings: set[Finding],
) -> None:
    """Check each track's index and a share of its samples, read from `media`."""
    most = max(2, MAX_SAMPLES // max(1, sum(track.nal is not None for track in movie.tracks)))
    any_sample = False
    for track in movie.tracks:
        try:
            table = read_table(source, track.tables, findings)
        except Damage as damage:
            findings.add(damage.finding)
            continue
        pieces = fragments.get(track.track_id, Pieces())
        any_sample |= table is None or table.sizes.count > 0 or bool(pieces.firsts)
        if table is not None:
            table.check(extents, findings)
        if track.nal is not None:
            chosen = table.samples(spread(table.sizes.count, most)) if table is not None else ()
            check_samples(media, chain(chosen, pieces.spread(most)), track.nal, findings)
    if not any_sample and not findings:
        findings.add(Finding.FRAGMENTS_MISSING if movie.is_fragmented else Finding.NO_SAMPLES)


def _duration_ms(movie: Movie, fragments: dict[int, Pieces], findings: set[Finding]) -> int | None:
    """Give the longest time that movie, tracks or fragments tell, and compare it with what was announced."""
    told = [_ms(movie.duration, movie.timescale)]
    for track in movie.tracks:
        in_fragments = fragments.get(track.track_id, Pieces()).duration
        told.append(_ms(track.duration + in_fragments, track.timescale))
    announced = _ms(movie.fragments_duration, movie.timescale)
    if announced > max(told) + _TOLERANCE_MS:
        findings.add(Finding.FRAGMENTS_MISSING)
    return max(told) or None


def _ms(duration: int, timescale: int) -> int:
    return duration * 1000 // timescale if timescale else 0


def _report(findings: Iterable[Finding], movie: Movie | None = None, duration_ms: int | None = None) -> Mp4Report:
    movie = movie or Movie()
    found = set(findings)
    codecs = dict.fromkeys(codec for track in movie.tracks for codec in track.codecs)
    video = next((track for track in movie.tracks if track.is_video), Track())
    return Mp4Report(
        verdict=verdict(found),
        findings=tuple(each.value for each in Finding if each in found),
        duration_ms=_exact(duration_ms),
        codecs=tuple(codecs)[:_MAX_CODECS],
        width=video.width or None,
        height=video.height or None,
        creation_time_raw=_exact(movie.creation_time),
        has_position=movie.has_position,
    )


def _exact(value: int | None) -> int | None:
    """Keep a number that JSON holds exactly (RFC 8785 takes no other); a greater one is no time that there was."""
    return value if value is not None and value <= _GREATEST_IN_JSON else None

"""The movie box: what was recorded and when, and where each track keeps its index."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from dockd.mp4.boxes import Box, children, require
from dockd.mp4.findings import Damage, Finding
from dockd.mp4.source import Source

MAX_TRACKS = 64

_MAX_ENTRIES = 8
_VISUAL_ENTRY = 78  # bytes before the boxes of a visual sample entry, ISO/IEC 14496-12 section 12.1.3.2
# In minf, QuickTime has a second hdlr: of the data, not of the media.
_OF_TRACK = {(b"trak", b"tkhd"), (b"mdia", b"mdhd"), (b"mdia", b"hdlr")}
_TABLES = frozenset(b"stsd stts stsc stsz stz2 stco co64".split())
_PLACES = (b"\xa9xyz", b"loci")  # QuickTime; 3GPP TS 26.244, section 8.13
_PLACE_HEADER = 4  # size and language, or version and flags
_INDEX_OF_PLACES, _INDEX_HEADER = b"gps ", 8  # Novatek: version and count, then where in the media each place is
_PLACES_CODECS = frozenset({"gpmd", "camm"})  # GoPro's GPMF, Google's Camera Motion Metadata
_UNKNOWN_DURATIONS = (0, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF)
_NAL_CONFIGURATIONS = {
    # Sample entries of ISO/IEC 14496-15: their configuration box, and its byte with lengthSizeMinusOne.
    **dict.fromkeys((b"avc1", b"avc2", b"avc3", b"avc4"), (b"avcC", 4)),
    **dict.fromkeys((b"hvc1", b"hev1", b"hvc2", b"hev2"), (b"hvcC", 21)),
}


@dataclass(frozen=True, slots=True)
class NalForm:
    """How the samples of a track hold their NAL units: behind a length of so many bytes, of which codec."""

    length_size: int
    hevc: bool


@dataclass(slots=True)
class Track:
    """One track. `tables` are the boxes of its sample table by kind; None and 0 are what it does not say."""

    track_id: int = 0
    is_video: bool = False
    timescale: int = 0
    duration: int = 0
    width: int = 0
    height: int = 0
    codecs: tuple[str, ...] = ()
    nal: NalForm | None = None
    tables: dict[bytes, Box] = field(default_factory=dict)


@dataclass(slots=True)
class Movie:
    """The movie box, read. `extends` gives the default sample duration and size of each fragmented track."""

    creation_time: int | None = None
    timescale: int = 0
    duration: int = 0
    has_position: bool = False
    tracks: list[Track] = field(default_factory=list)
    is_fragmented: bool = False
    fragments_duration: int = 0
    extends: dict[int, tuple[int, int]] = field(default_factory=dict)


def read_movie(source: Source, moov: Box, findings: set[Finding]) -> Movie:
    """Read what can be read; each part that cannot is a finding."""
    movie = Movie()
    for box in _guarded(source, moov, findings):
        try:
            if box.kind == b"mvhd":
                movie.creation_time, movie.timescale, movie.duration = _times(source, box)
            elif box.kind == b"trak" and len(movie.tracks) == MAX_TRACKS:
                findings.add(Finding.TOO_LARGE)
            elif box.kind == b"trak":
                movie.tracks.append(track := _track(source, box, findings))
                movie.has_position |= not _PLACES_CODECS.isdisjoint(track.codecs)
            elif box.kind == b"mvex":
                _extends(source, box, movie, findings)
            elif box.kind == b"udta":
                movie.has_position |= _has_position(source, box)
            elif box.kind == _INDEX_OF_PLACES:
                movie.has_position |= box.end - box.body > _INDEX_HEADER
        except Damage as damage:
            findings.add(damage.finding)
    return movie


def _guarded(source: Source, parent: Box, findings: set[Finding]) -> Iterator[Box]:
    """Yield the children that are sound; where they end in damage, they end."""
    try:
        yield from children(source, parent, findings)
    except Damage as damage:
        findings.add(damage.finding)


def _times(source: Source, box: Box) -> tuple[int, int, int]:
    """Give creation time, timescale and duration: mvhd and mdhd begin alike (sections 8.2.2, 8.4.2)."""
    form = ">4xQ8xIQ" if require(source, box, 4)[0] == 1 else ">4xI4xII"
    created, timescale, duration = struct.unpack(form, require(source, box, struct.calcsize(form)))
    return created, timescale, 0 if duration in _UNKNOWN_DURATIONS else duration


def _track(source: Source, trak: Box, findings: set[Finding]) -> Track:
    track = Track()
    for box in _descendants(source, trak, findings):
        if box.kind == b"tkhd":
            at = 20 if require(source, box, 4)[0] == 1 else 12
            track.track_id = int.from_bytes(require(source, box, at + 4)[at:])
        elif box.kind == b"mdhd":
            _, track.timescale, track.duration = _times(source, box)
        elif box.kind == b"hdlr":
            track.is_video = require(source, box, 12)[8:12] == b"vide"
        else:
            track.tables.setdefault(box.kind, box)
    if b"stsd" not in track.tables:
        raise Damage(Finding.TRACK_INCOMPLETE)
    _describe(source, track, findings)
    return track


def _descendants(source: Source, parent: Box, findings: set[Finding]) -> Iterator[Box]:
    """Yield the boxes of a track that matter, through the boxes that only hold others; a fixed depth."""
    inside = {b"trak": b"mdia", b"mdia": b"minf", b"minf": b"stbl"}.get(parent.kind)
    for box in children(source, parent, findings):
        if box.kind == inside:
            yield from _descendants(source, box, findings)
        elif (parent.kind, box.kind) in _OF_TRACK or (parent.kind == b"stbl" and box.kind in _TABLES):
            yield box


def _describe(source: Source, track: Track, findings: set[Finding]) -> None:
    """Read the sample descriptions (section 8.5.2): codec, picture size, form of the NAL units."""
    forms: list[NalForm | None] = []
    stsd = track.tables[b"stsd"]
    declared = int.from_bytes(require(source, stsd, 8)[4:])
    for entry in children(source, stsd, findings, skip=8):
        if len(forms) == _MAX_ENTRIES:
            break
        track.codecs += (_printable(entry.kind),)
        forms.append(None)
        if track.is_video:
            track.width, track.height = struct.unpack(">24xHH", require(source, entry, 28))
            forms[-1] = _nal_form(source, entry, findings)
    if len(forms) != min(declared, _MAX_ENTRIES) or not forms:
        raise Damage(Finding.TABLE_COUNT)
    # Which sample has which description is not looked up: with several forms, none is assumed.
    track.nal = forms[0] if len(set(forms)) == 1 else None


def _nal_form(source: Source, entry: Box, findings: set[Finding]) -> NalForm | None:
    if entry.kind not in _NAL_CONFIGURATIONS:
        return None
    kind, at = _NAL_CONFIGURATIONS[entry.kind]
    for box in children(source, entry, findings, skip=_VISUAL_ENTRY):
        if box.kind == kind:
            return NalForm((require(source, box, at + 1)[at] & 3) + 1, hevc=kind == b"hvcC")
    raise Damage(Finding.TRACK_INCOMPLETE)


def _extends(source: Source, mvex: Box, movie: Movie, findings: set[Finding]) -> None:
    """Read the defaults of fragments (sections 8.8.1 to 8.8.3)."""
    movie.is_fragmented = True
    for box in children(source, mvex, findings):
        if box.kind == b"mehd":
            form = ">4xQ" if require(source, box, 4)[0] == 1 else ">4xI"
            (duration,) = struct.unpack(form, require(source, box, struct.calcsize(form)))
            movie.fragments_duration = 0 if duration in _UNKNOWN_DURATIONS else duration
        elif box.kind == b"trex":
            if len(movie.extends) == MAX_TRACKS:
                raise Damage(Finding.TOO_LARGE)
            track_id, duration, size = struct.unpack(">4xI4xII", require(source, box, 20))
            movie.extends[track_id] = duration, size


def _has_position(source: Source, udta: Box) -> bool:
    """Say whether the file has a place, which itself is not read: where somebody stood stays in the recording.

    What users' data look like is each maker's affair: what cannot be read there is no fault of the recording.
    """
    try:
        inside = children(source, udta, set())
        return any(box.kind in _PLACES and box.end - box.body > _PLACE_HEADER for box in inside)
    except Damage:
        return False


def _printable(kind: bytes) -> str:
    """Write a foreign code as four ASCII characters, each byte that is not printable as a question mark."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "?" for byte in kind)

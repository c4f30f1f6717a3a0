"""Boxes (ISO/IEC 14496-12, section 4.2): the row of them that a file is, and those inside a box."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from dockd.mp4.findings import Damage, Finding
from dockd.mp4.source import BOX_WORK, Source

TOP_LEVEL = frozenset(
    b"ftyp styp moov moof mdat imda free skip wide uuid udta meta meco mfra sidx ssix prft emsg pdin pnot PICT".split()
)
"""What files begin with and are made of; other boxes are passed over if they look like boxes and fit."""
MIN_HEADER = 8

_HEAD = struct.Struct(">I4s")
_LARGE_HEADER = 16
_IS_LARGE, _TO_END = 1, 0  # instead of a size


class Box(NamedTuple):
    """Offsets in the file: of the header, of what it holds, and where it says to end, which may be anywhere."""

    kind: bytes
    start: int
    body: int
    end: int


def row(source: Source, findings: set[Finding]) -> list[Box]:
    """List the boxes that tile the file, as far as they do; the last is clipped to the end of the file.

    Nothing comes back if the file holds none of the boxes of `TOP_LEVEL`: it is then something else.
    """
    boxes: list[Box] = []
    try:
        at = 0
        while at < source.size:
            box = _next(source, at, bool(boxes))
            if box.end > source.size:
                findings.add(Finding.BOX_PAST_END)
                box = box._replace(end=source.size)
            boxes.append(box)
            at = box.end
    except Damage as damage:
        findings.add(damage.finding)
    return boxes if any(box.kind in TOP_LEVEL for box in boxes) else []


def _next(source: Source, at: int, follows: bool) -> Box:
    if source.size - at < MIN_HEADER:
        raise Damage(Finding.HEADER_CUT)
    size, box = _header(source, at, source.size, at + _LARGE_HEADER)
    if size == _TO_END:
        box = box._replace(end=source.size)
    is_cut = size == _IS_LARGE and source.size - at < _LARGE_HEADER
    is_sound = box.end >= box.body and not is_cut
    if box.kind in TOP_LEVEL:
        if not is_sound:
            raise Damage(Finding.HEADER_CUT if is_cut else Finding.BOX_SIZE)
    # Beside the boxes that are known, anything may be a box of a maker. What does not fit was rather appended.
    elif not is_sound or not _looks_like_a_kind(box.kind) or (follows and box.end > source.size):
        raise Damage(Finding.TRAILING_BYTES)
    return box


def children(source: Source, parent: Box, findings: set[Finding], skip: int = 0) -> Iterator[Box]:
    """Yield the boxes inside one, behind its first `skip` bytes of other content, as far as they are sound.

    A list may close with four zero bytes, as in QuickTime.
    """
    at = parent.body + skip
    while at + MIN_HEADER <= parent.end:
        _, box = _header(source, at, parent.end, parent.end)
        if not box.body <= box.end <= parent.end:
            # Where the file itself ends too early, so does all that is open there.
            if parent.end < source.size or Finding.BOX_PAST_END not in findings:
                findings.add(Finding.BOX_SIZE)
            return
        yield box
        at = box.end
    if at < parent.end and any(source.read(at, parent.end - at)):
        findings.add(Finding.BOX_SIZE)


def _header(source: Source, at: int, limit: int, upto: int) -> tuple[int, Box]:
    """Read a header that ends by `limit`: its 32-bit size and the box, whose end is before its body if it has none."""
    source.spend(BOX_WORK)
    size, kind = _HEAD.unpack(source.read(at, MIN_HEADER, upto))
    if size != _IS_LARGE or limit - at < _LARGE_HEADER:
        return size, Box(kind, at, at + MIN_HEADER, at + size)
    large = int.from_bytes(source.read(at + MIN_HEADER, MIN_HEADER))
    return size, Box(kind, at, at + _LARGE_HEADER, at + large)


def require(source: Source, box: Box, size: int) -> bytes:
    """Read the first bytes of what a box holds; raises `Damage` if it holds fewer."""
    if box.end - box.body < size:
        raise Damage(Finding.TABLE_COUNT)
    return source.read(box.body, size, box.end)


def _looks_like_a_kind(kind: bytes) -> bool:
    return all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in kind)

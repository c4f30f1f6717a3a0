"""Ways to break a genuine clip. What they know of boxes is their own, so that they cannot share a mistake."""

import re
import struct
from collections.abc import Callable

Boxes = list[tuple[bytes, int, int]]


def top_level(clip: bytes) -> Boxes:
    """List (kind, start, end) of the boxes of a whole clip."""
    boxes, at = [], 0
    while at < len(clip):
        size = int.from_bytes(clip[at : at + 4])
        size = int.from_bytes(clip[at + 8 : at + 16]) if size == 1 else size or len(clip) - at
        boxes.append((clip[at + 4 : at + 8], at, at + size))
        at += size
    return boxes


def spans(clip: bytes, kind: bytes) -> list[tuple[int, int]]:
    return [(start, end) for name, start, end in top_level(clip) if name == kind]


def is_fragmented(clip: bytes) -> bool:
    return bool(spans(clip, b"moof"))


def is_media_last(clip: bytes) -> bool:
    """Say whether the media come behind the movie; an index of fragments may follow."""
    return spans(clip, b"moov")[0] < spans(clip, b"mdat")[-1]


def one_byte_less(clip: bytes) -> bytes:
    return clip[:-1]


def half(clip: bytes) -> bytes:
    return clip[: len(clip) // 2]


def without_index(clip: bytes) -> bytes:
    ((start, end),) = spans(clip, b"moov")
    return clip[:start] + clip[end:]


def last_fragment_cut(clip: bytes) -> bytes | None:
    """Cut in the middle of the last fragment's media."""
    if not is_fragmented(clip):
        return None
    start, end = spans(clip, b"mdat")[-1]
    return clip[: (start + end) // 2]


def last_media_missing(clip: bytes) -> bytes | None:
    """Cut behind the last moof: every box that is left is whole."""
    return clip[: spans(clip, b"moof")[-1][1]] if is_fragmented(clip) else None


def sample_outside(clip: bytes) -> bytes:
    """Let the first chunk or run begin inside the file, but before its media."""
    data = bytearray(clip)
    if is_fragmented(clip):
        start, end = spans(clip, b"moof")[0]
        _move_runs(data, start, end, -start - 4, keep=False)
    else:
        at, width, _count = _offsets(clip)[0]
        data[at : at + width] = (4).to_bytes(width)
    return bytes(data)


def large_sizes(clip: bytes, lie: int = 0) -> bytes:
    """Give the last mdat a 64-bit size, which is true but for `lie`, and move what points into or behind it."""
    start, end = spans(clip, b"mdat")[-1]
    size = (end - start + 8 + lie) % (1 << 64)
    data = bytearray(clip)
    if is_fragmented(clip):
        _move_runs(data, *spans(clip, b"moof")[-1], 8, keep=True)
    else:
        for at, width, count in _offsets(clip):
            for entry in range(at, at + width * count, width):
                offset = int.from_bytes(data[entry : entry + width])
                data[entry : entry + width] = (offset + 8 * (offset > start)).to_bytes(width)
    data[start : start + 8] = (1).to_bytes(4) + b"mdat" + size.to_bytes(8)
    return bytes(data)


def lying_large_size(clip: bytes) -> bytes:
    return large_sizes(clip, 1 << 40)


DAMAGES: dict[str, tuple[Callable[[bytes], bytes | None], str]] = {
    "one byte less": (one_byte_less, "truncated"),
    "half": (half, "truncated"),
    "no index": (without_index, "no-index"),
    "last fragment cut": (last_fragment_cut, "truncated"),
    "last media missing": (last_media_missing, "truncated"),
    "sample outside mdat": (sample_outside, "suspect"),
    "64-bit size lies": (lying_large_size, "truncated"),
}
"""What is done to a clip, and the verdict that it must get; None comes back where it cannot be done."""


def _offsets(clip: bytes) -> list[tuple[int, int, int]]:
    """Find the chunk offset tables of the movie: where their entries begin, width of one, how many."""
    ((start, end),) = spans(clip, b"moov")
    found = re.compile(rb"stco|co64").finditer(clip, start, end)
    tables = [(match.end() + 8, 4 if match[0] == b"stco" else 8, match.end() + 4) for match in found]
    return [(at, width, int.from_bytes(clip[count : count + 4])) for at, width, count in tables]


def _move_runs(data: bytearray, start: int, end: int, by: int, *, keep: bool) -> None:
    """Move each run of a moof (only the first and to an offset, if not `keep`); all of them have an offset."""
    for match in re.compile(rb"trun").finditer(bytes(data), start, end):
        at = match.end() + 8
        (offset,) = struct.unpack(">i", data[at : at + 4])
        data[at : at + 4] = struct.pack(">i", (offset if keep else 0) + by)
        if not keep:
            return

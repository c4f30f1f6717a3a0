"""MP4s written by hand, for what no genuine clip has."""

import struct

from dockd.model import Mp4Report
from dockd.mp4.examine import examine


def box(kind: bytes, *parts: bytes) -> bytes:
    held = b"".join(parts)
    return struct.pack(">I4s", 8 + len(held), kind) + held


def full(kind: bytes, *parts: bytes) -> bytes:
    return box(kind, bytes(4), *parts)


def numbers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


FTYP = box(b"ftyp", b"isom", bytes(4), b"isom")
MVHD = full(b"mvhd", numbers(1, 2, 1000, 5000), bytes(80))
AVC1 = box(b"avc1", bytes(24), struct.pack(">HH", 64, 48), bytes(50), box(b"avcC", b"\x01\x4d\x00\x1e\xff\xe0\x00"))
MEDIA_AT = len(FTYP) + 8
"""Where the media begin in a file that `movie` makes."""


def table(
    sizes: list[int] | bytes, offsets: bytes, *, runs: bytes | None = None, count: int | None = None
) -> dict[bytes, bytes]:
    """Give the boxes of a sample table; `sizes` and `offsets` may be packed already, of 32 bits each."""
    packed = sizes if isinstance(sizes, bytes) else numbers(*sizes)
    count = len(packed) // 4 if count is None else count
    runs = numbers(1, count, 1) if runs is None else runs
    return {
        b"stts": full(b"stts", numbers(1, count, 40)),
        b"stsc": full(b"stsc", numbers(len(runs) // 12), runs),
        b"stsz": full(b"stsz", numbers(0, count), packed),
        b"stco": full(b"stco", numbers(len(offsets) // 4), offsets),
    }


def trak(tables: dict[bytes, bytes], *entries: bytes, track_id: int = 1) -> bytes:
    described = entries or (AVC1,)
    stbl = box(b"stbl", full(b"stsd", numbers(len(described)), *described), *tables.values())
    mdhd = full(b"mdhd", numbers(1, 2, 1000, 5000), bytes(4))
    hdlr = full(b"hdlr", bytes(4), b"vide", bytes(13))
    return box(
        b"trak",
        full(b"tkhd", bytes(8), numbers(track_id), bytes(68)),
        box(b"mdia", mdhd, hdlr, box(b"minf", stbl)),
    )


def movie(media: bytes, *traks: bytes, more: bytes = b"") -> bytes:
    """Write ftyp, mdat, moov, and more."""
    return FTYP + box(b"mdat", media) + box(b"moov", MVHD, *traks) + more


def unit(held: bytes) -> bytes:
    """Put a NAL unit behind its length."""
    return numbers(len(held)) + held


def report(data: bytes) -> Mp4Report:
    return examine(lambda offset, size: data[offset : offset + size], len(data))


def one_sample(sample: bytes, entry: bytes = AVC1) -> Mp4Report:
    """Examine a file with this sample alone."""
    return report(movie(sample, trak(table([len(sample)], numbers(MEDIA_AT)), entry)))

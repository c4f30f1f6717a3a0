"""Files written by hand that ask for as much as they can: bytes, reads, work, memory."""

import struct

from tests.mp4.boxes import AVC1, FTYP, MEDIA_AT, MVHD, box, full, movie, numbers, table, trak, unit

TRACK = trak(table([], b""))
MVEX = box(b"mvex", full(b"trex", numbers(1, 1, 40, 5, 0)))
TFHD = box(b"tfhd", numbers(0x20000, 1))
SMALL = unit(b"\x65")
SOUND = box(b"mp4a", bytes(28))


def alternating(chunks: int) -> bytes:
    return b"".join(struct.pack(">III", chunk + 1, 1 + 2 * (chunk & 1), 1) for chunk in range(chunks))


def one_a_chunk(count: int) -> bytes:
    tables = table(numbers(5) * count, numbers(MEDIA_AT) * count, runs=numbers(1, 1, 1))
    return movie(SMALL * 2, trak(tables))


def uneven(chunks: int) -> bytes:
    sizes = numbers(0) * 2 * chunks
    return movie(SMALL, trak(table(sizes, numbers(MEDIA_AT) * chunks, runs=alternating(chunks))))


def in_one_chunk(count: int, entry: bytes = AVC1, *traks: bytes) -> bytes:
    return movie(SMALL * count, trak(table(numbers(5) * count, numbers(MEDIA_AT)), entry), *traks)


def nibbles(count: int) -> bytes:
    tables = table(b"", numbers(MEDIA_AT), count=count)
    tables[b"stsz"] = full(b"stz2", numbers(4, count), bytes(count // 2))
    return movie(SMALL, trak(tables))


def fragments(count: int) -> bytes:
    trun = box(b"trun", numbers(1, 1, 8))
    each = box(b"moof", full(b"mfhd", numbers(1)), box(b"traf", TFHD, trun)) + box(b"mdat", SMALL)
    return FTYP + box(b"moov", MVHD, TRACK, MVEX) + each * count


def runs(count: int, rows: int) -> bytes:
    trun = box(b"trun", numbers(0xF00, rows), numbers(40, 5, 0, 0) * rows)
    moof = box(b"moof", full(b"mfhd", numbers(1)), box(b"traf", TFHD, trun * count))
    return FTYP + box(b"moov", MVHD, TRACK, MVEX) + moof


def nested(depth: int) -> bytes:
    """Write boxes in boxes, of every kind that holds others."""
    held = b""
    for number in range(depth):
        held = box((b"stbl", b"minf", b"mdia", b"trak", b"udta", b"moof", b"traf")[number % 7], held)
    return FTYP + box(b"moov", MVHD, held)


def long_runs_of_chunks(rows: int, mdats: int) -> bytes:
    tables = table([5], numbers(MEDIA_AT), runs=numbers(1, 1, 1) * rows)
    return FTYP + box(b"mdat") * mdats + box(b"moov", MVHD, trak(tables))


def unheard_of(kinds: int) -> bytes:
    boxes = b"".join(struct.pack(">I4s", 8, number.to_bytes(4)) for number in range(kinds))
    return movie(SMALL, trak({**table([5], numbers(MEDIA_AT)), b"": boxes}))


def large_samples(count: int, *traks: bytes) -> bytes:
    """Let every sample be one of two, of a megabyte full of what nearly are zeros."""
    sample = unit(b"\x65" + b"\x00\x00\x01" * 333_333)
    offsets = numbers(MEDIA_AT, MEDIA_AT + len(sample)) * (count // 2)
    return movie(sample * 2, trak(table([len(sample)] * count, offsets, runs=numbers(1, 1, 1))), *traks)


def codecs(entries: int) -> list[bytes]:
    """Write sample entries, each of a code that needs all the room in JSON that it can have."""
    return [box(b'"\\"' + bytes([0x23 + number % 64]), AVC1[8:]) for number in range(entries)]


def extended(tracks: int) -> bytes:
    trexes = (full(b"trex", numbers(number, 1, 40, 5, 0)) for number in range(1, tracks + 1))
    return FTYP + box(b"moov", MVHD, TRACK, box(b"mvex", *trexes)) + box(b"mdat")


HEAVY = {
    "more chunks than are looked into": lambda: one_a_chunk(4_000_000),
    "uneven chunks, too many": lambda: uneven(1_000_000),
    "eight million samples in a chunk": lambda: in_one_chunk(8_000_000),
    "more index than is read": lambda: movie(SMALL, trak(table(numbers(5) * 15_000_000, numbers(MEDIA_AT)))),
    "more media than are looked into": lambda: large_samples(60),
    "more of both": lambda: large_samples(60, trak(table(numbers(5) * 15_000_000, numbers(MEDIA_AT)), SOUND)),
    "sizes of four bits, just taken": lambda: nibbles(28_000_001),
    "sizes of four bits": lambda: nibbles(60_000_000),
    "more runs of chunks than are looked into, and mdats": lambda: long_runs_of_chunks(2_650_000, 98_000),
    "more runs of chunks than are read, and mdats": lambda: long_runs_of_chunks(6_000_000, 98_000),
    "a row of empty boxes": lambda: FTYP + box(b"free") * 2_000_000,
    "boxes in boxes": lambda: nested(20_000),
    "ten thousand tracks": lambda: movie(SMALL, trak(table([5] * 10, numbers(MEDIA_AT) * 10)) * 10_000),
    "ten thousand tracks in fragments": lambda: extended(10_000),
    "ten thousand codecs": lambda: movie(SMALL, trak(table([5], numbers(MEDIA_AT)), *codecs(10_000))),
    "tiny fragments": lambda: fragments(60_000),
    "empty fragments": lambda: FTYP + box(b"moov", MVHD, TRACK, MVEX) + box(b"moof", box(b"free")) * 200_000,
    "tiny runs": lambda: runs(200_000, 1),
    "one run": lambda: runs(1, 2_000_000),
    "tiny units": lambda: movie(SMALL * 2_000_000, trak(table([5000] * 2000, numbers(MEDIA_AT)))),
}  # fmt: skip
BEYOND = (
    "more chunks than are looked into",
    "uneven chunks, too many",
    "more index than is read",
    "more of both",
    "sizes of four bits",
    "more runs of chunks than are looked into, and mdats",
    "more runs of chunks than are read, and mdats",
    "a row of empty boxes",
    "ten thousand tracks",
    "ten thousand tracks in fragments",
    "tiny fragments",
    "empty fragments",
    "tiny runs",
)

"""Throw broken MP4s at the check: `python tests/fuzz/fuzz_mp4.py --cases 1000000 [--seed N]`.

Every case is a genuine clip with a few wounds that know what a box is, or now and then plain noise. A case fails if
anything is raised or its report is not sound; a run of the program fails, too, if a case takes over a second of
processor time, or if the process has grown by 100 MB.
"""

import json
import random
import sys
from dataclasses import asdict
from pathlib import Path

import rfc8785

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from dockd.model import Mp4Report
from dockd.mp4.examine import examine
from tests.fuzz import course

ROOT = Path(__file__).parents[2]
MAX_REPORT = 1024
KINDS = [
    b"gps ",
    *b"ftyp moov mvhd trak tkhd mdia mdhd hdlr minf stbl stsd stts stsc stsz stz2 stco co64 avc1 avcC hvc1 hvcC udta "
    b"loci mvex mehd trex moof mfhd traf tfhd trun mdat free uuid \xa9xyz gpmd camm".split(),
]
TABLES = (b"stts", b"stsc", b"stsz", b"stco", b"stsd", b"trun", b"tfhd", b"trex")
SIZES = (0, 1, 2, 7, 8, 9, 15, 16, 17, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF0, 0xFFFF_FFFF)
LARGE = (0, 15, 16, 17, 1 << 32, 1 << 53, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


def clips() -> list[bytes]:
    """Give genuine clips of several makers, small enough for a million of cases: whole, or with most media cut out."""
    large = sorted((ROOT / "tests" / "media").glob("*.mp4"))
    small = sorted((ROOT / "tests" / "mp4" / "clips").glob("*.m[op][v4]"))
    return [slim(path.read_bytes()) for path in large] + [path.read_bytes() for path in small]


def slim(clip: bytes) -> bytes:
    """Keep every box of a clip, but of each mdat only the beginning: the index stays in one piece, offsets do not."""
    kept, at = [], 0
    while at < len(clip):
        size = int.from_bytes(clip[at : at + 4])
        held = clip[at + 8 : at + size]
        if clip[at + 4 : at + 8] == b"mdat":
            held = held[:2048]
        kept.append((8 + len(held)).to_bytes(4) + clip[at + 4 : at + 8] + held)
        at += size
    return b"".join(kept)


def wounded(rng: random.Random, clip: bytes) -> bytes:
    """Break a clip in one to six places."""
    data = bytearray(clip)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 6))):
        rng.choice(WOUNDS)(rng, data)
        if not data:
            break
    return bytes(data)


def a_header(rng: random.Random, data: bytearray) -> int:
    """Give where some box begins, or anything."""
    kind = rng.choice(KINDS)
    start = rng.randrange(len(data))
    found = data.find(kind, start)
    if found < 0:
        found = data.find(kind)
    return max(0, found - 4) if found >= 0 else start


def lie_about_a_size(rng: random.Random, data: bytearray) -> None:
    at = a_header(rng, data)
    old = int.from_bytes(data[at : at + 4])
    value = rng.choice((*SIZES, max(0, old + rng.randint(-9, 9)), rng.getrandbits(rng.randint(1, 32))))
    data[at : at + 4] = (value & 0xFFFF_FFFF).to_bytes(4)


def lie_in_64_bits(rng: random.Random, data: bytearray) -> None:
    at = a_header(rng, data)
    data[at : at + 4] = (1).to_bytes(4)
    data[at + 8 : at + 16] = rng.choice((*LARGE, rng.randrange(2 * len(data) + 1))).to_bytes(8)


def rename(rng: random.Random, data: bytearray) -> None:
    at = a_header(rng, data)
    data[at + 4 : at + 8] = rng.choice((*KINDS, rng.randbytes(4)))


def change_a_field(rng: random.Random, data: bytearray) -> None:
    at = a_header(rng, data) + 8 + 4 * rng.randrange(12)
    data[at : at + 4] = rng.choice((*SIZES, rng.getrandbits(16), rng.getrandbits(32))).to_bytes(4)


def rewrite_a_table(rng: random.Random, data: bytearray) -> None:
    """Change the count of a table, or one of its first rows."""
    at = data.find(rng.choice(TABLES), rng.randrange(len(data)))
    field_at = at + 4 + 4 * rng.choice((1, 1, 2, 2, 3, 4, 5, 6))
    old = int.from_bytes(data[field_at : field_at + 4])
    value = rng.choice((0, 0, 1, min(max(0, old + rng.choice((-1, 1))), 0xFFFF_FFFF), *SIZES))
    if at >= 0:
        data[field_at : field_at + 4] = value.to_bytes(4)


def flip_bytes(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.randint(1, 16)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.choice((len(data) - 1, rng.randrange(len(data)), a_header(rng, data))) :]


def take_out(rng: random.Random, data: bytearray) -> None:
    at = a_header(rng, data)
    del data[at : at + rng.choice((1, 4, 8, rng.randrange(4096), int.from_bytes(data[at : at + 4])))]


def double(rng: random.Random, data: bytearray) -> None:
    at = a_header(rng, data)
    size = min(int.from_bytes(data[at : at + 4]), 64 * 1024)
    data[at:at] = bytes(data[at : at + size]) * rng.choice((1, 1, 2, 30))


def nest(rng: random.Random, data: bytearray) -> None:
    at = a_header(rng, data)
    size = len(data) - at
    for _ in range(rng.choice((1, 3, 300))):
        size += 8
        data[at:at] = size.to_bytes(4) + rng.choice(KINDS)


def zero(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    size = min(rng.choice((4, 512, 4096)), len(data) - at)
    data[at : at + size] = bytes(size)


def append(rng: random.Random, data: bytearray) -> None:
    data += rng.choice((b"\0", b"\0" * 512, rng.randbytes(rng.randrange(64)), b"\0\0\0\x08free" * 50))


WOUNDS = (
    *(lie_about_a_size, lie_in_64_bits, rename, change_a_field, rewrite_a_table, rewrite_a_table, flip_bytes),
    *(cut, take_out, double, nest, zero, append),
)


def check(data: bytes) -> Mp4Report:
    """Examine one case as a driver would serve it; its report must fit into an entry and agree with itself."""
    report = examine(lambda offset, size: data[offset : offset + size], len(data))
    written = rfc8785.dumps(asdict(report))
    assert len(written) <= MAX_REPORT
    assert json.loads(written)["verdict"] == report.verdict
    assert (report.verdict == "ok") == (not report.findings)
    return report


def fuzz(cases: int, seed: int) -> course.Tally:
    """Run so many cases; see `course.run`."""
    held = clips()
    check(held[0])

    def make_case(rng: random.Random) -> course.Case:
        data = rng.randbytes(rng.randrange(512)) if rng.random() < 0.02 else wounded(rng, rng.choice(held))

        def case() -> list[str]:
            report = check(data)
            return [report.verdict, *report.findings]

        return case

    return course.run(make_case, cases, seed)


if __name__ == "__main__":
    course.main(__doc__, fuzz)

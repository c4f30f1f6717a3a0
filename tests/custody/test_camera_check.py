"""What the recordings of a docking show of their camera is said, and nothing that they cannot show."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.custody.camera_check import FULL_BYTES, MAX_NAME_BYTES, CameraCheck, Expected, Found
from dockd.model import MAX_SIZE, MAX_TIME_NS, Mp4Report, Recording, RecordingPath

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
ALL = Expected("1920x1080", 2000, 8000, True, 60, 5, 300, True)
GOOD = Mp4Report("ok", (), 60_000, ("avc1", "mp4a"), 1920, 1080, None, True)


def at(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9


def recording(path: str = "DCIM/MOV_0001.MP4", end: datetime = NOW, size: int = 30_000_000, part_of: str | None = None):
    beside = RecordingPath(part_of.encode()) if part_of else None
    return Recording(RecordingPath(path.encode()), size, at(end), beside)


def told(expected: Expected, *seen: tuple[Recording, Mp4Report], is_whole: bool = True, zone=UTC) -> list[Found]:
    check = CameraCheck(expected)
    check.listed([each for each, _report in seen], NOW, zone)
    for each, report in seen:
        check.collected(each, report)
    return list(check.findings(is_whole=is_whole))


def report(**changes) -> Mp4Report:
    return Mp4Report(**{**vars(GOOD), **changes})


def test_a_camera_as_expected_shows_nothing():
    assert told(ALL, (recording(), GOOD)) == []


def test_nothing_is_judged_where_nothing_is_expected():
    odd = recording(end=NOW + timedelta(days=900), size=1)
    bad = report(width=1, height=1, has_position=False)
    assert told(Expected(), (odd, bad), (recording("DCIM/MOV_0009.MP4"), bad)) == []


def test_another_picture_is_told_with_the_first_that_has_it():
    seen = [(recording(f"{n}.mp4"), report(width=width)) for n, width in enumerate((1920, 1280, 640))]
    assert told(ALL, *seen) == [Found("resolution", 2, "1.mp4", "1280x1080", "1920x1080")]
    assert told(ALL, (recording(), report(width=None, height=None)))[0].measured == "none"


@pytest.mark.parametrize(
    ("size", "duration_ms", "found"),
    [
        (15_000_000, 60_000, []),
        (14_992_500, 60_000, [("bitrate_low", "1999", "2000")]),
        (60_007_500, 60_000, [("bitrate_high", "8001", "8000")]),
        (1, 1999, []),
        (1, 2000, [("bitrate_low", "0", "2000")]),
        (1, None, []),
    ],
)
def test_the_average_of_a_recording_that_is_long_enough_is_its_bitrate(size, duration_ms, found):
    said = told(ALL, (recording(size=size), report(duration_ms=duration_ms)))
    assert [(each.code, each.measured, each.expected) for each in said] == found


def test_of_bitrates_the_worst_is_told():
    seen = [(recording(f"{n}.mp4", size=size), GOOD) for n, size in enumerate((9_000_000, 3_000_000, 6_000_000))]
    assert told(ALL, *seen) == [Found("bitrate_low", 3, "1.mp4", "400", "2000")]


@pytest.mark.parametrize("verdict", ["opaque", "truncated", "no-index"])
def test_what_a_damaged_or_secret_file_says_is_not_judged(verdict):
    bad = Mp4Report(verdict, ("empty",), 60_000, ("avc1",), 1, 1)
    assert told(ALL, (recording(size=5), bad)) == []
    assert told(ALL, (recording(size=5), Mp4Report("suspect", ("unchecked",)))) == []


@pytest.mark.parametrize("sidecar", ["a.gps", "a.GPX", "a.nmea"])
def test_a_file_of_positions_beside_a_recording_is_a_position(sidecar):
    blind, beside = report(has_position=False), Mp4Report("opaque", ("no-boxes",))
    assert told(ALL, (recording(sidecar, part_of="a.mp4"), beside), (recording("a.mp4"), blind)) == []
    assert told(ALL, (recording(sidecar, part_of="b.mp4"), beside), (recording("a.mp4"), blind)) == [
        Found("no_position", 1, "a.mp4", "", "")
    ]
    assert told(ALL, (recording("a.txt", part_of="a.mp4"), beside), (recording("a.mp4"), blind)) != []


def test_a_sidecar_of_an_earlier_attempt_counts():
    check = CameraCheck(ALL)
    check.listed([recording("a.gps", part_of="a.mp4")], NOW, UTC)
    check.listed([recording("a.mp4")], NOW, UTC)
    check.collected(recording("a.mp4"), report(has_position=False))
    assert check.findings(is_whole=True) == ()


def test_of_more_sidecars_than_are_remembered_nothing_is_said():
    check = CameraCheck(ALL)
    check.listed([recording(f"{n}.gps", part_of=f"{n}.mp4") for n in range(1002)], NOW, UTC)
    check.collected(recording("x.mp4"), report(has_position=False))
    assert check.findings(is_whole=True) == ()


def test_what_stands_beside_a_recording_is_not_judged_as_one():
    small = report(width=432, height=240, has_position=False)
    assert told(ALL, (recording("a.lrv", part_of="a.mp4", size=9), small), (recording("a.mp4"), GOOD)) == []
    assert told(ALL, (recording("a2.MP4", part_of="a.mp4"), small))[0].code == "resolution"


@pytest.mark.parametrize(
    ("ahead", "zone", "measured"),
    [
        (timedelta(seconds=60), UTC, None),
        (timedelta(seconds=61), UTC, "61"),
        (timedelta(hours=-5), UTC, None),
        (timedelta(hours=1, seconds=60), PARIS, None),
        (timedelta(hours=1, seconds=90), PARIS, "90"),
    ],
)
def test_only_what_is_certain_of_a_clock_is_said(ahead, zone, measured):
    found = told(ALL, (recording(end=NOW + ahead), GOOD), zone=zone)
    assert [(each.measured, each.expected) for each in found] == ([(measured, "60")] if measured else [])


def test_a_clock_that_began_anew_is_told():
    found = told(ALL, (recording(end=datetime(2016, 1, 1, tzinfo=UTC)), GOOD))
    assert found == [Found("clock_lost", 1, "DCIM/MOV_0001.MP4", "2016-01-01 00:00:00", "")]


def segments(*starts: int, seconds: int = 300) -> list[tuple[Recording, Mp4Report]]:
    """Give recordings that begin so many seconds after the first; the last is a short one."""
    lengths = [seconds] * (len(starts) - 1) + [20]
    begin = NOW - timedelta(hours=2)
    return [
        (
            recording(f"{n}.mp4", begin + timedelta(seconds=start + length), size=length * 500_000),
            report(duration_ms=length * 1000),
        )
        for n, (start, length) in enumerate(zip(starts, lengths, strict=True))
    ]


def test_a_full_recording_that_is_not_gone_on_with_at_once_is_a_gap():
    assert told(ALL, *segments(0, 300, 602)) == []
    assert told(ALL, *segments(0, 300, 640)) == [Found("gap", 1, "1.mp4", "40", "5")]
    assert told(ALL, *segments(0, 900, 1900)) == [Found("gap", 2, "1.mp4", "700", "5")]


def test_a_recording_that_is_not_full_just_ended():
    assert told(ALL, *segments(0, 900, 1900, seconds=200)) == []


def test_the_last_recording_may_have_ended_there():
    assert told(ALL, *segments(0, 300)[:1]) == []


def test_a_file_as_long_as_fat_allows_is_full():
    [(first, _), second] = segments(0, 640)
    long = Recording(first.path, FULL_BYTES[0], first.mtime_ns)
    seen = [(long, report(duration_ms=300_000)), second]
    assert [each.code for each in told(Expected(gap_seconds=5), *seen)] == ["gap"]
    longer = Recording(first.path, 2**32, first.mtime_ns)
    assert told(Expected(gap_seconds=5), (longer, seen[0][1]), second) == []


def numbered(*names: str, is_whole: bool = True) -> list[tuple[int, str | None, str]]:
    seen = [(recording(name), GOOD) for name in names]
    found = told(Expected(consecutive_numbers=True), *seen, is_whole=is_whole)
    return [(each.count, each.path, each.measured) for each in found if each.code == "numbers_missing"]


def test_a_number_between_two_that_are_there_is_missing():
    assert numbered("MOV_0001.MP4", "MOV_0002.MP4", "MOV_0004.MP4") == [(1, "MOV_0004.MP4", "3")]
    assert numbered("9.mp4", "2.mp4", "5.mp4") == [(5, "5.mp4", "3-4, 6-8")]
    assert numbered(*(f"{n}.mp4" for n in range(0, 20, 2))) == [(9, "2.mp4", "1, 3, 5, 7, 9, ...")]


@pytest.mark.parametrize(
    "names",
    [
        ("1.mp4", "2.mp4", "3.mp4"),
        ("A/1.mp4", "B/3.mp4"),
        ("a1.mp4", "b3.mp4"),
        ("1_a.mp4", "3_b.mp4"),
        ("1.mp4", "3.mov"),
        ("0001.mp4", "9999.mp4"),
        ("20261122_134501.mp4", "20261122_134503.mp4"),
        ("20261122134501.mp4", "20261122134503.mp4"),
        ("1790000000123.mp4", "1790000000125.mp4"),
        ("none.mp4", "nothing.mp4"),
        ("7.mp4",),
    ],
)
def test_what_is_no_row_of_numbers_has_no_gap(names):
    assert numbered(*names) == []


def test_a_number_behind_a_date_is_one():
    assert numbered("20261122_134501_0007.mp4", "20261122_141200_0009.mp4") == [(1, "20261122_141200_0009.mp4", "8")]


def test_what_was_left_on_a_camera_tells_of_no_gap():
    assert numbered("1.mp4", "3.mp4", is_whole=False) == []
    assert told(ALL, *segments(0, 640), is_whole=False) == []


def test_what_is_listed_in_any_attempt_is_there():
    check = CameraCheck(ALL)
    for names in ("123", "3", "345"):
        check.listed([recording(f"{name}.mp4") for name in names], NOW, UTC)
    assert check.findings(is_whole=True) == ()


def test_a_camera_with_more_names_than_are_kept_tells_of_no_gap():
    check, long = CameraCheck(ALL), "d" * 4000
    check.listed([recording(f"{long}/{n}.mp4") for n in range(0, MAX_NAME_BYTES // 2000, 2)], NOW, UTC)
    assert check.findings(is_whole=True) == ()


EXPECTED = st.builds(
    Expected,
    resolution=st.none() | st.just("1920x1080"),
    bitrate_kbps_min=st.none() | st.integers(1, 10**6),
    bitrate_kbps_max=st.none() | st.integers(1, 10**6),
    needs_position=st.booleans(),
    clock_offset_seconds=st.none() | st.floats(0, 10**6),
    gap_seconds=st.none() | st.floats(0, 10**6),
    segment_seconds=st.none() | st.floats(1, 10**6),
    consecutive_numbers=st.booleans(),
)
NUMBER = st.none() | st.integers(0, MAX_SIZE)
REPORTS = st.builds(
    Mp4Report,
    verdict=st.sampled_from(["ok", "truncated", "no-index", "opaque", "suspect"]),
    findings=st.just(()),
    duration_ms=NUMBER,
    codecs=st.sampled_from([(), ("avc1",)]),
    width=NUMBER,
    height=NUMBER,
    creation_time_raw=NUMBER,
    has_position=st.booleans(),
)
PATHS = (st.binary(max_size=40) | st.from_regex(rb"\A[a/._]{0,4}[0-9]{0,12}\.(mp4|gps)\Z")).map(RecordingPath)
RECORDINGS = st.builds(
    Recording, PATHS, st.integers(0, MAX_SIZE), st.integers(-MAX_TIME_NS, MAX_TIME_NS), st.none() | PATHS
)


@given(EXPECTED, st.lists(st.tuples(RECORDINGS, REPORTS), max_size=6), st.booleans(), st.sampled_from([UTC, PARIS]))
def test_whatever_a_camera_and_its_worker_say_is_judged_and_told_shortly(expected, seen, is_whole, zone):
    found = told(expected, *seen, is_whole=is_whole, zone=zone)
    assert len({each.code for each in found}) == len(found)
    for each in found:
        assert each.count > 0 and len(each.measured) + len(each.expected) < 200
        assert (each.measured + each.expected).isascii() and each.path is not None


@pytest.mark.parametrize(("offset_ms", "measured"), [(60_001, "60.001"), (-848_656_800_000, "-848656800.000")])
def test_a_clock_that_its_driver_read_is_judged_either_way(offset_ms: int, measured: str) -> None:
    check = CameraCheck(Expected(clock_offset_seconds=60))
    check.clock(offset_ms)
    [found] = check.findings(is_whole=True)
    assert (found.code, found.path, found.measured, found.expected) == ("clock_off", None, measured, "60")


@pytest.mark.parametrize(("allowed", "offset_ms"), [(60, 60_000), (60, -60_000), (None, 10**9)])
def test_a_clock_that_is_not_too_far_off_or_not_asked_about_is_no_finding(
    allowed: float | None, offset_ms: int
) -> None:
    check = CameraCheck(Expected(clock_offset_seconds=allowed))
    check.clock(offset_ms)
    assert check.findings(is_whole=True) == ()

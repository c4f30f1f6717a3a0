"""What a camera's clocks say is taken as it is, both ways, and what cannot be is said."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dockd.clock import zone_of
from dockd.custody.clocks import NEVER_BEFORE, Dates, dates, findings, instants, name_date
from dockd.model import MAX_SIZE, MAX_TIME_NS

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 11, 22, 12, 0, 0)
NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("name", "date"),
    [
        (b"DCIM/20261122_120000.MP4", NOON),
        (b"VID_2026-11-22-12-00-00.mp4", NOON),
        (b"20261122120000_0001.mp4", NOON),
        (b"2026-11-22T12:00:00.mp4", NOON),
        (b"2026-11-22 12h00m00.mp4", NOON),
        (b"20250101/20261122_120000.mp4", NOON),
        (b"20250101_000000/20261122_120000.mp4", NOON),
        (b"MOV_0001.MP4", None),
        (b"20261322_120000.mp4", None),
        (b"20261122_126000.mp4", None),
        (b"120261122120000.mp4", None),
        (b"202611221200001.mp4", None),
        (b"19991122_120000.mp4", None),
        (b"", None),
    ],
)
def test_the_date_in_a_name_is_read_if_there_is_one(name: bytes, date: datetime | None):
    assert name_date(name) == date


@given(st.binary(max_size=60), st.integers(-MAX_TIME_NS, MAX_TIME_NS), st.none() | st.integers(0, MAX_SIZE))
@example(b"20261122_120000", MAX_TIME_NS, MAX_SIZE)
@example(b"20260000_000000", -MAX_TIME_NS, 0)
@example(b"", 253402300799 * 10**9, 1)
@example(b"", -62135596800 * 10**9, 1)
def test_whatever_a_camera_says_is_judged(name: bytes, mtime_ns: int, raw: int | None):
    for duration_ms in (None, 0, MAX_SIZE):
        for zone in (UTC, PARIS):
            found = findings(dates(name, mtime_ns, raw, duration_ms), NOW, zone)
            assert set(found) <= {"no_date", "too_long", "long_ago", "ahead", "name_disagrees", "mp4_disagrees"}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (Dates(NOON, None, None, None), ()),
        (Dates(NOON, NOON, NOON, None), ()),
        (Dates(NOON, NOON - 9 * MINUTE, NOON - 9 * MINUTE, 10 * MINUTE), ()),
        (Dates(NOON, NOON - 14 * MINUTE, None, 10 * MINUTE), ()),
        (Dates(NOON, NOON - 16 * MINUTE, None, 10 * MINUTE), ("name_disagrees",)),
        (Dates(NOON, NOON + 6 * MINUTE, None, 10 * MINUTE), ("name_disagrees",)),
        (Dates(NOON, None, NOON - 16 * MINUTE, 10 * MINUTE), ("mp4_disagrees",)),
        # The name in local time, the MP4 in UTC: Paris is an hour ahead in November.
        (Dates(NOON, NOON, NOON - HOUR, 10 * MINUTE), ()),
        (Dates(NOON, NOON, NOON - 2 * HOUR, 10 * MINUTE), ("mp4_disagrees",)),
        (Dates(datetime(2026, 11, 22, 15, 4), None, None, None), ()),
        (Dates(datetime(2026, 11, 22, 15, 6), None, None, None), ("ahead",)),
        (Dates(NEVER_BEFORE - MINUTE, None, None, None), ("long_ago",)),
        (Dates(NOON, None, None, timedelta(days=7)), ()),
        (Dates(NOON, None, None, timedelta(days=7, seconds=1)), ("too_long",)),
        (Dates(datetime(2099, 1, 1), datetime(2010, 1, 1), None, None), ("ahead", "name_disagrees")),
    ],
)
def test_what_cannot_be_is_said(said: Dates, found: tuple[str, ...]):
    assert findings(said, NOW, PARIS) == found


def test_a_date_may_mean_two_instants_and_near_the_ends_of_the_calendar_one():
    assert instants(NOON, PARIS) == (NOON.replace(tzinfo=UTC), NOON.replace(tzinfo=UTC) - HOUR)
    for end in (datetime.min, datetime.max):
        assert end.replace(tzinfo=UTC) in instants(end, PARIS)


def test_a_zone_that_this_machine_does_not_know_is_utc():
    assert zone_of("Europe/Paris") == PARIS
    for name in ("Nowhere/Land", "", "/etc/passwd", "../x", "a\0b"):
        assert zone_of(name) is UTC

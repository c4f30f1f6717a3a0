"""What a camera's own clocks say of a recording, and whether that can be: none of them is ever corrected.

A recording has up to three dates of its camera: in its name, in its filesystem and in its MP4. FAT keeps local time and
no zone (Microsoft, FAT specification, section 6.3), other filesystems an instant, and cameras write either into an
MP4: so each date is taken both ways, as local time of the dock's zone and as UTC.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

NEVER_BEFORE = datetime(2020, 1, 1)
"""Clocks that lost their battery begin before this."""

TOLERANCE = timedelta(minutes=5)
_LONGEST = timedelta(hours=12)  # of a recording that does not say how long it is
_LONGEST_EVER = timedelta(days=7)
_MP4_EPOCH = datetime(1904, 1, 1)  # ISO/IEC 14496-12 section 8.2.2
_NAME = re.compile(rb"(?<!\d)(20\d\d)[-_]?(\d\d)[-_]?(\d\d)[-_T ]?(\d\d)[-_:h]?(\d\d)[-_:m]?(\d\d)(?!\d)")


@dataclass(frozen=True, slots=True)
class Dates:
    """When a camera says that it made a recording, without a zone: the end by its filesystem, the start by others."""

    written: datetime
    named: datetime | None
    in_mp4: datetime | None
    duration: timedelta | None


def dates(path: bytes, mtime_ns: int, mp4_raw: int | None, duration_ms: int | None) -> Dates | None:
    """Collect the dates of a recording; None if its filesystem or its MP4 gives one that no calendar has."""
    try:
        written = datetime(1970, 1, 1) + timedelta(microseconds=mtime_ns // 1000)
        in_mp4 = _MP4_EPOCH + timedelta(seconds=mp4_raw) if mp4_raw else None
        duration = None if duration_ms is None else timedelta(milliseconds=duration_ms)
    except OverflowError:
        return None
    return Dates(written, name_date(path), in_mp4, duration)


def name_date(path: bytes) -> datetime | None:
    """Read the date in a name such as `20261122_134501.mp4`; of several the last one counts, None if there is none."""
    found = None
    for match in _NAME.finditer(path):
        try:
            found = datetime(*map(int, match.groups()))  # type: ignore[arg-type]
        except ValueError:
            continue
    return found


def without_date(name: bytes) -> bytes:
    """Leave out of a name every date that could be one: what is left may be its number."""
    return _NAME.sub(b"", name)


def instants(moment: datetime, zone: tzinfo) -> Sequence[datetime]:
    """Give the instants that a date without a zone may mean."""
    try:
        return moment.replace(tzinfo=UTC), moment.replace(tzinfo=zone).astimezone(UTC)
    except (OverflowError, ValueError):
        return (moment.replace(tzinfo=UTC),)


def findings(said: Dates | None, now: datetime, zone: tzinfo) -> tuple[str, ...]:
    """Say what is wrong with the dates of a recording that was collected at `now`; docs/wearers.md has the codes."""
    if said is None:
        return ("no_date",)
    found = []
    if said.duration is not None and said.duration > _LONGEST_EVER:
        found.append("too_long")
    if said.written < NEVER_BEFORE:
        found.append("long_ago")
    if min(instants(said.written, zone)) > now + TOLERANCE:
        found.append("ahead")
    found += [
        code
        for code, start in (("name_disagrees", said.named), ("mp4_disagrees", said.in_mp4))
        if start is not None and not _agrees(start, said, zone)
    ]
    return tuple(found)


def _agrees(start: datetime, said: Dates, zone: tzinfo) -> bool:
    """Whether a recording that began then can have been written when the filesystem says."""
    longest = _LONGEST if said.duration is None else min(said.duration, _LONGEST_EVER)
    return any(
        -TOLERANCE <= end - begin <= longest + TOLERANCE
        for begin in instants(start, zone)
        for end in instants(said.written, zone)
    )

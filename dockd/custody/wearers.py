"""Who wore a camera when it made a recording (*registre de perception*): it follows from the time, or it is not said.

Two sources: standing wearers with dates in fleet.yaml, and cameras that were issued and returned, in the register. If
they leave a gap, overlap, or the camera's clock cannot be believed, a recording is `unassigned`, with a to-do; a person
may justify it later. Nothing is guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo

from dockd.clock import Clock, zone_of
from dockd.custody import clocks
from dockd.docking.ingested import Custody
from dockd.docking.registry import Registry
from dockd.model import RecordingPath, WearerBasis
from dockd.store.sidecar import Sidecar


@dataclass(frozen=True, slots=True)
class Standing:
    """A wearer of a camera by the fleet file; both days are included, in the dock's zone, and may be open."""

    wearer: str
    since: date | None = None
    until: date | None = None

    def covers(self, moment: datetime, zone: tzinfo) -> bool:
        day = moment.astimezone(zone).date()
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class Issue:
    """A camera in somebody's hands, from its issue to its return; None while it is not returned."""

    wearer: str
    issued: datetime
    returned: datetime | None = None

    def covers(self, moment: datetime) -> bool:
        return self.issued <= moment and (self.returned is None or moment < self.returned)


def wearer_at(
    moment: datetime, standing: Sequence[Standing], issues: Sequence[Issue], zone: tzinfo
) -> tuple[str | None, WearerBasis]:
    """Give who wore a camera at an instant, and what says so, or why nobody does."""
    by_fleet = {each.wearer for each in standing if each.covers(moment, zone)}
    by_issue = {each.wearer for each in issues if each.covers(moment)}
    if len(by_fleet | by_issue) > 1:
        return None, "overlap"
    if by_issue:
        return by_issue.pop(), "issued"
    if by_fleet:
        return by_fleet.pop(), "standing"
    return None, "gap"


def wearer_of(
    start: datetime, end: datetime, standing: Sequence[Standing], issues: Sequence[Issue], zone: tzinfo
) -> tuple[str | None, WearerBasis]:
    """Give who wore a camera all through a recording, as `wearer_at`."""
    handovers = [moment for each in issues for moment in (each.issued, each.returned) if moment is not None]
    days = [start + timedelta(days=day) for day in range((end - start).days + 1)]
    moments = [*days, end, *(moment for moment in handovers if start <= moment <= end)]
    answers = {wearer_at(moment, standing, issues, zone) for moment in moments}
    if len(answers) > 1:
        return None, "gap" if any(basis == "gap" for _wearer, basis in answers) else "overlap"
    return answers.pop()


class Wearers:
    """Says of each recording who wore its camera. `standing` has the standing wearers by camera_id."""

    def __init__(self, standing: Mapping[str, Sequence[Standing]], registry: Registry, clock: Clock) -> None:
        self._standing = standing
        self._registry = registry
        self._clock = clock

    async def judge(self, sidecar: Sidecar) -> Custody:
        """Say what an entry says besides the sidecar: of a recording's dates, and its wearer. Raises RegisterError."""
        zone, mp4 = zone_of(self._clock.zone()), sidecar.mp4
        path = RecordingPath.parse(sidecar.path).raw
        said = clocks.dates(path, int(sidecar.mtime_ns), mp4.creation_time_raw, mp4.duration_ms)
        found = clocks.findings(said, self._clock.now(), zone)
        date_in_name = clocks.name_date(path)
        named = date_in_name.isoformat() if date_in_name else None
        standing = self._standing.get(sidecar.camera_id, ())
        issues = await self.issues(sidecar.camera_id)
        if not standing and not issues:
            return Custody(None, "nobody", named, found)
        if found or said is None:
            return Custody(None, "clock", named, found)
        length = said.duration or timedelta(0)
        answers = {wearer_of(end - length, end, standing, issues, zone) for end in clocks.instants(said.written, zone)}
        wearer, basis = answers.pop() if len(answers) == 1 else (None, "clock")
        return Custody(wearer, basis, named, found)

    async def issues(self, camera_id: str) -> list[Issue]:
        """Give in whose hands a camera was, as far as the register has it, oldest first."""
        found: list[Issue] = []
        for handover in await self._registry.handovers(camera_id):
            at = datetime.fromisoformat(handover.at).astimezone(UTC)
            if handover.wearer is not None:
                found.append(Issue(handover.wearer, at))
            elif found and found[-1].returned is None:
                found[-1] = replace(found[-1], returned=at)
        return found

"""The wearer follows from the time or is not said, and a justification leaves what was entered as it is."""

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.custody.wearers import Issue, Standing, wearer_at, wearer_of
from dockd.errors import ExitCode
from tests.integration.daemon import Daemon
from tests.integration.promises import of_kind
from tests.integration.site import CHIEF, MEDIA, Site, dockd

PARIS = ZoneInfo("Europe/Paris")
T = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def undated(content: bytes) -> bytes:
    """Take the date out of an MP4: creation_time of its mvhd, version 0 (ISO/IEC 14496-12 section 8.2.2)."""
    place = content.index(b"mvhd") + 8
    return content[:place] + bytes(4) + content[place + 4 :]


def endless(content: bytes) -> bytes:
    """Have the mvhd say that a second of film is one unit, and that there are four thousand million."""
    place = content.index(b"mvhd") + 16
    return content[:place] + (1).to_bytes(4, "big") + (2**32 - 2).to_bytes(4, "big") + content[place + 8 :]


CLIP = undated((MEDIA / "moov-first.mp4").read_bytes())


@pytest.mark.parametrize(
    ("standing", "issues", "answer"),
    [
        ([], [], (None, "gap")),
        ([Standing("A")], [], ("A", "standing")),
        ([Standing("A", T.date(), T.date())], [], ("A", "standing")),
        ([Standing("A", T.date() + DAY)], [], (None, "gap")),
        ([Standing("A", None, T.date() - DAY)], [], (None, "gap")),
        ([Standing("A"), Standing("A", T.date())], [], ("A", "standing")),
        ([Standing("A"), Standing("B")], [], (None, "overlap")),
        ([], [Issue("A", T - HOUR)], ("A", "issued")),
        ([], [Issue("A", T)], ("A", "issued")),
        ([], [Issue("A", T + HOUR)], (None, "gap")),
        ([], [Issue("A", T - HOUR, T)], (None, "gap")),
        ([], [Issue("A", T - 2 * HOUR, T - HOUR), Issue("B", T - HOUR, T + HOUR)], ("B", "issued")),
        ([Standing("A")], [Issue("B", T - HOUR)], (None, "overlap")),
        ([Standing("A")], [Issue("A", T - HOUR)], ("A", "issued")),
    ],
)
def test_who_wore_it_at_a_moment(standing, issues, answer):
    assert wearer_at(T, standing, issues, PARIS) == answer


@pytest.mark.parametrize(
    ("issues", "answer"),
    [
        ([Issue("A", T - HOUR)], ("A", "issued")),
        (
            [Issue("A", T - HOUR, T + HOUR), Issue("B", T + HOUR, T + 2 * HOUR), Issue("A", T + 2 * HOUR)],
            (None, "overlap"),
        ),
        ([Issue("A", T - HOUR, T + HOUR), Issue("A", T + 2 * HOUR)], (None, "gap")),
        ([Issue("A", T - HOUR, T + HOUR), Issue("B", T + HOUR)], (None, "overlap")),
        ([Issue("A", T + HOUR)], (None, "gap")),
    ],
)
def test_a_recording_has_a_wearer_only_if_it_was_the_same_all_through(issues, answer):
    assert wearer_of(T, T + 3 * HOUR, [], issues, UTC) == answer


def test_a_recording_over_midnight_is_looked_at_on_both_days():
    standing = [Standing("A", None, T.date()), Standing("B", T.date() + DAY)]
    assert wearer_of(T, T + 2 * HOUR, standing, [], UTC) == ("A", "standing")
    assert wearer_of(T, T + 14 * HOUR, standing, [], UTC) == (None, "overlap")


def test_days_are_those_of_the_dock():
    standing = [Standing("A", date(2026, 11, 23))]
    assert wearer_at(datetime(2026, 11, 22, 23, 30, tzinfo=UTC), standing, [], PARIS) == ("A", "standing")
    assert wearer_at(datetime(2026, 11, 22, 23, 30, tzinfo=UTC), standing, [], UTC) == (None, "gap")


SPANS = st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 9), st.integers(0, 9)), max_size=4)


@given(SPANS, st.integers(0, 9))
def test_a_name_is_said_only_if_it_is_the_only_one(spans, hour):
    issues = [Issue(who, T + start * HOUR, T + end * HOUR) for who, start, end in spans]
    there = {who for who, start, end in spans if start <= hour < end}
    wearer, basis = wearer_at(T + hour * HOUR, [], issues, UTC)
    assert {wearer} == there if len(there) == 1 else wearer is None
    assert basis == {0: "gap", 1: "issued"}.get(len(there), "overlap")


def start(site: Site) -> Daemon:
    return site.start_installed({"TZ": "UTC"}).ready()


def command(site: Site, *words: str) -> int:
    return dockd(*words, "--config", site.config).returncode


def dock(site: Site, daemon: Daemon, name: str, when: datetime, content: bytes | None = None) -> None:
    """Have the camera show a recording of this time."""
    arriving = site.folder / "arriving.mp4"
    arriving.write_bytes(content or CLIP)
    os.utime(arriving, (when.timestamp(), when.timestamp()))
    folder = site.dock / "BWC1"
    folder.mkdir(exist_ok=True)
    (folder / "camera_id.txt").write_text("BWC1\n")
    arriving.rename(folder / name)
    daemon.wait_for("recording.cleared", path=name)


def test_each_recording_is_given_its_wearer_or_a_to_do_that_a_person_does(site: Site):
    daemon = start(site)
    dock(site, daemon, "nobody.mp4", datetime.now(UTC))
    assert command(site, "return", "BWC1") == ExitCode.FAILED_CHECK
    assert command(site, "issue", "BWC9", "--to", "A. Durand") == ExitCode.FAILED_CHECK
    before = datetime.now(UTC) - HOUR
    assert command(site, "issue", "BWC1", "--to", "A. Durand") == ExitCode.OK
    assert command(site, "issue", "BWC1", "--to", "B. Petit") == ExitCode.FAILED_CHECK
    dock(site, daemon, "issued.mp4", datetime.now(UTC) + timedelta(seconds=30))
    dock(site, daemon, "gap.mp4", before)
    dock(site, daemon, "ahead.mp4", datetime.now(UTC) + DAY)
    dock(site, daemon, "20200101_000000.mp4", datetime.now(UTC))
    assert command(site, "return", "BWC1") == ExitCode.OK
    assert command(site, "return", "BWC1") == ExitCode.FAILED_CHECK

    assert site.ask("status")["register"]["unassigned"] == 3
    shown = dockd("status", "--config", site.config).stdout.replace("\n", " ")
    assert "3 recordings have no wearer" in shown
    reason = ("--reason", "main courante")
    listed = dockd("register", "show", "--json", "--unassigned", *reason, "--config", site.config)
    to_do = {each["recording_id"] for each in json.loads(listed.stdout)}
    assert len(to_do) == 3
    for recording in to_do:
        assert command(site, "justify", recording, "--wearer", "B. Petit", *reason) == ExitCode.OK
    assert command(site, "justify", "0" * 32, "--wearer", "B. Petit", *reason) == ExitCode.FAILED_CHECK
    assert site.ask("status")["register"]["unassigned"] == 0
    found = dockd("register", "show", "--json", "--wearer", "A. Durand", *reason, "--config", site.config)
    daemon.stop()

    told = {each["path"]: each for each in of_kind(site, "collected")}
    assert {path: (each["wearer"], each["wearer_basis"]) for path, each in told.items()} == {
        "nobody.mp4": (None, "nobody"),
        "issued.mp4": ("A. Durand", "issued"),
        "gap.mp4": (None, "gap"),
        "ahead.mp4": (None, "clock"),
        "20200101_000000.mp4": (None, "clock"),
    }
    assert told["ahead.mp4"]["clock_findings"] == ["ahead"]
    assert told["20200101_000000.mp4"]["clock_findings"] == ["name_disagrees"]
    assert told["20200101_000000.mp4"]["name_date"] == "2020-01-01T00:00:00"
    assert [each["kind"] for each in json.loads(found.stdout)] == ["camera_issued", "collected"]
    assert {each["author"] for each in of_kind(site, "camera_issued")} == {CHIEF}
    assert {each["recording_id"] for each in of_kind(site, "wearer_justified")} == to_do
    assert [each["why"] for each in of_kind(site, "command_refused")] == ["not_as_said"] * 5


def test_an_mp4_of_impossible_length_ends_no_docking_and_no_start(site: Site):
    fleet = json.loads((site.folder / "fleet.yaml").read_text())
    fleet["cameras"]["BWC1"]["wearers"] = [{"wearer": "A"}]
    (site.folder / "fleet.yaml").write_text(json.dumps(fleet))
    daemon = start(site)
    dock(site, daemon, "long.mp4", datetime.now(UTC), endless(CLIP))
    daemon.stop()
    start(site)
    site.close()
    [told] = of_kind(site, "collected")
    assert told["mp4"]["duration_ms"] > 10**12
    assert (told["clock_findings"], told["wearer"], told["wearer_basis"]) == (["too_long"], None, "clock")


def test_a_standing_wearer_is_that_of_the_fleet_file(site: Site):
    wearers = [{"wearer": "José Núñez", "since": "2026-01-01"}]
    fleet = json.loads((site.folder / "fleet.yaml").read_text())
    fleet["cameras"]["BWC1"]["wearers"] = wearers
    (site.folder / "fleet.yaml").write_text(json.dumps(fleet))
    daemon = start(site)
    dock(site, daemon, "his.mp4", datetime.now(UTC))
    dock(site, daemon, "before.mp4", datetime(2025, 6, 1, tzinfo=UTC))
    daemon.stop()
    told = {each["path"]: (each["wearer"], each["wearer_basis"]) for each in of_kind(site, "collected")}
    assert told == {"his.mp4": ("José Núñez", "standing"), "before.mp4": (None, "gap")}


@pytest.mark.parametrize(
    ("day", "code"), [("2026-13-01", "bad_form"), ("yesterday", "bad_form"), ("2026-1-1x", "bad_form")]
)
def test_what_is_no_day_is_refused(site: Site, day: str, code: str):
    path = Path(site.folder / "fleet.yaml")
    fleet = json.loads(path.read_text())
    fleet["cameras"]["BWC1"]["wearers"] = [{"wearer": "A", "since": day}]
    path.write_text(json.dumps(fleet))
    checked = dockd("check-config", "--config", site.config)
    assert checked.returncode == ExitCode.CONFIG and "[bad_form]" in checked.stderr

"""The demonstration shows what it says, and its outsider says no as soon as one of its answers is no longer true."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.demo import technician
from dockd.demo.cameras import DAMAGED, GOOD, PULLED, SPARE, STRANGER, make_cameras
from dockd.demo.outsider import Finding, check, compared, verified
from dockd.demo.play import play
from dockd.demo.site import HOME_PARTITION, Site, build
from dockd.mp4.examine import examine
from tests.demo.a_play import MEDIA, SPOILS, Notes, Spoil, change_an_entry
from tests.demo.conftest import Evening


def refused(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.question, finding.because) for finding in findings if not finding.holds]


def test_every_answer_of_the_outsider_is_yes(evening: Evening):
    assert refused(check(evening.site, evening.played, evening.site.entries())) == []


@pytest.mark.parametrize(("spoil", "question"), SPOILS, ids=lambda value: getattr(value, "__name__", ""))
def test_the_outsider_says_no_once_something_does_not_hold(evening: Evening, site: Site, spoil: Spoil, question: str):
    assert refused(compared(site, evening.played, site.entries())) == []
    spoil(site)
    findings = compared(site, evening.played, site.entries())
    assert any(question in asked for asked, _because in refused(findings)), refused(findings)


def test_the_outsider_says_no_once_an_entry_was_changed(site: Site):
    assert verified(site).holds
    change_an_entry(site)
    assert not verified(site).holds


def test_the_outsider_says_yes_to_nothing_once_the_register_is_gone(evening: Evening, site: Site):
    (site.path / "state" / "register.db").unlink()
    held = [finding.question for finding in check(site, evening.played, site.entries()) if finding.holds]
    assert held == []


def test_the_lights_tell_of_the_camera_that_was_pulled_out_and_came_back(evening: Evening):
    lights = evening.notes.lights
    assert [lights[camera_id] for camera_id in (GOOD, DAMAGED)] == [["busy", "green"]] * 2
    assert lights[STRANGER][-1] == "red"
    pulled = [light for light in lights[PULLED] if light != "red"]
    assert pulled == ["busy", "empty", "busy", "green"]
    assert len(evening.notes.said) == 1
    assert PULLED in evening.notes.said[0]


def rows_of(evening: Evening) -> list[technician.Row]:
    return technician.explain(evening.played, evening.site.entries())


def test_the_table_for_technicians_has_a_row_for_each_camera_and_says_what_to_do(evening: Evening):
    rows = {row.camera.split("\n")[0]: row for row in rows_of(evening)}
    assert list(rows) == [GOOD, DAMAGED, PULLED, STRANGER]
    assert rows[GOOD].to_do.startswith("Nothing")
    assert "LISEZMOI.TXT" in rows[DAMAGED].did
    assert "LISEZMOI.TXT" in rows[DAMAGED].to_do
    assert "pulled out" in rows[PULLED].camera
    assert rows[PULLED].did.index("broke off") < rows[PULLED].did.index("known again")
    assert rows[PULLED].to_do.startswith("Nothing")
    assert (rows[STRANGER].light, "fleet.yaml" in rows[STRANGER].to_do) == ("red", True)


def test_the_table_names_a_damaged_recording_by_the_verdict_in_its_entry(evening: Evening):
    cut = evening.site.cameras[DAMAGED].cut
    rows = rows_of(evening)
    assert [row.did.count("is truncated") for row in rows] == [0, 1, 0, 0]
    assert f"{cut} is truncated" in rows[1].did
    assert "CSU" in rows[1].to_do


def test_a_red_bay_that_was_not_refused_passes_on_what_the_daemon_advises(evening: Evening):
    bay = {**evening.played.bays[GOOD], "light": "red", "reason": "no space", "advice": "Make room."}
    played = replace(evening.played, bays={**evening.played.bays, GOOD: bay})
    row = technician.explain(played, evening.site.entries())[0]
    assert (row.light, row.shows, row.to_do) == ("red", "no space", "Make room.")


def test_a_camera_that_is_done_too_soon_is_not_passed_off_as_pulled_out(tmp_path):
    site, notes = build(tmp_path / "site", MEDIA), Notes()
    only = "DCIM/VID_0001.mp4"
    for path in (site.hand / PULLED / "DCIM").iterdir():
        if path.name != "VID_0001.mp4":
            path.unlink()
    soon = replace(site.cameras[PULLED], recordings={only: site.cameras[PULLED].recordings[only]})
    site = replace(site, cameras={**site.cameras, PULLED: soon})
    played = play(site, notes)

    assert played.pulled == SPARE
    assert [camera.camera_id for camera in played.cameras] == [GOOD, DAMAGED, PULLED, SPARE, STRANGER]
    assert [camera_id for line in notes.said for camera_id in (PULLED, SPARE) if camera_id in line] == [PULLED, SPARE]
    assert "empty" not in notes.lights[PULLED]
    assert refused(check(site, played, site.entries())) == []
    never = compared(site, replace(played, pulled=None), site.entries())
    assert any("broken transfer" in question for question, _because in refused(never))


def test_a_kept_site_opens_with_the_age_program_to_the_digests_in_the_register(evening: Evening):
    if shutil.which("age") is None:
        pytest.skip("the program age is not installed")
    site = evening.site
    collected = [entry for entry in site.entries() if entry["kind"] == "collected"]
    assert len(collected) == sum(len(site.cameras[each].recordings) for each in (GOOD, DAMAGED, PULLED))
    for entry in collected:
        sealed = site.store(entry["partition"]) / entry["object_path"]
        line = f"age -d -i {site.key_file(HOME_PARTITION)} {sealed} | sha256sum"
        done = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
        assert done.stdout.split()[0] == entry["plaintext_sha256"]


def test_the_command_exits_with_0_and_keeps_the_site_only_if_told(tmp_path):
    command = [sys.executable, "-P", "-m", "dockd", "demo", "--media", str(MEDIA)]
    done = subprocess.run([*command, "--keep", str(tmp_path / "kept")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "kept" / "dockd.yaml").exists()
    assert not (tmp_path / "kept" / "hand").exists()
    again = subprocess.run([*command, "--keep", str(tmp_path / "kept")], capture_output=True, text=True)
    assert again.returncode == 3


def test_a_folder_without_recordings_is_refused_with_a_remedy(tmp_path):
    command = [sys.executable, "-P", "-m", "dockd", "demo", "--media", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, "--media" in done.stderr) == (3, True)


def verdict(path: Path) -> str:
    content = path.read_bytes()
    return examine(lambda offset, size: content[offset : offset + size], len(content)).verdict


def test_the_many_recordings_are_valid_and_differ(tmp_path):
    cameras = make_cameras(tmp_path, MEDIA)
    recordings = cameras[PULLED].recordings
    assert len({original.sha256 for original in recordings.values()}) == len(recordings) >= 12
    assert cameras[SPARE].recordings == recordings
    paths = [tmp_path / PULLED / path for path in recordings]
    assert {verdict(path) for path in paths} == {"ok"}
    assert verdict(tmp_path / DAMAGED / cameras[DAMAGED].cut) == "truncated"


def test_large_clips_make_fewer_recordings_to_pull_out(tmp_path):
    media = tmp_path / "media"
    media.mkdir()
    for number in range(3):
        (media / f"{number}.mp4").write_bytes(bytes(9 << 20))
    cameras = make_cameras(tmp_path / "hand", media)
    assert len(cameras[PULLED].recordings) == 3

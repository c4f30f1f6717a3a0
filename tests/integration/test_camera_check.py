"""What the recordings of a camera show of it is said where people look, and keeps nothing from being taken in."""

import json
import os
import time
from typing import Any

import pytest

from dockd.custody.camera_check import CameraCheck
from tests.integration.daemon import Daemon
from tests.integration.promises import assert_all_cleared, of_kind
from tests.integration.site import MEDIA, WHY, Site, dockd

CLIPS = {name: (MEDIA / name).read_bytes() for name in ("moov-first.mp4", "moov-last.mp4", "mpeg4-visual.mp4")}
BAY = "accueil/BWC1"


def expect(site: Site, driver: str = "folder", **check: Any) -> None:
    """Say in the fleet file what the recordings of the camera should be like."""
    camera = {"driver": driver, "partition": "pm", "check": check}
    (site.folder / "fleet.yaml").write_text(json.dumps({"cameras": {"BWC1": camera}}))


def findings(site: Site) -> dict[str, str]:
    [bay] = json.loads(dockd("status", "--json", "--config", site.config).stdout)["bays"]
    assert (bay["bay"], bay["light"]) == (BAY, "green")
    return {each["code"]: each["message"] for each in bay["findings"]}


def take_out(site: Site, daemon: Daemon) -> None:
    (site.dock / "BWC1").rename(site.folder / f"pocket {time.monotonic_ns()}")
    while site.ask("status")["bays"]:
        daemon.listen(0.05)


def test_a_finding_is_shown_entered_and_logged_and_the_bay_is_green(site: Site):
    expect(site, resolution="480x270", position="required", bitrate_kbps_max=300, clock_offset_seconds=60)
    daemon = site.start()
    camera = site.dock_camera("BWC1", {"DCIM/1.mp4": CLIPS["moov-first.mp4"], "DCIM/2.mp4": CLIPS["moov-last.mp4"]})
    done = daemon.wait_green()
    assert (done["collected"], done["cleared"]) == (2, 2)
    told = {
        "bitrate_high": "1 recording has more than 300 kbit/s: DCIM/2.mp4 has 389",
        "no_position": "2 recordings without positions, such as DCIM/1.mp4",
        "resolution": "1 recording is not 480x270: DCIM/2.mp4 is 640x360",
    }
    assert findings(site) == told
    shown = " ".join(dockd("status", "--config", site.config).stdout.split())
    assert all(f"{BAY}, BWC1: {message}" in shown for message in told.values())
    assert "DCIM" not in site.ask("status")["words"] and site.ask("status")["state"] == "ok"
    logged = daemon.wait_for("camera.findings", bay=BAY, camera="BWC1", checked=2, level="warning")
    assert "bitrate_high" in dockd("register", "show", *WHY, "--config", site.config).stdout

    # It stays, and gets another recording: what was found before is still to be seen.
    site.dock_camera("BWC1", {"DCIM/3.mp4": CLIPS["mpeg4-visual.mp4"]})
    daemon.wait_green()
    assert findings(site) == {
        **told,
        "no_position": "1 recording without positions: DCIM/3.mp4",
        "resolution": "1 recording is not 480x270: DCIM/3.mp4 is 320x240",
    }, "the bitrate is of the first docking, the rest of the second"
    take_out(site, daemon)
    assert camera.parent.exists()
    site.dock_camera("BWC1", {})
    daemon.wait_green()
    assert findings(site) == {}

    assert_all_cleared(site)
    first, second = of_kind(site, "camera_findings")
    assert (first["bay"], first["camera_id"], first["checked"]) == (BAY, "BWC1", 2)
    assert first["findings"] == logged["findings"]
    assert first["findings"][0] == {
        "code": "no_position",
        "count": 2,
        "path": "DCIM/1.mp4",
        "measured": "",
        "expected": "",
    }
    assert {each["code"] for each in second["findings"]} == {"no_position", "resolution"}
    assert [entry["outcome"] for entry in of_kind(site, "docking_ended")] == ["complete"] * 3


def test_a_camera_as_expected_and_one_of_which_nothing_is_expected_have_no_findings(site: Site):
    for check in ({}, {"resolution": "480x270", "bitrate_kbps_max": 999, "numbers": "consecutive", "gap_seconds": 5}):
        expect(site, **check)
        daemon = site.start()
        site.dock_camera("BWC1", {"1.mp4": CLIPS["moov-first.mp4"], "2.mp4": CLIPS["moov-first.mp4"]})
        daemon.wait_green()
        assert findings(site) == {}
        take_out(site, daemon)
        daemon.stop()
    assert_all_cleared(site)
    assert of_kind(site, "camera_findings") == []


def test_a_clock_that_is_ahead_and_a_number_that_is_missing_are_found(site: Site):
    expect(site, clock_offset_seconds=60, numbers="consecutive")
    # Not under way yet: its time is set before it is docked.
    daemon = site.start(halt=["run", "commit", "service_started"])
    daemon.wait_for("halted")
    camera = site.dock_camera("BWC1", {f"MOV_000{n}.mp4": CLIPS["moov-first.mp4"] for n in (1, 2, 5)})
    ahead = time.time() + 86_400 + 600
    os.utime(camera / "MOV_0005.mp4", (ahead, ahead))
    site.open_gate()
    daemon.wait_green()
    found = findings(site)
    assert found["numbers_missing"] == "2 numbers are missing, first before MOV_0005.mp4: 3-4"
    assert found["clock_offset"].startswith("its clock is at least 8") and "60 s are allowed" in found["clock_offset"]
    assert found.keys() == {"numbers_missing", "clock_offset"}


def test_a_file_of_positions_beside_a_recording_is_enough(site: Site):
    expect(site, driver="mass-storage", position="required")
    daemon = site.start()
    clips = {"1.mp4": CLIPS["moov-first.mp4"], "2.mp4": CLIPS["moov-last.mp4"], "2.gpx": b"<gpx/>"}
    site.dock_camera("BWC1", clips)
    daemon.wait_green()
    assert findings(site) == {"no_position": "1 recording without positions: 1.mp4"}


@pytest.mark.parametrize("step", ["listed", "collected", "findings"])
def test_a_fault_of_the_check_keeps_nothing_from_being_taken_in_and_cleared(site: Site, step: str):
    assert hasattr(CameraCheck, step)
    expect(site, resolution="1920x1080")
    daemon = site.start(check_fails_in=step)
    site.dock_camera("BWC1", CLIPS)
    assert daemon.wait_green()["cleared"] == 3
    daemon.wait_for("check.crashed")
    assert findings(site) == {}
    assert_all_cleared(site)
    assert of_kind(site, "camera_findings") == []

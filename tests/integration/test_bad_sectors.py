"""Recordings with sectors that cannot be read: tried again, salvaged once at last, and never cleared for that.

The reads of real workers fail with the errno that the kernel gives; what a real kernel does on a real card is seen in
the virtual machine.
"""

import os
from pathlib import Path

import pytest

from tests.integration.daemon import Daemon
from tests.integration.promises import assert_promises, of_kind
from tests.integration.site import MEDIA, Site

CLIP = (MEDIA / "moov-first.mp4").read_bytes()
BAD = os.urandom(3_000_000)
SECTOR = (2_000_000, 2_000_512)
GAP = [1_998_848, 4096]


def dock_spoilt(site: Site, *, failures: int | None = None, **rig: object) -> tuple[Daemon, Path]:
    """Dock a camera with one sound recording and one that has a bad sector."""
    bad = site.dock / "BWC1" / "bad.mp4"
    site.spoil(bad, SECTOR, failures=failures)
    daemon = site.start(bad_sectors=True, **rig).ready()
    site.dock_camera("BWC1", {"bad.mp4": BAD, "sound.mp4": CLIP})
    return daemon, bad


def assert_salvaged(site: Site, bad: Path) -> None:
    """The camera holds the bad recording and no other, its readable rest is in the store once, nothing is under way."""
    assert_promises(site)
    assert bad.read_bytes() == BAD
    assert [path.name for path in bad.parent.glob("*.mp4")] == ["bad.mp4"]
    [salvaged] = of_kind(site, "salvaged")
    assert (salvaged["path"], salvaged["gaps"], salvaged["mp4"]["findings"]) == ("bad.mp4", [GAP], ["unchecked"])
    assert "bad.mp4" not in [entry["path"] for entry in of_kind(site, "collected")]
    assert site.under_way() == []


def test_one_that_cannot_be_read_is_salvaged_after_the_ladder_and_the_others_are_cleared(site: Site) -> None:
    daemon, bad = dock_spoilt(site)
    red = daemon.wait_red()
    done = daemon.wait_for("docking.done", outcome="failed")
    assert (done["code"], done["collected"], done["salvaged"], done["cleared"]) == ("camera.salvaged", 1, 1, 1)
    assert red["reason"] == "what can be read of bad.mp4 is stored; the rest cannot be read; it stays on the camera"
    assert "Never format it" in done["advice"]
    [line] = [line for line in daemon.log if line["event"] == "recording.done" and line["outcome"] == "salvaged"]
    assert (line["path"], line["gaps"], line["gap_bytes"], line["mp4"]) == ("bad.mp4", 1, GAP[1], "suspect")
    assert_salvaged(site, bad)
    assert [entry["cause"] for entry in of_kind(site, "rung_taken")] == ["camera.media"] * 3
    codes = [entry["code"] for entry in of_kind(site, "attempt_failed") if entry["path"] == "bad.mp4"]
    assert codes == ["camera.media"] * 4 + ["camera.salvaged"]
    [ended] = of_kind(site, "docking_ended")
    assert (ended["code"], ended["salvaged"], ended["kept"]) == ("camera.salvaged", 1, 0)


def test_it_is_not_salvaged_twice_and_no_rung_is_taken_for_it_again(site: Site) -> None:
    daemon, bad = dock_spoilt(site)
    daemon.wait_for("docking.done", code="camera.salvaged")
    site.dock_camera("BWC1", {"new.mp4": CLIP})
    done = daemon.wait_for("docking.done", code="camera.salvaged")
    assert (done["collected"], done["salvaged"], done["cleared"]) == (1, 0, 1)
    assert_salvaged(site, bad)
    assert len(of_kind(site, "rung_taken")) == 3


def test_one_that_can_be_read_at_a_later_docking_is_collected_as_a_whole_beside_its_salvage(site: Site) -> None:
    daemon, bad = dock_spoilt(site)
    daemon.wait_for("docking.done", code="camera.salvaged")
    site.spoil(bad)
    site.dock_camera("BWC1", {"new.mp4": CLIP})
    done = daemon.wait_green()
    assert (done["collected"], done["salvaged"], done["cleared"]) == (2, 0, 2)
    assert_promises(site)
    assert not bad.exists()
    assert len(of_kind(site, "salvaged")) == 1


@pytest.mark.parametrize("failures", [1, 3, 4, 5])
def test_a_sector_that_heals_on_retry_leaves_an_ordinary_recording(site: Site, failures: int) -> None:
    """Three rungs make four ordinary attempts; the fifth failure is the first one of the attempt that salvages."""
    daemon, bad = dock_spoilt(site, failures=failures)
    done = daemon.wait_green()
    assert (done["collected"], done["salvaged"], done["cleared"]) == (2, 0, 2)
    assert_promises(site)
    assert not bad.exists()
    assert of_kind(site, "salvaged") == []


def test_one_whose_camera_is_pulled_out_while_it_is_salvaged_is_not_salvaged_before_it_is_back(site: Site) -> None:
    """Of a camera that is gone every read fails: that is no gap."""
    bad = site.dock / "BWC1" / "bad.mp4"
    site.spoil(bad, SECTOR)
    # The only file that comes to its end is that of the salvage.
    daemon = site.start(bad_sectors=True, halt=["worker", "ftruncate", "store/pm/NAMELESS"]).ready()
    camera = site.dock_camera("BWC1", {"bad.mp4": BAD})
    daemon.wait_for("halted")
    away = camera.rename(site.folder / "away")
    site.open_gate()
    done = daemon.wait_for("docking.done")
    assert (done["code"], done["salvaged"]) == ("camera.media", 0)
    assert daemon.has("docking.attempt_failed", code="camera.gone")
    away.rename(camera)
    # Had the dock not noticed that it was away, it would rest until something is added.
    site.dock_camera("BWC1", {"new.mp4": CLIP})
    daemon.wait_for("recording.cleared", path="new.mp4")
    assert daemon.wait_for("docking.done")["code"] == "camera.salvaged"
    assert_salvaged(site, bad)


@pytest.mark.parametrize(
    "moment", [("link", "store/pm/objects/*.json"), ("link", "store/pm/objects/*.age"), ("commit", "salvaged")]
)
def test_a_power_cut_on_the_way_of_a_salvage_leaves_one_salvage_and_no_collection(
    site: Site, moment: tuple[str, str]
) -> None:
    bad = site.dock / "BWC1" / "bad.mp4"
    site.spoil(bad, SECTOR)
    daemon = site.start(bad_sectors=True, halt=["run", *moment]).ready()
    site.dock_camera("BWC1", {"bad.mp4": BAD})
    daemon.wait_for("halted")
    daemon.kill()
    assert of_kind(site, "salvaged") == []

    daemon = site.start(bad_sectors=True)
    recovered = daemon.wait_for("placing.recovered")
    adopted = moment[0] == "commit"
    assert recovered["outcome"] == ("adopted" if adopted else "nothing" if moment[1].endswith("json") else "set_aside")
    done = daemon.wait_for("docking.done", code="camera.salvaged")
    assert done["salvaged"] == (not adopted)
    assert_salvaged(site, bad)
    assert of_kind(site, "salvaged")[0]["recovered"] == adopted
    assert of_kind(site, "collected") == of_kind(site, "cleared") == []

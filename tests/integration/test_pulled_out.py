"""A camera that is pulled out in the middle of a recording and put back: the recording goes on where it was."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.daemon import Daemon
from tests.integration.promises import assert_all_cleared, assert_promises, of_kind
from tests.integration.site import MEDIA, Site

CLIP = (MEDIA / "moov-first.mp4").read_bytes()
LONG = os.urandom(9_000_000)
SECTOR = (7_000_000, 7_000_512)
"""What comes after it is not read before the camera is pulled out."""


def pulled_out(site: Site) -> tuple[Daemon, Path]:
    """Pull a camera out after some seven megabytes of its second recording, while the first are being proven."""
    for place in (site.dock / "BWC1", site.folder / "away"):
        site.spoil(place / "b-long.mp4", SECTOR)
    daemon = site.start(bad_sectors=True, halt=["worker", "fdatasync", "store/pm/NAMELESS"]).ready()
    camera = site.dock_camera("BWC1", {"a-short.mp4": CLIP, "b-long.mp4": LONG})
    daemon.wait_for("halted")
    away = camera.rename(site.folder / "away")
    site.open_gate()
    done = daemon.wait_for("docking.done")
    assert (done["code"], done["collected"]) == ("camera.gone", 1)
    for place in (site.dock / "BWC1", site.folder / "away"):
        site.spoil(place / "b-long.mp4")
    return daemon, away


def assert_one_object_each(site: Site) -> None:
    assert_promises(site)
    assert_all_cleared(site)
    assert sorted(entry["path"] for entry in of_kind(site, "collected")) == ["a-short.mp4", "b-long.mp4"]
    assert len(list(site.partition("pm").rglob("*.age"))) == 2


def test_it_goes_on_where_it_was_with_the_same_worker(site: Site) -> None:
    daemon, away = pulled_out(site)
    away.rename(site.dock / "BWC1")
    done = daemon.wait_green()
    assert (done["collected"], done["already_registered"], done["cleared"]) == (1, 1, 2)
    assert daemon.has("recording.resumed", path="b-long.mp4")
    assert sum(line["event"] == "worker.born" for line in daemon.log) == 1
    assert_one_object_each(site)


def test_what_changed_while_it_was_away_is_taken_in_as_it_is_now(site: Site) -> None:
    daemon, away = pulled_out(site)
    long = away / "b-long.mp4"
    times = long.stat()
    with long.open("r+b") as file:
        file.seek(5_000_000)
        file.write(changed := os.urandom(4_000_000))
    os.utime(long, ns=(times.st_atime_ns, times.st_mtime_ns))
    [original] = [each for each in site.originals if each.recording.path.raw == b"b-long.mp4"]
    site.originals.remove(original)
    site.originals.append(replace(original, content=LONG[:5_000_000] + changed))
    away.rename(site.dock / "BWC1")
    assert daemon.wait_green()["cleared"] == 2
    assert_one_object_each(site)


@pytest.mark.parametrize("camera", ["there", "away"])
def test_a_restart_meanwhile_begins_it_anew_and_leaves_nothing_of_it(site: Site, camera: str) -> None:
    daemon, away = pulled_out(site)
    if camera == "away":
        daemon.stop()
        assert daemon.has("service.stopped")
        away.rename(site.dock / "BWC1")
    else:
        away.rename(site.dock / "BWC1")
        daemon.kill()
    daemon = site.start(bad_sectors=True)
    assert daemon.wait_green()["cleared"] == 2
    assert not daemon.has("recording.resumed")
    assert_one_object_each(site)

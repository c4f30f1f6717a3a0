"""Volumes that fail: nothing that belongs to them is cleared, everything else goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.promises import assert_all_cleared, of_kind
from tests.integration.site import MEDIA, Site

CLIPS = {name: (MEDIA / name).read_bytes() for name in ("moov-first.mp4", "fragmented.mp4")}


@contextmanager
def away(path: Path, stand_in: Callable[[Path], None]) -> Iterator[None]:
    """Have a path lead elsewhere for the time of the block; permissions would not stop root."""
    kept = path.rename(path.with_name(f"{path.name}.away"))
    stand_in(path)
    yield
    if path.exists():
        path.rmdir()
    kept.rename(path)


def nothing(_path: Path) -> None:
    pass


def test_a_mirror_that_fails_stops_all_clearing_with_an_alarm_and_catches_up_later(site: Site):
    daemon = site.start(halt=["run", "commit", "collected"])
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_for("halted")
    [segment] = site.mirror.glob("*.jsonl")
    with away(segment, Path.mkdir):
        site.open_gate()
        daemon.wait_red()
        assert "mirror" in daemon.wait_for("register.trouble")["message"]
        assert site.troubles().keys() == {"register"}
        daemon.kill()
        assert all(original.on_camera() for original in site.originals)

    assert site.start().wait_green()["cleared"] == 2
    assert_all_cleared(site)
    assert len(of_kind(site, "collected")) == 2


def test_a_register_that_cannot_be_written_stops_all_clearing_with_an_alarm(site: Site):
    daemon = site.start().ready()
    journal = site.register.with_name("register.db-journal")
    journal.mkdir()
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_red()
    daemon.wait_for("register.trouble")
    assert site.troubles()["register"] == "register.error"
    daemon.kill()
    assert all(original.on_camera() for original in site.originals)
    journal.rmdir()

    assert site.start().wait_green()["cleared"] == 2
    assert_all_cleared(site)


@pytest.mark.parametrize("stand_in", [nothing, Path.mkdir])
def test_a_partition_that_is_not_there_stops_its_own_cameras_only_until_it_comes_back(
    make_site: Callable[..., Site], stand_in: Callable[[Path], None]
):
    site = make_site(fleet={"BWC1": "pm", "BWC2": "rural"})
    daemon = site.start(check_seconds=0.1).ready()
    with away(site.partition("pm"), stand_in):
        daemon.wait_for("partition.trouble", partition="pm")
        site.dock_camera("BWC1", CLIPS)
        daemon.wait_red("BWC1")
        site.dock_camera("BWC2", CLIPS)
        daemon.wait_green("BWC2")
        assert site.troubles() == {"partition pm": "partition.missing"}
        assert all(original.on_camera() for original in site.originals if original.camera_id == "BWC1")

    daemon.wait_for("partition.recovered", partition="pm")
    daemon.wait_green("BWC1")
    assert site.troubles() == {}
    assert_all_cleared(site)


def test_a_partition_that_goes_while_a_recording_is_pulled_keeps_the_camera_full(make_site: Callable[..., Site]):
    site = make_site()
    daemon = site.start(halt=["worker", "fsync", "store/pm/NAMELESS"], check_seconds=0.1).ready()
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_for("halted")
    with away(site.partition("pm"), Path.mkdir):
        daemon.wait_for("partition.trouble", partition="pm")
        site.open_gate()
        daemon.wait_red()
        assert all(original.on_camera() for original in site.originals)
    daemon.wait_green()
    assert_all_cleared(site)

"""Cameras that come with recordings the register already has."""

from collections.abc import Callable

from tests.integration.promises import assert_all_cleared, assert_promises, entries, live, of_kind
from tests.integration.site import MEDIA, Site

CLIPS = {name: (MEDIA / name).read_bytes() for name in ("moov-first.mp4", "fragmented.mp4")}


def registered_but_not_cleared(site: Site) -> None:
    """Leave a camera whose two recordings are registered, with the power cut just before the first is erased."""
    daemon = site.start(halt=["worker", "unlink", "*"])
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_for("halted")
    daemon.kill()


def test_a_recording_registered_before_is_hashed_again_and_cleared_without_a_second_object(site: Site):
    registered_but_not_cleared(site)
    before = of_kind(site, "collected")
    done = site.start().wait_green()
    assert (done["collected"], done["already_registered"], done["cleared"]) == (0, 2, 2)
    assert_all_cleared(site)
    assert of_kind(site, "collected") == before


def test_a_stored_object_that_was_damaged_is_set_aside_and_its_recording_taken_again(site: Site):
    registered_but_not_cleared(site)
    damaged, sound = of_kind(site, "collected")
    path = site.partition("pm") / damaged["object_path"]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o640)
    path.write_bytes(content)

    done = site.start().wait_green()
    assert (done["collected"], done["already_registered"], done["cleared"]) == (1, 1, 2)
    assert_all_cleared(site)
    assert [entry["replaces"] for entry in live(entries(site))] == [None, damaged["seq"]]
    assert sound in live(entries(site))
    [of_object, of_sidecar] = of_kind(site, "object_set_aside")
    assert of_object["object_path"] == damaged["object_path"]
    assert (site.partition("pm") / of_object["moved_to"]).read_bytes() == content
    assert (site.partition("pm") / of_sidecar["moved_to"]).name.endswith(".json")


def test_an_object_that_is_gone_from_the_store_is_taken_again_before_anything_is_cleared(site: Site):
    registered_but_not_cleared(site)
    lost = of_kind(site, "collected")[0]
    (site.partition("pm") / lost["object_path"]).unlink()
    assert site.start().wait_green()["collected"] == 1
    assert_all_cleared(site)
    assert lost["seq"] in [entry["replaces"] for entry in live(entries(site))]


def test_a_camera_that_keeps_its_recordings_has_them_neither_doubled_nor_cleared(make_site: Callable[..., Site]):
    site = make_site(after_ingest="keep")
    daemon = site.start()
    camera = site.dock_camera("BWC1", CLIPS)
    done = daemon.wait_green()
    assert (done["collected"], done["cleared"], done["kept"]) == (2, 0, 2)

    away = camera.rename(site.folder / "away")
    daemon.forget()
    site.dock_camera("BWC2", {})  # a stranger: once it is refused, the dock has been looked at without BWC1
    daemon.wait_for("camera.refused")
    away.rename(camera)
    done = daemon.wait_green()
    assert (done["collected"], done["already_registered"], done["kept"]) == (0, 2, 2)
    assert_promises(site)
    assert all(original.on_camera() for original in site.originals)
    assert of_kind(site, "cleared") == []
    assert site.under_way() == []


def test_equal_bytes_under_another_name_are_another_recording(site: Site):
    daemon = site.start()
    site.dock_camera("BWC1", {"a.mp4": CLIPS["moov-first.mp4"], "b.mp4": CLIPS["moov-first.mp4"]})
    assert daemon.wait_green()["collected"] == 2
    assert_all_cleared(site)


def test_a_name_that_is_used_again_for_other_bytes_is_another_recording(site: Site):
    daemon = site.start()
    site.dock_camera("BWC1", {"0001.mp4": CLIPS["moov-first.mp4"]})
    daemon.wait_green()
    site.dock_camera("BWC1", {"0001.mp4": CLIPS["fragmented.mp4"]})
    assert daemon.wait_green()["collected"] == 1
    assert_all_cleared(site)

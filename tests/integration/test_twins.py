"""One camera_id in two docks at the same time: a serial is only a claim, so neither is served."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.daemon import Daemon
from tests.integration.promises import assert_all_cleared, of_kind
from tests.integration.site import DOCK, MEDIA, Site

CLIPS = {name: (MEDIA / name).read_bytes() for name in ("moov-first.mp4", "fragmented.mp4")}
CLONED = {"moov-first.mp4": CLIPS["moov-first.mp4"], "9999.mp4": b"what the other one holds"}

ANNEX = "annexe"
OURS, TWIN = f"{DOCK}/BWC1", f"{ANNEX}/BWC1"


@pytest.fixture
def two_docks(make_site: Callable[..., Site]) -> Site:
    """A site with a second folder dock."""
    site = make_site(fleet={"BWC1": "pm", "BWC2": "pm"})
    config = json.loads(site.config.read_text())
    (site.folder / ANNEX).mkdir()
    config["folder_docks"][ANNEX] = {**config["folder_docks"][DOCK], "path": str(site.folder / ANNEX)}
    site.config.write_text(json.dumps(config))
    return site


def dock_twin(site: Site) -> Path:
    """Put another camera that claims to be BWC1 into the second dock."""
    first, site.dock = site.dock, site.folder / ANNEX
    try:
        return site.dock_camera("BWC1", CLONED)
    finally:
        site.dock = first


def shown(site: Site) -> dict[str, dict[str, str]]:
    return {bay["bay"]: bay for bay in site.ask("status")["bays"]}


def wait_refused(site: Site, daemon: Daemon) -> None:
    """Wait until both are, then look at what a person is shown."""
    for bay, other in ((OURS, TWIN), (TWIN, OURS)):
        refused = daemon.wait_for("camera.refused", bay=bay)
        assert (refused["code"], refused["claimed_id"]) == ("duplicate_camera", "BWC1")
        daemon.wait_for("bay.changed", bay=bay, light="red")
        status = shown(site)[bay]
        assert (status["light"], status["code"]) == ("red", "duplicate_camera")
        assert status["reason"] == refused["reason"] == f"what stands in {other} claims to be BWC1 as well"
        assert "cloned card" in status["advice"]


def take_out(site: Site, daemon: Daemon, camera: Path, bay: str) -> Path:
    """Take a camera out and see that its bay is shown no more."""
    pocket = camera.rename(site.folder / f"pocket of {bay.replace('/', ' ')}")
    while bay in shown(site):
        daemon.listen(0.05)
    return pocket


def assert_both_were_refused_once(site: Site) -> None:
    refused = {
        entry["bay"]: (entry["code"], entry["claimed_id"], entry["reason"]) for entry in of_kind(site, "refused")
    }
    assert refused == {
        bay: ("duplicate_camera", "BWC1", f"what stands in {other} claims to be BWC1 as well")
        for bay, other in ((OURS, TWIN), (TWIN, OURS))
    }
    assert len(of_kind(site, "refused")) == 2


@pytest.mark.parametrize(
    "halt",
    [
        ["worker", "list", "*"],
        ["worker", "fsync", "store/pm/NAMELESS"],
        ["run", "link", "store/pm/objects/*.age"],
        ["run", "commit", "collected"],
        ["worker", "unlink", "*"],
    ],
    ids=lambda halt: f"{halt[0]}-{halt[1]}",
)
def test_a_twin_stops_the_docking_of_the_first_and_each_is_served_only_when_it_comes_back_alone(
    two_docks: Site, halt: list[str]
):
    site = two_docks
    daemon = site.start(halt=halt)
    ours = site.dock_camera("BWC1", CLIPS)
    daemon.wait_for("halted")
    twin = dock_twin(site)
    daemon.wait_for("bay.changed", bay=TWIN, light="busy")
    if halt[0] == "run":
        site.open_gate()
    wait_refused(site, daemon)
    if halt[1] == "link":
        assert daemon.wait_for("placing.recovered")["outcome"] == "adopted"
    twin_away = take_out(site, daemon, twin, TWIN)

    # The other one stays refused, whatever is put on it; another camera is served meanwhile.
    site.dock_camera("BWC1", {"later.mp4": b"recorded while it is refused"})
    site.dock_camera("BWC2", CLIPS)
    daemon.wait_green("BWC2")
    assert [line["camera"] for line in daemon.log if line["event"] == "docking.started"] == ["BWC1", "BWC2"]
    assert not daemon.has("docking.done", camera="BWC1")
    assert not daemon.has("recording.cleared", camera="BWC1")
    assert shown(site)[OURS]["code"] == "duplicate_camera"

    take_out(site, daemon, ours, OURS).rename(ours)
    daemon.wait_green("BWC1")
    take_out(site, daemon, ours, OURS)
    twin_away.rename(twin)
    daemon.wait_for("bay.changed", bay=TWIN, light="green")
    assert_all_cleared(site)
    assert_both_were_refused_once(site)


def test_a_twin_of_a_camera_that_is_done_has_both_refused(two_docks: Site):
    site = two_docks
    daemon = site.start()
    ours = site.dock_camera("BWC1", CLIPS)
    daemon.wait_green("BWC1")
    twin = dock_twin(site)
    wait_refused(site, daemon)

    # It is the first that leaves: the twin stays refused and untouched.
    take_out(site, daemon, ours, OURS)
    site.dock_camera("BWC2", CLIPS)
    daemon.wait_green("BWC2")
    assert shown(site)[TWIN]["code"] == "duplicate_camera"
    assert all(original.on_camera() for original in site.originals if original.file.is_relative_to(twin))
    assert [line["camera"] for line in daemon.log if line["event"] == "docking.started"] == ["BWC1", "BWC2"]

    take_out(site, daemon, twin, TWIN).rename(twin)
    daemon.wait_for("bay.changed", bay=TWIN, light="green")
    assert_all_cleared(site)
    assert_both_were_refused_once(site)

"""What a camera may hold, claim and do while it is docked."""

import json
import os
import shutil
from collections.abc import Callable

import pytest

from dockd.docking.rounds import BATCH
from dockd.errors import NotForIdentity
from dockd.seal.kinds import POST_QUANTUM
from dockd.seal.stream import unseal
from tests.integration.promises import assert_all_cleared, assert_promises, of_kind
from tests.integration.site import MEDIA, Site

CLIPS = {name: (MEDIA / name).read_bytes() for name in ("moov-first.mp4", "fragmented.mp4")}


def test_files_that_are_no_recordings_are_reported_and_left_alone(site: Site):
    daemon = site.start()
    camera = site.dock_camera("BWC1", {"DCIM/0001.mp4": CLIPS["moov-first.mp4"]})
    assert daemon.wait_green()["left_alone"] == 0

    outside = site.folder / "outside.mp4"
    outside.write_bytes(b"not the camera's")
    (camera / "DCIM" / "link.mp4").symlink_to(outside)
    os.mkfifo(camera / "pipe.mp4")
    (camera / "notes.txt").write_text("mine")
    site.dock_camera("BWC1", {"DCIM/0002.MP4": CLIPS["fragmented.mp4"]})
    done = daemon.wait_green()
    assert (done["collected"], done["cleared"], done["left_alone"]) == (1, 1, 3)
    assert_all_cleared(site)
    assert of_kind(site, "docking_ended")[-1]["left_alone_paths"] == ["DCIM/link.mp4", "notes.txt", "pipe.mp4"]
    assert (camera / "notes.txt").read_text() == "mine"
    assert (camera / "pipe.mp4").is_fifo()
    assert (camera / "DCIM" / "link.mp4").is_symlink()
    assert outside.read_bytes() == b"not the camera's"


def test_a_camera_of_more_than_one_batch_is_taken_in_and_cleared_whole(site: Site):
    daemon = site.start()
    site.dock_camera("BWC1", {f"{number % 3}/{number:04}.mp4": b"%d" % number for number in range(BATCH + 5)})
    for _each in range(BATCH + 5):  # one by one: each has a deadline of its own
        daemon.wait_for("recording.done")
    assert daemon.wait_green()["cleared"] == BATCH + 5
    assert_all_cleared(site)


def test_what_a_card_holds_beside_its_recordings_goes_with_them_also_in_another_batch(site: Site):
    """All of it is younger than every recording, and would by its time be taken in after those are cleared."""
    camera = {"driver": "mass-storage", "partition": "pm", "options": {"sidecar_extensions": "gps"}}
    (site.folder / "fleet.yaml").write_text(json.dumps({"cameras": {"BWC1": camera}}))
    daemon = site.start()
    number = BATCH // 2 + 3
    clips = {f"DCIM/{n:04}.MP4": b"%d" % n for n in range(number)}
    site.dock_camera("BWC1", {**clips, **{f"DCIM/{n:04}.gps": b"%d, %d" % (n, n) for n in range(number)}})
    for _each in range(2 * number):  # one by one: each has a deadline of its own
        daemon.wait_for("recording.done")
    done = daemon.wait_green()
    assert (done["collected"], done["cleared"], done["left_alone"]) == (2 * number, 2 * number, 1)
    assert_all_cleared(site)
    collected = of_kind(site, "collected")
    assert {each["path"]: each["part_of"] for each in collected} == {
        **dict.fromkeys(clips),
        **{path.replace("MP4", "gps"): path for path in clips},
    }
    for entry in collected:
        signed = site.partition("pm") / entry["object_path"]
        assert json.loads(signed.with_suffix(".json").read_bytes())["sidecar"]["part_of"] == entry["part_of"]


def test_a_post_quantum_partition_stands_beside_another_and_each_opens_with_its_own_key_alone(
    make_site: Callable[..., Site],
):
    site = make_site(fleet={"BWC1": "pm", "BWC2": "pq"}, kinds={"pq": POST_QUANTUM})
    daemon = site.start()
    for camera in ("BWC1", "BWC2"):
        site.dock_camera(camera, {f"{camera}.mp4": CLIPS["fragmented.mp4"]})
        daemon.wait_green(camera)
    assert_all_cleared(site)
    [pm, pq] = (next(site.partition(name).rglob("*.age")).read_bytes() for name in ("pm", "pq"))
    assert (b"-> X25519 " in pm, b"-> mlkem768x25519 " in pq) == (True, True)
    for ciphertext, name in ((pm, "pq"), (pq, "pm")):
        with pytest.raises(NotForIdentity):
            b"".join(unseal([ciphertext], site.identities[name]))
    assert {entry["partition"]: entry["recipients"] for entry in of_kind(site, "collected")} == {
        name: [identity.recipient.text] for name, identity in site.identities.items()
    }


def test_a_camera_that_is_not_of_the_fleet_is_refused_and_untouched(site: Site):
    daemon = site.start(trace=True)
    site.dock_camera("STRANGER", CLIPS)
    assert daemon.wait_for("camera.refused")["code"] == "unknown_camera"
    daemon.wait_for("did", operation="commit", target="checkpoint")
    assert_promises(site)
    assert all(original.on_camera() for original in site.originals)
    assert [entry["claimed_id"] for entry in of_kind(site, "refused")] == ["STRANGER"]


def test_a_camera_that_says_it_is_another_is_refused_and_untouched(make_site: Callable[..., Site]):
    site = make_site(fleet={"BWC1": "pm", "BWC2": "pm"})
    daemon = site.start(trace=True)
    site.dock_camera("BWC1", CLIPS, says="BWC2")
    assert daemon.wait_for("camera.refused")["code"] == "identity_mismatch"
    daemon.wait_for("did", operation="commit", target="checkpoint")
    assert_promises(site)
    assert all(original.on_camera() for original in site.originals)
    [refused] = of_kind(site, "refused")
    assert (refused["claimed_id"], refused["code"]) == ("BWC1", "identity_mismatch")


def test_a_recording_that_changes_after_it_was_listed_is_not_cleared(make_site: Callable[..., Site]):
    site = make_site(retry_delays_seconds=[])
    daemon = site.start(halt=["run", "commit", "collected"])
    camera = site.dock_camera("BWC1", {"0001.mp4": CLIPS["moov-first.mp4"]})
    daemon.wait_for("halted")
    before = site.originals[0]
    site.replace("BWC1", "0001.mp4", before.content + b"and there is more")
    site.open_gate()
    assert daemon.wait_for("recording.failed")["code"] == "camera.busy"
    daemon.wait_red()
    assert (camera / "0001.mp4").read_bytes() == before.content + b"and there is more"

    # Both are kept: what was registered, and what became of it, which the next docking takes.
    daemon.kill()
    assert site.start().wait_green()["collected"] == 1
    assert_promises(site)
    assert len(of_kind(site, "collected")) == 2


def test_a_recording_added_during_a_docking_is_taken_by_the_next(site: Site):
    daemon = site.start(halt=["run", "commit", "collected"])
    site.dock_camera("BWC1", {"0001.mp4": CLIPS["moov-first.mp4"]})
    daemon.wait_for("halted")
    site.dock_camera("BWC1", {"0002.mp4": CLIPS["fragmented.mp4"]})
    site.open_gate()
    assert daemon.wait_green()["collected"] == 1
    assert daemon.wait_green()["collected"] == 1
    assert_all_cleared(site)


def test_a_camera_pulled_out_in_the_middle_and_put_back_is_taken_whole_and_once(site: Site):
    daemon = site.start(halt=["worker", "fsync", "store/pm/NAMELESS"])
    camera = site.dock_camera("BWC1", CLIPS)
    daemon.wait_for("halted")
    away = shutil.copytree(camera, site.folder / "away", copy_function=shutil.copy2)
    shutil.rmtree(camera)
    site.open_gate()
    assert daemon.wait_for("docking.done", outcome="failed")["code"] == "camera.gone"
    assert not daemon.has("recording.cleared")

    daemon.forget()
    away.rename(camera)
    assert daemon.wait_green()["cleared"] == 2
    assert_all_cleared(site)
    assert len(of_kind(site, "collected")) == 2

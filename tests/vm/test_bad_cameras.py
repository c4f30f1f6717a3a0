"""Cameras whose medium fails, that hang, that are full of small files: each costs itself only, and keeps its data."""

import random

import pytest

from tests.integration.promises import assert_all_cleared, assert_promises, of_kind
from tests.vm import layout
from tests.vm.camera import Camera
from tests.vm.dock import MIB, Contents, Dock, recordings
from tests.vm.faultdisk import BLOCK, nothing, reads
from tests.vm.long import only_when_long

NUMBER = 3
SIZE = MIB
LADDER_SECONDS = 600
LARGEST_GAP = 16 * BLOCK

# QEMU stands still as soon as the guest gives up a request that the host still owes. Before that the worker is killed.
PATIENT_DISKS = 'SUBSYSTEM=="scsi", ENV{DEVTYPE}=="scsi_device", ATTR{timeout}="600"\n'


def test_a_bad_sector_costs_its_recording_only_and_what_heals_later_is_taken_in_as_any_other(
    dock: Dock, rng: random.Random
):
    """One sector stays bad, one heals by itself, one once its camera was without power."""
    contents = {serial: recordings(NUMBER, SIZE, rng) for serial in ("BWC0000001", "BWC0000002", "RUR0000001")}
    bad, healing, stuck = (dock.camera(serial, files) for serial, files in contents.items())
    place = bad_sector(bad, contents["BWC0000001"], rng)
    bad_sector(healing, contents["BWC0000002"], rng)
    bad_sector(stuck, contents["RUR0000001"], rng)
    stuck.plug(layout.SWITCHED_BAYS["s1"])
    bad.plug(layout.BAYS["b1"])
    healing.plug(layout.BAYS["b2"])

    failed(dock, healing)
    healing.disk.fail(nothing)
    dock.journal.wait_light("b2", "green")
    for _attempt in ("the first", "a retry", "after the replug"):
        failed(dock, stuck)
    stuck.disk.fail(nothing)
    dock.journal.wait_light("s1", "green")
    assert [line["rung"] for line in dock.journal.lines("rung.taken", camera=stuck.serial)] == [
        "retry",
        "replug",
        "power-cycle",
    ]
    dock.journal.wait_light("b1", "red", LADDER_SECONDS)
    done = dock.journal.wait_for("docking.done", camera=bad.serial)
    assert (done["outcome"], done["code"]) == ("failed", "camera.salvaged")
    assert (done["collected"], done["salvaged"], done["cleared"]) == (NUMBER - 1, 1, NUMBER - 1)
    for camera in (bad, healing, stuck):
        camera.unplug()
    assert bad.recordings() == ["DCIM/100BWC/VID_0001.mp4"]
    assert healing.recordings() == stuck.recordings() == []
    brought = dock.bring()

    assert_promises(brought)
    assert brought.under_way() == []
    assert len(of_kind(brought, "cleared")) == 3 * NUMBER - 1
    [salvaged] = of_kind(brought, "salvaged")
    assert (salvaged["camera_id"], salvaged["path"]) == (bad.serial, "DCIM/100BWC/VID_0001.mp4")
    [[offset, size]] = salvaged["gaps"]
    assert offset <= place < offset + size <= offset + LARGEST_GAP
    rungs = [entry["rung"] for entry in of_kind(brought, "rung_taken") if entry["camera_id"] == bad.serial]
    assert rungs[:2] == ["retry", "replug"]


def bad_sector(camera: Camera, contents: Contents, rng: random.Random) -> int:
    """Have one sector of the second recording fail; give where in the recording it lies."""
    recording = camera.card.where(contents["VID_0001.mp4"])
    offset = rng.randrange(0, SIZE, BLOCK)
    camera.disk.fail(reads(range(recording.start + offset, recording.start + offset + 1)))
    return offset


def failed(dock: Dock, camera: Camera) -> None:
    """Wait for an attempt to fail as the medium did."""
    line = dock.journal.wait_for("docking.attempt_failed", LADDER_SECONDS, camera=camera.serial)
    assert line["code"] == "camera.media", line


def test_a_device_that_hangs_costs_its_worker_and_five_hundred_small_files_go_on_meanwhile(
    dock: Dock, rng: random.Random
):
    dock.machine.agent.put("/run/udev/rules.d/90-patient.rules", PATIENT_DISKS.encode())
    dock.do("udevadm control --reload")
    hanging = dock.camera("BWC0000001", recordings(NUMBER, SIZE, rng))
    small = dock.camera("RUR0000001", small_files(500, rng))
    hanging.disk.hang_after_reading(rng.randrange(MIB, NUMBER * SIZE))
    hanging.plug(layout.BAYS["b1"])
    dock.journal.wait_for("docking.started", camera=hanging.serial)
    hanging.disk.wait_hung()
    small.plug(layout.BAYS["b2"])
    for _ in range(3):
        dock.journal.wait_for("recording.done", camera=small.serial)
    assert not dock.journal.has("docking.attempt_failed")
    failed = dock.journal.wait_for("docking.attempt_failed", camera=hanging.serial)
    assert failed["code"] == "camera.worker"
    hanging.disk.go_on()

    dock.journal.wait_light("b1", "green")
    dock.journal.wait_light("b2", "green", LADDER_SECONDS)
    assert not dock.journal.has("docking.attempt_failed", camera=small.serial)
    for camera in (hanging, small):
        camera.unplug()
        assert camera.recordings() == []
    brought = dock.bring()
    assert_all_cleared(brought)
    assert brought.mirror_agrees()


@only_when_long
@pytest.mark.timeout(3 * 3600)
def test_ten_thousand_small_files_are_taken_in(dock: Dock, rng: random.Random):
    camera = dock.camera("RUR0000001", small_files(10_000, rng), "exfat")
    camera.plug(layout.BAYS["b2"])
    dock.journal.wait_light("b2", "green", 2.5 * 3600)
    camera.unplug()
    assert camera.recordings() == []
    assert_all_cleared(dock.bring())


def small_files(number: int, rng: random.Random) -> Contents:
    return {f"{each:05}.mp4": rng.randbytes(rng.randrange(1, 2000)) for each in range(number)}

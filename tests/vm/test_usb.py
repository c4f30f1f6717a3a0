"""Cameras on the USB bus of the virtual dock, from the plug to the green light, step by step."""

import os
import random
import time
from datetime import datetime

import pytest

from tests.integration.promises import Entry, assert_all_cleared, of_kind
from tests.vm import layout
from tests.vm.camera import Camera
from tests.vm.dock import MIB, Contents, Dock, recordings
from tests.vm.faultdisk import reads
from tests.vm.long import only_when_long

NUMBER = 3
TRIES = 3
FIRST_BYTE_SECONDS = 5
QUIET = 3
"""Of processes that want to run: with fewer, the time that something takes says something."""
KIB = 1 << 10
TICK_SECONDS = 0.02
"""By so much the kernel's times of files may be late."""


def test_each_filesystem_and_four_at_once_behind_a_hub_every_step_in_its_turn(dock: Dock, rng: random.Random):
    bays = {"b1": layout.BAYS["b1"], **layout.HUB_BAYS}
    kinds = [("fat32", True), ("fat32", True), ("exfat", True), ("fat32", False), ("exfat", False)]
    serials = ["RUR0000001", *(name for name in layout.USB_FLEET if name.startswith("BWC"))]
    contents = [recordings(NUMBER, MIB, rng) for _ in bays]
    cameras = {
        bay: dock.camera(serial, files, *kind)
        for bay, serial, files, kind in zip(bays, serials, contents, kinds, strict=True)
    }
    for bay, port in bays.items():
        cameras[bay].plug(port)
    for bay, camera in cameras.items():
        dock.journal.wait_light(bay, "green", seconds=300)
        done = dock.journal.wait_for("docking.done", camera=camera.serial)
        assert (done["outcome"], done["collected"], done["cleared"]) == ("complete", NUMBER, NUMBER)
    placed = times_of_objects(dock)
    for camera in cameras.values():
        camera.unplug()
        assert camera.recordings() == []
    brought = dock.bring()

    assert_all_cleared(brought)
    assert brought.mirror_agrees()
    collected, cleared = of_kind(brought, "collected"), of_kind(brought, "cleared")
    for bay, camera in cameras.items():
        assert_in_turn(dock, bay, bays[bay], camera.serial)
        assert_entered_in_turn(camera.serial, collected, cleared, placed)


@only_when_long
def test_the_first_byte_is_read_within_seconds_of_the_plug(dock: Dock, rng: random.Random):
    """Of a camera that has just come; other processes of this machine may take the time, so it is tried again."""
    load = os.getloadavg()[0]
    contents = recordings(1, MIB, rng)
    camera = dock.camera("BWC0000001", contents)
    for _try in range(TRIES):
        seconds = plug_to_first_byte(camera, layout.BAYS["b1"], contents)
        print(f"from plug to first byte: {seconds:.1f} s; load {load:.1f}")
        if seconds <= FIRST_BYTE_SECONDS:
            return
        camera.unplug()
        dock.journal.wait_light("b1", "red")
    if load >= QUIET:
        pytest.skip(f"other processes have this machine: load {load:.1f}")
    pytest.fail(f"the first byte was read only after more than {FIRST_BYTE_SECONDS} seconds")


def plug_to_first_byte(camera: Camera, port: str, contents: Contents) -> float:
    """Plug a camera in; give the seconds until the recording that is first is read."""
    place = camera.card.where(next(iter(contents.values())))
    # Not its first bytes: whoever looks for a filesystem reads ahead.
    camera.disk.hang(reads(range(place.start + 64 * KIB, place.stop)))
    begun = time.monotonic()
    camera.plug(port)
    camera.disk.wait_hung()
    return time.monotonic() - begun


def times_of_objects(dock: Dock) -> dict[str, float]:
    """Give when each object of the store got its name."""
    stores = " ".join(map(layout.store, layout.PARTITIONS))
    lines = dock.do(f"cd / && find {stores} -name '*.age' -printf '%C@ objects/%P\\n'").splitlines()
    return {path.rpartition("objects/")[2]: float(time) for time, path in (line.split() for line in lines)}


def assert_in_turn(dock: Dock, bay: str, port: str, serial: str) -> None:
    """Everything entered, then the writable mount, the flush, the listing anew, then entered as cleared, then green."""
    told = [_told(line, f'-{port}"') for line in dock.journal.log if _is_about(line, bay, serial, f'-{port}"')]
    way = [each for each in told if each]
    assert way[0] == "mount"
    assert way[1:] == [
        *["recording.done"] * NUMBER,
        "writable mount",
        "flush",
        "mount",
        *["recording.cleared"] * NUMBER,
        "green",
    ], way


def _is_about(line: dict[str, object], bay: str, serial: str, device: str) -> bool:
    return line.get("camera") == serial or line.get("bay") == bay or device in str(line.get("text"))


def _told(line: dict[str, object], device: str) -> str:
    """Give what a line says was done with a camera: one of dockd's, or of the bus helper's."""
    text = str(line.get("text"))
    if '"do": "mount"' in text:
        return "writable mount" if '"writable": true' in text else "mount"
    if '"do": "flush"' in text:
        return "flush"
    if line["event"] == "bay.changed":
        return "green" if line["light"] == "green" else ""
    return str(line["event"]) if line["event"] in {"recording.done", "recording.cleared"} else ""


def assert_entered_in_turn(serial: str, collected: list[Entry], cleared: list[Entry], placed: dict[str, float]) -> None:
    """Each recording was proven, then placed, then entered, and all of them before the first was cleared."""
    own = [entry for entry in collected if entry["camera_id"] == serial]
    assert len(own) == NUMBER
    for entry in own:
        linked = placed[entry["object_path"].removeprefix("objects/")]
        assert _seconds(entry["collected_at"]) <= linked + TICK_SECONDS
        assert linked <= _seconds(entry["at"])
    gone = [entry for entry in cleared if entry["camera_id"] == serial]
    assert max(entry["seq"] for entry in own) < min(entry["seq"] for entry in gone)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

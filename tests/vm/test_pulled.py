"""Cameras that are pulled out too early, and dockd killed: in the end everything is taken in, and nothing twice."""

import random

from tests.integration.promises import assert_all_cleared, of_kind
from tests.vm import layout
from tests.vm.dock import CONTROLLER, MIB, Dock, recordings
from tests.vm.long import LONG

NUMBER = 4
SIZE = 2 * MIB
PULLS = 20 if LONG else 3

WRITTEN_TO_CLEAR = 48 << 10
"""Less than what is written to a card when this many recordings are erased from it."""

BUS_OF = {layout.HOST_PORT: 2, layout.BAYS["b4"]: 3}
"""A keyboard comes to the port's bus of USB 2, a card to that of USB 3."""

SOON = """
[Service]
RestartSec=1
"""


def test_pulled_in_mid_read_and_while_it_is_cleared_then_returned_each_is_taken_in_once(dock: Dock, rng: random.Random):
    clearing = dock.camera("BWC0000002", recordings(NUMBER, SIZE, rng))
    clearing.disk.hang_after(rng.randrange(WRITTEN_TO_CLEAR))
    clearing.plug(layout.BAYS["b2"])
    for _ in range(NUMBER):
        dock.journal.wait_for("recording.done", camera="BWC0000002")
    clearing.disk.wait_hung()
    clearing.unplug()
    assert_ended_by_the_pull(dock, "BWC0000002")
    print("left when it was pulled while it was cleared:", clearing.recordings())

    reading = dock.camera("BWC0000001", recordings(NUMBER, SIZE, rng), "exfat")
    for _ in range(PULLS):
        # What is read before the first recording is less than one MiB.
        reading.disk.hang_after_reading(rng.randrange(MIB, NUMBER * SIZE))
        reading.plug(layout.BAYS["b1"])
        dock.journal.wait_for("docking.started", camera="BWC0000001")
        reading.disk.wait_hung()
        reading.unplug()
        assert_ended_by_the_pull(dock, "BWC0000001")
        assert len(reading.recordings()) == NUMBER
        assert_nothing_partial(dock)

    clearing.plug(layout.BAYS["b3"])
    reading.plug(layout.BAYS["b1"])
    for bay, camera in (("b1", reading), ("b3", clearing)):
        dock.journal.wait_light(bay, "green")
        camera.unplug()
        assert camera.recordings() == []
    brought = dock.bring()
    assert_all_cleared(brought)
    assert brought.mirror_agrees()
    codes = [entry["code"] for entry in of_kind(brought, "attempt_failed")]
    assert codes[: PULLS + 1] == ["camera.gone"] * (PULLS + 1)


def assert_ended_by_the_pull(dock: Dock, serial: str) -> None:
    done = dock.journal.wait_for("docking.done", camera=serial)
    assert (done["outcome"], done["code"]) == ("failed", "camera.gone")


def assert_nothing_partial(dock: Dock) -> None:
    """What has a name in the store is what is registered, and nothing else has."""
    found = dock.do(f"cd {layout.store('pm')} && find objects -type f").split()
    objects = [line["object"] for line in dock.journal.lines("recording.done", outcome="collected")]
    assert sorted(found) == sorted([*objects, *(path.replace(".age", ".json") for path in objects)])


def test_camera_and_keyboard_there_before_dockd_are_served_and_killed_in_mid_ingest_it_takes_everything_in_once(
    dock: Dock, rng: random.Random
):
    dock.do("systemctl stop dockd.service")
    dock.machine.agent.put("/run/systemd/system/dockd.service.d/soon.conf", SOON.encode())
    dock.do("systemctl daemon-reload")
    camera = dock.camera("BWC0000003", recordings(NUMBER, SIZE, rng))
    camera.disk.hang_after_reading(rng.randrange(MIB, NUMBER * SIZE))
    camera.plug(layout.BAYS["b4"])
    dock.machine.plug("usb-kbd", "keyboard", layout.HOST_PORT)
    for port in (layout.HOST_PORT, layout.BAYS["b4"]):
        dock.do(f"udevadm wait --timeout=60 {CONTROLLER}/usb{BUS_OF[port]}/{BUS_OF[port]}-{port}")
        assert dock.interfaces(port) == []
    dock.do("systemctl start dockd.service")
    dock.journal.wait_for("docking.started", camera="BWC0000003")
    camera.disk.wait_hung()
    assert len(dock.interfaces(layout.HOST_PORT)) == 1
    assert "keyboard" in dock.do("cat /sys/class/input/input*/name").lower()

    dock.journal.forget()
    dock.do("systemctl kill --kill-whom=main --signal=KILL dockd.service")
    camera.disk.go_on()
    dock.journal.wait_for("service.ready")
    dock.journal.wait_light("b4", "green")
    done = dock.journal.wait_for("docking.done", camera="BWC0000003", outcome="complete")
    assert done["collected"] + done["already_registered"] == done["cleared"] == NUMBER
    camera.unplug()
    assert camera.recordings() == []
    brought = dock.bring()
    assert_all_cleared(brought)
    assert len(of_kind(brought, "collected")) == NUMBER
    assert of_kind(brought, "refused") == []

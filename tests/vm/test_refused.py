"""What is not served, or not cleared: it keeps its data, its bay is red and says why, and the register too."""

import random

from tests.integration.promises import assert_promises, live, of_kind
from tests.vm import gadget, layout
from tests.vm.dock import CONTROLLER, MIB, Dock, clips, recordings
from tests.vm.faultdisk import changes

NUMBER = 3


def test_strangers_twins_and_foreign_filesystems_are_never_mounted(dock: Dock):
    gadget.plug(dock.machine.agent, layout.GADGET_CAMERA, [gadget.MASS_STORAGE, gadget.KEYBOARD])
    stranger = dock.camera("STRANGER01", clips())
    twins = dock.camera("RUR0000001", clips()), dock.camera("RUR0000001", clips(), "exfat")
    foreign = dock.camera("BWC0000002", clips(), "ext4")
    before = {camera.name: camera.card.image.read_bytes() for camera in dock.cameras}
    stranger.plug(layout.BAYS["b1"])
    for twin, bay in zip(twins, ("b2", "b3"), strict=True):
        twin.plug(layout.BAYS[bay])
    foreign.plug(layout.BAYS["b4"])

    refused = {"g1": "usb_interface_extra", "b1": "unknown_camera", "b2": "duplicate_camera", "b3": "duplicate_camera"}
    for bay, code in refused.items():
        assert dock.journal.wait_for("camera.refused", bay=bay)["code"] == code
    done = dock.journal.wait_for("docking.done", camera=foreign.serial)
    assert (done["outcome"], done["code"]) == ("failed", "camera.unsupported")
    bays = {each["bay"]: each for each in dock.status()["bays"]}
    assert {bay: bays[bay]["light"] for bay in (*refused, "b4")} == dict.fromkeys((*refused, "b4"), "red")
    # The first of the twins may have been authorised before the second was there.
    for port in (layout.BAYS["b2"], layout.BAYS["b3"]):
        dock.do(f"udevadm wait --timeout=60 --removed {CONTROLLER}/usb{{2,3}}/{{2,3}}-{port}/{{2,3}}-{port}:1.0")
    assert dock.interfaces(layout.BAYS["b1"]) == dock.interfaces("1", gadget.CONTROLLER) == []
    assert len(dock.interfaces(layout.BAYS["b4"])) == 1
    assert mounts(dock) == []

    gadget.unplug(dock.machine.agent)
    for camera in (stranger, *twins, foreign):
        camera.unplug()
        assert camera.card.image.read_bytes() == before[camera.name], "something was written to it"
    brought = dock.bring()
    assert live(of_kind(brought, "collected")) == []
    assert {entry["bay"]: entry["code"] for entry in of_kind(brought, "refused")} == refused
    assert [entry["code"] for entry in of_kind(brought, "attempt_failed")] == ["camera.unsupported"]


def mounts(dock: Dock) -> list[str]:
    """Give what the bus helper says of mounts."""
    return [text for line in dock.journal.log if '"mount"' in (text := str(line.get("text")))]


def test_a_card_that_is_read_only_or_cannot_write_is_collected_and_keeps_everything(dock: Dock, rng: random.Random):
    locked = dock.camera("BWC0000001", recordings(NUMBER, MIB, rng), "exfat")
    broken = dock.camera("BWC0000003", recordings(NUMBER, MIB, rng))
    broken.disk.fail(changes)
    locked.plug(layout.BAYS["b1"], read_only=True)
    broken.plug(layout.HUB_BAYS["h3"])

    failed = dock.journal.wait_for("docking.attempt_failed", camera=broken.serial)
    assert failed["code"] == "camera.media"
    broken.unplug()
    for bay, camera, code in (("b1", locked, "camera.denied"), ("h3", broken, "camera.media")):
        dock.journal.wait_light(bay, "red")
        done = dock.journal.wait_for("docking.done", camera=camera.serial)
        assert (done["outcome"], done["code"]) == ("failed", code)
        assert (done["collected"], done["cleared"]) == (NUMBER, 0)
    locked.unplug()
    assert len(locked.recordings()) == len(broken.recordings()) == NUMBER

    # In good order again, or in another bay, it is not collected again.
    for camera in (locked, broken):
        camera.plug(layout.BAYS["b2"])
        dock.journal.wait_light("b2", "green")
        camera.unplug()
        assert camera.recordings() == []
    brought = dock.bring()
    assert_promises(brought)
    assert brought.under_way() == []
    assert len(of_kind(brought, "collected")) == len(of_kind(brought, "cleared")) == 2 * NUMBER

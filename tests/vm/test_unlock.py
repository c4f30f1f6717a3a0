"""A camera that has to be unlocked, on a real bus: it comes back as another device, or another comes, or none."""

import random

from tests.integration.promises import assert_promises, of_kind
from tests.vm import gadget, layout
from tests.vm.dock import MIB, Dock, recordings

NUMBER = 2
BAY = layout.GADGET_BAY


def test_it_is_taken_in_as_what_it_said_before_and_nothing_else_is_mistaken_for_it(dock: Dock, rng: random.Random):
    camera, other = (
        dock.vendor_camera(name, recordings(NUMBER, MIB // 2, rng)) for name in (layout.LOCKED_CAMERA, "VND0000002")
    )
    camera.plug(comes_back=False)
    refused = dock.journal.wait_for("camera.refused", bay=BAY)
    assert (refused["claimed_id"], refused["code"]) == (camera.serial, "not_back")
    shown = dock.bay(camera.serial)
    assert (shown["light"], shown["code"]) == ("red", "not_back")
    assert "did not come back" in shown["reason"] and shown["advice"]
    camera.unplug()

    other.plug(says=camera.serial)
    refused = dock.journal.wait_for("camera.refused", bay=BAY)
    assert (refused["claimed_id"], refused["code"]) == (camera.serial, "identity_mismatch")
    other.unplug()
    assert len(other.recordings()) == NUMBER

    camera.plug()
    dock.journal.wait_light(BAY, "green")
    assert len(dock.interfaces("1", gadget.CONTROLLER)) == 1
    done = dock.journal.wait_for("docking.done", camera=camera.serial, outcome="complete")
    assert (done["collected"], done["cleared"]) == (NUMBER, NUMBER)
    camera.unplug()
    assert camera.recordings() == []

    brought = dock.bring()
    assert_promises(brought)
    assert {entry["camera_id"] for entry in of_kind(brought, "collected")} == {camera.serial}
    assert [entry["camera_id"] for entry in of_kind(brought, "camera_unlocked")] == [camera.serial] * 3
    assert [entry["code"] for entry in of_kind(brought, "refused")] == ["not_back", "identity_mismatch"]

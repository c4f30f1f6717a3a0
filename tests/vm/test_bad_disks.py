"""A partition's disk goes bad: its cameras stay red and full, those of the other partition go green meanwhile."""

import random

from tests.integration.promises import assert_all_cleared, assert_promises, of_kind
from tests.vm import layout
from tests.vm.dock import Dock, recordings
from tests.vm.long import only_when_long

pytestmark = only_when_long

MIB = 1 << 20
NUMBER = 3


def arrive_both(dock: Dock, rng: random.Random) -> None:
    dock.arrives("BWC1", recordings(NUMBER, MIB, rng))
    dock.arrives("RUR1", recordings(NUMBER, MIB, rng))


def assert_contained(dock: Dock, *codes: str) -> None:
    """The camera of the bad disk is red, says why and keeps everything; the other is green; the dock says so."""
    red = dock.journal.wait_light("BWC1", "red")
    dock.journal.wait_light("RUR1", "green")
    assert red["reason"]
    done = dock.journal.wait_for("docking.done", camera="BWC1")
    assert (done["outcome"], done["cleared"]) == ("failed", 0)
    assert done["code"] in codes
    assert dock.journal.wait_for("docking.done", camera="RUR1")["cleared"] == NUMBER
    assert dock.bay("BWC1")["light"] == "red"
    troubles = dock.troubles()
    assert troubles.keys() == {"partition pm"}
    assert troubles["partition pm"] in codes
    assert len(dock.do(f"ls {layout.CAMERAS}/dock/BWC1/*.mp4").split()) == NUMBER


def test_a_disk_that_hangs_holds_up_its_own_cameras_only_until_it_answers_again(dock: Dock, rng: random.Random):
    dock.disks["pm"].hang_after(rng.randrange(NUMBER * MIB))
    arrive_both(dock, rng)
    assert_contained(dock, "partition.stuck")

    dock.disks["pm"].go_on()
    dock.journal.wait_for("partition.recovered", partition="pm")
    dock.journal.wait_light("BWC1", "green")
    brought = dock.bring()
    assert_all_cleared(brought)
    assert brought.mirror_agrees()


def test_a_disk_that_cannot_write_keeps_its_cameras_full(dock: Dock, rng: random.Random):
    dock.disks["pm"].fail()
    arrive_both(dock, rng)
    assert_contained(dock, "partition.media", "partition.flush_failed")
    brought = dock.bring()
    assert_promises(brought)
    assert {entry["camera_id"] for entry in of_kind(brought, "collected")} == {"RUR1"}


def test_a_disk_that_is_full_keeps_its_cameras_full_until_there_is_room(dock: Dock, rng: random.Random):
    filler = "/srv/pm/filler"
    # Most at once; then, until the disk refuses, what the filesystem's own books leave.
    dock.do(
        f"fallocate -l $(($(stat -f -c '%a * %S' /srv/pm) - 4194304)) {filler} && ! cat /dev/zero >>{filler} && sync"
    )
    arrive_both(dock, rng)
    assert_contained(dock, "partition.full")

    dock.do(f"rm {filler}")
    dock.journal.wait_for("partition.recovered", partition="pm")
    dock.journal.wait_light("BWC1", "green")
    assert_all_cleared(dock.bring())

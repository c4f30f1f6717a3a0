"""The power goes, and with it what the disks had not flushed: the dock comes back by itself and has lost nothing."""

import random

import pytest

from tests.integration.promises import assert_all_cleared, of_kind
from tests.vm.dock import Brought, Dock, recordings
from tests.vm.faultdisk import changes
from tests.vm.long import LONG, only_when_long

pytestmark = only_when_long

MIB = 1 << 20
NUMBER = 6
CUTS = 25 if LONG else 1
"""How many cuts in mid-ingest, each at another place."""


@pytest.mark.parametrize("_cut", range(CUTS))
def test_power_cut_in_mid_ingest_leaves_nothing_partial_and_loses_nothing(_cut: int, dock: Dock, rng: random.Random):
    contents = recordings(NUMBER, MIB, rng)
    dock.disks["pm"].hang_after(rng.randrange(NUMBER * MIB))
    dock.arrives("BWC1", contents)
    dock.disks["pm"].wait_hung()
    print("blocks lost:", dock.cut_power(rng))

    dock.machine.boot()
    dock.journal.wait_light("BWC1", "green")
    done = dock.journal.wait_for("docking.done", camera="BWC1", outcome="complete")
    assert done["collected"] + done["already_registered"] == done["cleared"] == NUMBER
    assert_all_safe(dock.bring())


def test_power_cut_between_entry_and_clear_clears_after_another_look_and_stores_nothing_twice(
    dock: Dock, rng: random.Random
):
    dock.arrives("BWC1", recordings(NUMBER, MIB // 4, rng))
    # What is erased stays in the camera's page cache: the disk of the dock never hears of it.
    dock.disks["cameras"].hang(changes)
    for _ in range(NUMBER):
        dock.journal.wait_for("recording.done", outcome="collected")
    dock.disks["cameras"].wait_hung()
    print("blocks lost:", dock.cut_power(rng))

    dock.machine.boot()
    dock.journal.wait_light("BWC1", "green")
    done = dock.journal.wait_for("docking.done", camera="BWC1", outcome="complete")
    assert (done["collected"], done["already_registered"], done["cleared"]) == (0, NUMBER, NUMBER)
    assert_all_safe(dock.bring())


def assert_all_safe(brought: Brought) -> None:
    assert_all_cleared(brought)
    assert brought.mirror_agrees()
    assert len(of_kind(brought, "collected")) == NUMBER

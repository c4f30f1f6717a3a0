"""The power goes, and with it what the disks had not flushed: the dock comes back by itself and has lost nothing."""

import random
from pathlib import Path

import pytest

from dockd.clock import SystemClock
from dockd.register.journal import Journal
from dockd.register.kinds import Refused
from dockd.register.mirror import Mirror
from dockd.register.note import SigningKey
from tests.integration.promises import assert_all_cleared, entries, of_kind
from tests.integration.site import DOCK_ID
from tests.vm import append_stream
from tests.vm.dock import Brought, Dock, recordings
from tests.vm.faultdisk import changes
from tests.vm.long import LONG, only_when_long

pytestmark = only_when_long

MIB = 1 << 20
NUMBER = 6
CUTS = 25 if LONG else 1
"""How many cuts in mid-ingest, each at another place."""

APPEND_CUTS = 30 if LONG else 1

STREAM = """\
[Service]
Type=exec
WatchdogSec=0
ExecStart=
ExecStart=/opt/dockd/bin/python /run/append_stream.py /etc/dockd/dockd.yaml
"""
"""Has the unit append to the register for ever instead of serving cameras."""


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


@pytest.mark.parametrize("_cut", range(APPEND_CUTS))
def test_power_cut_in_a_stream_of_appends_loses_no_entry_that_was_acknowledged(
    _cut: int, dock: Dock, rng: random.Random
):
    dock.machine.agent.put("/run/append_stream.py", Path(append_stream.__file__).read_bytes(), "0644")
    dock.machine.agent.put("/run/systemd/system/dockd.service.d/stream.conf", STREAM.encode())
    dock.do("systemctl daemon-reload && systemctl restart dockd.service")
    dock.journal.wait_for("acknowledged")
    disk = dock.disks[rng.choice(["state", "mirror"])]
    disk.hang_after(rng.randrange(1 << 20))
    disk.wait_hung()
    print("blocks lost:", dock.cut_power(rng))
    acknowledged = max(line["seq"] for line in dock.journal.lines("acknowledged"))

    brought = dock.bring_as_it_lies()
    key, mirror = SigningKey.load(brought.register.with_name("dock.key"), DOCK_ID), Mirror.open(brought.mirror, DOCK_ID)
    journal = Journal.open(brought.register, key=key, dock_id=DOCK_ID, clock=SystemClock(), mirror=mirror)
    assert journal.size > acknowledged
    journal.append(Refused(bay="b1", claimed_id="after", code="admit.unknown", reason="it goes on"))
    journal.checkpoint()
    journal.close()
    mirror.close()
    assert len(entries(brought)) == journal.size
    assert brought.mirror_agrees()


def assert_all_safe(brought: Brought) -> None:
    assert_all_cleared(brought)
    assert brought.mirror_agrees()
    assert len(of_kind(brought, "collected")) == NUMBER

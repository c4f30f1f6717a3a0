"""What becomes of a docking that ended because of its partition."""

import asyncio
import threading

import pytest

from dockd.docking.shelf import Shelf, Shelves, Signer
from dockd.errors import PartitionError, PartitionFull, PartitionMissing, PartitionStuck, WriterLeft
from dockd.health import Health
from dockd.ops.heartbeat import Looks
from dockd.ops.status import Board
from dockd.volume import Volume
from tests.store.shop import FixedClock, new_partition

LONG = 20.0


def is_tried_again(tmp_path, error: PartitionError) -> bool | None:
    """Tell whether a docking that ended with `error` is tried again while its partition is well; None for never."""

    async def wait() -> bool | None:
        is_better = await health.after_partition_fault("police", error)
        return await is_better() if is_better else None

    volume = Volume("partition police", LONG, PartitionStuck)
    partition = new_partition(tmp_path / "police")
    shelves = Shelves({"police": Shelf(partition, volume, Signer("key", lambda *_: b"", lambda *_: None))})
    health = Health(None, shelves, Board("dock-7", "0", {}), Looks(FixedClock()), lambda: None)
    try:
        return asyncio.run(wait())
    finally:
        volume.close()
        partition.close()


@pytest.mark.parametrize("kind", [PartitionMissing, PartitionStuck])
def test_a_docking_is_tried_again_even_if_its_partition_came_back_before_anybody_looked(tmp_path, kind):
    assert is_tried_again(tmp_path, kind("away")) is True


def test_a_docking_that_lacked_room_waits_until_there_is_more(tmp_path):
    assert is_tried_again(tmp_path, PartitionFull("no room for this one")) is False


def test_a_writer_that_is_left_is_no_fault_of_the_partition_and_not_tried_again(tmp_path):
    assert is_tried_again(tmp_path, WriterLeft("still open")) is None


def test_a_look_that_waits_behind_a_long_reading_is_not_overdue_while_that_has_time(tmp_path):
    """The supervisor reads whole objects back on the volume's thread; the look at the partition gets its turn later."""
    clock = FixedClock()
    looks, reading, read_on = Looks(clock), threading.Event(), threading.Event()

    def read():
        reading.set()
        assert read_on.wait(LONG)

    async def look():
        long_reading = asyncio.create_task(volume.run(read, extra_seconds=LONG))
        await asyncio.to_thread(reading.wait, LONG)
        [at_partition, *_others] = Health(None, shelves, Board("dock-7", "0", {}), looks, lambda: None).looks()
        looks.expect("partition police", -1, next(iter(shelves)).is_answering)
        assert looks.overdue() == ["partition police"]
        looking = asyncio.create_task(at_partition())
        await asyncio.wait([looking], timeout=0.01)
        assert looks.overdue() == []
        read_on.set()
        await asyncio.gather(long_reading, looking)
        assert looks.overdue() == ["partition police"]

    volume = Volume("partition police", LONG, PartitionStuck)
    partition = new_partition(tmp_path / "police")
    shelves = Shelves({"police": Shelf(partition, volume, Signer("key", lambda *_: b"", lambda *_: None))})
    try:
        asyncio.run(look())
    finally:
        volume.close()
        partition.close()

"""What becomes of a docking that ended because of its partition."""

import asyncio

import pytest

from dockd.attend import Attendance, Rules, _Visit
from dockd.docking.shelf import Shelf, Shelves, Signer
from dockd.errors import PartitionError, PartitionFull, PartitionMissing, PartitionStuck, WriterLeft
from dockd.ops.status import Board
from dockd.volume import Volume
from tests.docking.test_worker_link import ADMITTED, LONG
from tests.store.shop import FixedClock, new_partition


def is_tried_again(tmp_path, error: PartitionError) -> bool | None:
    """Tell whether a docking that ended with `error` is tried again while its partition is well; None for never."""

    async def wait() -> bool | None:
        visit = _Visit(ADMITTED.arrival, dock=None)
        await attendance._wait_for_partition(ADMITTED, visit, error)
        return await visit.again_when() if visit.again_when else None

    volume = Volume("partition police", LONG, PartitionStuck)
    partition = new_partition(tmp_path / "police")
    shelves = Shelves({"police": Shelf(partition, volume, Signer("key", lambda *_: b"", lambda *_: None))})
    rules = Rules("dock-7", "clear", LONG, (), lambda _camera_id: ADMITTED.camera, {"folder"})
    attendance = Attendance(rules, None, shelves, Board("dock-7", "0", {}), FixedClock())
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

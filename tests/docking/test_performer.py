"""What a worker claims about a partition is believed only if the partition says so too."""

import asyncio
import json
import os
from dataclasses import replace

import pytest

from dockd.docking.broken_off import Waiting
from dockd.docking.commands import Clear, EnterCleared, OpenCamera, Pull, Salvage, ask
from dockd.docking.perform import Performer
from dockd.docking.shelf import Shelf, Shelves, Signer
from dockd.docking.surroundings import Surroundings
from dockd.docking.turns import Turns
from dockd.errors import (
    CameraGone,
    OrderError,
    PartitionError,
    PartitionFull,
    PartitionMissing,
    PartitionStuck,
    RegisterError,
    RouteFound,
    WorkerFailed,
)
from dockd.model import MAX_SIZE, Cleared, Gap, Recording, RecordingPath, Registered
from dockd.store.partition import MARKER
from dockd.volume import Volume
from tests.docking.access import AnAccess
from tests.docking.hostile import listing, packet, replaying, trouble
from tests.docking.test_worker_link import ADMITTED, LONG
from tests.store.shop import FixedClock, new_partition


@pytest.fixture
def shelf(tmp_path):
    volume = Volume("partition police", LONG, PartitionStuck)
    partition = new_partition(tmp_path / "police")
    yield Shelf(partition, volume, Signer("key", lambda *_: b"", lambda *_: None))
    volume.close()
    partition.close()


def performer(shelf, departed=None, registry=None, refuse_network=lambda: None, turns=None):
    around = Surroundings(
        dock_id="dock-7",
        clock=FixedClock(),
        shelves=Shelves({"police": shelf}),
        registry=registry,
        recovery=None,
        silence_seconds=LONG,
        workers=None,
        refuse_network=refuse_network,
        waiting=Waiting(),
        turns=turns or Turns(1),
        driver_reference="fake:Driver",
        access=AnAccess(),
        departed=departed or asyncio.Event(),
        on_phase=lambda _phase: None,
    )
    return Performer(ADMITTED, around)


def pull_one():
    listed = yield from ask(OpenCamera(ADMITTED))
    return (yield from ask(Pull(listed.recordings[0])))


def tell(shelf):
    return asyncio.run(performer(shelf).tell(pull_one()))


@pytest.mark.parametrize("code", ["partition.media", "partition.full"])
def test_a_fault_that_only_the_worker_sees_is_a_fault_of_the_worker(monkeypatch, shelf, code):
    replaying(monkeypatch, [listing(("a.mp4", 10))], [trouble(code)])
    with pytest.raises(WorkerFailed):
        tell(shelf)
    assert shelf.fault is None and shelf.promises.total == 0


@pytest.mark.parametrize("code", ["partition.media", "partition.full"])
def test_a_fault_that_the_partition_has_too_is_a_fault_of_the_partition(monkeypatch, shelf, tmp_path, code):
    replaying(monkeypatch, [listing(("a.mp4", 10))], [trouble(code)])

    def lose_the_volume():
        listed = yield from ask(OpenCamera(ADMITTED))
        (tmp_path / "police" / MARKER).unlink()
        return (yield from ask(Pull(listed.recordings[0])))

    with pytest.raises(PartitionMissing):
        asyncio.run(performer(shelf).tell(lose_the_volume()))
    assert isinstance(shelf.fault, PartitionMissing) and shelf.promises.total == 0


def test_a_recording_of_any_claimed_size_is_refused_before_it_is_pulled(monkeypatch, shelf):
    replaying(monkeypatch, [listing(("a.mp4", MAX_SIZE))], [trouble("camera.gone")])
    with pytest.raises(PartitionFull):
        tell(shelf)
    assert shelf.promises.total == 0


def test_a_proof_is_only_a_message_until_it_is_placed(monkeypatch, shelf, tmp_path):
    digests = {"plaintext_sha256": "a" * 64, "ciphertext_sha256": "b" * 64}
    report = {"verdict": "ok", "findings": []}
    proof = packet("proven", index=0, ciphertext_size=5, read_back="direct", mp4=report, gaps=[], **digests)
    replaying(monkeypatch, [listing(("a.mp4", 10))], [proof])
    assert tell(shelf).sealed.ciphertext_size == 5
    assert os.listdir(tmp_path / "police") == [MARKER]
    assert shelf.promises.total == 0


def a_proof(*gaps):
    digests = {"plaintext_sha256": "a" * 64, "ciphertext_sha256": "b" * 64}
    report = {"verdict": "ok", "findings": []}
    return packet("proven", index=0, ciphertext_size=5, read_back="direct", mp4=report, gaps=gaps, **digests)


def salvage_one():
    listed = yield from ask(OpenCamera(ADMITTED))
    return (yield from ask(Salvage(listed.recordings[0])))


ROW = listing(("a.mp4", 8192))


def test_a_salvage_is_believed_of_a_camera_that_takes_being_opened_afresh(monkeypatch, shelf):
    replaying(monkeypatch, [ROW], [a_proof([0, 4096])], [packet("let_gone")], [packet("gone_on")])
    told = performer(shelf)
    assert asyncio.run(told.tell(salvage_one())).sealed.gaps == (Gap(0, 4096),)


@pytest.mark.parametrize(
    "when", ["before it is opened afresh", "after it is opened afresh", "as far as the dock knows"]
)
def test_a_camera_that_was_gone_meanwhile_has_given_no_gaps_but_nothing(monkeypatch, shelf, when):
    replaying(monkeypatch, [ROW], [a_proof([0, 4096])], [packet("let_gone")], [packet("gone_on")])
    departed = asyncio.Event()
    told = performer(shelf, departed)
    access = told._around.access

    def leave():
        listed = yield from ask(OpenCamera(ADMITTED))
        if when == "before it is opened afresh":
            access.present = False
        elif when == "after it is opened afresh":
            access.leaves_after_opening = True
        else:
            departed.set()
        return (yield from ask(Salvage(listed.recordings[0])))

    with pytest.raises(CameraGone):
        asyncio.run(told.tell(leave()))


def test_a_worker_that_speaks_of_gaps_in_what_it_was_to_read_whole_has_failed(monkeypatch, shelf):
    replaying(monkeypatch, [ROW], [a_proof([0, 4096])])
    with pytest.raises(WorkerFailed, match="whole"):
        tell(shelf)


@pytest.mark.parametrize("gaps", [[[1, 2]], [[0, 8192]], [[4096, 8192]], [[4096, 4096], [0, 4096]]])
def test_a_worker_that_speaks_of_gaps_that_cannot_be_has_failed(monkeypatch, shelf, gaps):
    replaying(monkeypatch, [ROW], [a_proof(*gaps)])
    with pytest.raises(WorkerFailed, match="cannot be"):
        asyncio.run(performer(shelf).tell(salvage_one()))


def test_a_partition_with_a_fault_takes_no_camera(monkeypatch, shelf):
    replaying(monkeypatch, [listing()])
    shelf.fault = PartitionMissing("gone")
    with pytest.raises(PartitionError):
        tell(shelf)


class Register:
    """Stands for a register that is well, or is not."""

    def __init__(self, fault=None):
        self.fault = fault

    async def must_be_well(self):
        if self.fault:
            raise self.fault


def clear_one(shelf, fault):
    """List, have the partition fall ill, and order a clear to which the worker would say yes."""
    listed = yield from ask(OpenCamera(ADMITTED))
    shelf.fault = fault
    yield from ask(Clear(Registered(listed.recordings[0], "r", "a" * 64, 0)))


@pytest.mark.parametrize(
    ("partition_fault", "register_fault"),
    [(PartitionMissing("gone"), None), (None, RegisterError("full")), (None, None)],
)
def test_nothing_is_cleared_while_its_partition_or_the_register_is_ill(
    monkeypatch, shelf, partition_fault, register_fault
):
    replaying(monkeypatch, [listing(("a.mp4", 10))], [packet("cleared", index=0)])
    told = performer(shelf, registry=Register(register_fault))
    story = told.tell(clear_one(shelf, partition_fault))
    if fault := partition_fault or register_fault:
        with pytest.raises(type(fault)):
            asyncio.run(story)
    else:
        assert asyncio.run(story) is None


def refuse_route():
    raise RouteFound("eth0")


@pytest.mark.parametrize("command", [Pull, lambda recording: Clear(Registered(recording, "r", "a" * 64, 0))])
def test_nothing_more_is_pulled_or_cleared_once_the_host_has_a_route(monkeypatch, shelf, command):
    replaying(monkeypatch, [listing(("a.mp4", 10))], [packet("cleared", index=0)])
    routes = []

    def story():
        listed = yield from ask(OpenCamera(ADMITTED))
        routes.append("eth0")
        yield from ask(command(listed.recordings[0]))

    def refuse_network():
        if routes:
            refuse_route()

    with pytest.raises(RouteFound):
        asyncio.run(performer(shelf, registry=Register(), refuse_network=refuse_network).tell(story()))
    assert shelf.promises.total == 0


def test_no_camera_is_opened_while_the_host_has_a_route(shelf):
    told = performer(shelf, refuse_network=refuse_route)
    with pytest.raises(RouteFound):
        asyncio.run(told.tell(ask(OpenCamera(ADMITTED))))
    assert told._camera is None


def test_an_error_that_is_not_of_dockd_leaves_no_worker_behind(monkeypatch, shelf):
    replaying(monkeypatch, [listing()])

    def wrong():
        yield from ask(OpenCamera(ADMITTED))
        raise OrderError("a programmer's mistake")

    told = performer(shelf)
    with pytest.raises(OrderError):
        asyncio.run(told.tell(wrong()))
    assert told._camera._link.pid is None


class Failing:
    """A register that takes one piece, and then no more."""

    def __init__(self):
        self.pieces = []

    async def cleared(self, _camera_id, registered, *, inferred):
        if self.pieces:
            raise RegisterError("the mirror is gone")
        self.pieces.append(registered)
        return tuple(map(Cleared, registered))


def test_what_was_entered_as_cleared_is_counted_even_if_the_register_fails_at_the_rest(shelf):
    cleared = tuple(
        Registered(Recording(RecordingPath(b"%d.mp4" % seq), 1, 0), f"{seq:032x}", "a" * 64, seq) for seq in range(250)
    )

    def enter():
        yield from ask(EnterCleared(cleared, inferred=False))

    registry = Failing()
    telling = performer(shelf, registry=registry)
    with pytest.raises(RegisterError):
        asyncio.run(telling.tell(enter()))
    [entered] = registry.pieces
    assert 0 < len(entered) < len(cleared)
    assert telling.summary().cleared == len(entered)


def test_a_camera_that_is_far_too_slow_is_read_on_but_holds_up_no_other(monkeypatch, shelf):
    replaying(monkeypatch, [listing(("a.mp4", 10))])
    monkeypatch.setattr("dockd.docking.intake.TURN_SECONDS", 0.5)

    async def another_reads():
        turns = Turns(1)
        slow = asyncio.ensure_future(performer(shelf, turns=turns).tell(pull_one()))
        while turns._free:
            await asyncio.wait([slow], timeout=0.01)
        async with asyncio.timeout(LONG):
            assert await turns.take(2, asyncio.Event())
        assert not slow.done()
        slow.cancel()
        await asyncio.wait([slow])
        turns.give_back()
        assert turns._free == 1

    asyncio.run(another_reads())


def test_a_worker_that_did_not_last_while_it_waited_costs_its_camera_no_attempt(monkeypatch, shelf):
    """The first loses its camera in the middle of a recording, is kept, and is gone when the camera is back."""
    gone = [[listing(("a.mp4", 10))], [trouble("camera.gone")], [packet("let_gone")]]
    replaying(monkeypatch, *gone, then="leave")

    async def back():
        first = performer(shelf)
        first._around.access.must_be_there = left
        with pytest.raises(CameraGone):
            await first.tell(pull_one())
        replaying(monkeypatch, [listing(("a.mp4", 10))], [a_proof()])
        second = performer(shelf)
        second._around.waiting._kept.update(first._around.waiting._kept)
        [kept] = second._around.waiting._kept.values()
        await kept.camera._link._process.wait()
        assert (await second.tell(pull_one())).sealed.ciphertext_size == 5
        assert second._around.waiting._kept == {}
        await first._around.waiting.stop()

    async def left():
        if left.asked:
            raise CameraGone("pulled out")
        left.asked = True

    left.asked = False
    asyncio.run(back())
    assert shelf.promises.total == 0


@pytest.mark.parametrize("fault", [RouteFound("a route"), PartitionStuck("no answer")])
def test_what_comes_up_while_a_camera_waits_for_its_turn_keeps_it_from_being_read(monkeypatch, shelf, fault):
    replaying(monkeypatch, [listing(("a.mp4", 10))], [a_proof()])
    now = []

    def refuse_network():
        if isinstance(fault, RouteFound) and now:
            raise fault

    async def waits():
        turns = Turns(1)
        await turns.take(0, asyncio.Event())
        waiting = asyncio.ensure_future(performer(shelf, refuse_network=refuse_network, turns=turns).tell(pull_one()))
        while not turns._waiting:
            await asyncio.wait([waiting], timeout=0.01)
        now.append(fault)
        shelf.fault = fault if isinstance(fault, PartitionError) else None
        turns.give_back()
        with pytest.raises(type(fault)):
            await waiting
        assert turns._free == 1

    asyncio.run(waits())


class NotedTurns(Turns):
    """Notes the rank that is asked with."""

    async def take(self, rank, no_longer):
        self.rank = rank
        return await super().take(rank, no_longer)


@pytest.mark.parametrize(
    ("important", "fullness", "rank"),
    [(False, None, 2), (False, 0.5, 2), (False, 0.8, 1), (False, 1.0, 1), (True, None, 0), (True, 0.9, 0)],
)
def test_important_cameras_come_before_nearly_full_ones_and_these_before_others(
    monkeypatch, shelf, important, fullness, rank
):
    full = json.loads(listing(("a.mp4", 10))) | {"fullness": fullness}
    replaying(monkeypatch, [json.dumps(full)], [a_proof()])
    turns = NotedTurns(1)
    admitted = replace(ADMITTED, camera=replace(ADMITTED.camera, important=important))
    docking = Performer(admitted, performer(shelf, turns=turns)._around)
    asyncio.run(docking.tell(pull_one()))
    assert turns.rank == rank

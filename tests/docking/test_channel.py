import asyncio
import os
import socket

import pytest

from dockd.docking.channel import WorkerEnd, pair
from dockd.docking.messages import MAX_PACKET, ClearedMessage, Done, File, ListAgain, Stop, decode_report, encode
from dockd.docking.supervisor_end import SupervisorEnd
from dockd.errors import WorkerFailed


@pytest.fixture
def ends():
    ours, theirs = pair()
    yield ours, theirs
    ours.close()
    theirs.close()


def open_descriptors():
    return set(os.listdir("/proc/self/fd"))


def test_neither_end_is_inherited(ends):
    assert not any(os.get_inheritable(end.fileno()) for end in ends)


def test_an_order_arrives_with_its_descriptor(ends, tmp_path):
    ours, theirs = ends
    (tmp_path / "file").write_bytes(b"content")
    with (tmp_path / "file").open("rb") as file:
        asyncio.run(SupervisorEnd(ours).send(File(index=3, salvage=False, trail=0), [file.fileno()]))
    order, [fd] = WorkerEnd(theirs).receive()
    assert (order, os.read(fd, 7)) == (File(index=3, salvage=False, trail=0), b"content")
    os.close(fd)


def test_messages_arrive_one_by_one_and_in_order(ends):
    ours, theirs = ends
    worker = WorkerEnd(theirs)

    async def both():
        end = SupervisorEnd(ours)
        for index in range(50):
            worker.send(ClearedMessage(index=index))
        return [(await end.receive()).index for _ in range(50)]

    assert asyncio.run(both()) == list(range(50))


def test_a_closed_end_is_a_worker_failure_on_both_sides():
    ours, theirs = pair()
    theirs.close()
    for talk in (SupervisorEnd(ours).receive(), SupervisorEnd(ours).send(Stop())):
        with pytest.raises(WorkerFailed):
            asyncio.run(talk)
    ours.close()
    ours, theirs = pair()
    ours.close()
    with pytest.raises(WorkerFailed):
        WorkerEnd(theirs).receive()
    with pytest.raises(WorkerFailed):
        WorkerEnd(theirs).send(Done())
    theirs.close()


def test_a_supervisor_that_went_without_reading_is_gone_like_any_other():
    ours, theirs = pair()
    WorkerEnd(theirs).send(Done())
    ours.close()
    with pytest.raises(WorkerFailed):
        WorkerEnd(theirs).receive()
    theirs.close()


def test_descriptors_of_a_hostile_worker_never_reach_the_supervisor(ends):
    ours, theirs = ends
    reading, writing = os.pipe()
    socket.send_fds(theirs, [encode(Done())], [writing] * 100)
    os.close(writing)

    async def receive():
        before = open_descriptors()
        report = await SupervisorEnd(ours).receive()
        return report, open_descriptors() - before

    report, gained = asyncio.run(receive())
    assert (report, gained) == (Done(), set())
    # The last writer is gone: the kernel kept no copy either.
    assert os.read(reading, 1) == b""
    os.close(reading)


@pytest.mark.parametrize("size", [MAX_PACKET + 1, MAX_PACKET + 2])
def test_a_packet_that_is_too_long_is_a_fault_of_the_worker(ends, size):
    ours, theirs = ends
    theirs.send(b" " * size)
    with pytest.raises(WorkerFailed, match="too long"):
        asyncio.run(SupervisorEnd(ours).receive())


def test_an_order_that_is_too_long_or_has_too_many_descriptors_leaves_none_open(ends):
    ours, theirs = ends
    before = open_descriptors()
    for packet, fds in ((b" " * (MAX_PACKET + 1), [0]), (encode(Stop()), [0, 0, 0]), (b"garbage", [0]), (b"", [0])):
        socket.send_fds(ours, [packet], fds)
        with pytest.raises(WorkerFailed):
            WorkerEnd(theirs).receive()
    assert open_descriptors() == before


def test_an_order_waits_for_a_worker_that_is_slow_to_read(ends):
    ours, theirs = ends

    async def overfill():
        end = SupervisorEnd(ours)
        sent = 0
        with pytest.raises(TimeoutError):
            while True:
                await asyncio.wait_for(end.send(ListAgain()), 0.2)
                sent += 1
        late = asyncio.create_task(end.send(Stop()))
        got = [await asyncio.to_thread(theirs.recv, MAX_PACKET) for _ in range(sent + 1)]
        await late
        return got

    got = asyncio.run(overfill())
    assert got == [encode(ListAgain())] * (len(got) - 1) + [encode(Stop())]


def test_a_report_is_one_packet():
    ours, theirs = pair()
    WorkerEnd(theirs).send(Done())
    assert decode_report(ours.recv(MAX_PACKET)) == Done()
    ours.close()
    theirs.close()

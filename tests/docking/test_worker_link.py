import asyncio

import pytest

from dockd.docking.camera import DockedCamera
from dockd.docking.messages import ListAgain, Listing
from dockd.docking.worker_link import _CLAIMS, WorkerLink, spawn
from dockd.errors import CameraGone, WorkerFailed
from dockd.model import Admitted, Arrival, FleetCamera, RecordingPath
from tests.docking.access import AnAccess
from tests.docking.hostile import listing, packet, replaying, trouble

LONG = 20.0


async def call(silence=LONG, heard=None):
    link = WorkerLink(silence, (heard if heard is not None else []).append)
    try:
        await link.start()
        process = link._process
        return await link.call(ListAgain(), Listing)
    finally:
        await link.kill()
        assert process.returncode is not None and link.pid is None


def test_a_worker_that_answers_is_believed_in_shape(monkeypatch):
    progress = packet("progress", index=0, stage="seal", done=5, proven=0)
    replaying(monkeypatch, [progress, listing(("a.mp4", 5))])
    heard = []
    assert asyncio.run(call(heard=heard)).recordings[0].size == 5
    assert [each.done for each in heard] == [5]


def test_a_worker_that_dies_has_failed(monkeypatch):
    replaying(monkeypatch, [], then="leave")
    with pytest.raises(WorkerFailed):
        asyncio.run(call())


def test_a_worker_that_is_silent_has_failed_within_its_time(monkeypatch):
    replaying(monkeypatch)
    with pytest.raises(WorkerFailed, match="no further"):
        asyncio.run(call(silence=0.3))


def test_a_worker_that_does_not_get_ready_has_failed_within_the_time_of_a_start(monkeypatch):
    monkeypatch.setattr("dockd.docking.worker_link.START_SECONDS", 0.3)
    replaying(monkeypatch, then="asleep")
    with pytest.raises(WorkerFailed, match="did not start"):
        asyncio.run(call_only_start())


def test_what_a_start_takes_is_no_silence(monkeypatch):
    """A computer that is busy takes longer to start Python than a worker may be silent."""
    replaying(monkeypatch)
    asyncio.run(call_only_start(silence=0.001))


def test_a_worker_that_cannot_be_started_has_failed(monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    monkeypatch.setattr("dockd.docking.worker_link.spawn", spawn)
    with pytest.raises(WorkerFailed):
        asyncio.run(call_only_start())


async def call_only_start(silence=LONG):
    link = WorkerLink(silence, lambda _progress: None)
    try:
        await link.start()
    finally:
        await link.kill()


@pytest.mark.parametrize(
    "said",
    [
        "garbage",
        "{}",
        "\xff\x00",
        packet("done"),
        packet("cleared", index=0),
        packet("registered", index=0),
        "<too long>",
        "[" * 100_000,
    ],
)
def test_a_worker_that_says_something_else_has_failed(monkeypatch, said):
    replaying(monkeypatch, [said])
    with pytest.raises(WorkerFailed) as caught:
        asyncio.run(call())
    assert "started" not in caught.value.message


@pytest.mark.parametrize("code", sorted(_CLAIMS))
def test_what_a_worker_may_claim_is_raised_as_such(monkeypatch, code):
    replaying(monkeypatch, [trouble(code)])
    with pytest.raises(_CLAIMS[code]) as caught:
        asyncio.run(call())
    assert caught.value.code == code


@pytest.mark.parametrize(
    "code", ["register.error", "partition.missing", "partition.stuck", "config.error", "dockd.x", "camera.nonsense"]
)
def test_what_a_worker_cannot_know_is_a_fault_of_the_worker(monkeypatch, code):
    replaying(monkeypatch, [trouble(code)])
    with pytest.raises(WorkerFailed):
        asyncio.run(call())


def test_chatter_that_gets_no_further_does_not_keep_a_worker_alive(monkeypatch):
    same = packet("progress", index=0, stage="seal", done=5, proven=0)
    replaying(monkeypatch, [same] * 100)
    heard = []
    with pytest.raises(WorkerFailed, match="no further"):
        asyncio.run(call(silence=0.5, heard=heard))
    assert len(heard) == 1


def test_after_it_was_killed_nothing_can_be_asked():
    async def ask():
        link = WorkerLink(LONG, lambda _progress: None)
        await link.kill()
        await link.finish()
        await link.next(Listing)

    with pytest.raises(WorkerFailed):
        asyncio.run(ask())


DRIVER = "drivers.folder:FolderDriver"
ADMITTED = Admitted(Arrival("dock/cam-1", "cam-1", "/dock/cam-1"), FleetCamera("cam-1", "folder", "police"))


async def docked():
    camera = DockedCamera(ADMITTED, AnAccess(), LONG, lambda *_phase: None, DRIVER)
    try:
        return await camera.open(())
    finally:
        await camera.kill()


def test_pages_are_put_together(monkeypatch):
    first = listing(("a", 1), ("b", 2), more=True, waiting=7)
    replaying(monkeypatch, [first, listing(("c", 3), more=True), listing()])
    listed = asyncio.run(docked())
    assert [each.size for each in listed.recordings] == [1, 2, 3]
    assert listed.waiting == 7


@pytest.mark.parametrize("wrong", [listing(("a", 1), waiting=0), listing(("a", 1), still_there=[0])])
def test_a_listing_that_cannot_be_is_a_fault_of_the_worker(monkeypatch, wrong):
    replaying(monkeypatch, [wrong])
    with pytest.raises(WorkerFailed, match="cannot be"):
        asyncio.run(docked())


def test_what_comes_next_is_listed_with_what_is_still_there_of_what_came_before(monkeypatch):
    first, second = listing(("a", 1), ("b", 2), waiting=3), listing(("c", 3), still_there=[1])
    replaying(monkeypatch, [first], [packet("let_gone")], [packet("gone_on")], [second])

    async def listed_again():
        camera = DockedCamera(ADMITTED, AnAccess(), LONG, lambda *_phase: None, DRIVER)
        try:
            before = await camera.open(())
            places = [camera.position(each) for each in before.recordings]
            after = await camera.list_again()
            return places, after, camera.position(after.recordings[0])
        finally:
            await camera.kill()

    places, after, place = asyncio.run(listed_again())
    assert (places, place) == ([(1, 3), (2, 3)], (3, 3))
    assert after.still_there == {RecordingPath(b"b")}


def test_more_than_a_batch_at_once_is_a_fault_of_the_worker(monkeypatch):
    pages = [listing(*((f"{page}/{n}", 1) for n in range(500)), more=True, waiting=5000) for page in range(3)]
    replaying(monkeypatch, pages)
    with pytest.raises(WorkerFailed, match="more recordings"):
        asyncio.run(docked())


@pytest.mark.parametrize(
    "pages", [[listing(("a", 1), ("a", 2))], [listing(("a", 1), more=True, waiting=2), listing(("a", 1))]]
)
def test_one_path_listed_twice_is_a_fault_of_the_worker(monkeypatch, pages):
    replaying(monkeypatch, pages)
    with pytest.raises(WorkerFailed, match="twice"):
        asyncio.run(docked())


def test_a_listing_without_an_end_is_a_fault_of_the_worker(monkeypatch):
    monkeypatch.setattr("dockd.docking.camera.MAX_FILES", 50)
    pages = [listing(*((f"{page}/{n}", 1) for n in range(20)), more=True, waiting=80) for page in range(4)]
    replaying(monkeypatch, pages)
    with pytest.raises(WorkerFailed, match="more recordings"):
        asyncio.run(docked())
    replaying(monkeypatch, [listing(("a", 1), more=True), listing(more=True)])
    with pytest.raises(WorkerFailed, match="without end"):
        asyncio.run(docked())


async def opened(access):
    camera = DockedCamera(ADMITTED, access, LONG, lambda *_phase: None, DRIVER)
    try:
        await camera.open(())
    finally:
        await camera.kill()


def test_a_camera_that_is_gone_when_it_is_to_be_opened_is_gone():
    access = AnAccess()
    access.present = False
    with pytest.raises(CameraGone):
        asyncio.run(opened(access))


def test_a_camera_is_let_go_before_it_is_opened_to_be_written_and_flushed_and_opened_afresh_before_it_is_listed(
    monkeypatch,
):
    """Nothing that was erased is believed but a listing of what came back from the camera's own medium."""
    log = []
    replies = [[listing(("a", 1))], [packet("let_gone")], [packet("gone_on")], [packet("let_gone")]]
    replaying(monkeypatch, *replies, [packet("gone_on")], [listing()])
    call = WorkerLink.call

    async def noted(link, order, *others, **more):
        log.append(order.__struct_config__.tag)
        return await call(link, order, *others, **more)

    monkeypatch.setattr(WorkerLink, "call", noted)

    async def cleared():
        camera = DockedCamera(ADMITTED, AnAccess(log=log), LONG, lambda *_phase: None, DRIVER)
        try:
            await camera.open(())
            await camera.open_for_clearing()
            await camera.list_again()
        finally:
            await camera.kill()

    asyncio.run(cleared())
    assert log == [
        *("camera", "opened", "camera_here", "asked for"),
        *("let_go", "opened to be written", "go_on"),
        *("let_go", "settled", "opened", "go_on", "list_again", "asked for"),
    ]


def test_nor_does_the_first_listing(monkeypatch):
    """Else all that an interrupted docking had registered would count as cleared."""
    access = AnAccess()
    access.leaves_after_opening = True
    replaying(monkeypatch, [listing()])
    with pytest.raises(CameraGone):
        asyncio.run(opened(access))


def test_a_worker_that_chatters_leaves_the_event_loop_to_others(monkeypatch):
    same = packet("progress", index=0, stage="seal", done=5, proven=0)
    replaying(monkeypatch, [same] * 200 + [listing()])

    async def story():
        turns = 0

        async def other():
            nonlocal turns
            while True:
                turns += 1
                passed = asyncio.Event()
                asyncio.get_running_loop().call_soon(passed.set)
                await passed.wait()

        others = asyncio.create_task(other())
        await call()
        others.cancel()
        return turns

    assert asyncio.run(story()) >= 200


def test_a_listing_of_a_camera_that_is_gone_by_then_means_nothing(monkeypatch):
    """Pulled out, a card lists as empty: as if everything that was to be cleared had been."""
    access = AnAccess()
    replaying(monkeypatch, [listing(("a", 1))], [packet("let_gone")], [packet("gone_on")], [listing()])

    async def listed_again():
        camera = DockedCamera(ADMITTED, access, LONG, lambda *_phase: None, DRIVER)
        try:
            await camera.open(())
            access.leaves_after_opening = True
            await camera.list_again()
        finally:
            await camera.kill()

    with pytest.raises(CameraGone):
        asyncio.run(listed_again())


def test_progress_about_no_recording_of_the_listing_is_not_passed_on(monkeypatch):
    progress = [
        packet("progress", index=index, stage="hash", done=n, proven=0) for n, index in enumerate((7, 0, 2**53 - 1))
    ]
    digest = packet("hashed", index=0, plaintext_sha256="a" * 64)
    replaying(monkeypatch, [listing(("a", 1))], [*progress, digest])
    heard = []

    async def hashed():
        camera = DockedCamera(ADMITTED, AnAccess(), LONG, lambda *phase: heard.append(phase), DRIVER)
        try:
            await camera.open(())
            return await camera.digest(camera.listed.recordings[0])
        finally:
            await camera.kill()

    assert asyncio.run(hashed()) == "a" * 64
    assert [stage for stage, _recording, _done in heard] == ["hash"]

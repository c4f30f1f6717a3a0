"""A real watched root with real events; every wait has a deadline and nothing sleeps."""

import asyncio
import os
import queue
import tracemalloc

import pytest

from dockd.clock import SystemClock
from dockd.detect.folders import Departure, DockTrouble, FolderDock, snapshots
from dockd.detect.snapshot import Snapshot
from dockd.driver import SourceKind
from dockd.errors import CameraGone, DockUnreachable
from dockd.model import Admitted, Arrival, FleetCamera
from dockd.volume import Volume

DEADLINE = 30.0
SOON, NEVER = 0.05, 3600.0
CAMERA = FleetCamera("cam-1", "folder", "police")


class Watch:
    """One dock being watched; `next` waits for what happens."""

    def __init__(self, root, settle=SOON, rescan=SOON):
        self.volume = Volume("dock", DEADLINE, DockUnreachable)
        self.dock = FolderDock(
            "dock",
            root,
            settle_seconds=settle,
            rescan_seconds=rescan,
            clock=SystemClock(),
            volume=self.volume,
            looked=self.looked,
        )
        self.looks = 0
        self.happenings = self.dock.happenings()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_error):
        await self.happenings.aclose()
        self.volume.close()

    def looked(self):
        self.looks += 1

    async def next(self):
        return await asyncio.wait_for(anext(self.happenings), DEADLINE)


def put(root, camera, name="a.mp4", content=b"x"):
    (root / camera).mkdir(exist_ok=True)
    (root / camera / name).write_bytes(content)


def watching(root, story, **times):
    async def run():
        async with Watch(root, **times) as watch:
            await story(watch)

    asyncio.run(run())


def arrival(root, camera):
    return Arrival(f"dock/{camera}", camera, str(root / camera))


def test_a_camera_that_is_there_at_the_start_arrives(tmp_path):
    put(tmp_path, "cam-1")

    async def story(watch):
        assert await watch.next() == arrival(tmp_path, "cam-1")

    watching(tmp_path, story)


def test_an_event_is_enough_when_nobody_looks_by_himself(tmp_path):
    async def story(watch):
        arriving = asyncio.create_task(watch.next())
        while not watch.dock._settling._folders:
            put(tmp_path, "cam-1", content=os.urandom(4))
            await asyncio.wait([arriving], timeout=0.01)
        assert await arriving == arrival(tmp_path, "cam-1")

    watching(tmp_path, story, rescan=NEVER)


def test_what_happens_inside_a_camera_raises_no_event(tmp_path, monkeypatch):
    events = queue.SimpleQueue()
    monkeypatch.setattr("dockd.detect.folders._Hints.on_any_event", lambda _self, event: events.put(event.src_path))

    async def story(watch):
        observer = watch.dock._listen(asyncio.get_running_loop())
        try:
            put(tmp_path, "cam-1")
            put(tmp_path, "cam-1", "b.mp4")
            (tmp_path / "cam-1" / "deep").mkdir()
            (tmp_path / "cam-1" / "a.mp4").unlink()
            put(tmp_path, "cam-2")
            assert [events.get(timeout=DEADLINE) for _camera in range(2)] == [
                str(tmp_path / "cam-1"),
                str(tmp_path / "cam-2"),
            ]
        finally:
            observer.stop()

    watching(tmp_path, story)


def test_an_event_that_waits_to_be_looked_at_makes_further_ones_superfluous(tmp_path):
    async def story(watch):
        calls = []

        class Loop:
            call_soon_threadsafe = staticmethod(calls.append)

        watch.dock._hint(Loop)
        assert len(calls) == 1
        calls[0]()
        watch.dock._hint(Loop)
        assert len(calls) == 1

    watching(tmp_path, story)


def test_a_camera_that_is_taken_away_departs_and_may_come_back(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    put(root, "cam-1")

    async def story(watch):
        await watch.next()
        (root / "cam-1").rename(tmp_path / "pocket")
        assert await watch.next() == Departure("dock/cam-1")
        (tmp_path / "pocket").rename(root / "cam-1")
        assert await watch.next() == arrival(root, "cam-1")

    watching(root, story)


def test_a_camera_that_was_away_for_less_time_than_lies_between_two_looks_departs_and_arrives_again(tmp_path):
    put(tmp_path, "cam-1")
    away = tmp_path.with_name("away")

    async def story(watch):
        found = await watch.next()
        (tmp_path / "cam-1").rename(away)
        with pytest.raises(CameraGone):
            await watch.dock.access(Admitted(found, CAMERA)).open(SourceKind.DIRECTORY, writable=False)
        away.rename(tmp_path / "cam-1")
        watch.dock.over(found.bay)
        assert await watch.next() == Departure("dock/cam-1")
        assert await watch.next() == arrival(tmp_path, "cam-1")

    watching(tmp_path, story)


def test_a_cleared_camera_rests_and_a_new_recording_brings_it_back(tmp_path):
    put(tmp_path, "cam-1", "camera_id.txt")
    put(tmp_path, "cam-1")

    async def story(watch):
        await watch.next()
        (tmp_path / "cam-1" / "a.mp4").unlink()
        watch.dock.over("dock/cam-1")
        put(tmp_path, "cam-2")
        assert await watch.next() == arrival(tmp_path, "cam-2")
        put(tmp_path, "cam-1", "b.mp4")
        assert await watch.next() == arrival(tmp_path, "cam-1")
        watch.dock.over("dock/cam-1")
        watch.dock.again("dock/cam-1")
        assert await watch.next() == arrival(tmp_path, "cam-1")

    watching(tmp_path, story)


def test_a_missing_root_is_trouble_once_and_over_when_it_appears(tmp_path):
    root = tmp_path / "root"

    async def story(watch):
        trouble = await watch.next()
        assert isinstance(trouble, DockTrouble) and isinstance(trouble.error, DockUnreachable)
        root.mkdir()
        put(root, "cam-1")
        assert await watch.next() == DockTrouble("dock", None)
        assert await watch.next() == arrival(root, "cam-1")
        root.rename(tmp_path / "away")
        assert isinstance(await watch.next(), DockTrouble)
        (tmp_path / "away").rename(root)
        # A dock that could not be looked at has not lost its cameras: nothing departs and nothing arrives again.
        assert await watch.next() == DockTrouble("dock", None)
        put(root, "cam-2")
        assert await watch.next() == arrival(root, "cam-2")

    watching(root, story)


def test_any_name_of_a_folder_becomes_a_bay_and_opens(tmp_path):
    name = b"\xff\nodd %41"
    os.mkdir(os.path.join(os.fsencode(tmp_path), name))
    with open(os.path.join(os.fsencode(tmp_path), name, b"a.mp4"), "wb") as file:
        file.write(b"x")

    async def story(watch):
        found = await watch.next()
        assert found.claimed_id == "%FF%0Aodd %2541" and found.bay == f"dock/{found.claimed_id}"
        directory = await watch.dock.access(Admitted(found, CAMERA)).open(SourceKind.DIRECTORY, writable=False)
        assert os.listdir(directory.fileno()) == ["a.mp4"]
        directory.close()

    watching(tmp_path, story)


def test_files_and_links_in_the_root_are_no_cameras(tmp_path):
    (tmp_path / "root").mkdir()
    put(tmp_path, "elsewhere")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "file").write_bytes(b"x")
    os.mkfifo(tmp_path / "root" / "fifo")
    assert snapshots(tmp_path / "root") == {}


def test_a_folder_that_became_a_link_is_not_opened(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    put(root, "cam-1")

    async def story(watch):
        found = await watch.next()
        (root / "cam-1").rename(tmp_path / "pocket")
        (root / "cam-1").symlink_to(tmp_path / "pocket")
        with pytest.raises(CameraGone):
            await watch.dock.access(Admitted(found, CAMERA)).open(SourceKind.DIRECTORY, writable=False)

    watching(root, story)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"longer"),
        lambda path: os.utime(path, ns=(1, 1)),
        lambda path: path.rename(path.with_name("b.mp4")),
        lambda path: path.unlink(),
        lambda path: (path.parent / "deep").mkdir() or (path.parent / "deep" / "c.mp4").write_bytes(b""),
    ],
)
def test_every_change_of_a_name_size_or_time_shows(tmp_path, change):
    put(tmp_path, "cam-1")
    before = snapshots(tmp_path)
    assert snapshots(tmp_path) == before
    change(tmp_path / "cam-1" / "a.mp4")
    assert snapshots(tmp_path) != before


def deep(folder, name=b"d" * 255, depth=20):
    """Make directories so deep that their path is longer than a path may be."""
    fd = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)


def test_one_camera_that_cannot_be_looked_at_does_not_hide_the_others(tmp_path):
    put(tmp_path, "cam-1")
    put(tmp_path, "cam-2")
    deep(tmp_path / "cam-2")
    found = snapshots(tmp_path)
    assert set(found) == {b"cam-1", b"cam-2"}
    assert found[b"cam-1"] and snapshots(tmp_path) == found


def test_directories_count_among_what_is_looked_at_of_one_camera(tmp_path, monkeypatch):
    (tmp_path / "cam-1" / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "cam-1" / "a" / "b" / "c" / "d.mp4").write_bytes(b"x")
    monkeypatch.setattr("dockd.detect.folders.MAX_ENTRIES", 4)
    assert snapshots(tmp_path)[b"cam-1"]
    monkeypatch.setattr("dockd.detect.folders.MAX_ENTRIES", 3)
    assert not snapshots(tmp_path)[b"cam-1"]


def test_looking_at_a_full_camera_takes_a_few_bytes_for_each_file(tmp_path):
    count = 6_000
    (tmp_path / "cam-1" / "DCIM").mkdir(parents=True)
    for n in range(count):
        (tmp_path / "cam-1" / "DCIM" / f"recording-{n}.mp4").touch()
    tracemalloc.start()
    try:
        found = snapshots(tmp_path)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found[b"cam-1"]
    assert held < 10 * count and peak < 30 * count


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_one_camera_that_may_not_be_looked_at_does_not_hide_the_others(tmp_path):
    put(tmp_path, "cam-1")
    put(tmp_path, "cam-2")
    (tmp_path / "cam-2").chmod(0)
    try:
        assert set(snapshots(tmp_path)) == {b"cam-1", b"cam-2"}
        assert snapshots(tmp_path)[b"cam-2"]
    finally:
        (tmp_path / "cam-2").chmod(0o700)


def test_what_is_added_beyond_the_longest_path_the_kernel_takes_is_seen(tmp_path):
    (tmp_path / "cam").mkdir()
    directory = os.open(tmp_path / "cam", os.O_RDONLY | os.O_DIRECTORY)
    for _level in range(16):
        os.mkdir("d" * 255, dir_fd=directory)
        below = os.open("d" * 255, os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory)
        os.close(directory)
        directory = below
    before = snapshots(tmp_path)
    os.close(os.open("a.mp4", os.O_CREAT | os.O_WRONLY, dir_fd=directory))
    os.close(directory)
    assert snapshots(tmp_path) != before
    assert snapshots(tmp_path) == snapshots(tmp_path)


def test_a_look_counts_once_what_it_showed_is_dealt_with(tmp_path):
    put(tmp_path, "cam-1")

    async def story(watch):
        await watch.next()
        before = watch.looks
        (tmp_path / "cam-1").rename(tmp_path.with_name("pocket"))
        await watch.next()
        assert watch.looks > before

    watching(tmp_path, story)


def test_a_dock_that_cannot_be_looked_at_was_looked_at_all_the_same(tmp_path):
    async def story(watch):
        assert isinstance(await watch.next(), DockTrouble)
        (tmp_path / "later").mkdir()
        await watch.next()
        assert watch.looks > 0

    watching(tmp_path / "later", story)


def test_a_folder_that_is_not_regarded_is_seen_and_not_walked(tmp_path):
    (tmp_path / "cam").mkdir()
    (tmp_path / "cam" / "a.mp4").write_bytes(b"x")
    (tmp_path / "other").mkdir()
    assert snapshots(tmp_path, {b"cam", b"elsewhere"}) == {b"cam": None, b"other": Snapshot()}

"""A camera pulled out in the middle of a recording goes on where it was, if it still holds what was read of it."""

import errno
import os
import random
from pathlib import Path

import pytest

from dockd.docking.messages import CameraHere, File, LetGo, LetGone, Listing, ProvenMessage, Trouble
from dockd.docking.works import BLOCK, SLOT
from dockd.errors import CameraGone
from dockd.seal import stream
from dockd.seal.stream import CHUNK
from dockd.testing.fake_camera import FakeCamera, FakeSession
from tests.docking.bench import Bench, a_worker, nameless, unsealed

FILE = b"a.mp4"


class Loose:
    """A contact that breaks after so many bytes, once it is told to, and counts what came through it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
        self.camera = FakeCamera()
        self.camera.put(FILE, content)
        self.left: int | None = None
        self.read = 0
        real = FakeSession._read_into

        def read_into(session, recording, offset, into):
            if self.left is not None:
                if not self.left:
                    raise CameraGone("pulled out")
                into = into[: self.left]
            got = real(session, recording, offset, into)
            self.read += got
            if self.left is not None:
                self.left -= got
            return got

        monkeypatch.setattr(FakeSession, "_read_into", read_into)


def begun(bench: Bench, fd: int) -> Trouble:
    index = bench.index(bench.open(), FILE)
    report = bench.ingest(index, fd, trail=SLOT)
    assert isinstance(report, Trouble) and report.code == "camera.gone"
    return report


def put_back(bench: Bench) -> None:
    assert bench.ask(LetGo()) == LetGone()
    directory = os.open("/", os.O_RDONLY)
    assert isinstance(bench.ask(CameraHere(), directory), Listing)
    os.close(directory)


def go_on(bench: Bench) -> ProvenMessage | Trouble:
    report = bench.ask(File(index=0, salvage=False, trail=SLOT))
    assert isinstance(report, ProvenMessage | Trouble), (report, bench.ended)
    return report


@pytest.fixture
def sealed_once(monkeypatch):
    """Notes under which key which index is sealed, and fails at the second time."""
    real, seen = stream.PayloadKey.seal_into, set()

    def seal_into(key, chunk, last, out):
        assert (key, key._next) not in seen
        seen.add((key, key._next))
        real(key, chunk, last, out)

    monkeypatch.setattr(stream.PayloadKey, "seal_into", seal_into)
    return seen


def test_a_hundred_interruptions_end_in_one_object_and_little_is_read_twice(tmp_path, monkeypatch, sealed_once):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    content = rng.randbytes(24 * BLOCK + 12_345)
    loose = Loose(monkeypatch, content)
    with a_worker(loose.camera) as bench:
        fd = nameless(tmp_path)
        loose.left = 5 * BLOCK
        begun(bench, fd)
        for _interruption in range(99):
            before = loose.read
            put_back(bench)
            # What is looked at again comes first, and something new after it, or a broken contact would go on for ever.
            loose.left = rng.randrange(BLOCK, BLOCK + BLOCK // 4)
            assert isinstance(go_on(bench), Trouble)
            assert loose.read - before <= BLOCK + BLOCK // 4
        loose.left = None
        put_back(bench)
        proven = go_on(bench)
        assert isinstance(proven, ProvenMessage) and unsealed(fd) == content
        assert loose.read - len(content) <= 100 * BLOCK
        assert len({key for key, _index in sealed_once}) == 1
        os.close(fd)


def test_what_changed_meanwhile_is_begun_anew_under_another_key(tmp_path, monkeypatch, sealed_once):
    loose = Loose(monkeypatch, os.urandom(6 * BLOCK))
    with a_worker(loose.camera) as bench:
        fd = nameless(tmp_path)
        loose.left = 3 * BLOCK + CHUNK + 7
        begun(bench, fd)
        loose.left = None
        kept = loose.camera.recordings[FILE]
        kept.content = kept.content[: 5 * BLOCK // 2] + os.urandom(7 * BLOCK // 2)
        put_back(bench)
        assert isinstance(go_on(bench), ProvenMessage)
        assert unsealed(fd) == kept.content
        assert len({key for key, _index in sealed_once}) == 2
        os.close(fd)


def test_a_worker_goes_on_only_with_what_broke_off_there(tmp_path, monkeypatch):
    loose = Loose(monkeypatch, os.urandom(3 * BLOCK))
    with a_worker(loose.camera) as bench:
        bench.open()
        assert bench.ask(File(index=0, salvage=False, trail=0)) is None
    with a_worker(loose.camera) as bench:
        fd = nameless(tmp_path)
        loose.left = 2 * BLOCK
        begun(bench, fd)
        loose.left = None
        loose.camera.put(FILE, os.urandom(2 * BLOCK))
        put_back(bench)
        assert bench.ask(File(index=0, salvage=False, trail=0)) is None
        os.close(fd)


def test_what_broke_off_is_forgotten_once_another_is_begun(tmp_path, monkeypatch):
    loose = Loose(monkeypatch, os.urandom(3 * BLOCK))
    with a_worker(loose.camera) as bench:
        first, second = nameless(tmp_path), nameless(tmp_path)
        loose.left = 2 * BLOCK
        begun(bench, first)
        loose.left = None
        put_back(bench)
        assert isinstance(bench.ingest(0, second), ProvenMessage)
        assert unsealed(second) == loose.camera.recordings[FILE].content
        assert bench.ask(File(index=0, salvage=False, trail=0)) is None
        os.close(first)
        os.close(second)


def test_another_camera_that_is_put_in_instead_is_no_camera_to_go_on_with(tmp_path, monkeypatch):
    loose = Loose(monkeypatch, os.urandom(3 * BLOCK))
    with a_worker(loose.camera) as bench:
        fd = nameless(tmp_path)
        loose.left = 2 * BLOCK
        begun(bench, fd)
        loose.camera.identity = "cam-2"
        assert bench.ask(LetGo()) == LetGone()
        directory = os.open("/", os.O_RDONLY)
        report = bench.ask(CameraHere(), directory)
        assert isinstance(report, Trouble) and report.code == "camera.identity"
        os.close(directory)
        os.close(fd)


def test_a_check_that_was_cut_short_by_the_pull_is_made_again(tmp_path, monkeypatch):
    clip = (Path(__file__).parents[1] / "media" / "moov-first.mp4").read_bytes()
    loose = Loose(monkeypatch, clip)
    with a_worker(loose.camera) as bench:
        fd = nameless(tmp_path)
        loose.left = 20
        begun(bench, fd)
        loose.left = None
        put_back(bench)
        proven = go_on(bench)
        assert isinstance(proven, ProvenMessage) and proven.mp4.verdict == "ok"
        os.close(fd)


def test_a_camera_that_does_not_say_how_full_it_is_is_read_all_the_same(tmp_path, monkeypatch):
    def fullness(_session):
        raise OSError(errno.EIO, "a bad sector in the FAT")

    monkeypatch.setattr(FakeSession, "_fullness", fullness, raising=False)
    camera = FakeCamera()
    camera.put(FILE, b"content")
    with a_worker(camera) as bench:
        fd = nameless(tmp_path)
        listing = bench.open()
        assert isinstance(listing, Listing) and listing.fullness is None
        assert isinstance(bench.ingest(bench.index(listing, FILE), fd), ProvenMessage)
        os.close(fd)


@pytest.mark.parametrize("salvage", [False, True])
def test_of_what_failed_only_what_can_go_on_keeps_its_file_open(tmp_path, monkeypatch, salvage):
    loose = Loose(monkeypatch, os.urandom(3 * BLOCK))
    with a_worker(loose.camera) as bench:
        fd = nameless(tmp_path)
        loose.left = 2 * BLOCK
        index = bench.index(bench.open(), FILE)
        assert isinstance(bench.ingest(index, fd, salvage=salvage), Trouble)
        inode = os.fstat(fd).st_ino
        os.close(fd)
        here = [os.stat(each).st_ino for each in Path("/proc/self/fd").iterdir() if each.exists()]
        assert (inode in here) != salvage

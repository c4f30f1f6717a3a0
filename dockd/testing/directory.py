"""What every driver must keep whose camera is a directory, on a directory of this machine."""

import errno
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockd.driver import DirectorySource, Session, directory
from dockd.driver.directory import MAX_DEPTH
from dockd.errors import CameraBusy, CameraDenied, CameraGone, CameraMedia, CameraProtocol, DriverError
from dockd.model import Recording
from dockd.testing.contract import CONTENT, FIRST, SECOND, DriverContract, Scene, gone_on, listed_by, read_whole

_seconds = itertools.count(1_790_000_000)


class DirectoryScene(Scene):
    """Only one source is open at a time: what goes on with an earlier one fails."""

    def __init__(self, root: Path) -> None:
        self.root = os.fsencode(root)
        os.mkdir(self.root)
        self.source = DirectorySource(os.open(self.root, os.O_RDONLY | os.O_DIRECTORY))

    def mounted_anew(self) -> DirectorySource:
        earlier, self.source = self.source, DirectorySource(os.open(self.root, os.O_RDONLY | os.O_DIRECTORY))
        os.close(earlier.fd)
        return self.source

    def at(self, path: bytes) -> bytes:
        return os.path.join(self.root, path)

    def put(self, path: bytes, content: bytes) -> None:
        os.makedirs(os.path.dirname(self.at(path)), exist_ok=True)
        with open(self.at(path), "wb") as file:
            file.write(content)
        # Without it, two files that are written within one tick of the kernel would have one mtime.
        os.utime(self.at(path), (now := next(_seconds), now))

    def remove(self, path: bytes) -> None:
        os.unlink(self.at(path))

    def resize(self, path: bytes, size: int) -> None:
        os.truncate(self.at(path), size)

    def holds(self) -> set[bytes]:
        found = (os.path.join(folder, name) for folder, _dirs, names in os.walk(self.root) for name in names)
        return {os.path.relpath(path, self.root) for path in found if path.endswith(b".mp4")}

    def open_descriptors(self) -> int:
        """How many descriptors of this process are the camera's directory, or below it."""
        return sum(os.fsencode(link).startswith(self.root) for link in _targets())

    def close(self) -> None:
        os.close(self.source.fd)


def _targets() -> Iterator[str]:
    for link in Path("/proc/self/fd").iterdir():
        try:
            yield os.readlink(link)
        except FileNotFoundError:
            continue  # the descriptor with which this directory was read


class DirectoryContract(DriverContract):
    """Inherit it, and define the fixture `scene`, which gives a `DirectoryScene`."""

    def test_a_camera_that_was_let_go_is_held_by_no_descriptor_but_the_callers(
        self, filled: DirectoryScene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        walk = session.list()
        next(walk)
        read_whole(session, listed[FIRST])
        assert filled.open_descriptors() > 1
        session.let_go()
        assert filled.open_descriptors() == 1

    def test_letting_go_flushes_the_filesystem_of_what_was_cleared(
        self, filled: DirectoryScene, session: Session, listed: dict[bytes, Recording], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        flushed = []
        monkeypatch.setattr(
            directory, "flush_filesystem", lambda fd: flushed.append(os.readlink(f"/proc/self/fd/{fd}"))
        )
        read_whole(session, listed[FIRST])
        gone_on(filled, session)
        assert flushed == []
        session.clear(listed[FIRST])
        session.let_go()
        assert flushed == [os.fsdecode(filled.root)]
        session.go_on(filled.mounted_anew())
        session.let_go()
        assert len(flushed) == 1

    @pytest.mark.parametrize(
        ("number", "kind"),
        [
            (errno.EIO, CameraMedia),
            (errno.EROFS, CameraDenied),
            (errno.ENODEV, CameraGone),
            (errno.ENODATA, CameraMedia),
        ],
    )
    def test_what_could_not_be_flushed_is_the_end_of_the_session(
        self,
        filled: DirectoryScene,
        session: Session,
        listed: dict[bytes, Recording],
        monkeypatch: pytest.MonkeyPatch,
        number: int,
        kind: type[DriverError],
    ) -> None:
        def fails(_fd: int) -> None:
            raise OSError(number, os.strerror(number))

        read_whole(session, listed[FIRST])
        session.clear(listed[FIRST])
        with monkeypatch.context() as broken:
            broken.setattr(directory, "flush_filesystem", fails)
            with pytest.raises(kind):
                session.let_go()
        assert filled.open_descriptors() == 1
        for again in (session.let_go, lambda: session.go_on(filled.mounted_anew()), lambda: listed_by(session)):
            with pytest.raises(DriverError):
                again()
        session.close()

    def test_after_a_directory_could_not_be_flushed_nothing_is_cleared_or_called_durable(
        self, filled: DirectoryScene, session: Session, listed: dict[bytes, Recording], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(_fd: int) -> None:
            raise OSError(errno.EIO, "x")

        read_whole(session, listed[FIRST])
        read_whole(session, listed[SECOND])
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", fails)
            with pytest.raises(CameraMedia):
                session.clear(listed[FIRST])
        with pytest.raises(CameraMedia):
            session.clear(listed[SECOND])
        assert SECOND in filled.holds()
        for _time in range(2):
            with pytest.raises(CameraMedia):
                session.let_go()

    def test_a_walk_is_bounded_also_where_there_are_only_directories(
        self, scene: DirectoryScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(directory, "MAX_FILES", 50)
        for n in range(10):
            os.makedirs(scene.at(b"%d/1/2/3" % n))
        session = scene.open()
        assert listed_by(session) == []
        for n in range(10):
            os.makedirs(scene.at(b"%d/1/2/3/4" % n))
        os.mkdir(scene.at(b"one more"))
        with pytest.raises(CameraProtocol, match="50"):
            listed_by(session)
        session.close()

    @pytest.mark.parametrize(("depth", "fine"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False), (200, False)])
    def test_a_tree_beyond_the_cap_is_refused_whole(self, scene: DirectoryScene, depth: int, fine: bool) -> None:
        scene.put(b"/".join([b"d"] * depth) + b"/a.mp4", b"x")
        session = scene.open()
        if fine:
            assert len(listed_by(session)) == 1
        else:
            with pytest.raises(CameraProtocol):
                listed_by(session)
        session.close()

    def test_a_listing_does_not_depend_on_where_others_left_the_descriptor(
        self, filled: DirectoryScene, session: Session
    ) -> None:
        filled.put(b"a.mp4", CONTENT)
        with os.scandir(filled.source.fd) as shared:
            next(shared)
            assert len(listed_by(session)) == 4

    @pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
    def test_a_recording_that_turns_into_something_else_is_neither_read_nor_cleared(
        self, scene: DirectoryScene, tmp_path: Path, kind: str
    ) -> None:
        (tmp_path / "outside").write_bytes(CONTENT)
        session = scene.open()
        for read_first in (False, True):
            scene.put(FIRST, CONTENT)
            [recording] = listed_by(session)
            if read_first:
                assert read_whole(session, recording) == CONTENT
            os.unlink(scene.at(FIRST))
            {"link": lambda p: os.symlink(tmp_path / "outside", p), "fifo": os.mkfifo, "directory": os.mkdir}[kind](
                scene.at(FIRST)
            )
            with pytest.raises(DriverError):
                session.clear(recording)
            with pytest.raises(DriverError):
                session.close()
                read_whole(session, recording)
            assert os.path.lexists(scene.at(FIRST))
            os.rmdir(scene.at(FIRST)) if kind == "directory" else os.unlink(scene.at(FIRST))
        session.close()
        assert (tmp_path / "outside").read_bytes() == CONTENT

    def test_a_directory_that_turns_into_a_link_is_not_followed(self, scene: DirectoryScene, tmp_path: Path) -> None:
        scene.put(b"DCIM/a.mp4", CONTENT)
        session = scene.open()
        [recording] = listed_by(session)
        read_whole(session, recording)
        os.rename(scene.at(b"DCIM"), tmp_path / "elsewhere")
        os.symlink(tmp_path / "elsewhere", scene.at(b"DCIM"))
        with pytest.raises(DriverError):
            session.clear(recording)
        session.close()
        assert (tmp_path / "elsewhere" / "a.mp4").exists()

    def test_a_camera_that_goes_away_is_gone_or_empty_but_never_an_error_of_ours(self, scene: DirectoryScene) -> None:
        scene.put(FIRST, CONTENT)
        session = scene.open()
        [recording] = listed_by(session)
        for folder, dirs, names in os.walk(scene.root, topdown=False):
            for name in names:
                os.unlink(os.path.join(folder, name))
            for name in dirs:
                os.rmdir(os.path.join(folder, name))
        os.rmdir(scene.root)
        with pytest.raises(CameraGone):
            read_whole(session, recording)
        session.close()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_recording_that_may_not_be_read_is_denied(self, scene: DirectoryScene) -> None:
        scene.put(FIRST, CONTENT)
        os.chmod(scene.at(FIRST), 0)
        session = scene.open()
        [recording] = listed_by(session)
        with pytest.raises(CameraDenied):
            read_whole(session, recording)
        session.close()

    def test_two_readings_are_of_the_same_recording_or_the_second_is_busy(self, scene: DirectoryScene) -> None:
        scene.put(FIRST, CONTENT)
        scene.put(SECOND, CONTENT)
        session = scene.open()
        [recording, other] = listed_by(session)
        read_whole(session, recording)
        read_whole(session, other)
        scene.put(FIRST, CONTENT[::-1])
        with pytest.raises(CameraBusy):
            read_whole(session, recording)
        session.close()

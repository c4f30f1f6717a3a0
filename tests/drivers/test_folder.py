import os
import socket

import pytest

from dockd.driver.directory import flush_filesystem
from dockd.errors import CameraBusy, CameraGone, CameraProtocol, DriverError
from dockd.testing.contract import CONTENT, FIRST, listed_by, others_of, read_whole
from dockd.testing.directory import DirectoryContract, DirectoryScene
from drivers.folder import IDENTITY_FILE, FolderDriver


class FolderScene(DirectoryScene):
    identity = "cam-1"
    driver = FolderDriver

    def __init__(self, root):
        super().__init__(root)
        with open(self.at(IDENTITY_FILE.encode()), "wb") as file:
            file.write(b"cam-1\n")


@pytest.fixture
def scene(tmp_path):
    scene = FolderScene(tmp_path / "camera")
    yield scene
    scene.close()


def listed(session):
    return {recording.path.raw: recording for recording in listed_by(session)}


class TestFolder(DirectoryContract):
    @pytest.fixture
    def scene(self, scene):
        return scene


NAMES = [
    b"\xff\xfe\x80.mp4",
    b"two\nlines.mp4",
    b"tab\tand\x01control.mp4",
    b"x" * 251 + b".mp4",
    b"-rf.mp4",
    b"..mp4",
    b"...mp4",
    b".mp4",
    b"a\\..\\..\\b.mp4",
    b"%2e%2e.mp4",
    b"CAPITAL.MP4",
    " nbsp\u202eright-to-left.mp4".encode(),
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_listed_read_and_cleared(scene, session, name):
    scene.put(name, b"content")
    scene.put(b"DCIM/" + name, b"content 2")
    found = listed(session)
    assert set(found) == {name, b"DCIM/" + name}
    assert read_whole(session, found[name]) == b"content"
    session.clear(found[name])
    assert os.path.exists(scene.at(b"DCIM/" + name)) and not os.path.exists(scene.at(name))


def test_a_recording_beyond_four_gib_is_read_at_its_ends(scene, session):
    size = 5 * 2**30 + 3
    scene.put(FIRST, b"begin")
    scene.resize(FIRST, size)
    with open(scene.at(FIRST), "r+b") as file:
        file.seek(size - 3)
        file.write(b"end")
    [recording] = listed_by(session)
    assert recording.size == size
    assert session.read_at(recording, 0, 5) == b"begin"
    assert session.read_at(recording, size - 5, 100) == b"\0\0end"
    assert session.read_at(recording, 2**32 + 1, 2) == b"\0\0"


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "directory", "socket"])
def test_what_only_looks_like_a_recording_is_reported_as_other_and_never_opened(scene, session, tmp_path, kind):
    path = scene.at(b"x.mp4")
    (tmp_path / "outside.mp4").write_bytes(b"secret of the dock")
    if kind == "link":
        os.symlink(tmp_path / "outside.mp4", path)
    elif kind == "dangling":
        os.symlink("nowhere", path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        os.mkdir(path)
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            here = os.open(scene.root, os.O_RDONLY)
            listener.bind(f"/proc/self/fd/{here}/x.mp4".encode())
            os.close(here)
    assert listed_by(session) == []
    assert others_of(session) == ([] if kind == "directory" else [b"x.mp4"])


def test_a_linked_directory_is_not_entered_and_not_cleared_through(scene, session, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.mp4").write_bytes(CONTENT)
    os.symlink(tmp_path / "elsewhere", scene.at(b"DCIM"))
    assert listed_by(session) == []
    assert others_of(session) == [b"DCIM"]


def test_a_replaced_file_of_equal_size_and_mtime_is_busy(scene, session):
    scene.put(FIRST, CONTENT)
    [recording] = listed_by(session)
    read_whole(session, recording)
    os.rename(scene.at(FIRST), scene.at(b"old"))
    scene.put(FIRST, CONTENT)
    os.utime(scene.at(FIRST), ns=(recording.mtime_ns, recording.mtime_ns))
    with pytest.raises(CameraBusy):
        session.clear(recording)
    assert scene.holds() == {FIRST}


def test_a_camera_that_went_away_states_no_identity(scene, session):
    os.unlink(scene.at(IDENTITY_FILE.encode()))
    os.rmdir(scene.root)
    with pytest.raises(CameraGone):
        session.identify()


def test_two_readings_are_of_the_same_file_or_the_second_is_busy(scene, session):
    scene.put(FIRST, CONTENT)
    scene.put(b"other.mp4", CONTENT)
    [recording, other] = listed_by(session)
    read_whole(session, recording)
    read_whole(session, other)
    scene.put(FIRST, CONTENT[::-1])
    os.utime(scene.at(FIRST), ns=(recording.mtime_ns, recording.mtime_ns))
    with pytest.raises(CameraBusy):
        read_whole(session, recording)


def test_bytes_changed_in_place_with_the_mtime_put_back_are_busy(scene, session):
    scene.put(FIRST, CONTENT)
    [recording] = listed_by(session)
    session.read_at(recording, 0, 10)
    with open(scene.at(FIRST), "r+b") as file:
        file.write(b"changed")
    os.utime(scene.at(FIRST), ns=(recording.mtime_ns, recording.mtime_ns))
    with pytest.raises(CameraBusy):
        session.read_at(recording, 10, 10)


@pytest.mark.parametrize("option", ["other.txt", "sub/id.txt"])
def test_the_identity_file_is_configurable_and_is_no_other_file(scene, option):
    scene.put(option.encode(), b"cam-9\r\nmore")
    os.unlink(scene.at(IDENTITY_FILE.encode()))
    session = FolderDriver({"identity_file": option}).open(scene.source)
    assert session.identify() == "cam-9"
    assert others_of(session) == []
    session.close()


@pytest.mark.parametrize("option", ["../outside.txt", "/etc/hostname", "", ".", "..", "a\0b"])
def test_an_identity_file_outside_the_camera_is_refused(scene, tmp_path, option):
    (tmp_path / "outside.txt").write_text("cam-1")
    with pytest.raises(DriverError):
        FolderDriver({"identity_file": option}).open(scene.source).identify()


@pytest.mark.parametrize("content", [b"", b"\n", b"   ", b"\xff\xfe", b"a\tb", b"x" * 65, b"\0", b"\ncam-1"])
def test_an_identity_that_is_no_plain_name_is_refused(scene, session, content):
    scene.put(IDENTITY_FILE.encode(), content)
    with pytest.raises(CameraProtocol):
        session.identify()


@pytest.mark.parametrize("kind", ["link", "fifo", "directory", "missing", "ten megabytes"])
def test_an_identity_file_that_is_none_is_refused_and_does_not_hang(scene, session, tmp_path, kind):
    path = scene.at(IDENTITY_FILE.encode())
    os.unlink(path)
    (tmp_path / "outside").write_text("cam-1")
    if kind == "link":
        os.symlink(tmp_path / "outside", path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "ten megabytes":
        scene.put(IDENTITY_FILE.encode(), b"x" * 10_000_000)
    with pytest.raises(DriverError):
        session.identify()


@pytest.mark.parametrize("seconds", [-(2**31), 2**33 + 2**32])
def test_a_recording_from_another_age_is_a_recording(scene, session, seconds):
    scene.put(FIRST, CONTENT)
    os.utime(scene.at(FIRST), (seconds, seconds))
    kept = os.stat(scene.at(FIRST)).st_mtime_ns
    [recording] = listed_by(session)
    assert recording.mtime_ns == kept
    assert read_whole(session, recording) == CONTENT


def test_the_flush_of_a_filesystem_reports_what_the_kernel_says(scene):
    flush_filesystem(scene.source.fd)
    path_only = os.open(scene.root, os.O_PATH)
    with pytest.raises(OSError, match="Bad file descriptor"):
        flush_filesystem(path_only)
    os.close(path_only)

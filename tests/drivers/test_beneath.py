"""Opening beneath a directory and nowhere else, by openat2(2) and, where a unit may not call it, name by name."""

import os
import shutil
import subprocess
import sys

import pytest

from dockd.driver.directory import open_beneath, walk_beneath

FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
DIRECTORY = FILE | os.O_DIRECTORY


@pytest.fixture(params=[open_beneath, walk_beneath])
def beneath(request):
    return request.param


@pytest.fixture
def root(tmp_path):
    """A camera that tries what it can: links to files and folders, inside and outside, absolute and relative."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    camera = tmp_path / "camera"
    (camera / "DCIM" / "100").mkdir(parents=True)
    (camera / "DCIM" / "100" / "a.mp4").write_bytes(b"film")
    (camera / "DCIM" / "100" / "link.mp4").symlink_to("a.mp4")
    (camera / "DCIM" / "out.mp4").symlink_to(tmp_path / "outside" / "secret")
    (camera / "out").symlink_to("../outside")
    (camera / "in").symlink_to("DCIM")
    fd = os.open(camera, DIRECTORY)
    yield fd
    os.close(fd)


def read(fd):
    try:
        return os.read(fd, 100)
    finally:
        os.close(fd)


@pytest.mark.parametrize("path", [b"DCIM/100/a.mp4", b"./DCIM//100/./a.mp4"])
def test_a_file_opens_by_its_path(beneath, root, path):
    assert read(beneath(root, path, FILE)) == b"film"


@pytest.mark.parametrize("path", [b".", b"DCIM", b"DCIM/100/"])
def test_a_directory_opens_and_can_be_listed(beneath, root, path):
    fd = beneath(root, path, DIRECTORY)
    assert os.listdir(fd)
    os.close(fd)


@pytest.mark.parametrize(
    "path",
    [
        b"../outside/secret",
        b"DCIM/../../outside/secret",
        b"DCIM/../DCIM/../../outside/secret",
        b"..",
        b"/etc/passwd",
        b"out/secret",
        b"in/100/a.mp4",
        b"DCIM/100/link.mp4",
        b"DCIM/out.mp4",
        b"DCIM/100/a.mp4/",
        b"DCIM/100/a.mp4/x",
        b"nothing",
        b"",
    ],
)
def test_nothing_else_opens_and_no_descriptor_is_left_open(beneath, root, path):
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError):
        os.close(beneath(root, path, FILE))
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_is_mounted_below_does_not_open(beneath, root):
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount")
    place = os.readlink(f"/proc/self/fd/{root}") + "/DCIM/100"
    if subprocess.run(["mount", "-t", "tmpfs", "none", place], capture_output=True).returncode:
        pytest.skip("this system lets nobody mount")
    try:
        for path in (b"DCIM/100", b"DCIM/100/a.mp4"):
            with pytest.raises(OSError):
                os.close(beneath(root, path, FILE))
    finally:
        subprocess.run(["umount", place], check=True)


# seccomp takes openat2 away in this process, as systemd does, with ENOSYS.
WITHOUT_OPENAT2 = """
import ctypes, os, struct, sys
from dockd.driver.directory import open_beneath
LOAD, JUMP_IF, GIVE = 0x20, 0x15, 0x06
ALLOW, ENOSYS = 0x7FFF0000, 0x00050000 | 38
program = b"".join(struct.pack("HBBI", *each) for each in (
    (LOAD, 0, 0, 0), (JUMP_IF, 0, 1, 437), (GIVE, 0, 0, ENOSYS), (GIVE, 0, 0, ALLOW)))
code = ctypes.create_string_buffer(program)
filters = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(code)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, filters, 0, 0) == 0
root = os.open(sys.argv[1], os.O_RDONLY)
print(os.read(open_beneath(root, b"DCIM/100/a.mp4", os.O_RDONLY), 100))
try:
    open_beneath(root, b"out/secret", os.O_RDONLY)
except OSError as error:
    print(error.errno)
"""


def test_a_process_that_may_not_call_openat2_opens_the_same_and_refuses_the_same(root):
    place = os.readlink(f"/proc/self/fd/{root}")
    done = subprocess.run([sys.executable, "-c", WITHOUT_OPENAT2, place], capture_output=True, text=True)
    assert done.stdout.splitlines()[0] == "b'film'", done.stderr
    assert done.stdout.splitlines()[1] != "38"

"""Whatever tree a camera holds, the folder driver says what an independent walk says, and touches nothing else.

`DOCKD_EXAMPLES=10000` tries more trees than a run of every day does.
"""

import os
import shutil
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import example, given, note, settings
from hypothesis import strategies as st

from dockd.driver import DirectorySource, Other, Session
from dockd.driver.directory import MAX_DEPTH
from dockd.errors import DriverError
from dockd.model import Recording
from drivers.folder import IDENTITY_FILE, FolderDriver

EXAMPLES = int(os.environ.get("DOCKD_EXAMPLES", "200"))
# Memory is quicker than a disk; where there is none, any directory does.
ROOM = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None
SECRET = b"what lies beside the camera and is not the camera's"

MAX_PATH = 4096
"""Longest path that a driver may list; the kernel opens none of this length, only shorter ones (PATH_MAX)."""
FAR = 2**63

Facts = tuple[int, int]
"""Size in bytes and mtime in nanoseconds."""


@dataclass(frozen=True)
class File:
    size: int
    mtime_ns: int

    @property
    def content(self) -> bytes:
        return bytes((self.size + place) % 251 for place in range(self.size))


@dataclass(frozen=True)
class Special:
    """What is neither file nor directory: a link with its target, a FIFO or a device."""

    kind: str
    target: bytes = b""


@dataclass(frozen=True)
class Folder:
    entries: "dict[bytes, File | Special | Folder]" = field(default_factory=dict)


Node = File | Special | Folder

NAMES = st.sampled_from(
    [
        b"a.mp4",
        b"A.MP4",
        b"a.Mp4",
        b".mp4",
        b"..mp4",
        b"...",
        b"mp4",
        b"a.mp4 ",
        b"a.mp4\n",
        b"x" * 251 + b".mp4",
        b"\xff" * 255,
        IDENTITY_FILE.encode(),
        IDENTITY_FILE.upper().encode(),
        "\u202e4pm.mp4".encode(),
    ]
)
ANY_NAME = st.binary(min_size=1, max_size=20).map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_"))
SUFFIX = st.sampled_from([b"", b".mp4", b".MP4"])
A_NAME = (NAMES | st.builds(bytes.__add__, ANY_NAME, SUFFIX)).filter(lambda name: name not in (b".", b".."))
LINKED = st.sampled_from(
    [b"nowhere", b".", b"..", b"/", b"a.mp4", b"../outside", b"../outside/secret.mp4", b"/proc/self/root", b"x" * 4000]
)
TIMES = st.integers(-(2**62), 2**62) | st.sampled_from([0, 1, -1, 2**31 * 10**9, FAR, FAR + 1, -FAR])
LEAVES = (
    st.builds(File, st.sampled_from([0, 1, 4096]) | st.integers(0, 300), TIMES)
    | st.builds(Special, st.just("link"), LINKED)
    | st.builds(Special, st.sampled_from(["fifo", "device"]))
)


def folders(nodes: "st.SearchStrategy[Node]") -> "st.SearchStrategy[Folder]":
    return st.builds(Folder, st.dictionaries(A_NAME, nodes, max_size=6))


def deep(inside: "st.SearchStrategy[Folder]") -> "st.SearchStrategy[Folder]":
    """Put a tree at the end of a row of directories, some of them beyond what a driver or the kernel follows."""

    def below(folder: Folder, name: bytes, depth: int) -> Folder:
        for _level in range(depth):
            folder = Folder({name: folder})
        return folder

    return st.builds(below, inside, A_NAME, st.integers(MAX_DEPTH - 3, MAX_DEPTH + 3))


WIDE = folders(st.recursive(LEAVES, folders, max_leaves=12))
TREES = WIDE | folders(LEAVES | deep(WIDE))


def build(directory: int, folder: Folder) -> None:
    for name, node in folder.entries.items():
        match node:
            case Folder():
                os.mkdir(name, dir_fd=directory)
                child = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory)
                build(child, node)
                os.close(child)
            case File():
                fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
                os.write(fd, node.content)
                os.close(fd)
                os.utime(name, ns=(node.mtime_ns, node.mtime_ns), dir_fd=directory, follow_symlinks=False)
            case Special("link"):
                os.symlink(node.target, name, dir_fd=directory)
            case Special(kind):
                _make_special(directory, name, kind)


def _make_special(directory: int, name: bytes, kind: str) -> None:
    if kind == "device":
        try:
            os.mknod(name, stat.S_IFCHR | 0o600, os.makedev(1, 5), dir_fd=directory)
            return
        except PermissionError:
            pass  # only root makes devices; a FIFO is as little a file
    os.mkfifo(name, dir_fd=directory)


@dataclass
class Seen:
    """A tree as the kernel shows it, looked at without the driver."""

    recordings: dict[bytes, Facts] = field(default_factory=dict)
    others: set[bytes] = field(default_factory=set)
    too_deep: bool = False

    @property
    def acceptable(self) -> bool:
        """Whether a driver may list it at all: beyond these bounds it refuses the whole, rather than leave out."""
        paths = self.recordings.keys() | self.others
        return not self.too_deep and all(len(path) <= MAX_PATH for path in paths)


def look(root: int) -> Seen:
    seen = Seen()
    for folder, folder_names, names, directory in os.fwalk(b".", dir_fd=root):
        inside = folder.removeprefix(b".").removeprefix(b"/")
        if inside.count(b"/") + bool(inside) > MAX_DEPTH:
            seen.too_deep = True
        for name in folder_names + names:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            path = os.path.join(inside, name)
            if stat.S_ISREG(status.st_mode) and name[-4:].lower() == b".mp4":
                seen.recordings[path] = (status.st_size, status.st_mtime_ns)
            elif not stat.S_ISDIR(status.st_mode) and path != IDENTITY_FILE.encode():
                seen.others.add(path)
    return seen


def listing(session: Session) -> tuple[list[Recording], list[bytes]]:
    """Give the recordings and the paths of the files left alone, as the driver gives them."""
    found = list(session.list())
    recordings = [each for each in found if isinstance(each, Recording)]
    return recordings, [each.path.raw for each in found if isinstance(each, Other)]


@contextmanager
def camera(tree: Folder) -> Iterator[tuple[int, Path]]:
    """Lay a tree out on a disk; gives the camera's descriptor and what lies beside it."""
    folder = Path(tempfile.mkdtemp(dir=ROOM))
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secret.mp4").write_bytes(SECRET)
    (folder / "camera").mkdir()
    root = os.open(folder / "camera", os.O_RDONLY | os.O_DIRECTORY)
    try:
        build(root, tree)
        yield root, outside
    finally:
        os.close(root)
        shutil.rmtree(folder)


def row(depth: int, name: bytes, leaf: Node) -> Folder:
    folder = Folder({b"a.mp4": leaf})
    for _level in range(depth):
        folder = Folder({name: folder})
    return folder


@settings(max_examples=EXAMPLES)
@given(TREES)
@example(row(MAX_DEPTH, b"d", File(1, 0)))
@example(row(MAX_DEPTH + 1, b"d", File(1, 0)))
@example(row(MAX_DEPTH - 1, b"x" * 255, File(1, 0)))
@example(row(MAX_DEPTH, b"x" * 255, File(1, 0)))
@example(row(200, b"d", Special("fifo")))
@example(Folder({b"a.mp4": File(1, FAR + 1)}))
@example(Folder({b"a.mp4": File(1, 0), b"A.MP4": File(1, 0), b"a.Mp4": Special("link", b"a.mp4")}))
@example(Folder({b"DCIM": Special("link", b"../outside"), b"a.mp4": Special("link", b"../outside/secret.mp4")}))
def test_any_tree_is_listed_read_and_cleared_as_it_is_and_nothing_else_is_touched(tree: Folder) -> None:
    with camera(tree) as (root, outside):
        before = look(root)
        note(f"{before=}")
        session = FolderDriver({}).open(DirectorySource(root))
        try:
            if not before.acceptable:
                with pytest.raises(DriverError):
                    listing(session)
                return
            recordings, others = listing(session)
            assert Counter(others) == Counter(before.others)
            assert Counter((each.path.raw, (each.size, each.mtime_ns)) for each in recordings) == Counter(
                before.recordings.items()
            )
            # The kernel opens no path of full length: such a recording is listed, and stays.
            readable = [each for each in recordings if len(each.path.raw) < MAX_PATH]
            for each in recordings:
                if each in readable:
                    assert session.read_at(each, 0, each.size + 1) == File(each.size, 0).content
                else:
                    with pytest.raises(DriverError):
                        session.read_at(each, 0, each.size)
            for each in readable:
                session.clear(each)
        finally:
            session.close()
        after = look(root)
        assert after.others == before.others
        assert after.recordings.keys() == before.recordings.keys() - {each.path.raw for each in readable}
        assert (outside / "secret.mp4").read_bytes() == SECRET

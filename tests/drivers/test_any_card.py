"""Whatever names and sizes a card has, what belongs together is told as a plain reading of the rule tells it, and is
still told when the card is taken in and cleared a few files at a time.

`DOCKD_EXAMPLES=10000` tries more cards than a run of every day does.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import example, given, note, settings
from hypothesis import strategies as st

from dockd.docking.rounds import Rounds
from dockd.driver import DirectorySource, Other, Session, places
from dockd.model import Recording
from drivers.mass_storage import MassStorageDriver

EXAMPLES = int(os.environ.get("DOCKD_EXAMPLES", "200"))
ROOM = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None
FULL = 100
"""Stands for 4 GiB here."""

RECORDINGS, SIDECARS = {b"mp4", b"avi"}, {b"gps", b"thm"}
STEMS = st.sampled_from(
    [
        *(b"", b"a", b"A", b"a.b", b"MOV_0001", b"MOV_0002", b"mov_0003", b"MOV_0004", b"MOV_0010"),
        *(b"x8", b"x08", b"x9", b"x09", b"x10", b"x11", b"x10R", b"x11R", b"1-1", b"1-2", b"2-1", b"\xff9", b"\xff10"),
    ]
)
EXTENSIONS = st.sampled_from([b".mp4", b".MP4", b".avi", b".gps", b".GPS", b".thm", b".bin", b"", b"."])
NAMES = st.builds(bytes.__add__, STEMS, EXTENSIONS).filter(lambda name: name not in (b"", b".", b".."))
DIRECTORIES = st.sampled_from([b"", b"DCIM/", b"DCIM/100/"])
SIZES = st.sampled_from([0, 1, FULL - 1, FULL, FULL + 1])
# Few times, so that many are equal, and what belongs to a file is older or younger than it.
CARDS = st.dictionaries(
    st.builds(bytes.__add__, DIRECTORIES, NAMES), st.tuples(SIZES, st.integers(0, 3)), max_size=25
).map(lambda files: {min(p for p in files if p.lower() == path.lower()): facts for path, facts in files.items()})
"""Paths with size and mtime in seconds, no two the same but for capitals: FAT allows none."""

Card = dict[bytes, tuple[int, int]]


def extension(path: bytes) -> bytes:
    match = re.search(rb"\.([^./]*)$", path)
    return match[1].lower() if match else b""


def follows(after: bytes, before: bytes) -> bool:
    """Whether two paths differ only in the last number of their stem, by one."""
    parts = re.compile(rb"(.*?)(\d+)(\D*)", re.DOTALL)
    stem, other = (path.lower()[: -len(extension(path)) - 1] for path in (after, before))
    folder, other_folder = os.path.split(stem)[0], os.path.split(other)[0]
    one, two = (parts.fullmatch(os.path.basename(each)) for each in (stem, other))
    return (
        (folder, extension(after)) == (other_folder, extension(before))
        and one is not None
        and two is not None
        and (one[1], one[3]) == (two[1], two[3])
        and one[2] == str(int(two[2]) + 1).encode().zfill(len(two[2]))
    )


def belongings(card: Card) -> dict[bytes, bytes | None]:
    """Give every file that is to be taken in, and what it belongs to, by comparing every file with every other."""
    recordings = sorted(path for path in card if extension(path) in RECORDINGS)
    found: dict[bytes, bytes | None] = {}
    for path in recordings:
        first = path
        while before := [each for each in recordings if card[each][0] >= FULL and follows(first, each)]:
            first = max(before, key=lambda each: (len(each), each))
        found[path] = first if first != path else None
    for path in card:
        beside = [each for each in recordings if each.lower()[:-4] == path.lower()[:-4]]
        if extension(path) in SIDECARS and beside:
            found[path] = beside[0]
    return found


@contextmanager
def laid_out(card: Card) -> Iterator[Session]:
    root = os.fsencode(tempfile.mkdtemp(dir=ROOM))
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for path, (size, seconds) in card.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "wb") as file:
                file.write(b"x" * size)
            os.utime(os.path.join(root, path), (seconds, seconds))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(places, "NEARLY_4_GIB", FULL)
            options = {"extensions": "mp4,avi", "sidecar_extensions": "gps,thm"}
            session = MassStorageDriver(options).open(DirectorySource(fd))
            yield session
            session.close()
    finally:
        os.close(fd)
        shutil.rmtree(root)


def bonds(recordings: list[Recording]) -> dict[bytes, bytes | None]:
    return {each.path.raw: each.part_of.raw if each.part_of else None for each in recordings}


@settings(max_examples=EXAMPLES)
@given(CARDS, st.integers(1, 4))
@example({b"x09.mp4": (FULL, 0), b"x9.mp4": (FULL, 0), b"x10.mp4": (1, 0), b"x11.mp4": (1, 0)}, 1)
@example({b"x8.mp4": (FULL, 3), b"x9.mp4": (FULL, 2), b"x10.mp4": (1, 1), b"x10.gps": (1, 0), b"x8.gps": (1, 3)}, 1)
@example({b"a.mp4": (1, 0), b"A.avi": (1, 3), b"a.gps": (1, 2), b"A.THM": (0, 0)}, 1)
@example({b"mp4": (1, 0), b".mp4": (1, 0), b".gps": (1, 1), b"gps": (1, 1)}, 2)
def test_what_belongs_together_is_told_also_when_it_is_cleared_a_few_files_at_a_time(card: Card, size: int) -> None:
    expected = belongings(card)
    note(f"{expected=}")
    with laid_out(card) as session:
        found = list(session.list())
        assert bonds([each for each in found if isinstance(each, Recording)]) == expected
        assert {each.path.raw for each in found if isinstance(each, Other)} == card.keys() - expected.keys()
        rounds, taken = Rounds(session, size), dict[bytes, bytes | None]()
        batch = rounds.next()
        while batch.recordings:
            assert not taken.keys() & bonds(batch.recordings).keys()
            taken |= bonds(batch.recordings)
            for each in batch.recordings:
                assert session.read_at(each, 0, each.size) == b"x" * each.size
            for each in batch.recordings:
                session.clear(each)
            batch = rounds.next({each.path for each in batch.recordings})
        assert taken == expected
        left = list(session.list())
        assert {each.path.raw for each in left} == card.keys() - expected.keys()

"""Whatever a file claims, the check reads, does and holds no more than docs/mp4-check.md says. Nothing is timed."""

import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass

import pytest
import rfc8785

from dockd.model import Mp4Report
from dockd.mp4 import examine as checked
from dockd.mp4.examine import examine
from dockd.mp4.source import Source
from tests.mp4.boxes import AVC1, FTYP, MEDIA_AT, box, movie, numbers, report, table, trak
from tests.mp4.heavy import (
    BEYOND,
    HEAVY,
    SMALL,
    SOUND,
    fragments,
    in_one_chunk,
    nibbles,
    one_a_chunk,
    runs,
    uneven,
    unheard_of,
)
from tests.mp4.table import PAGE

# As the documentation says them, not as the code has them.
MAX_BYTES = 48 * 1024 * 1024
MAX_READS = 110_000
MAX_WORK = 2_400_000
MAX_MEMORY = 80_000_000
SAID = "48 MiB in 110,000 reads, 2,400,000 steps of work, and 80 MB of memory"


@dataclass
class Cost:
    """What one look at a file took. `work` is that of the source that had most."""

    reads: int = 0
    asked: int = 0
    work: int = 0
    memory: int = 0


Look = Callable[[bytes], tuple[Mp4Report, Cost]]


@pytest.fixture
def look(monkeypatch) -> Look:
    """Examine a file and count: what is asked of the file, what the work counter allows, what Python allocates."""

    class Counted(Source):
        allowed = 0

        def spend(self, work: int) -> None:
            super().spend(work)
            self.allowed += work
            cost.work = max(cost.work, self.allowed)

    def examined(data: bytes) -> tuple[Mp4Report, Cost]:
        nonlocal cost
        cost = Cost()

        def read_at(offset: int, size: int) -> bytes:
            cost.reads, cost.asked = cost.reads + 1, cost.asked + size
            return data[offset : offset + size]

        tracemalloc.start()
        try:
            found = examine(read_at, len(data))
            _, cost.memory = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        print(cost, found)
        return found, cost

    cost = Cost()
    monkeypatch.setattr(checked, "Source", Counted)
    return examined


@pytest.mark.parametrize("name", HEAVY)
def test_no_file_costs_more_than_the_documented_bounds(name, look: Look):
    found, cost = look(HEAVY[name]())
    assert cost.asked <= MAX_BYTES
    assert cost.reads <= MAX_READS
    assert cost.work <= MAX_WORK
    assert cost.memory <= MAX_MEMORY
    assert len(rfc8785.dumps(asdict(found))) <= 1024
    assert ("too-large" in found.findings) == (name in BEYOND)


def test_the_documentation_says_these_bounds():
    assert SAID in " ".join(PAGE.read_text().split())


@pytest.mark.parametrize(
    ("make", "steps"),
    [
        pytest.param(lambda n: FTYP + box(b"free") * n, 16 + 8, id="a box at the top, half a read"),
        pytest.param(lambda n: FTYP + box(b"free", bytes(99)) * n, 16 + 16, id="a box and a read"),
        pytest.param(lambda n: movie(SMALL, box(b"free") * n), 16, id="a box in the movie"),
        pytest.param(lambda n: movie(SMALL, trak({b"": box(b"free") * n})), 16, id="a box in a track"),
        pytest.param(lambda n: movie(SMALL, box(b"udta", box(b"free") * n)), 16, id="a box of users' data"),
        pytest.param(one_a_chunk, 1, id="a chunk of one sample"),
        pytest.param(uneven, 4 + 4, id="a chunk and a run of chunks"),
        pytest.param(lambda n: in_one_chunk(n, SOUND), 1 / 12, id="a sample"),
        pytest.param(nibbles, 1 / 12, id="a sample of four bits"),
        pytest.param(lambda n: runs(n, 1), 16 + 60, id="a run"),
        pytest.param(lambda n: runs(1, n), 4 / 12, id="a row of a run"),
        pytest.param(fragments, 2 * 16 + 4 * 16 + 60, id="a fragment"),
    ],
)
def test_whatever_can_be_many_is_charged(make, steps, look: Look):
    (_, few), (_, many) = look(make(1200)), look(make(6000))
    assert many.work - few.work >= 4800 * steps


def test_boxes_that_are_not_looked_into_are_not_kept(look: Look):
    _, cost = look(unheard_of(20_000))
    assert cost.memory < 1_000_000


def test_a_table_is_held_once_whatever_is_looked_at_in_it(look: Look):
    size, video = 4 * 1_000_000, trak(table([5], numbers(MEDIA_AT)))
    _, cost = look(in_one_chunk(1_000_000, AVC1, *[video] * 40))
    assert size < cost.memory < 1.5 * size


def test_two_million_samples_are_wholly_checked():
    assert report(one_a_chunk(2_000_000)).findings == ()
    outside = one_a_chunk(2_000_000)
    last = len(outside) - 4
    assert "sample-outside" in report(outside[:last] + numbers(MEDIA_AT + 6)).findings

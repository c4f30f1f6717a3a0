"""SIGKILL before each durable operation of an ingest, of the daemon or of its worker: every single one, in turn."""

import random
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import pytest

from tests.integration.nursery import Nursery
from tests.integration.promises import assert_all_cleared, of_kind
from tests.integration.site import MEDIA, Site

SHARDS = 6
GROUPS = 3
CLIP = (MEDIA / "moov-first.mp4").read_bytes()


@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_before_any_durable_operation_nothing_is_lost_or_doubled(tmp_path: Path, nursery: Nursery, shard: int):
    assert _kill_before_each(tmp_path, nursery, shard, _new) > 60 / SHARDS


@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_anywhere_on_the_way_of_known_recordings_nothing_is_lost_or_doubled(
    tmp_path: Path, nursery: Nursery, shard: int
):
    assert _kill_before_each(tmp_path, nursery, shard, _known) > 40 / SHARDS


@pytest.mark.parametrize("group", range(GROUPS))
def test_killed_again_and_again_while_it_recovers_nothing_is_lost_or_doubled(
    tmp_path: Path, nursery: Nursery, rng: random.Random, group: int
):
    moments = list(accumulate(rng.randrange(1, 30) for _each in range(20)))
    assert _ingest_killed_before(tmp_path / str(group), nursery, moments, _new) > 1


def _new(site: Site) -> None:
    """A camera comes for the first time, one of its recordings empty."""
    site.dock_camera("BWC1", {"moov-first.mp4": CLIP, "DCIM/empty.mp4": b""})


def _known(site: Site) -> None:
    """A camera comes again with what is registered; one of the stored objects is damaged."""
    site.configure(after_ingest="keep")
    daemon = site.start()
    site.dock_camera("BWC1", {"sound.mp4": CLIP, "damaged.mp4": CLIP[::-1]})
    daemon.wait_green()
    daemon.kill()
    [damaged] = [entry for entry in of_kind(site, "collected") if entry["path"] == "damaged.mp4"]
    path = site.partition("pm") / damaged["object_path"]
    path.chmod(0o640)
    path.write_bytes(path.read_bytes()[:-1])
    site.configure(retry_delays_seconds=[0] * 10)


def _kill_before_each(folder: Path, nursery: Nursery, shard: int, prepare: Callable[[Site], None]) -> int:
    """Kill before every operation of this shard; give how many there were, for the taps might go blind."""
    n = shard + 1
    while _ingest_killed_before(folder / str(n), nursery, [n], prepare):
        n += SHARDS
    return n // SHARDS


def _ingest_killed_before(folder: Path, nursery: Nursery, moments: list[int], prepare: Callable[[Site], None]) -> int:
    """Take a camera in, with a kill before each of these operations; give how many of them came."""
    folder.mkdir()
    site = Site(folder, nursery, retry_delays_seconds=[0] * 10)
    try:
        prepare(site)
        while not site.start(count=str(folder / "count"), kill_at=moments).gets_green():
            assert site.daemons[-1].has("killed"), site.daemons[-1].told()
        assert_all_cleared(site)
    finally:
        site.close()
    killed = [line for daemon in site.daemons for line in daemon.log if line["event"] == "killed"]
    print(moments, *killed, sep="\n")
    return len(killed)

"""SIGKILL at random moments of an ingest: fifty of the daemon, fifty of a worker."""

import contextlib
import os
import random
import signal
import time

import pytest

from tests.integration.daemon import Daemon
from tests.integration.promises import assert_all_cleared, of_kind
from tests.integration.site import MEDIA, Site

GROUPS = 5
KILLS = 10


def recordings(rng: random.Random, number: int) -> dict[str, bytes]:
    """Two recordings of a few hundred KB to two MB, no two alike."""
    clip = (MEDIA / "moov-last.mp4").read_bytes()
    return {f"{number}-{each}.mp4": rng.randbytes(rng.randrange(1, 2_000_000)) + clip for each in range(2)}


def undisturbed(site: Site, daemon: Daemon, rng: random.Random) -> float:
    """Measure, from the docking's start to the green light."""
    site.dock_camera("BWC1", recordings(rng, 0))
    daemon.wait_for("docking.started")
    begun = time.monotonic()
    daemon.wait_green()
    return time.monotonic() - begun


def middle(daemon: Daemon) -> bool:
    """Whether the docking that was started last is still under way."""
    return daemon.log[-1]["event"] != "bay.changed" or daemon.log[-1]["light"] == "busy"


def kill(pid: int) -> None:
    """Kill a process that may have ended by itself."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_daemon_killed_at_random_moments_loses_and_doubles_nothing(site: Site, rng: random.Random, group: int):
    daemon = site.start().ready()
    lasts = undisturbed(site, daemon, rng)
    hits = 0
    for number in range(1, KILLS + 1):
        site.dock_camera("BWC1", recordings(rng, number))
        daemon.wait_for("docking.started")
        daemon.listen(rng.uniform(0, lasts))
        hits += middle(daemon)
        daemon.kill()
        daemon = site.start().ready()
    assert daemon.gets_green()
    assert_all_cleared(site)
    print(f"group {group}: {hits} of {KILLS} kills in the middle of a docking of {lasts:.2f} s")
    assert hits >= 2


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_worker_killed_at_random_moments_loses_and_doubles_nothing(site: Site, rng: random.Random, group: int):
    daemon = site.start().ready()
    lasts = undisturbed(site, daemon, rng)
    daemon.forget()
    hits = 0
    for number in range(1, KILLS + 1):
        site.dock_camera("BWC1", recordings(rng, number))
        worker = daemon.wait_for("worker.born")["pid"]
        daemon.listen(rng.uniform(0, lasts))
        hits += middle(daemon)
        kill(worker)
        assert daemon.gets_green()
        daemon.forget()
    assert_all_cleared(site)
    # A docking that took several attempts counts what all of them achieved, each recording once.
    assert sum(ended["collected"] for ended in of_kind(site, "docking_ended")) == len(of_kind(site, "collected"))
    print(f"group {group}: {hits} of {KILLS} kills in the middle of a docking of {lasts:.2f} s")
    assert hits >= 2

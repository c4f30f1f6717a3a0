"""What a dock needs of memory does not grow with what a camera holds."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dockd.docking.rounds import BATCH
from tests.integration.daemon import Daemon
from tests.integration.site import Site

MOST_GROWTH_KB = 10 * 1024


def fill(folder: Path, number: int) -> None:
    (folder / "camera_id.txt").write_text("BWC1\n")
    for n in range(number):
        if n % 10_000 == 0:
            directory = folder / "DCIM" / f"{100 + n // 10_000}MEDIA"
            directory.mkdir(parents=True)
        (directory / f"VID{n:08}.MP4").write_bytes(b"%d" % n)


def peaks(daemon: Daemon) -> tuple[int, int]:
    """Give the most memory that the supervisor, and its worker if it has one, ever had resident, in KiB."""
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
    return _peak(str(daemon.pid)), max((_peak(child) for child in children), default=0)


def _peak(pid: str) -> int:
    try:
        lines = Path("/proc", pid, "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def docked(site: Site, number: int, until: int) -> tuple[int, int]:
    """Dock a camera of so many recordings; give the peaks once so many are cleared."""
    daemon = site.start_installed().ready()
    arriving = site.folder / f"arriving-{number}"
    arriving.mkdir()
    fill(arriving, number)
    arriving.rename(site.dock / "BWC1")
    supervisor = worker = 0
    while sum(line["event"] == "recording.cleared" for line in daemon.log) < until:
        daemon.listen(0.2)
        both = peaks(daemon)
        supervisor, worker = max(supervisor, both[0]), max(worker, both[1])
        assert not daemon.has("docking.done", outcome="failed"), daemon.told()
    site.close()
    os.rename(site.dock / "BWC1", site.folder / f"done-{number}")
    return supervisor, worker


@pytest.mark.timeout(900)  # on a slow disk shared with other tests
def test_a_hundred_thousand_recordings_need_no_more_memory_than_a_hundred(make_site: Callable[..., Site]):
    """A whole batch, and the beginning of the next: from there on every batch is as the one before."""
    site = make_site(worker_silence_seconds=120)
    few = docked(site, 100, 100)
    many = docked(site, 100_000, BATCH + 1)
    assert all(few)
    for before, after in zip(few, many, strict=True):
        assert after <= before + MOST_GROWTH_KB, (few, many)

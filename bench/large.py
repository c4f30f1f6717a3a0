"""A dock that has been in service for years: a million entries and the objects that half of them are about."""

import os
import resource
import shutil
import statistics
from pathlib import Path

from bench.dock import Dock
from bench.register import DOCK, ENTRIES, fill
from bench.report import Report
from dockd.clock import SystemClock
from dockd.register.journal import Journal
from dockd.register.mirror import Mirror
from dockd.register.note import SigningKey

STARTS = 3
DAYS = 500


def measure(report: Report, folder: Path, entries: int = ENTRIES) -> None:
    """How long a start takes, and what `dockd status` costs."""
    dock = Dock(folder, {"BWC0": {}})
    state = folder / "state"
    key = SigningKey.load(state / "dock.key", DOCK)
    fill(state / "register.db", key, entries)
    mirror = Mirror.open(folder / "mirror", DOCK)
    Journal.open(state / "register.db", key=key, dock_id=DOCK, clock=SystemClock(), mirror=mirror).close()
    put(folder / "store" / "pm" / "objects", entries // 2)
    ready, status = [], []
    for _start in range(STARTS):
        with dock:
            ready.append(dock.ready_seconds)
            status += [asked(dock) for _each in range(STARTS)]
    what = f"{entries:,} entries, {entries // 2:,} objects"
    report.find("7", f"{what}: seconds from the start of the process to ready", 2.0, statistics.median(ready))
    report.find("7", f"{what}: ms of CPU of `dockd status`", 100, 1000 * statistics.median(status))
    shutil.rmtree(folder)


def put(objects: Path, number: int) -> None:
    """Make empty objects with their sidecars, some thousand a day: only that they are there may cost anything."""
    for day in range(DAYS):
        folder = objects / f"{2024 + day // 336}" / f"{1 + day // 28 % 12:02}" / f"{1 + day % 28:02}"
        folder.mkdir(parents=True)
        for place in range(day, number, DAYS):
            for suffix in (".age", ".json"):
                os.close(os.open(folder / f"{place:032x}{suffix}", os.O_WRONLY | os.O_CREAT, 0o440))


def asked(dock: Dock) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    dock.command("status")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

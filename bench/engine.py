"""How fast a recording is safe, and what that costs, beside what a user would take instead.

`python -m bench.engine [MB]`, 2000 unless said otherwise; it writes `bench/RESULTS.md`. DOCKD_BENCH_DIR is where it
works: some 25 GB on the disk that is to be measured. Everything is compared in one run, round by round: what counts
are the ratios, for the seconds are those of a machine that others use, too.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bench import large, peers, primitives
from bench.dock import SETTLE_SECONDS, Dock
from bench.peers import PEERS, Cost
from bench.processes import idle, private_mib
from bench.report import Report

ROUNDS = 3
CAMERAS = 8
BUS = 35_000_000
"""Bytes a second that a camera's bus gives: USB 2 in practice."""

SPARSE = 16 * 10**9
IDLE_SECONDS = 60.0
INTERRUPTIONS = 100
NOTICED_SECONDS = 0.5
"""How long a camera stays away, for the dock to see its bay empty."""

MIB = 1 << 20


@dataclass
class Round:
    """One after the other, in one round."""

    primitives: float = 0.0
    peers: dict[str, Cost] = field(default_factory=dict)
    one: Cost = field(default_factory=lambda: Cost(0, 0, 0))
    two_dd: float = 0.0
    two: float = 0.0


def main() -> None:
    size = int(sys.argv[1]) * 1_000_000 if len(sys.argv) > 1 else 2_000_000_000
    missing = peers.install()
    with tempfile.TemporaryDirectory(dir=os.environ.get("DOCKD_BENCH_DIR"), prefix="dockd-bench-") as name:
        folder = Path(name)
        sources = [made(folder / f"source-{number}" / "a.mp4", size) for number in range(2)]
        rounds = [one_round(folder, sources, missing) for _number in range(ROUNDS)]
        report = Report(size, missing, Path(name))
        against_peers(report, rounds)
        at_the_limit(report, rounds)
        throttled(report, folder, sources[0], size)
        memory(report, folder, size)
        resumed(report, folder, sources[0], size)
        large.measure(report, folder / "large")
        report.write(Path(__file__).with_name("RESULTS.md"))


def made(path: Path, size: int) -> Path:
    path.parent.mkdir()
    rng = random.Random(size)
    with path.open("wb") as file:
        for start in range(0, size, MIB):
            file.write(rng.randbytes(min(MIB, size - start)))
    return path


def one_round(folder: Path, sources: list[Path], missing: list[str]) -> Round:
    this, size = Round(), sources[0].stat().st_size
    # What dockd is held against most closely, dd and the primitives, comes next to it: a machine's speed drifts.
    for peer in reversed(PEERS):
        if peer.needs not in missing:
            this.peers[peer.name] = peers.run(peer, sources[0], folder / "peer")
            print(f"{peer.name}: {this.peers[peer.name]}", flush=True)
    before = primitives.cpu(size)
    this.one = ingested(folder / "one", sources[:1])
    this.primitives = (before + primitives.cpu(size)) / 2
    print(f"dockd: {this.one}, primitives {this.primitives:.2f} s", flush=True)
    with ThreadPoolExecutor(2) as both:
        runs = [both.submit(peers.run, PEERS[0], each, folder / f"dd-{n}") for n, each in enumerate(sources)]
        this.two_dd = max(run.result().wall for run in runs)
    this.two = ingested(folder / "two", sources).wall
    return this


def ingested(folder: Path, recordings: list[Path]) -> Cost:
    """Take one camera in for each recording, all at the same time: from the arrival to the entry in the register."""
    names = [f"BWC{number}" for number in range(len(recordings))]
    with Dock(folder, {name: {} for name in names}) as dock:
        before = dock.cpu()
        for name, recording in zip(names, recordings, strict=True):
            dock.arrive(name, recording)
        begun = min(dock.wait("docking.started")["at"] for _name in names)
        ended = max(dock.wait("recording.done")["at"] for _name in names)
        for _name in names:
            assert dock.wait("docking.done")["outcome"] == "complete"
        cost = Cost(ended - begun, dock.cpu() - before, dock.watch.tree_mib)
    shutil.rmtree(folder)
    return cost


def against_peers(report: Report, rounds: list[Round]) -> None:
    report.costs("dockd", [each.one for each in rounds], 1.0, 1.0)
    for peer in PEERS:
        both = [(each.one, each.peers[peer.name]) for each in rounds if peer.name in each.peers]
        if both:
            report.costs(
                peer.name,
                [cost for _ours, cost in both],
                statistics.median(cost.wall / ours.wall for ours, cost in both),
                statistics.median(cost.cpu / ours.cpu for ours, cost in both),
            )


def at_the_limit(report: Report, rounds: list[Round]) -> None:
    """Compare with what the machine itself can do, each round by itself; `find` is given the median of the ratios."""
    cores = os.cpu_count() or 1
    dd, age, restic = (PEERS[number].name for number in (0, 2, 3))
    cpu = [each.one.cpu / each.primitives for each in rounds]
    wall = [each.one.wall / max(each.peers[dd].wall, each.primitives / cores) for each in rounds]
    two = [each.two / max(each.two_dd, 2 * each.primitives / cores) for each in rounds]
    report.find("1", "one camera: CPU of the whole process tree / bare primitives", 1.35, statistics.median(cpu))
    report.find("1", "one camera: wall / max(dd, primitives / cores)", 1.25, statistics.median(wall))
    for name, limit in ((age, 0.30), (restic, 0.27)):
        beside = [each.one.wall / each.peers[name].wall for each in rounds if name in each.peers]
        if beside:
            report.find("1", f"one camera: wall / {name}", limit, statistics.median(beside))
    report.find("2", "two cameras: wall / max(two dd, primitives of both / cores)", 1.25, statistics.median(two))


def throttled(report: Report, folder: Path, source: Path, size: int) -> None:
    """Cameras that give no more than their bus does."""
    options = {"bytes_per_second": str(BUS), "marks": str(folder / "bus" / "marks")}
    names = [f"BWC{number}" for number in range(CAMERAS)]
    with Dock(folder / "bus", dict.fromkeys(names, options)) as dock:
        for name in names:
            dock.arrive(name, source)
        starts = {line["camera"]: line["at"] for line in (dock.wait("docking.started") for _name in names)}
        ends = [dock.wait("recording.done")["at"] for _name in names]
        marks = dock.marked()
    firsts = sorted(mark["at"] for mark in marks if mark["what"] == "first")
    slowest = max(end - first for end, first in zip(sorted(ends), firsts, strict=True))
    report.find("3", f"{CAMERAS} cameras at 35 MB/s: slowest from first byte to registered / its own time", 1.05,
                slowest / (size / BUS))  # fmt: skip
    report.note(f"{CAMERAS} workers started at the same time: first byte {firsts[-1] - min(starts.values()):.2f} s"
                " after the arrival at the latest")  # fmt: skip
    shutil.rmtree(folder / "bus")
    with Dock(folder / "bus", {"BWC0": options}) as dock:
        dock.arrive("BWC0", source)
        started, done = dock.wait("docking.started")["at"], dock.wait("recording.done")["at"]
        at = {mark["what"]: mark["at"] for mark in dock.marked()}
    report.find("4", "at 35 MB/s: seconds from the last byte to registered", 2.0, done - at["last"])
    report.find("6", "seconds from the arrival event to the first byte", 1.0, at["first"] - started)
    report.note(f"a folder dock waits {SETTLE_SECONDS} s for a folder to settle before that event")
    shutil.rmtree(folder / "bus")


def memory(report: Report, folder: Path, size: int) -> None:
    small, sparse = folder / "small.mp4", folder / "sparse.mp4"
    made_small = made(folder / "short" / "a.mp4", min(size, 100_000_000))
    made_small.rename(small)
    with sparse.open("wb") as file:
        file.truncate(SPARSE * size // 2_000_000_000)
    peaks = []
    for recording in (small, sparse):
        with Dock(folder / "memory", {"BWC0": {}}) as dock:
            dock.arrive("BWC0", recording)
            dock.wait("docking.done")
            peaks.append(dock.watch.one_mib)
            if recording is sparse:
                report.find("5", "idle supervisor: MiB of private memory", 70, private_mib(dock.process.pid))
                share = idle(dock.process.pid, IDLE_SECONDS)
                report.find("5", "idle supervisor: % of one core", 0.2, 100 * share)
        shutil.rmtree(folder / "memory")
    report.find("5", f"worker: MiB of private memory, {sparse.stat().st_size / 1e9:.0f} GB", 80, peaks[1])
    report.note(f"the same with a recording of {small.stat().st_size / 1e6:.0f} MB: {peaks[0]:.1f} MiB")
    sparse.unlink()


def resumed(report: Report, folder: Path, source: Path, size: int) -> None:
    """Pull a camera out and put it back, again and again, in the middle of one recording."""
    # So slow that it is not through before it was pulled out so often, also on a machine that others use.
    options = {"bytes_per_second": str(size / 120), "marks": str(folder / "loose" / "marks")}
    rng, times = random.Random(1), 0
    with Dock(folder / "loose", {"BWC0": options}, rescan_seconds=0.1, retry_delays_seconds=[]) as dock:
        dock.arrive("BWC0", source)
        away = dock.folder / "away"
        dock.wait("docking.started")
        while not dock.marks.exists():
            time.sleep(0.05)
        while times < INTERRUPTIONS:
            # Longer than it takes to look at the last megabyte again.
            time.sleep(0.25 + rng.random() / 20)
            (dock.bay / "BWC0").rename(away)
            assert dock.wait("docking.done")["code"] == "camera.gone"
            time.sleep(NOTICED_SECONDS)
            away.rename(dock.bay / "BWC0")
            dock.wait("recording.resumed")
            times += 1
        assert dock.wait("docking.done", outcome="complete")["collected"] == 1
        read = max(mark["read"] for mark in dock.marked() if mark["what"] == "last")
        workers = {mark["pid"] for mark in dock.marked()}
    entry = dock.command("register", "show", "--kind", "collected", "--json")
    told = subprocess.run(["sha256sum", source], capture_output=True, text=True, check=True).stdout
    assert len(workers) == 1 and entry.count(told.split()[0]) == 1
    report.find("8", f"{times} interruptions: MiB read twice, each", 1.0, (read - size) / times / MIB)
    shutil.rmtree(folder / "loose")


if __name__ == "__main__":
    main()

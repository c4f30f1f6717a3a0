"""Writes bench/RESULTS.md: the machine, the commands, each figure beside its limit, the peers in table and plot."""

import os
import platform
import statistics
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.peers import PEERS, Cost

_BAR = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """A figure and what it may be at most, by the number of the line that asks for it."""

    line: str
    what: str
    limit: float
    value: float

    @property
    def is_met(self) -> bool:
        return self.value <= self.limit


class Report:
    """Collects, and prints as it comes."""

    def __init__(self, size: int, missing: list[str], folder: Path) -> None:
        self._size = size
        self._missing = missing
        self._folder = folder
        self._findings: list[Finding] = []
        self._notes: list[str] = []
        self._rows: list[tuple[str, list[Cost], float, float]] = []

    def find(self, line: str, what: str, limit: float, value: float) -> None:
        self._findings.append(Finding(line, what, limit, value))
        print(f"{line}. {what}: {value:.2f}, at most {limit}", flush=True)

    def note(self, text: str) -> None:
        self._notes.append(text)
        print(text, flush=True)

    def costs(self, name: str, costs: list[Cost], wall_ratio: float, cpu_ratio: float) -> None:
        """`wall_ratio` and `cpu_ratio`: medians of what it takes as against dockd, round by round."""
        self._rows.append((name, costs, wall_ratio, cpu_ratio))

    def write(self, path: Path) -> None:
        path.write_text("\n".join([*self._head(), *self._limits(), *self._peers(), *self._plot(), ""]))

    def _head(self) -> list[str]:
        return [
            "# Results of `python -m bench.engine`",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, one run. Made by the command; do not edit. Seconds are those of a machine"
            " that others use, too: what counts are the ratios, each of one round.",
            "",
            *(f"- {fact}" for fact in _machine(self._folder)),
            f"- one recording of {self._size / 1e6:.0f} MB of random bytes, in the page cache of its source",
            f"- missing: {', '.join(self._missing) or 'nothing'}",
            "",
        ]

    def _limits(self) -> list[str]:
        lines = ["## Limits", "", "| | figure | at most | measured | |", "|---|---|---|---|---|"]
        lines += [
            f"| {each.line} | {_cell(each.what)} | {each.limit:g} | {each.value:.3g} |"
            f" {'met' if each.is_met else 'missed'} |"
            for each in self._findings
        ]
        return [*lines, "", *(f"- {note}" for note in self._notes), ""]

    def _peers(self) -> list[str]:
        lines = [
            "## One recording, beside what a user would take instead",
            "",
            "dockd: from the arrival of the camera to the entry in the register, sealed, flushed, read back past the"
            " cache, opened and compared, by the daemon and its worker. The others as in `bench/peers.py`:",
            "",
            *(f"- {peer.name}: `{_one_line(peer.script)}`" for peer in PEERS),
            "",
            "| | wall s, min / median / max | CPU s | MiB | wall / dockd | CPU / dockd |",
            "|---|---|---|---|---|---|",
        ]
        for name, costs, wall_ratio, cpu_ratio in self._rows:
            walls = [each.wall for each in costs]
            cpu, mib = (statistics.median(values) for values in zip(*((c.cpu, c.mib) for c in costs), strict=True))
            lines.append(
                f"| {_cell(name)} | {min(walls):.1f} / {statistics.median(walls):.1f} / {max(walls):.1f} | {cpu:.1f} |"
                f" {mib:.0f} | {wall_ratio:.2f} | {cpu_ratio:.2f} |"
            )
        return [*lines, ""]

    def _plot(self) -> list[str]:
        longest = max(ratio for _name, _costs, ratio, _cpu in self._rows)
        width = max(len(name) for name, *_rest in self._rows)
        bars = [
            f"{name:<{width}}  {'█' * max(1, round(_BAR * ratio / longest))} {ratio:.2f}"
            for name, _costs, ratio, _cpu in self._rows
        ]
        return ["Wall time as against dockd:", "", *(f"    {bar}" for bar in bars)]


def _machine(folder: Path) -> list[str]:
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    command = ["findmnt", "--noheadings", "--output", "FSTYPE,OPTIONS", "--target", folder]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"{os.cpu_count()} processors, {model.partition(': ')[2]}, {memory:.0f} GiB",
        f"Linux {platform.release()}, Python {platform.python_version()}",
        f"disk: {' '.join(found.stdout.split()) or 'unknown'}",
    ]


def _cell(text: str) -> str:
    """Write a text so that its bars do not end a cell of a Markdown table."""
    return text.replace("|", "\\|")


def _one_line(script: str) -> str:
    return "; ".join(script.splitlines())

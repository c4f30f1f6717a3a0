"""What processes cost: CPU seconds and private memory, from /proc."""

import os
import threading
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_EVERY_SECONDS = 0.1


def cpu_seconds(pid: int, *, children: bool = False) -> float:
    """User and system time of a process; with `children`, also of those that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if children else 13])) / _TICKS


def private_mib(pid: int) -> float:
    """Memory that is this process's alone; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty"))) / 1024


def below(pid: int) -> list[int]:
    """All processes that come from this one."""
    try:
        found = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return []
    return found + [each for child in found for each in below(child)]


class Watch:
    """Looks at the private memory of a process and of all below it, over and over."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.tree_mib = 0.0
        self.one_mib = 0.0
        """The most that any one below it has had."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            each = [private_mib(pid) for pid in below(self._pid)]
            self.one_mib = max(self.one_mib, max(each, default=0.0))
            self.tree_mib = max(self.tree_mib, sum(each) + private_mib(self._pid))


def idle(pid: int, seconds: float) -> float:
    """Wait, and give what share of one processor a process took meanwhile."""
    before, begun = cpu_seconds(pid), time.monotonic()
    threading.Event().wait(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - begun)

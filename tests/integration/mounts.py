"""Real volumes under the partitions of a site: mounted, filled, made read-only, exchanged and taken away by root."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from dockd.store.partition import MARKER
from tests.integration.site import Site

BUSY_SECONDS = 30


def mount(*arguments: str | Path) -> None:
    """Run mount(8); skips the test where that is not there or not allowed."""
    if shutil.which("mount") is None:
        pytest.skip("the program mount is not installed")
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no mount is possible here: {done.stderr.strip()}")


class Mounts:
    """What a test has mounted; `end` takes it all away, whoever still uses it."""

    def __init__(self) -> None:
        self._made: list[Path] = []

    def tmpfs(self, path: Path, options: str = "size=256m") -> Path:
        path.mkdir(exist_ok=True)
        mount("-t", "tmpfs", "-o", options, "tmpfs", path)
        self._made.append(path)
        return path

    def image(self, kind: str, image: Path, path: Path, options: str = "loop") -> Path:
        path.mkdir(exist_ok=True)
        mount("-t", kind, "-o", options, image, path)
        self._made.append(path)
        return path

    def bind(self, source: Path, path: Path) -> Path:
        path.mkdir(exist_ok=True)
        mount("--bind", source, path)
        self._made.append(path)
        return path

    def take_away(self, path: Path) -> None:
        """Unmount under whoever uses it (MNT_DETACH): the path leads elsewhere, open descriptors go on."""
        self._made.remove(path)
        subprocess.run(["umount", "--lazy", path], check=True)

    def end(self) -> None:
        for path in reversed(self._made):
            subprocess.run(["umount", "--lazy", path], check=True)


def move_to(site: Site, name: str, volume: Path) -> None:
    """Let a volume carry the partition, and leave its mount point as bare as one is."""
    shutil.move(site.partition(name) / MARKER, volume / MARKER)
    with (volume / MARKER).open("rb") as marker:
        os.fsync(marker.fileno())


def resize(path: Path, options: str) -> None:
    """Mount anew what is mounted; where that was possible, so must this be."""
    # dockd tries out whether it can write there: as long as it does, the kernel says that the volume is busy.
    deadline = time.monotonic() + BUSY_SECONDS
    command = ["mount", "-o", f"remount,{options}", str(path)]
    while (done := subprocess.run(command, capture_output=True, text=True)).returncode:
        assert "busy" in done.stderr and time.monotonic() < deadline, done.stderr


def fill(path: Path) -> Path:
    """Have somebody else's file take all that is free."""
    status = os.statvfs(path)
    with (path / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, status.f_bfree * status.f_frsize)
    return path / "filler"

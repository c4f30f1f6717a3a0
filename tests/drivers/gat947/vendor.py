"""Vendors' libraries, compiled from the files beside this one, and the camera that they speak to."""

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from dockd.driver import NodeSource
from dockd.driver.unlocking import LockedSession
from drivers.gat947 import Gat947Unlocker

HERE = Path(__file__).parent
SERIAL, OFFICER, PASSWORD = "A123456", "004711", "123456"
COMPILER = shutil.which("cc")

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler (cc) and the headers of the C library")


@functools.cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="vendors-")


@functools.cache
def compiled(name: str) -> Path:
    """Give the library of one file, compiled once in each process."""
    library = Path(_folder().name) / f"{name}.so"
    assert COMPILER is not None
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, HERE / f"{name}.c"], check=True)
    return library


class VendorCamera:
    """A locked camera: `vendor.h` says what is in its directory."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.node = folder / "node"
        self.node.touch()
        monkeypatch.setenv("GAT947_CAMERA", str(folder))

    @property
    def calls(self) -> list[str]:
        """What was called, each with the password that came with it."""
        calls = self.folder / "calls"
        return [line.rstrip() for line in calls.read_text().splitlines()] if calls.exists() else []

    @property
    def is_told(self) -> bool:
        """Whether it was told to come back."""
        return (self.folder / "told").exists()

    @property
    def source(self) -> NodeSource:
        return NodeSource(str(self.node))

    def open(self, library: str, credential: str = PASSWORD, **options: str) -> LockedSession:
        unlocker = Gat947Unlocker({"library": str(compiled(library)), **options})
        return unlocker.open(self.source, credential)

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bus.running import RunningHelper
from tests.bus.sysfs import Sysfs


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a path short enough for a socket."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def sysfs(place: Path) -> Sysfs:
    return Sysfs(place)


@pytest.fixture
def helper(place: Path, sysfs: Sysfs) -> Iterator[RunningHelper]:
    helper = RunningHelper(place / "socket", sysfs.path, sysfs.dev)
    yield helper
    helper.close()

"""A real dock in a virtual machine for each test; skipped, with the reason, where no such machine can be made."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm import cache
from tests.vm.bake import baked
from tests.vm.dock import Dock
from tests.vm.image import PROGRAMS

TEST_SECONDS = 1200
"""The first test also builds and bakes."""

_LONG = (
    *("device_that_hangs", "pulled_in_mid_read", "no_window_of"),
    *("bad_sector_costs", "no_unit_reaches", "read_only_or_cannot"),
    *("camera_and_keyboard", "as_what_it_said_before", "each_filesystem", "strangers_twins"),
)
"""Names of what takes longest, in their order: two processes are handed three tests each at first, then one by one."""

# Where Debian has mke2fs and sfdisk, which users have not in their path.
os.environ["PATH"] += ":/usr/sbin:/sbin"


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave all of this to `make vm-test`, which names this folder: it takes minutes and packages of its own."""
    here = Path(__file__).parent
    named = [(config.invocation_params.dir / name.partition("::")[0]).resolve() for name in config.args]
    return None if any(each == here or here in each.parents for each in named) else True


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the long ones begin, so that no processor is idle at the end while another one has a long test to do."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.timeout(TEST_SECONDS))
    items.sort(key=lambda item: next((place for place, name in enumerate(_LONG) if name in item.name), len(_LONG)))


@pytest.fixture(scope="session")
def baked_dock() -> Path:
    if missing := sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)}):
        pytest.skip(f"not installed: {' '.join(missing)}")
    if platform.machine() != "x86_64":
        pytest.skip("the guest is amd64, and mmdebstrap makes only what this machine can run")
    return baked()


@pytest.fixture
def dock(baked_dock: Path) -> Iterator[Dock]:
    with tempfile.TemporaryDirectory(prefix="run-", dir=cache.folder()) as folder:
        with Dock(Path(folder), baked_dock) as dock:
            yield dock
            print(dock.journal.told())
            if dock.machine.is_on:
                # If the test waited in vain: whether dockd did not say it, or the line was lost on its way here.
                print(dock.do("journalctl --boot --unit=dockd.service --lines=10 --output=cat"))
        print(dock.machine.console.read_text(errors="replace")[-4000:])

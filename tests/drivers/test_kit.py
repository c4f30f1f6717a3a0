"""The kit can fail: each test that every driver has to pass does, on a driver that breaks what the test is about.

What `DirectoryContract` adds is not asked for here.
"""

import re
import subprocess
import sys
from pathlib import Path

from dockd.testing.contract import DriverContract
from tests.drivers import wrong_drivers

ROOT = Path(__file__).parents[2]
FAILED = re.compile(r"^FAILED \S+::Test(\w+)::(test_\w+)", re.MULTILINE)


def test_each_test_of_the_kit_fails_on_the_driver_that_was_made_for_it():
    meant = {(driver.__name__, test) for driver in wrong_drivers.WRONG for test in driver.fails}
    assert {test for _driver, test in meant} == {name for name in vars(DriverContract) if name.startswith("test_")}
    module = Path(wrong_drivers.__file__).relative_to(ROOT)
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rf", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run([*command, str(module)], capture_output=True, text=True, cwd=ROOT)
    assert meant - set(FAILED.findall(done.stdout)) == set(), done.stdout + done.stderr

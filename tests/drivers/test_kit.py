"""The kit can fail: each test that every driver has to pass does, on a driver that breaks what the test is about.

Root is refused nothing: what a test of the kit skips for it is shown by any other user only, and skipped here too.
"""

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dockd.testing.contract import DriverContract
from dockd.testing.directory import DirectoryContract
from dockd.testing.unlocking import UnlockContract
from tests.drivers import wrong_directory_drivers, wrong_drivers, wrong_unlockers

ROOT = Path(__file__).parents[2]
KITS = [
    (DriverContract, wrong_drivers),
    (DirectoryContract, wrong_directory_drivers),
    (UnlockContract, wrong_unlockers),
]
MEANT = [(f"Test{driver.__name__}", test, kit) for _, kit in KITS for driver in kit.WRONG for test in driver.fails]


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """How each test ended on each driver that was made for it: the marks of its cases, and what they say."""
    report = tmp_path_factory.mktemp("kit") / "report.xml"
    asked = [f"{Path(kit.__file__).relative_to(ROOT)}::{driver}::{test}" for driver, test, kit in MEANT]
    words = ["-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:randomly", f"--junit-xml={report}"]
    done = subprocess.run([sys.executable, "-m", "pytest", *words, *asked], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    ended = defaultdict(dict)
    for case in ElementTree.parse(report).iter("testcase"):
        driver, test = case.attrib["classname"].rpartition(".")[2], case.attrib["name"].partition("[")[0]
        ended[driver, test] |= {mark.tag: mark.get("message", "") for mark in case} or {"passed": ""}
    return ended


@pytest.mark.parametrize(("contract", "kit"), KITS, ids=lambda each: each.__name__)
def test_each_test_of_the_kit_has_a_driver_that_was_made_for_it(contract, kit):
    made_for = {test for driver in kit.WRONG for test in driver.fails}
    assert made_for == {name for name in vars(contract) if name.startswith("test_")}


@pytest.mark.parametrize(("driver", "test"), [each[:2] for each in MEANT])
def test_each_test_of_the_kit_fails_on_the_driver_that_was_made_for_it(ended, driver, test):
    marks = ended[driver, test]
    if os.geteuid() == 0 and set(marks) == {"skipped"}:
        pytest.skip(marks["skipped"])
    assert "failure" in marks

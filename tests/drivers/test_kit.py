"""The kit can fail: each of its tests does, on a driver that breaks what the test is about."""

import re
import subprocess
import sys
from pathlib import Path

from dockd.testing.contract import DriverContract
from dockd.testing.fake_camera import FakeSession
from tests.drivers import wrong_drivers

ROOT = Path(__file__).parents[2]
FAILED = re.compile(r"^(?:FAILED|ERROR) \S+::Test(\w+)::(test_\w+)", re.MULTILINE)


def test_each_test_of_the_kit_fails_on_a_wrong_driver_and_each_wrong_driver_fails_one():
    module = Path(wrong_drivers.__file__).relative_to(ROOT)
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run([*command, str(module)], capture_output=True, text=True, cwd=ROOT)
    failed = FAILED.findall(done.stdout)
    assert failed, done.stdout + done.stderr
    kit = {name for name in vars(DriverContract) if name.startswith("test_")}
    assert kit - {test for _driver, test in failed} == set(), "no wrong driver fails these"
    wrong = {each.__name__ for each in FakeSession.__subclasses__() if each.__module__ == wrong_drivers.__name__}
    assert wrong - {driver for driver, _test in failed} == set(), "these pass the kit"

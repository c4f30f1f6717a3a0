"""`dockd drivers` shows every driver, and one that cannot be used costs nobody but itself."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from dockd.catalogue import DriverEntry
from dockd.cli.drivers import look
from dockd.driver import ENTRY_POINTS
from dockd.errors import ExitCode

GOOD = """
from drivers.folder import FolderDriver

print("hello")


class Driver(FolderDriver):
    name = "good"
    version = "7"
    usb_ids = frozenset({"0123:abcd", "0123"})
"""

DECLARED = """
from dockd.driver.declared import DeclaredDriver


class Driver(DeclaredDriver):
    name = "sealed"
    maker = "Sealed & Sons"
    needs = "the [red]plans[/red]"
    usb_ids = frozenset({"0123"})
"""

FORGED = "import os; [os.write(fd, {!r}) for fd in range(3, 9) if os.path.exists(f'/proc/self/fd/{{fd}}')]; os._exit(0)"

Install = Callable[..., None]


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    return folder


@pytest.fixture
def install(packages: Path) -> Install:
    """Install a distribution with one driver, as pip would, and the code behind it."""

    def make(distribution: str, name: str, code: str) -> None:
        info = packages / f"{distribution}-1.2.3.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2.3\n")
        (info / "entry_points.txt").write_text(f"[dockd.drivers]\n{name} = {distribution}_driver:Driver\n")
        (packages / f"{distribution}_driver.py").write_text(code)

    return make


def shown(packages: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "dockd", "drivers", *options]
    environment = {**os.environ, "PYTHONPATH": str(packages), "COLUMNS": "200"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def by_name(done: "subprocess.CompletedProcess[str]") -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(done.stdout)}


def test_each_driver_is_shown_with_where_it_comes_from_and_what_it_can_do(packages: Path, install: Install):
    install("maker", "good", GOOD)
    done = shown(packages, "--json")
    assert done.returncode == ExitCode.OK
    found = by_name(done)
    assert set(found) == {*(point.name for point in entry_points(group=ENTRY_POINTS)), "good"}
    assert found["good"] == {
        "name": "good",
        "distribution": "maker",
        "distribution_version": "1.2.3",
        "reference": "maker_driver:Driver",
        "version": "7",
        "source": "directory",
        "abilities": ["clear"],
        "options": ["identity_file"],
        "usb_ids": ["0123", "0123:abcd"],
        "maker": "",
        "needs": "",
        "fault": None,
    }
    assert "maker 1.2.3" in shown(packages).stdout


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import no_such_library", "No module named 'no_such_library'"),
        ("raise SystemExit(3)", "ends the process"),
        ("import os; os.abort()", "ends the process that loads it, with code -6"),
        ("Driver = 'no class'", "is not the driver bad"),
        (GOOD, "is not the driver bad"),
        (GOOD.replace('"good"', '"bad"').replace('"7"', "None"), "of its version makes no sense"),
        (GOOD.replace('"good"', '"bad"').replace('"7"', r"'\x1b[2J'"), "of its version makes no sense"),
        (GOOD.replace('"good"', '"bad"') + "    source = 'wire'\n", "of its source makes no sense"),
        (GOOD.replace('"good"', '"bad"') + "    abilities = frozenset({'fly'})\n", "of its abilities makes no sense"),
        (GOOD.replace('"good"', '"bad"') + "    option_names = frozenset({7})\n", "of its option_names makes no sense"),
        (GOOD.replace('"good"', '"bad"') + "    usb_ids = frozenset({'0123:ABCD'})\n", "of its usb_ids makes no sense"),
        (GOOD.replace('"good"', '"bad"') + "    usb_ids = {7}\n", "of its usb_ids makes no sense"),
        (GOOD.replace('"good"', '"bad"') + "    usb_ids = '0123'\n", "of its usb_ids makes no sense"),
        (DECLARED.replace('"sealed"', '"bad"') + "    needs = ''\n", "of its needs makes no sense"),
        (DECLARED.replace('"sealed"', '"bad"') + "    needs = 'x' * 501\n", "of its needs makes no sense"),
        (DECLARED.replace('"sealed"', '"bad"').replace("maker =", "made_by ="), "has no attribute 'maker'"),
        (FORGED.format(b'{"version": "7", "maker": "x", "needs": "\\u001b[2J"}'), "what cannot be shown"),
        ("from dockd.driver import Driver as D\nclass Driver(D):\n    name = 'bad'\n", "it does not define _open"),
        ("raise ValueError('\\x1b[2J\\ud800')", "ValueError"),
        (FORGED.format(b"3"), "answers in the place of dockd"),
        (FORGED.format(b"null"), "answers in the place of dockd"),
        (FORGED.format(b"[]"), "answers in the place of dockd"),
        (FORGED.format(b'{"fault": ""}'), ""),
        (FORGED.format(b'{"name": "folder", "version": "7"}'), "answers in the place of dockd"),
        (FORGED.format(b'{"version": "7", "source": "\\u001b[2J"}'), "what cannot be shown"),
    ],
)
def test_a_driver_that_cannot_be_used_says_why_and_the_others_are_shown(
    packages: Path, install: Install, code: str, fault: str
):
    install("maker", "bad", code)
    done = shown(packages, "--json")
    assert done.returncode == ExitCode.FAILED_CHECK
    found = by_name(done)
    assert fault in found["bad"]["fault"] and found["bad"]["fault"].isprintable()
    assert (found["folder"]["fault"], found["folder"]["abilities"]) == (None, ["clear"])
    in_words = shown(packages)
    assert (in_words.returncode, "bad: " in in_words.stdout) == (ExitCode.FAILED_CHECK, True)


def test_a_driver_that_is_declared_only_says_what_it_needs_and_can_nothing(packages: Path, install: Install):
    install("maker", "sealed", DECLARED)
    done = shown(packages, "--json")
    assert done.returncode == ExitCode.OK
    sealed = by_name(done)["sealed"]
    assert (sealed["maker"], sealed["needs"], sealed["usb_ids"]) == ("Sealed & Sons", "the [red]plans[/red]", ["0123"])
    assert (sealed["source"], sealed["abilities"], sealed["fault"]) == ("", [], None)
    in_words = shown(packages).stdout
    assert "sealed: declared only, for cameras of Sealed & Sons: needs the [red]plans[/red]" in in_words
    [row] = [line for line in in_words.splitlines() if "│ sealed" in line]
    assert "nothing: declared only" in row


def test_of_two_drivers_of_one_name_neither_is_loaded(packages: Path, install: Install):
    mark = packages / "loaded"
    for maker in ("one", "two"):
        install(maker, "same", f"open({str(mark)!r}, 'w')")
    done = shown(packages, "--json")
    assert done.returncode == ExitCode.FAILED_CHECK
    same = [each for each in json.loads(done.stdout) if each["name"] == "same"]
    assert [each["distribution"] for each in same] == ["one", "two"]
    assert all("of this name" in each["fault"] for each in same)
    assert not mark.exists()


def test_a_driver_that_hangs_when_it_is_loaded_is_given_up(
    packages: Path, install: Install, monkeypatch: pytest.MonkeyPatch
):
    install("maker", "bad", "import threading; threading.Event().wait()")
    monkeypatch.setenv("PYTHONPATH", str(packages))
    told = look(DriverEntry("bad", "maker", "1.2.3", "maker_driver:Driver"), seconds=1)
    assert told.fault == "it does not load within 1 s"

"""The unit that is shipped: as tight as it claims to be, and in agreement with what dockd does."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dockd.cli.service_paths import drop_in
from dockd.errors import ExitCode
from dockd.ops.routes import PROC_NET
from dockd.settings import parse

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "dockd.service"
OF_DEBIAN_13 = {"RestartSteps", "RestartMaxDelaySec"}

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def verified(unit: Path) -> list[str]:
    """Give what systemd says against a unit, without what only an older systemd or this machine lacks."""
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    known = ("is not executable", *(f"Unknown key '{name}'" for name in OF_DEBIAN_13))
    known += tuple(f"Unknown key name '{name}'" for name in OF_DEBIAN_13)
    ours = [line for line in done.stderr.splitlines() if unit.name in line]
    return [line for line in ours if not any(each in line for each in known)]


@needs_systemd
def test_its_exposure_is_at_most_one():
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=10", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-200:]


@needs_systemd
def test_systemd_understands_every_line(tmp_path):
    shutil.copy(UNIT, tmp_path)
    assert verified(tmp_path / UNIT.name) == []
    (tmp_path / UNIT.name).write_text(UNIT.read_text().replace("ProtectHome=", "ProtectHouse="))
    assert "ProtectHouse" in verified(tmp_path / UNIT.name)[0]


def test_what_needs_a_person_is_not_tried_again_and_everything_else_is():
    [codes] = settings()["RestartPreventExitStatus"]
    final = {ExitCode.FAILED_CHECK, ExitCode.USAGE, ExitCode.CONFIG, ExitCode.ALREADY_RUNNING}
    assert {int(code) for code in codes.split()} == set(final)


def test_it_keeps_what_dockd_relies_on():
    """Routes and udev show in the host's network only; the boot's id and the clock's state go into every entry."""
    found = settings()
    assert not found.keys() & {"PrivateNetwork", "ProcSubset", "ProtectClock"}
    assert found["RestrictAddressFamilies"] == ["AF_UNIX AF_NETLINK"] and found["IPAddressDeny"] == ["any"]
    assert found["SystemCallFilter"][-1] == "clock_adjtime"
    assert PROC_NET.is_dir()


def test_the_places_of_a_site_are_made_writable_whatever_they_are_called(tmp_path):
    config = tmp_path / "dockd.yaml"
    example = (ROOT / "config" / "dockd.yaml").read_text()
    config.write_text(example.replace("path: /mnt/dock", """path: '/mnt/a "dock" of 5 %\\'"""))
    shutil.copy(ROOT / "config" / "fleet.yaml", tmp_path)
    text = drop_in(parse(config).settings.site)
    assert text.splitlines() == [
        "[Service]",
        'ReadWritePaths="-/mnt/a \\"dock\\" of 5 %%\\\\"',
        'ReadWritePaths="-/mnt/mirror/dockd"',
        'ReadWritePaths="-/run/dockd"',
        'ReadWritePaths="-/srv/csu/police-municipale"',
        'ReadWritePaths="-/var/lib/dockd"',
    ]
    if shutil.which("systemd-analyze"):
        (tmp_path / "paths.service").write_text(f"[Unit]\nDescription=x\n{text}Type=oneshot\nExecStart=/bin/true\n")
        assert verified(tmp_path / "paths.service") == []


def test_the_page_shows_the_drop_in_of_the_example():
    text = drop_in(parse(ROOT / "config" / "dockd.yaml").settings.site)
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    assert indented in (ROOT / "docs" / "service.md").read_text()

"""The example of docs/writing-a-driver.md: installed by pip beside dockd, it passes the kit and takes a camera in."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dockd.errors import ExitCode
from tests.integration.conftest import make_site, nursery  # noqa: F401
from tests.integration.promises import assert_all_cleared, of_kind
from tests.integration.site import Site

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "vigie"
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-index", "--no-deps")
BUILT_FROM = ("dockd", "drivers", "pyproject.toml", "README.md", "LICENSE")


def run(python: Path, *words: str | Path, **options: Any) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([python, *words], capture_output=True, text=True, env=clean, **options)
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with dockd and the driver; what both need of others is found beside these tests."""
    folder = tmp_path_factory.mktemp("fresh")
    run(Path(sys.executable), "-m", "venv", "--without-pip", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    own = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    (own / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    sources = folder / "dockd"
    sources.mkdir()
    for name in BUILT_FROM:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, sources / name)
    example = shutil.copytree(EXAMPLE, folder / "vigie")
    for package in (sources, example):
        run(python, *PIP, "--no-build-isolation", package)
    return python


def test_it_is_shown_among_the_drivers(python: Path):
    shown = json.loads(run(python, "-P", "-m", "dockd", "drivers", "--json").stdout)
    [vigie] = [each for each in shown if each["name"] == "vigie"]
    assert (vigie["distribution"], vigie["version"], vigie["fault"]) == ("dockd-driver-vigie", "1.0", None)
    where = run(python, "-Pc", "import dockd; print(dockd.__file__)").stdout
    assert Path(where.strip()).is_relative_to(python.parents[1])


def test_it_passes_the_kit(python: Path, tmp_path: Path):
    example = shutil.copytree(EXAMPLE, tmp_path / "vigie")
    words = ("-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "test_vigie.py")
    done = run(python, *words, cwd=example)
    assert re.search(r"(?m)^[1-9][0-9]+ passed", done.stdout), done.stdout


def test_its_camera_is_taken_in_and_cleared(python: Path, make_site: Callable[..., Site]):  # noqa: F811
    site = make_site()
    cameras = {"BWC1": {"driver": "vigie", "partition": "pm"}}
    (site.folder / "fleet.yaml").write_text(json.dumps({"cameras": cameras}))
    daemon = site.start_installed({"PYTHONPATH": ""}, python=python).ready()
    clips = {"VIDEO/a.mp4": b"first", "VIDEO/b.mp4": b"second"}
    site.dock_camera("BWC1", clips, says="SERIAL=BWC1", stated_in="DEVICE.TXT")
    daemon.wait_green()
    assert daemon.stop() == ExitCode.OK
    assert_all_cleared(site)
    assert {(entry["driver"], entry["driver_version"]) for entry in of_kind(site, "collected")} == {("vigie", "1.0")}


def test_the_page_shows_the_driver_as_it_is():
    page = (ROOT / "docs" / "writing-a-driver.md").read_text()
    [shown] = [block for block in re.findall(r"(?s)```python\n(.*?)```", page) if "class VigieDriver" in block]
    assert shown == (EXAMPLE / "dockd_vigie.py").read_text()
    for name in ("pyproject.toml", "test_vigie.py"):
        assert (EXAMPLE / name).read_text() in page

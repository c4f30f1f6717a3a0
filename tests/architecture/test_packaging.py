"""What is installed is what is here, pinned, from nowhere in particular."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))
OLDEST_SETUPTOOLS = 77  # the first that knows `license = "Apache-2.0"` (PEP 639)
PIN = re.compile(r"^([\w.-]+)==[\w.]+( ;[^\\]+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+", re.MULTILINE)


def normal(name: str) -> str:
    """Write a project's name in its normal form, as the Python packaging specification of names has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(requirements: list[str]) -> set[str]:
    return {normal(re.match(r"[\w.-]+", requirement)[0]) for requirement in requirements}


def pinned(file: str) -> set[str]:
    return {normal(match[1]) for match in PIN.finditer((ROOT / "requirements" / file).read_text())}


def packages(root: Path) -> set[str]:
    found = (
        path.parent.relative_to(root) for top in ("dockd", "drivers") for path in root.glob(f"{top}/**/__init__.py")
    )
    return {".".join(path.parts) for path in found}


def test_every_package_is_named_in_pyproject():
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages(ROOT)


def test_every_folder_with_code_is_a_package():
    folders = {path.parent for top in ("dockd", "drivers") for path in ROOT.glob(f"{top}/**/*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_requirements_are_pins_with_hashes_and_name_no_source(path):
    text = path.read_text()
    rest = [line for line in PIN.sub("", text).splitlines() if not line.lstrip().startswith("#")]
    assert rest == []
    assert not re.search(r"://|\bindex\b|\.(org|com|net|io)\b", text)


def test_everything_that_pyproject_asks_for_is_pinned():
    runtime, groups = PROJECT["project"]["dependencies"], PROJECT["dependency-groups"]
    assert wanted(runtime) <= pinned("runtime.txt")
    assert wanted([*runtime, *groups["dev"]]) <= pinned("test.txt")
    assert wanted(groups["build"]) <= pinned("build.txt")
    assert wanted(PROJECT["build-system"]["requires"]) <= pinned("build.txt")


def test_files_that_pin_the_same_project_agree():
    pins: dict[str, set[str]] = {}
    for path in REQUIREMENTS:
        for name, pin in re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.MULTILINE):
            pins.setdefault(name, set()).add(pin)
    assert {name: several for name, several in pins.items() if len(several) > 1} == {}


def test_the_wheel_builds_and_holds_dockd_and_the_drivers_only(tmp_path):
    absent = [tool for tool in ("pip", "setuptools") if not find_spec(tool)]
    if absent or int(version("setuptools").partition(".")[0]) < OLDEST_SETUPTOOLS:
        pytest.skip(f"needs pip and setuptools >= {OLDEST_SETUPTOOLS}: run `make test`")
    for name in ("dockd", "drivers"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    build = (*(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"), ".")
    subprocess.run(build, cwd=tmp_path, check=True, timeout=100)

    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    code = {
        path.relative_to(tmp_path).as_posix()
        for top in ("dockd", "drivers")
        for path in tmp_path.glob(f"{top}/**/*.py")
    }
    assert {name for name in held if name.endswith(".py")} == code
    assert {name.partition("/")[0] for name in held} == {"dockd", "drivers"}

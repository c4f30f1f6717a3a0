"""What a dock without network is given: every pinned wheel for its own Python, and dockd's own."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.vm import cache

PINS = cache.ROOT / "requirements" / "runtime.txt"

VENV = "/opt/dockd"
"""In the guest."""

_PLATFORMS = ("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
# Debian 12 has Python 3.11, whatever the host has.
_GUEST = ["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--abi", "abi3", "--abi", "none"]
_BUILT_FROM = ("dockd", "drivers", "pyproject.toml", "README.md", "LICENSE")


def sources() -> list[Path]:
    """List everything that becomes part of dockd's wheel."""
    return cache.files(*_BUILT_FROM)


def wheelhouse() -> Path:
    """Give the folder with the pinned wheels; a `wheelhouse` in the checkout is then their only source."""
    return cache.made("wheels", cache.stamp(_GUEST, [PINS]), _download)


def build(folder: Path) -> Path:
    """Build dockd's wheel into a folder, from a copy: setuptools writes beside what it builds."""
    copy = folder / "source"
    copy.mkdir()
    for path in sources():
        target = copy / path.relative_to(cache.ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    _pip("wheel", *options, str(copy))
    shutil.rmtree(copy)
    (wheel,) = folder.glob("dockd-*.whl")
    return wheel


def _download(folder: Path) -> None:
    local = cache.ROOT / "wheelhouse"
    source = ["--no-index", "--find-links", str(local)] if local.is_dir() else []
    options = ["--require-hashes", "--only-binary", ":all:", "--dest", str(folder), "-r", str(PINS)]
    platforms = [word for name in _PLATFORMS for word in ("--platform", name)]
    _pip("download", *options, *source, *_GUEST, *platforms)


def _pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"pip {words[0]}: {done.stderr[-4000:]}")

"""Another implementation of age and the public test vectors, fetched by npm with pinned hashes, once per run."""

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PEERS = Path(__file__).parent / "peers"
NODE_AT_LEAST = (20, 19)
FETCH = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=20000"]
FETCH_SECONDS = 90


class Peers:
    """`peers.mjs`, a process for each question."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ask(self, command: str, *keys: str, data: bytes = b"") -> bytes:
        """Give the answer; raises `CalledProcessError` if the peer refuses."""
        words = ["node", "peers.mjs", command, *keys]
        return subprocess.run(words, cwd=self._folder, input=data, capture_output=True, timeout=60, check=True).stdout


@pytest.fixture(scope="session")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Peers:
    """Fetch into a folder that all workers of this run share; the first one does the work for them."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "age-peers"
    folder.mkdir(exist_ok=True)
    outcome = folder / "outcome"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not outcome.exists():
            outcome.write_text(missing() or fetched(folder))
    if problem := outcome.read_text():
        pytest.skip(problem)
    return Peers(folder)


def missing() -> str:
    """Say what this machine lacks; empty if nothing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node or npm is not installed"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=60).stdout
    found = tuple(map(int, re.findall(r"\d+", version)[:2]))
    return "" if found >= NODE_AT_LEAST else f"node {version.strip()} is too old for age-encryption"


def fetched(folder: Path) -> str:
    """Install what package-lock.json pins; say why that was not possible, empty if it was."""
    shutil.copytree(PEERS, folder, dirs_exist_ok=True)
    try:
        done = subprocess.run(FETCH, cwd=folder, capture_output=True, text=True, timeout=FETCH_SECONDS)
    except subprocess.TimeoutExpired:
        return "npm could not fetch the peers in time"
    # Other bytes than those that are pinned are no reason to skip.
    assert "EINTEGRITY" not in done.stderr, done.stderr
    complaints = [line for line in done.stderr.splitlines() if line.startswith(("npm error", "npm ERR!"))]
    return "" if done.returncode == 0 else f"npm could not fetch the peers: {complaints[:1]}"

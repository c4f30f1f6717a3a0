import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.nursery import Nursery
from tests.integration.site import Site, environment


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.integration.nursery"]
    with theirs:
        process = subprocess.Popen(command, stdin=theirs, env=environment())
    nursery = Nursery(ours)
    yield nursery
    nursery.close()
    process.wait()


@pytest.fixture
def make_site(tmp_path: Path, nursery: Nursery) -> Iterator[Callable[..., Site]]:
    """Make the site of a test; its daemons end with the test."""
    made: list[Site] = []

    def make(**settings: Any) -> Site:
        made.append(Site(tmp_path, nursery, **settings))
        return made[-1]

    yield make
    for site in made:
        site.close()


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()

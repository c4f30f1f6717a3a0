"""The demonstration, played once for the tests that only look, and copies of its site for those that spoil it."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dockd.demo.play import Played, play
from dockd.demo.site import Site, build
from tests.demo.a_play import MEDIA, Notes


@dataclass(frozen=True)
class Evening:
    """A site, what was played on it and what was seen."""

    site: Site
    played: Played
    notes: Notes


@pytest.fixture(scope="package")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    site, notes = build(tmp_path_factory.mktemp("d"), MEDIA), Notes()
    return Evening(site, play(site, notes), notes)


@pytest.fixture
def site(evening: Evening, tmp_path: Path) -> Site:
    """A copy of the site that a test may spoil."""
    original = evening.site
    shutil.copytree(original.path, tmp_path / "site", ignore=shutil.ignore_patterns("*.sock"))
    copy = replace(original, path=tmp_path / "site")
    copy.config.write_text(copy.config.read_text().replace(str(original.path), str(copy.path)))
    return copy

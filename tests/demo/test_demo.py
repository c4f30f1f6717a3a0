"""The demonstration shows what it says, and its outsider says no as soon as one of its answers is no longer true."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.demo.outsider import check
from dockd.demo.play import play
from dockd.demo.site import CAMERA, HOME_PARTITION, OTHER_PARTITION, STRANGER, Site, build

MEDIA = Path(__file__).parents[1] / "media"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site on which the demonstration was played once."""
    site = build(tmp_path_factory.mktemp("d"), MEDIA)
    play(site, lambda bays: None)
    return site


@pytest.fixture
def site(played: Site, tmp_path: Path) -> Site:
    """A copy of it that a test may spoil."""
    shutil.copytree(played.path, tmp_path / "site", ignore=shutil.ignore_patterns("*.sock"))
    copy = replace(played, path=tmp_path / "site")
    config = copy.config.read_text().replace(str(played.path), str(copy.path))
    copy.config.write_text(config)
    return copy


def entries(site: Site) -> list[dict]:
    return json.loads(site.do("register", "show", "--json").stdout)


def an_object(site: Site) -> Path:
    return next(site.store(HOME_PARTITION).rglob("*.age"))


def test_every_answer_of_the_outsider_is_yes(played):
    assert [(finding.question, finding.because) for finding in check(played) if not finding.holds] == []


def flip_a_byte_of_an_object(site: Site) -> None:
    path = an_object(site)
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def change_an_entry(site: Site) -> None:
    with closing(sqlite3.connect(site.path / "state" / "register.db")) as database:
        triggers = database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'payload'")
        for (name,) in triggers.fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE payload SET body = replace(body, 'unknown_camera', 'unknown_Camera')")
        database.commit()


def leave_an_object_in_the_other_partition(site: Site) -> None:
    shutil.copy(an_object(site), site.store(OTHER_PARTITION) / "stray.age")


def put_a_recording_back_on_the_camera(site: Site) -> None:
    shutil.copy(MEDIA / "moov-first.mp4", site.dock / CAMERA)


def take_the_unknown_file_from_the_camera(site: Site) -> None:
    (site.dock / CAMERA / "LISEZMOI.TXT").unlink()


def take_a_recording_from_the_stranger(site: Site) -> None:
    next((site.dock / STRANGER).rglob("*.mp4")).unlink()


@pytest.mark.parametrize(
    ("spoil", "question"),
    [
        (flip_a_byte_of_an_object, "open every object"),
        (change_an_entry, "register verify"),
        (leave_an_object_in_the_other_partition, "other partition"),
        (put_a_recording_back_on_the_camera, "camera empty"),
        (take_the_unknown_file_from_the_camera, "camera empty"),
        (take_a_recording_from_the_stranger, "not ours refused"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_outsider_says_no_once_something_does_not_hold(site: Site, spoil: Callable[[Site], None], question: str):
    spoil(site)
    assert any(question in finding.question for finding in check(site) if not finding.holds)


def test_a_kept_site_opens_with_the_age_program_to_the_digests_in_the_register(played):
    if shutil.which("age") is None:
        pytest.skip("the program age is not installed")
    collected = [entry for entry in entries(played) if entry["kind"] == "collected"]
    assert len(collected) == 3
    for entry in collected:
        sealed = played.store(entry["partition"]) / entry["object_path"]
        line = f"age -d -i {played.key_file(HOME_PARTITION)} {sealed} | sha256sum"
        done = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
        assert done.stdout.split()[0] == entry["plaintext_sha256"]


def test_the_command_exits_with_0_and_keeps_the_site_only_if_told(tmp_path):
    command = [sys.executable, "-P", "-m", "dockd", "demo", "--media", str(MEDIA)]
    done = subprocess.run([*command, "--keep", str(tmp_path / "kept")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "kept" / "dockd.yaml").exists()
    again = subprocess.run([*command, "--keep", str(tmp_path / "kept")], capture_output=True, text=True)
    assert again.returncode == 3


def test_a_folder_without_recordings_is_refused_with_a_remedy(tmp_path):
    command = [sys.executable, "-P", "-m", "dockd", "demo", "--media", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, "--media" in done.stderr) == (3, True)

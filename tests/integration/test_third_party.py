"""The commands that give a third party what it needs, beside a running daemon and without one."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dockd.errors import ExitCode
from tests.integration.site import FOR, MEDIA, ROOT, Site, dockd

SCRIPT = ROOT / "docs" / "verify_register.py"
CLIPS = {name: (MEDIA / name).read_bytes() for name in ("moov-first.mp4", "fragmented.mp4")}


def register(site: Site, *words: str | Path) -> str:
    """Run a command of `dockd register` that must succeed."""
    done = dockd("register", *words, "--config", site.config)
    assert (done.returncode, done.stderr) == (ExitCode.OK, ""), done
    return str(done.stdout)


def verdict(*words: str | Path) -> str:
    """Let the script that knows no dockd say what it finds."""
    done = subprocess.run([sys.executable, "-I", SCRIPT, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    return done.stdout.splitlines()[0]


@pytest.mark.parametrize("running", [True, False])
def test_what_is_printed_for_others_is_verified_without_dockd(site: Site, tmp_path: Path, running: bool):
    daemon = site.start()
    old = tmp_path / "old.note"
    old.write_text(register(site, "checkpoint"))
    site.dock_camera("BWC1", CLIPS)
    recording = daemon.wait_for("recording.done")["recording"]
    daemon.wait_green()
    if not running:
        site.close()
    key = site.verifier.text
    for name, words in (
        ("export", ("export", *FOR)),
        ("bundle", ("prove", recording, *FOR)),
        ("first", ("prove", "--entry", "0", *FOR)),
        ("growth", ("prove", "--since", old)),
    ):
        (tmp_path / name).write_text(register(site, *words))
    now = tmp_path / "now.note"
    now.write_text(register(site, "checkpoint"))

    assert verdict("register", key, tmp_path / "export", "--checkpoint", old).startswith("verified: ")
    assert verdict("consistency", key, tmp_path / "growth", old).startswith("verified: the first ")
    assert verdict("bundle", key, tmp_path / "first") == "verified: entry 0"
    proven = json.loads((tmp_path / "bundle").read_text())["entry"]
    assert verdict("bundle", key, tmp_path / "bundle") == f"verified: entry {proven['seq']}"
    assert json.loads(proven["body"])["path"] in CLIPS
    assert "verified: " in register(site, "verify", "--since", old, "--since", now)


def test_a_register_that_was_put_back_does_not_verify_against_a_later_checkpoint(site: Site, tmp_path: Path):
    site.start()
    site.close()
    copy = shutil.copy(site.register, tmp_path / "copy.db")
    site.start()
    later = tmp_path / "later.note"
    later.write_text(register(site, "checkpoint"))
    site.close()
    shutil.copy(copy, site.register)
    done = dockd("register", "verify", "--since", later, "--config", site.config)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (ExitCode.FAILED_CHECK, "1 problem: NOT verified")
    assert "its end was cut off" in done.stdout


def test_a_register_that_does_not_verify_is_exported_as_it_is(site: Site, tmp_path: Path):
    site.start().ready()
    site.close()
    with closing(sqlite3.connect(site.register)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("DELETE FROM checkpoint")
        database.commit()
    export = tmp_path / "export"
    export.write_text(register(site, "export"))
    done = subprocess.run([sys.executable, "-I", SCRIPT, "register", site.verifier.text, export], capture_output=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, b"NOT verified")
    for words in (("checkpoint",), ("prove", "--entry", "0")):
        assert dockd("register", *words, "--config", site.config).returncode == ExitCode.FAILED_CHECK


def test_a_checkpoint_of_another_dock_is_not_taken(site: Site, tmp_path: Path):
    site.start()
    note = tmp_path / "note"
    note.write_text(register(site, "checkpoint").replace("essai\n", "autre\n", 1))
    site.close()
    done = dockd("register", "verify", "--since", note, "--config", site.config)
    assert (done.returncode, done.stdout) == (ExitCode.FAILED_CHECK, "")
    assert "signature" in done.stderr


@pytest.mark.parametrize("words", [(), ("0" * 32, "--entry", "0")])
def test_exactly_one_thing_is_proven(site: Site, words: tuple[str, ...]):
    assert dockd("register", "prove", *words, "--config", site.config).returncode == ExitCode.USAGE


@pytest.mark.parametrize("words", [("0" * 32,), ("--entry", "900")])
@pytest.mark.parametrize("running", [True, False])
def test_what_is_not_there_is_not_proven(site: Site, words: tuple[str, ...], running: bool):
    if running:
        site.start()
    done = dockd("register", "prove", *words, *FOR, "--config", site.config)
    assert (done.returncode, done.stdout) == (ExitCode.REGISTER, "")

"""What a third party is given is checked without dockd, by the script that comes with it, and by dockd alike."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.errors import RegisterError, RegisterTampered
from dockd.register import bundle
from dockd.register.merkle import leaf_data
from dockd.register.note import Checkpoint
from dockd.register.verify import open_readonly, verify
from tests.register.dock import DOCK_ID, Dock, collected, refused
from tests.register.test_verify import unprotected

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_register.py"
LAST = 20
OLD = 9
"""Entries under the checkpoint that was kept outside the dock."""
UNSIGNED = f"the entries from {OLD} on are under no checkpoint that agrees"


def write(dock: Dock, number: int = LAST, stolen_key: Path | None = None, reason: str = "-") -> str:
    """Write a register of `number` entries behind the first; give the checkpoint of its first OLD entries."""
    journal = dock.create(stolen_key)
    for each in range(1, number + 1):
        journal.append(collected(each) if each % 2 else refused(each).model_copy(update={"reason": reason}))
        if journal.size in (OLD, 15):
            journal.checkpoint()
    journal.checkpoint()
    [old] = [each.note.decode() for each in journal.checkpoints(0, 100) if each.size == OLD]
    journal.close()
    return old


@pytest.fixture
def old(dock: Dock) -> str:
    return write(dock)


def script(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", SCRIPT, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def exported(dock: Dock) -> Path:
    path = dock.register.with_name("export.jsonl")
    with open_readonly(dock.register) as reader:
        path.write_bytes(b"".join(bundle.export(reader.rows(), reader.checkpoints(), dock.key.verifier)))
    return path


def kept(dock: Dock, note: str) -> Path:
    path = dock.register.with_name("kept.note")
    path.write_text(note)
    return path


def verdicts(dock: Dock, *notes: str) -> tuple[list[str], list[str]]:
    """Give what dockd finds, and what the script finds; checkpoints from outside are `notes`."""
    key = dock.key.verifier
    outside = [Checkpoint.parse(key.open_note(note)) for note in notes]
    with open_readonly(dock.register) as reader:
        report = verify(reader.rows(), reader.checkpoints(), key, DOCK_ID, outside)
    paths = [word for note in notes for word in ("--checkpoint", kept(dock, note))]
    done = script("register", key.text, exported(dock), *paths)
    assert done.returncode in (0, 1), done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1].startswith("verified" if done.returncode == 0 else "NOT verified")
    return [problem.message for problem in report.problems], lines[:-1] if done.returncode else []


def test_an_untouched_register_is_verified_also_against_a_checkpoint_from_outside(dock: Dock, old: str) -> None:
    assert verdicts(dock, old) == ([], [])
    assert verdicts(dock) == ([], [])


def test_the_segments_of_the_mirror_are_verified_against_a_checkpoint_from_outside(dock: Dock, old: str) -> None:
    segments = sorted(dock.mirror_path.glob("*.jsonl"))
    done = script("register", dock.key.verifier.text, *segments, "--checkpoint", kept(dock, old))
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, UNSIGNED)
    journal = dock.open()
    old = journal.checkpoint()
    journal.close()
    done = script("register", dock.key.verifier.text, *segments, "--checkpoint", kept(dock, old))
    assert (done.returncode, done.stdout[:8]) == (0, "verified")
    segments[0].write_bytes(segments[0].read_bytes().replace(b"cam-1", b"cam-2", 1))
    done = script("register", dock.key.verifier.text, *segments, "--checkpoint", kept(dock, old))
    assert (done.returncode, done.stdout.splitlines()[0][:8]) == (1, "entry 1:")


def one_bit(database: sqlite3.Connection) -> None:
    [(body,)] = database.execute("SELECT CAST(body AS BLOB) FROM payload WHERE seq = 7").fetchall()
    place = body.index(b"cam-1")
    changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
    database.execute("UPDATE payload SET body = CAST(? AS TEXT) WHERE seq = 7", (changed,))


def swapped(database: sqlite3.Connection) -> None:
    """Exchange what two entries say, with salts and leaves."""
    for table in ("entry", "payload"):
        database.execute(f"UPDATE {table} SET seq = seq + 100 WHERE seq IN (6, 7)")
        database.execute(f"UPDATE {table} SET seq = 113 - seq WHERE seq IN (106, 107)")


def removed(database: sqlite3.Connection) -> None:
    """Take one away, and have the later ones close the gap."""
    for table in ("node", "payload", "entry"):
        database.execute(f"DELETE FROM {table} WHERE seq = 7")
    for seq in range(8, LAST + 1):
        for table in ("entry", "payload"):
            database.execute(f"UPDATE {table} SET seq = ? WHERE seq = ?", (seq - 1, seq))


def exchanged(database: sqlite3.Connection) -> None:
    """Have entry 7 say something else, with the leaf that belongs to it."""
    [(salt, body)] = database.execute("SELECT salt, CAST(body AS BLOB) FROM payload WHERE seq = 7").fetchall()
    changed = body.replace(b"cam-1", b"cam-2")
    database.execute("UPDATE payload SET body = CAST(? AS TEXT) WHERE seq = 7", (changed,))
    database.execute("UPDATE entry SET leaf = ? WHERE seq = 7", (leaf_data(salt, changed),))


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (one_bit, r"entry 7: leaf, salt and body"),
        (swapped, r"entry 6\b"),
        (removed, r"entry 7\b"),
        (exchanged, r"entries \d+ to \d+ are not the ones"),
    ],
)
def test_a_change_inside_is_found_by_both_and_placed(
    dock: Dock, old: str, tamper: Callable[[sqlite3.Connection], None], named: str
) -> None:
    with unprotected(dock) as database:
        tamper(database)
    for found in verdicts(dock):
        assert found and re.search(named, "\n".join(found)), found


def test_what_was_exchanged_with_its_leaf_is_placed_between_two_checkpoints(dock: Dock, old: str) -> None:
    with unprotected(dock) as database:
        database.execute("DELETE FROM checkpoint WHERE size < 5")
        exchanged(database)
    for found in verdicts(dock):
        assert any("entries 0 to 8 are not the ones that were signed" in line for line in found), found


def cut(dock: Dock) -> None:
    """Cut the end off with everything in the register that would tell of it."""
    with unprotected(dock) as database:
        for table in ("node", "payload", "entry"):
            database.execute(f"DELETE FROM {table} WHERE seq >= 15")
        database.execute("DELETE FROM checkpoint WHERE size > 15")


def test_a_tail_that_was_cut_with_its_checkpoints_shows_in_any_later_one_from_outside(dock: Dock, old: str) -> None:
    journal = dock.open()
    last = journal.checkpoint()
    journal.close()
    cut(dock)
    assert verdicts(dock, old) == ([], []), "nothing on the dock can show it"
    for found in verdicts(dock, last):
        assert any("21" in line and "ends" in line for line in found), found


def test_a_history_that_was_signed_anew_with_the_docks_key_shows_in_any_older_checkpoint(
    dock: Dock, old: str, tmp_path: Path
) -> None:
    (tmp_path / "forged").mkdir()
    forged = Dock(tmp_path / "forged")
    write(forged, stolen_key=dock.key_path, reason="another")
    assert verdicts(forged) == ([], []), "nothing on the dock can show it"
    for found in verdicts(forged, old):
        assert len(found) == 1 and "entries 0 to 8" in found[0], found


def test_a_register_that_was_put_back_as_it_was_shows_in_any_later_checkpoint(dock: Dock, old: str) -> None:
    copy = dock.register.with_name("copy.db")
    shutil.copy(dock.register, copy)
    journal = dock.open()
    journal.append(refused(), refused())
    later = journal.checkpoint()
    journal.close()
    shutil.move(copy, dock.register)
    for found in verdicts(dock, later):
        assert any(f"{LAST + 3}" in line and "ends" in line for line in found), found


def test_entries_under_no_checkpoint_are_not_verified(dock: Dock, old: str) -> None:
    """Whoever has the disk and not the key takes the signatures away, and writes the entries anew."""
    lines = [line for line in exported(dock).read_bytes().splitlines(keepends=True) if b'"checkpoint"' not in line]
    signed = json.dumps({"checkpoint": old}).encode() + b"\n"
    path = dock.register.with_name("unsigned.jsonl")
    path.write_bytes(b"".join([*lines[: OLD + 1], signed, *lines[OLD + 1 :]]))
    done = script("register", dock.key.verifier.text, path)
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, UNSIGNED)


def test_an_entry_whose_body_was_taken_away_is_named(dock: Dock, old: str) -> None:
    lines = [json.loads(line) for line in exported(dock).read_bytes().splitlines()]
    for line in lines:
        if line.get("seq") == 7:
            del line["body"], line["salt"]
    path = dock.register.with_name("stripped.jsonl")
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = script("register", dock.key.verifier.text, path)
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "entry 7: what it said is missing, and was not pruned")


def test_a_recording_is_proven_by_its_own_entry_whatever_the_look_up_says(dock: Dock, old: str) -> None:
    with unprotected(dock) as database:
        database.execute("UPDATE payload SET recording_id = ? WHERE seq = 7", (f"{3:032x}",))
    with open_readonly(dock.register) as reader, pytest.raises(RegisterTampered, match="look-up"):
        reader.prove_recording(f"{3:032x}", dock.key.verifier)


def test_an_entry_that_is_gone_or_was_exchanged_is_not_proven(dock: Dock, old: str) -> None:
    with unprotected(dock) as database:
        exchanged(database)
        database.execute("DELETE FROM payload WHERE seq = 9")
    with open_readonly(dock.register) as reader:
        for seq in (7, 9):
            with pytest.raises(RegisterTampered):
                reader.prove_entry(seq, dock.key.verifier)


@pytest.mark.parametrize("words", [("bundle", "a", "b"), ("consistency", "a"), ("consistency", "a", "b", "c")])
def test_no_file_is_passed_over_by_the_script(dock: Dock, old: str, words: tuple[str, ...], tmp_path: Path) -> None:
    what, *files = words
    assert script(what, dock.key.verifier.text, *(tmp_path / name for name in files)).returncode == 2


def opened(dock: Dock, note: str) -> Checkpoint:
    return Checkpoint.parse(dock.key.verifier.open_note(note))


def bundle_of(dock: Dock, seq: int) -> dict[str, object]:
    with open_readonly(dock.register) as reader:
        return reader.prove_entry(seq, dock.key.verifier)


@pytest.mark.parametrize("seq", [0, 1, 7, LAST])
def test_a_bundle_proves_its_entry(dock: Dock, old: str, seq: int, tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(bundle_of(dock, seq)))
    done = script("bundle", dock.key.verifier.text, path)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, f"verified: entry {seq}")
    key = tmp_path / "key"
    key.write_text(dock.key.verifier.text + "\n")
    assert script("bundle", key, path).returncode == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry["entry"].update(body=entry["entry"]["body"].replace("cam-1", "cam-2")),
        lambda entry: entry["entry"].update(salt="00" * 32),
        lambda entry: entry["entry"].update(seq=8),
        lambda entry: entry["inclusion"].pop(),
        lambda entry: entry["inclusion"].append("00" * 32),
        lambda entry: entry["inclusion"].reverse(),
        lambda entry: entry.update(checkpoint=entry["checkpoint"].replace("\n21\n", "\n22\n")),
    ],
)
def test_a_bundle_that_was_changed_proves_nothing(
    dock: Dock, old: str, change: Callable[[dict[str, object]], object], tmp_path: Path
) -> None:
    proven = bundle_of(dock, 7)
    change(proven)
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(proven))
    done = script("bundle", dock.key.verifier.text, path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "NOT verified")


def test_the_key_of_another_dock_verifies_nothing(dock: Dock, old: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Dock(tmp_path / "other")
    write(other)
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(bundle_of(dock, 7)))
    assert script("bundle", other.key.verifier.text, path).returncode == 1
    assert script("register", other.key.verifier.text, exported(dock)).returncode == 1


def test_growth_is_proven_and_only_from_what_it_grew_from(dock: Dock, old: str, tmp_path: Path) -> None:
    path = tmp_path / "growth.json"
    with open_readonly(dock.register) as reader:
        path.write_text(json.dumps(reader.prove_growth(opened(dock, old), dock.key.verifier)))
    done = script("consistency", dock.key.verifier.text, path, kept(dock, old))
    assert (done.returncode, done.stdout[:18]) == (0, "verified: the first"[:18])
    (tmp_path / "forged").mkdir()
    forged = write(Dock(tmp_path / "forged"), stolen_key=dock.key_path, reason="another")
    done = script("consistency", dock.key.verifier.text, path, kept(dock, forged))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "NOT verified")


def test_what_cannot_be_proven_is_refused(dock: Dock, old: str) -> None:
    with open_readonly(dock.register) as reader:
        for seq in (-1, LAST + 1):
            with pytest.raises(RegisterError):
                reader.prove_entry(seq, dock.key.verifier)
        with pytest.raises(RegisterError):
            reader.prove_recording("0" * 32, dock.key.verifier)
        honest = opened(dock, old)
        for wrong in (replace(honest, size=0), replace(honest, size=LAST + 2), replace(honest, root=b"\0" * 32)):
            with pytest.raises(RegisterTampered):
                reader.prove_growth(wrong, dock.key.verifier)
        proven = reader.prove_recording(f"{7:032x}", dock.key.verifier)
    assert proven["entry"]["seq"] == 7


def test_a_running_journal_proves_what_was_entered_since_the_last_checkpoint(dock: Dock, old: str) -> None:
    journal = dock.open()
    [seq] = journal.append(collected(70))
    assert journal.prove_recording(f"{70:032x}")["entry"]["seq"] == seq
    assert journal.prove_growth(old)["old_size"] == OLD
    with pytest.raises(RegisterTampered):
        journal.prove_growth(old.replace(f"\n{OLD}\n", "\n10\n"))
    journal.close()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{", '{"entry": 1}', '{"checkpoint": 1}', '{"seq": 0}', '{"seq": 0, "leaf": 1}', "[" * 100_000],
)
def test_what_is_no_register_and_no_bundle_is_never_verified_and_breaks_nothing(
    dock: Dock, old: str, text: str, tmp_path: Path
) -> None:
    path = tmp_path / "strange"
    path.write_text(text)
    for what in ("register", "bundle"):
        done = script(what, dock.key.verifier.text, path)
        assert done.returncode in (1, 2)
        assert "Traceback" not in done.stderr

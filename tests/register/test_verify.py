import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from dockd.register.body import Row
from dockd.register.entry import compose
from dockd.register.merkle import Frontier, leaf_data
from dockd.register.note import Checkpoint, SigningKey
from dockd.register.schema import StoredCheckpoint
from dockd.register.verify import Report, open_readonly, verify
from tests.register.dock import DOCK_ID, Dock, collected, refused

LAST = 20


@pytest.fixture
def written(dock: Dock) -> Dock:
    journal = dock.create()
    for number in range(1, LAST + 1):
        journal.append(collected(number) if number % 2 else refused(number))
        if number % 4 == 0:
            journal.checkpoint()
    journal.close()
    return dock


@contextmanager
def unprotected(dock: Dock) -> Iterator[sqlite3.Connection]:
    """The database in the hands of somebody who knows how to get round everything but the tree."""
    with closing(sqlite3.connect(dock.register, isolation_level=None)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("PRAGMA ignore_check_constraints = ON")
        yield database


def seqs(report: Report) -> list[int | None]:
    return [problem.seq for problem in report.problems]


def test_an_untouched_register_has_no_problem_and_says_what_is_signed(written: Dock) -> None:
    journal = written.open()
    journal.append(refused(), refused())
    journal.close()
    report = written.verify()
    assert report.problems == ()
    assert (report.size, report.covered) == (LAST + 3, LAST + 1)


def test_a_register_is_verified_in_pages(written: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dockd.register.verify._PAGE_ROWS", 3)
    assert written.verify().problems == ()


def other_last_byte(column: str) -> str:
    last = f"CASE substr({column}, 32) WHEN x'00' THEN x'01' ELSE x'00' END"
    return f"{column} = CAST(substr({column}, 1, 31) || {last} AS BLOB)"


@pytest.mark.parametrize("seq", [0, 1, 7, 10, LAST])
@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("payload", "body = replace(body, 'Europe/Paris', 'Europe/Pariz')"),
        (
            "payload",
            "body = CAST(substr(CAST(body AS BLOB), 1, 40) || x'ff' || substr(CAST(body AS BLOB), 42) AS TEXT)",
        ),
        ("payload", "body = ''"),
        ("payload", other_last_byte("salt")),
        ("payload", "salt = x''"),
        ("entry", other_last_byte("leaf")),
        ("entry", "leaf = x'00'"),
    ],
)
def test_one_changed_byte_of_an_entry_is_named(written: Dock, table: str, change: str, seq: int) -> None:
    with unprotected(written) as database:
        assert database.execute(f"UPDATE {table} SET {change} WHERE seq = {seq}").rowcount == 1
    assert seqs(written.verify())[0] == seq


@pytest.mark.parametrize(("seq", "level"), [(1, 1), (3, 2), (7, 1), (15, 4)])
def test_one_changed_byte_of_the_stored_tree_is_named(written: Dock, seq: int, level: int) -> None:
    with unprotected(written) as database:
        [hashes] = database.execute("SELECT hashes FROM node WHERE seq = ?", (seq,)).fetchone()
        changed = bytearray(hashes)
        changed[32 * level - 1] ^= 1
        database.execute("UPDATE node SET hashes = ? WHERE seq = ?", (changed, seq))
    report = written.verify()
    assert seqs(report) == [seq] and f"level {level}" in report.problems[0].message


@pytest.mark.parametrize("old", ["dock-7", "\n5\n", "\n—", "="])
def test_one_changed_byte_of_a_checkpoint_is_named(written: Dock, old: str) -> None:
    with unprotected(written) as database:
        database.execute("UPDATE checkpoint SET note = replace(note, ?, ?) WHERE size = 5", (old, old[:-1] + "X"))
    assert seqs(written.verify()) == [4]


def test_a_checkpoint_that_is_no_text_is_named(written: Dock) -> None:
    with unprotected(written) as database:
        database.execute("UPDATE checkpoint SET note = CAST(x'ff00ff' AS TEXT) WHERE size = 9")
    assert seqs(written.verify()) == [8]


def test_a_changed_leaf_is_told_once_and_not_again_by_every_root_above_it(written: Dock) -> None:
    with unprotected(written) as database:
        database.execute("UPDATE entry SET leaf = randomblob(32) WHERE seq = 6")
    problems = written.verify().problems
    assert [problem.seq for problem in problems] == [6, 5]
    assert "entries 5 to 8" in problems[1].message


def test_every_changed_entry_is_named_and_not_only_the_first(written: Dock) -> None:
    with unprotected(written) as database:
        database.execute("UPDATE payload SET salt = randomblob(32) WHERE seq IN (2, 9, 17)")
    assert seqs(written.verify()) == [2, 9, 17]


def test_an_entry_that_was_exchanged_with_its_leaf_and_tree_is_known_by_the_signature(written: Dock) -> None:
    """The strongest forger without the key: everything consistent, only the signed roots stay."""
    with open_readonly(written.register) as reader:
        rows, checkpoints = list(reader.rows()), list(reader.checkpoints())
    forged = forge(rows, 6, rows[6].body.replace(b"stranger-6", b"stranger-7"))  # type: ignore[union-attr]
    report = verify(forged, checkpoints, written.key.verifier, DOCK_ID)
    assert seqs(report) == [5] and "entries 5 to 8 are not the ones" in report.problems[0].message
    assert report.covered == 5


def forge(rows: list[Row], seq: int, body: bytes) -> list[Row]:
    tree = Frontier()
    forged = []
    for row in rows:
        changed = row._replace(body=body) if row.seq == seq else row
        leaf = leaf_data(changed.salt or b"", changed.body or b"")
        forged.append(changed._replace(leaf=leaf, nodes=tree.append(leaf)))
    return forged


@pytest.mark.parametrize("first", [0, 3, 8])
def test_missing_entries_are_named(written: Dock, first: int) -> None:
    with unprotected(written) as database:
        for table in ("entry", "payload", "node"):
            database.execute(f"DELETE FROM {table} WHERE seq IN ({first}, {first + 1})")
    problem = written.verify().problems[0]
    assert problem.seq == first and f"entries {first} to {first + 1} are missing" in problem.message


def test_a_tail_that_was_cut_off_under_its_checkpoint_is_named(written: Dock) -> None:
    with unprotected(written) as database:
        for table in ("entry", "payload", "node"):
            database.execute(f"DELETE FROM {table} WHERE seq >= 19")
    report = written.verify()
    assert seqs(report) == [19] and "its end was cut off" in report.problems[0].message


def test_a_missing_payload_is_named(written: Dock) -> None:
    with unprotected(written) as database:
        database.execute("DELETE FROM payload WHERE seq = 4")
    assert seqs(written.verify()) == [4]


def test_missing_nodes_of_the_stored_tree_are_named(written: Dock) -> None:
    with unprotected(written) as database:
        database.execute("UPDATE node SET hashes = substr(hashes, 1, 64) WHERE seq = 7")
    assert seqs(written.verify()) == [7]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"dock_id":"dock-7"', '"dock_id":"dock-8"'),
        ('"seq":6', '"seq":7'),
        ('"kind":"refused"', '"kind":"unheard"'),
        ('{"at"', '{ "at"'),
        ('"v":1', '"v":2'),
    ],
)
def test_a_body_that_was_signed_but_is_not_an_entry_of_its_place_is_named(written: Dock, old: str, new: str) -> None:
    with open_readonly(written.register) as reader:
        rows = list(reader.rows())
    forged = forge(rows, 6, (rows[6].body or b"").replace(old.encode(), new.encode()))
    assert seqs(verify(forged, signed(written.key, forged), written.key.verifier, DOCK_ID)) == [6]


def signed(key: SigningKey, rows: list[Row]) -> list[StoredCheckpoint]:
    tree = Frontier()
    for row in rows:
        tree.append(row.leaf)
    return [StoredCheckpoint(tree.size, key.sign_note(Checkpoint(key.name, tree.size, tree.root()).text).encode())]


def test_a_second_opening_inside_the_register_is_named(written: Dock) -> None:
    with open_readonly(written.register) as reader:
        rows = list(reader.rows())
    opening = (rows[0].body or b"").replace(b'"seq":0', b'"seq":6')
    forged = forge(rows, 6, opening)
    assert seqs(verify(forged, signed(written.key, forged), written.key.verifier, DOCK_ID)) == [6]


def test_a_register_that_begins_with_another_kind_is_named(written: Dock) -> None:
    with open_readonly(written.register) as reader:
        rows = list(reader.rows())
    forged = forge(rows, 0, (rows[2].body or b"").replace(b'"seq":2', b'"seq":0'))
    assert seqs(verify(forged, signed(written.key, forged), written.key.verifier, DOCK_ID)) == [0]


def test_the_key_of_another_dock_verifies_nothing(written: Dock, tmp_path: Path) -> None:
    other = SigningKey.generate(tmp_path / "other", DOCK_ID).verifier
    with open_readonly(written.register) as reader:
        report = verify(reader.rows(), reader.checkpoints(), other, DOCK_ID)
    assert (seqs(report)[0], report.covered) == (0, 0)
    assert "another verifier key" in report.problems[0].message


def test_a_checkpoint_under_the_size_of_another_is_named(written: Dock) -> None:
    with unprotected(written) as database:
        database.execute("UPDATE checkpoint SET size = 6 WHERE size = 5")
    assert seqs(written.verify()) == [5]


def test_a_register_without_entries_or_without_checkpoints_is_not_in_order(written: Dock) -> None:
    assert len(verify([], [], written.key.verifier, DOCK_ID).problems) == 1
    with open_readonly(written.register) as reader:
        assert len(verify(reader.rows(), [], written.key.verifier, DOCK_ID).problems) == 1


def test_reading_a_register_leaves_no_trace(written: Dock) -> None:
    before = written.register.read_bytes()
    Path(f"{written.register}.lock").unlink()
    written.verify()
    assert written.register.read_bytes() == before
    assert not Path(f"{written.register}.lock").exists()


def test_a_daemon_can_start_and_append_while_a_reader_is_between_two_pages(
    written: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dockd.register.verify._PAGE_ROWS", 2)
    with open_readonly(written.register) as reader:
        rows = reader.rows()
        next(rows)
        journal = written.open()
        journal.append(refused())
        assert sum(1 for _ in rows) == LAST + 1
        journal.close()


def test_compose_and_verify_agree_on_what_an_entry_is(written: Dock) -> None:
    head = {"dock_id": DOCK_ID, "author": "a", "at": "2026-11-22T01:00:00.000000Z", "zone": "UTC"}
    rest = {"clock_trusted": True, "boot_id": "b", "monotonic_ms": 1}
    with open_readonly(written.register) as reader:
        rows = list(reader.rows())
    forged = forge(rows, 6, compose(refused(), seq=6, **head, **rest))
    assert verify(forged, signed(written.key, forged), written.key.verifier, DOCK_ID).problems == ()

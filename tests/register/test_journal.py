import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dockd.errors import AlreadyRunning, MirrorError, OrderError, RegisterError, RegisterTampered
from dockd.model import Recording, RecordingPath
from dockd.register.entry import read
from dockd.register.kinds import CollectedEntry
from dockd.register.mirror import line_of
from tests.register.dock import DOCK_ID, MTIME_NS, Dock, collected, refused, salvaged

ROOT = Path(__file__).parents[2]


def recording(number: int, **changes: int) -> Recording:
    return Recording(RecordingPath(f"DCIM/{number}.mp4".encode()), 1000 + number, changes.get("mtime_ns", MTIME_NS))


def raw(dock: Dock) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(dock.register, isolation_level=None))


def test_a_new_register_has_its_first_entry_a_checkpoint_a_mirror_and_verifies(dock: Dock) -> None:
    journal = dock.create()
    assert journal.size == 1
    assert journal.checkpoint().startswith(f"{DOCK_ID}\n1\n")
    journal.close()
    assert dock.verify().problems == ()
    assert len(dock.mirror_lines()) == 1
    assert sorted(path.name for path in dock.register.parent.glob("register*")) == ["register.db", "register.db.lock"]


def test_register_lock_and_segments_are_private(dock: Dock) -> None:
    previous = os.umask(0)
    try:
        dock.create().close()
    finally:
        os.umask(previous)
    files = [dock.register, Path(f"{dock.register}.lock"), dock.segment(), dock.mirror_path / "dockd-mirror.json"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_register_is_never_made_over_another(dock: Dock, tmp_path: Path) -> None:
    dock.create().close()
    before = dock.register.read_bytes()
    dock.key_path.unlink()
    dock.mirror_path = tmp_path / "other"
    with pytest.raises(RegisterError, match="already a register"):
        dock.create()
    assert dock.register.read_bytes() == before


def test_a_new_register_is_refused_on_a_mirror_that_has_entries_of_another(dock: Dock) -> None:
    dock.create().close()
    dock.register.unlink()
    dock.key_path.unlink()
    (dock.mirror_path / "dockd-mirror.json").unlink()
    with pytest.raises(MirrorError, match="another register"):
        dock.create()


def test_what_an_interrupted_making_left_is_no_obstacle(dock: Dock) -> None:
    dock.register.with_name("register.db.new").write_bytes(b"half")
    dock.create().close()
    assert dock.verify().problems == ()


def test_appended_entries_are_numbered_without_gap_and_stand_on_both_media(dock: Dock) -> None:
    journal = dock.create()
    assert journal.append(refused(1), collected(2), author="a person") == [1, 2]
    assert journal.append(refused(3)) == [3]
    rows = journal.entries(-1, 10)
    assert [row.seq for row in rows] == [0, 1, 2, 3]
    assert [read(row.seq, row.body or b"").author for row in rows] == ["dockd", "a person", "a person", "dockd"]
    assert dock.mirror_lines() == [line_of(row).rstrip() for row in rows]
    assert [row.seq for row in journal.entries(1, 1)] == [2]


def test_the_register_grows_on_after_it_was_closed(dock: Dock) -> None:
    journal = dock.create()
    for number in range(13):
        journal.append(refused(number))
    root = journal.root
    journal.close()
    journal = dock.open()
    assert (journal.size, journal.root) == (14, root)
    assert journal.append(refused(13)) == [14]
    journal.checkpoint()
    journal.close()
    assert (dock.verify().problems, dock.verify().covered) == ((), 15)


def test_a_checkpoint_is_signed_only_when_something_was_appended(dock: Dock) -> None:
    journal = dock.create()
    first = journal.checkpoint()
    assert journal.checkpoint() == first
    journal.append(refused())
    second = journal.checkpoint()
    assert [stored.note.decode() for stored in journal.checkpoints(-1, 9)] == [first, second]
    assert dock.key.verifier.open_note(second).split("\n")[1] == "2"


def test_only_one_journal_holds_a_register_and_nobody_reads_the_file_meanwhile(dock: Dock) -> None:
    journal = dock.create()
    with pytest.raises(AlreadyRunning):
        dock.open()
    with pytest.raises(AlreadyRunning):
        dock.verify()
    journal.close()
    dock.verify()
    dock.open().close()


def test_the_journal_can_be_used_from_another_thread_than_the_one_that_opened_it(dock: Dock) -> None:
    journal = dock.create()
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.extend(journal.append(refused())))
    thread.start()
    thread.join()
    assert done == [1]


def test_a_collection_is_found_by_exactly_what_the_camera_lists_newest_first(dock: Dock) -> None:
    journal = dock.create()
    journal.append(collected(1), collected(2), collected(1, camera_id="cam-2"), collected(1, replaces=1))
    found = journal.find_collected("cam-1", recording(1))
    assert [(entry.seq, entry.recording_id, entry.replaces) for entry in found] == [
        (4, f"{1:032x}", 1),
        (1, f"{1:032x}", None),
    ]
    assert journal.find_collected("cam-1", recording(1, mtime_ns=MTIME_NS + 1)) == []
    assert journal.find_collected("cam-3", recording(1)) == []
    newest = journal.collected_by_id(f"{1:032x}")
    assert isinstance(newest, CollectedEntry) and newest.seq == 4
    assert journal.collected_by_id("f" * 32) is None


def test_a_salvage_is_found_as_such_and_never_as_a_collection(dock: Dock) -> None:
    journal = dock.create()
    journal.append(salvaged(1), collected(2), salvaged(2))
    assert [entry.seq for entry in journal.find_salvaged("cam-1", recording(1))] == [1]
    assert [entry.seq for entry in journal.find_salvaged("cam-1", recording(2))] == [3]
    assert journal.find_salvaged("cam-1", recording(1, mtime_ns=MTIME_NS + 1)) == []
    assert journal.find_collected("cam-1", recording(1)) == []
    assert [entry.seq for entry in journal.find_collected("cam-1", recording(2))] == [2]
    assert journal.collected_by_id(f"{1:032x}") is None
    assert journal.collected_by_id(f"{2:032x}").seq == 2


@pytest.mark.parametrize("index", ["payload_place", "payload_recording"])
def test_a_look_up_does_not_cost_with_the_number_of_entries(dock: Dock, index: str) -> None:
    dock.create().close()
    column = index.removeprefix("payload_").replace("recording", "recording_id")
    with raw(dock) as database:
        plan = database.execute(f"EXPLAIN QUERY PLAN SELECT seq FROM payload WHERE {column} = ?", (b"",)).fetchall()
    assert index in plan[0][3]


def test_a_collection_that_is_not_what_was_entered_is_not_believed(dock: Dock) -> None:
    journal = dock.create()
    journal.append(collected(1))
    with raw(dock) as database:
        database.execute("DROP TRIGGER payload_update")
        database.execute("UPDATE payload SET body = replace(body, '\"direct\"', '\"cached\"') WHERE seq = 1")
    with pytest.raises(RegisterTampered) as caught:
        journal.find_collected("cam-1", recording(1))
    assert caught.value.seq == 1
    with pytest.raises(RegisterTampered):
        journal.collected_by_id(f"{1:032x}")


def test_a_look_up_key_that_was_moved_to_another_entry_is_not_believed(dock: Dock) -> None:
    journal = dock.create()
    journal.append(collected(1), collected(2))
    with raw(dock) as database:
        database.execute("DROP TRIGGER payload_update")
        one = database.execute("SELECT recording_id, place FROM payload WHERE seq = 1").fetchone()
        database.execute("UPDATE payload SET recording_id = ?, place = ? WHERE seq = 2", one)
    with pytest.raises(RegisterTampered):
        journal.find_collected("cam-1", recording(1))
    with pytest.raises(RegisterTampered):
        journal.collected_by_id(f"{1:032x}")


def test_an_intent_lives_from_the_placing_to_the_clearing(dock: Dock) -> None:
    journal = dock.create()
    for camera in ("cam-1", "cam-2"):
        journal.open_intent(camera, camera_id=camera, partition="police", object_path="o.age")
    assert [intent.state for intent in journal.intents("cam-1")] == ["placing"]
    journal.append(collected(1), marks=["cam-1"])
    journal.close()
    journal = dock.open()
    assert [(intent.camera_id, intent.state) for intent in journal.intents()] == [
        ("cam-1", "registered"),
        ("cam-2", "placing"),
    ]
    journal.append(refused(), closes=["cam-1", "never opened"])
    assert [intent.camera_id for intent in journal.intents()] == ["cam-2"]


def test_an_intent_can_be_opened_anew_after_a_failed_attempt(dock: Dock) -> None:
    journal = dock.create()
    for path in ("first.age", "second.age"):
        journal.open_intent("id", camera_id="cam-1", partition="police", object_path=path)
    assert [intent.object_path for intent in journal.intents()] == ["second.age"]


def test_a_mark_without_intent_is_a_programmers_error_and_enters_nothing(dock: Dock) -> None:
    journal = dock.create()
    with pytest.raises(OrderError):
        journal.append(collected(1), marks=["never opened"])
    assert journal.append(refused()) == [1]
    journal.close()
    assert dock.verify().problems == ()


@pytest.mark.parametrize("table", ["entry", "payload", "node", "checkpoint"])
def test_a_stranger_cannot_change_what_is_written(dock: Dock, table: str) -> None:
    journal = dock.create()
    journal.append(*(refused(number) for number in range(4)))
    journal.checkpoint()
    journal.close()
    with raw(dock) as database:
        before = list(database.iterdump())
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        key, values = columns[0], ", ".join(columns)
        after = ", ".join(["(SELECT max(seq) + 2 FROM entry)", *columns[1:]])
        again = f"SELECT {values} FROM {table} LIMIT 1"
        for attempt in (
            f"UPDATE {table} SET {key} = {key}",
            f"UPDATE OR REPLACE {table} SET {columns[-1]} = {columns[-1]}",
            f"UPDATE {table} SET {key} = {key} + 100",
            f"DELETE FROM {table}",
            f"DELETE FROM {table} WHERE {key} = 1",
            f"INSERT INTO {table} SELECT {after} FROM {table} LIMIT 1",
            f"INSERT OR IGNORE INTO {table} SELECT {after} FROM {table} LIMIT 1",
            f"INSERT INTO {table} ({', '.join(columns[1:])}) SELECT {', '.join(columns[1:])} FROM {table} LIMIT 1",
            f"INSERT INTO {table} {again}",
            f"INSERT OR REPLACE INTO {table} {again}",
            f"REPLACE INTO {table} SELECT {values} FROM {table} ORDER BY {key} DESC LIMIT 1",
            f"INSERT INTO {table} SELECT * FROM (SELECT {values} FROM {table} LIMIT 1) WHERE true"
            f" ON CONFLICT DO UPDATE SET {key} = {key}",
        ):
            with pytest.raises(sqlite3.Error, match=r"append-only|NOT NULL"):
                database.execute(attempt)
        assert list(database.iterdump()) == before
    assert dock.verify().problems == ()


def test_a_stranger_cannot_add_a_node_over_a_subtree_that_is_not_complete(dock: Dock) -> None:
    journal = dock.create()
    journal.append(*(refused(number) for number in range(4)))
    journal.close()
    with raw(dock) as database, pytest.raises(sqlite3.Error, match="append-only"):
        database.execute("INSERT INTO node VALUES (4, randomblob(32))")


def test_a_register_that_another_program_reads_takes_the_entry_once_that_program_is_gone(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dockd.register.schema._BUSY_SECONDS", 0)
    journal = dock.create()
    with raw(dock) as stranger:
        stranger.execute("BEGIN")
        stranger.execute("SELECT * FROM entry").fetchone()
        with pytest.raises(RegisterError, match="locked") as caught:
            journal.append(refused())
        assert "Close the program" in caught.value.advice
    assert journal.append(refused()) == [1]
    assert len(dock.mirror_lines()) == 2


@pytest.fixture
def file_size_limit() -> object:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_after_a_failed_write_the_journal_refuses_everything_with_the_first_cause(
    dock: Dock, file_size_limit: Callable[[int], None]
) -> None:
    journal = dock.create()
    file_size_limit(1024)
    with pytest.raises(RegisterError) as first:
        journal.append(refused())
    file_size_limit(2**30)
    for call in (
        lambda: journal.append(refused()),
        lambda: journal.entries(-1, 1),
        journal.intents,
        lambda: journal.collected_by_id("0" * 32),
    ):
        with pytest.raises(RegisterError, match="failed before") as later:
            call()
        assert first.value.message in later.value.message
    journal.close()
    journal = dock.open()
    assert journal.append(refused()) == [1]


def test_after_the_mirror_failed_nothing_is_entered_until_the_register_is_opened_again(
    dock: Dock, file_size_limit: Callable[[int], None]
) -> None:
    journal = dock.create()
    with dock.segment().open("ab") as segment:
        segment.truncate(2**20)  # so that the mirror, and not SQLite, meets the limit
    file_size_limit(2**20)
    with pytest.raises(MirrorError):
        journal.append(refused())
    file_size_limit(2**30)
    with pytest.raises(RegisterError, match="failed before"):
        journal.append(refused())
    journal.close()
    with dock.segment().open("r+b") as segment:
        segment.truncate(segment.read().index(b"\n") + 1)
    journal = dock.open()
    assert (journal.size, len(dock.mirror_lines())) == (2, 2)


def test_a_full_medium_refuses_the_entry_and_takes_it_once_there_is_space(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -m tests.register.dock fill "$1"'
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this kernel gives no user namespaces")
    ran = subprocess.run([*inside, script, "sh", tmp_path, sys.executable], cwd=ROOT, capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("full\nproblems 0\n", "")


@pytest.mark.parametrize("moment", [1, 2, 3, 5, 8, 13])
def test_a_killed_daemon_leaves_every_acknowledged_entry_on_both_media(dock: Dock, moment: int) -> None:
    dock.create().close()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.register.dock", "append", dock.register.parent],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout
        acknowledged = [int(child.stdout.readline()) for _ in range(moment)]
        child.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in child.stdout.read().splitlines()]
    journal = dock.open()
    rows = journal.entries(-1, 1000)
    assert dock.mirror_lines() == [line_of(row).rstrip() for row in rows]
    for number in acknowledged:
        assert journal.collected_by_id(f"{number:032x}")
    for intent in journal.intents():
        entered = journal.collected_by_id(intent.recording_id) is not None
        assert entered == (intent.state == "registered")
    assert len(journal.intents()) <= 1
    journal.checkpoint()
    journal.close()
    assert dock.verify().problems == ()


def test_a_register_whose_last_signed_tree_was_changed_does_not_open(dock: Dock) -> None:
    journal = dock.create()
    journal.append(*(refused(number) for number in range(3)))
    journal.checkpoint()
    journal.close()
    with raw(dock) as database:
        database.execute("DROP TRIGGER node_update")
        database.execute("UPDATE node SET hashes = randomblob(64) WHERE seq = 3")
    with pytest.raises(RegisterTampered, match="not the one that was signed"):
        dock.open()


def test_an_entry_after_the_last_checkpoint_that_was_changed_keeps_the_register_from_opening(dock: Dock) -> None:
    journal = dock.create()
    journal.append(refused())
    journal.close()
    with raw(dock) as database:
        database.execute("DROP TRIGGER payload_update")
        database.execute("UPDATE payload SET salt = randomblob(32) WHERE seq = 1")
    with pytest.raises(RegisterTampered) as caught:
        dock.open()
    assert caught.value.seq == 1


def test_a_stored_tree_that_is_wrong_after_the_last_checkpoint_keeps_the_register_from_opening(dock: Dock) -> None:
    journal = dock.create()
    journal.append(refused())
    journal.close()
    with raw(dock) as database:
        database.execute("DROP TRIGGER node_update")
        database.execute("UPDATE node SET hashes = randomblob(32) WHERE seq = 1")
    with pytest.raises(RegisterTampered, match="stored tree is wrong"):
        dock.open()


@pytest.mark.parametrize("content", [b"", b"not a database" * 100])
def test_a_file_that_is_no_register_does_not_open(dock: Dock, content: bytes) -> None:
    dock.create().close()
    dock.register.write_bytes(content)
    for opening in (dock.open, dock.verify):
        with pytest.raises(RegisterError):
            opening()


def test_a_missing_register_is_a_fault_and_is_not_made(dock: Dock) -> None:
    dock.create().close()
    dock.register.unlink()
    for opening in (dock.open, dock.verify):
        with pytest.raises(RegisterError):
            opening()
    assert not dock.register.exists()


def test_a_failed_opening_gives_the_lock_back(dock: Dock) -> None:
    dock.create().close()
    aside = dock.register.rename(dock.register.with_suffix(".aside"))
    with pytest.raises(RegisterError):
        dock.open()
    aside.rename(dock.register)
    dock.open().close()

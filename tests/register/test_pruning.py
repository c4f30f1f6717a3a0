"""Old entries lose what they said, everywhere; what is left still verifies, and only a pruning may have taken it."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dockd.clock import utc_text
from dockd.errors import MirrorError, RegisterError, RegisterTampered
from dockd.register.body import Facts
from dockd.register.commands import CameraIssued, Pruned
from dockd.register.journal import Journal
from dockd.register.pruning import FIRST_RELEASE, Age, Dated, cutoff
from tests.register.dock import Dock, collected, refused
from tests.register.test_rebuild import rebuilt
from tests.register.test_third_party import exported, kept, opened, script
from tests.register.test_verify import unprotected

OLD = 12
"""Entries of the first month, the one that opens the log included."""
SECRET = "Dupont-Lajoie"
NOW = datetime(2030, 3, 1, tzinfo=UTC)


def old_facts(number: int) -> Facts:
    if number % 2:
        return collected(number, path=f"DCIM/{SECRET}-{number}.mp4", camera_id=f"{SECRET}-cam")
    return refused(number).model_copy(update={"reason": f"{SECRET} {number}"})


@pytest.fixture
def journal(dock: Dock) -> Journal:
    """A register with OLD entries of 2026, and as many of 2030."""
    journal = dock.create()
    journal.append(*(old_facts(number) for number in range(1, OLD)), author=f"{SECRET}, chef")
    journal.checkpoint()
    dock.clock.time = NOW
    journal.append(*(refused(number) for number in range(OLD)))
    return journal


def pruned(journal: Journal, last_seq: int = OLD - 1, steps: int | None = None) -> bool:
    """Enter a pruning and carry it out, or only so many steps of it; tell whether that was all."""
    told = {"command": "register prune", "about": {}, "account": "root", "role": "chief", "reason": "échue"}
    journal.append(Pruned.model_validate({**told, "last_seq": last_seq}), author="Camille Martin")
    journal.checkpoint()
    return carried_out(journal, steps)


def carried_out(journal: Journal, steps: int | None = None) -> bool:
    taken = 0
    while taken != steps:
        if not journal.prune_some():
            return True
        taken += 1
    return False


def everything(dock: Dock) -> bytes:
    """Give what every file of the register and its mirror holds, whatever its name."""
    return b"\n".join(path.read_bytes() for path in dock.register.parent.rglob("*") if path.is_file())


def test_what_pruned_entries_said_is_in_no_file_and_everything_else_still_verifies(dock: Dock, journal: Journal):
    before = [journal.prove_entry(seq) for seq in (0, 5, OLD + 1)]
    old_note = journal.checkpoint()
    assert SECRET.encode() in everything(dock)
    pruned(journal)
    journal.append(refused())
    now_note = journal.checkpoint()
    after = journal.prove_entry(OLD + 1)
    journal.close()

    assert SECRET.encode() not in everything(dock)
    assert (report := dock.verify()).problems == () and report.size == report.covered
    notes = [word for note in (old_note, now_note) for word in ("--checkpoint", kept(dock, note))]
    assert script("register", dock.key.verifier.text, exported(dock), *notes).returncode == 0
    assert script("register", dock.key.verifier.text, *sorted(dock.mirror_path.glob("*.jsonl")), *notes).returncode == 0
    for number, bundle in enumerate([*before, after]):
        path = dock.register.with_name(f"bundle-{number}")
        path.write_text(json.dumps(bundle))
        assert script("bundle", dock.key.verifier.text, path).returncode == 0
        path.unlink()
    assert SECRET.encode() not in everything(dock)


def test_a_pruned_entry_is_neither_proven_nor_found_and_the_others_are(dock: Dock, journal: Journal):
    pruned(journal)
    with pytest.raises(RegisterError, match="pruned"):
        journal.prove_entry(5)
    with pytest.raises(RegisterError):
        journal.prove_recording(f"{5:032x}")
    assert journal.collected_by_id(f"{5:032x}") is None
    assert journal.prove_entry(OLD)["entry"]["seq"] == OLD
    assert [row.seq for row in journal.entries(-1, 100) if row.body is None] == list(range(OLD))


@pytest.mark.parametrize("steps", range(3))
def test_a_pruning_that_was_interrupted_anywhere_goes_on_after_the_next_start(dock: Dock, journal: Journal, steps: int):
    assert not pruned(journal, steps=steps)
    journal.close()
    assert dock.verify().problems == ()
    journal = dock.open()
    assert journal.has_pruning()
    assert carried_out(journal)
    assert not journal.has_pruning()
    journal.append(refused())
    journal.close()
    assert SECRET.encode() not in everything(dock)
    assert dock.verify().problems == ()
    dock.open().close()


def test_a_second_pruning_takes_what_the_first_left(dock: Dock, journal: Journal):
    pruned(journal, 3)
    pruned(journal, OLD + 4)
    rows = journal.entries(-1, 100)
    journal.close()
    assert [row.seq for row in rows if row.body is None] == list(range(OLD + 5))
    assert [b'"body"' in line for line in dock.mirror_lines()] == [row.body is not None for row in rows]
    assert dock.verify().problems == ()


def test_a_register_is_rebuilt_from_a_mirror_that_was_pruned(dock: Dock, journal: Journal):
    pruned(journal)
    note, entries = journal.checkpoint(), journal.size
    journal.close()
    dock.register.rename(dock.register.with_name("lost.db"))
    assert rebuilt(dock, note) == entries
    assert dock.verify().problems == ()
    journal = dock.open()
    assert carried_out(journal) and not journal.has_pruning()
    assert opened(dock, journal.checkpoint()).size == entries + 1
    journal.close()


def test_an_entry_that_lost_its_payload_beyond_a_pruning_was_tampered_with(dock: Dock, journal: Journal):
    pruned(journal)
    journal.close()
    with unprotected(dock) as database:
        database.execute("DELETE FROM payload WHERE seq = ?", (OLD + 2,))
    [problem] = dock.verify().problems
    assert problem.seq == OLD + 2
    said = script("register", dock.key.verifier.text, exported(dock)).stdout
    assert f"entry {OLD + 2}: what it said is missing" in said and "NOT verified" in said
    dock.register.unlink()
    [segment] = [path for path in dock.mirror_path.glob("*.jsonl") if path.name.startswith("2030")]
    lines = segment.read_bytes().splitlines(keepends=True)
    fields = json.loads(lines[3])
    lines[3] = f'{{"leaf":"{fields["leaf"]}","seq":{fields["seq"]}}}\n'.encode()
    segment.write_bytes(b"".join(lines))
    with pytest.raises(RegisterError, match="nothing says that it was pruned"):
        rebuilt(dock)


def test_nothing_but_what_a_pruning_covers_can_be_deleted(dock: Dock, journal: Journal):
    pruned(journal, 3, steps=0)
    journal.close()
    with closing(sqlite3.connect(dock.register, isolation_level=None)) as database:
        database.execute("PRAGMA recursive_triggers = ON")
        for attempt in (
            "DELETE FROM payload WHERE seq = 4",
            "DELETE FROM payload",
            "DELETE FROM pruning",
            "UPDATE pruning SET last_seq = 9",
            "UPDATE pruning SET seq = 9, done = 1",
            "INSERT INTO pruning VALUES (9, 8, 0)",
            "INSERT OR REPLACE INTO pruning SELECT seq, 9, 0 FROM pruning",
            "UPDATE payload SET body = '{}' WHERE seq = 1",
        ):
            with pytest.raises(sqlite3.Error, match="append-only"):
                database.execute(attempt)
        database.execute("DELETE FROM payload WHERE seq = 3")


def reached(dates: list[datetime], now: datetime, trusted: bool = True) -> int:
    age = Age(now)
    any(age.is_reached(Dated(seq, utc_text(at), trusted)) for seq, at in enumerate(dates))
    return age.last


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("days", "last"),
    [
        ([], -1),
        ([0, 1, 2], 2),
        ([0, 1, 1400], 1),
        ([1400, 0, 0], -1),
        ([0, 1400, 0, 0], 0),
        ([-9000, -9000, 0, 1400], 2),
        ([0, -9000, -9000, 1400], 0),
        ([-9000, -9000, 1400], -1),
        ([0, 90000, 0, 1400], 2),
        ([0, 90000, 1400], 0),
        ([-9000], -1),
        ([90000], -1),
    ],
    ids=[
        "nothing",
        "all old",
        "up to the first young one",
        "behind a young one",
        "set back behind a young one",
        "a dead clock before an old date",
        "a dead clock behind an old date",
        "a dead clock before a young date",
        "a date after now is none",
        "a date after now before a young one",
        "no date at all",
        "only dates after now",
    ],
)
def test_an_entry_is_as_young_as_the_youngest_date_before_it(days: list[int], last: int):
    assert reached([FIRST_RELEASE + each * DAY for each in days], FIRST_RELEASE + 1500 * DAY) == last


@given(st.lists(st.integers(-2000, 4000), max_size=12), st.integers(0, 3000))
@example([], 0)
def test_no_entry_that_can_be_younger_than_three_years_is_old(days: list[int], today: int):
    now = FIRST_RELEASE + today * DAY
    last = reached([FIRST_RELEASE + each * DAY for each in days], now)
    for each in days[: last + 1]:
        assert not 0 <= each <= today or FIRST_RELEASE + each * DAY < cutoff(now)


def test_dates_that_nobody_answered_for_are_believed_only_if_somebody_does_now():
    old, now = utc_text(FIRST_RELEASE), FIRST_RELEASE + 1500 * DAY
    doubtful, trusted = Dated(0, old, False), Dated(1, old, True)
    for entries, believes_all, last in (
        ([doubtful], False, -1),
        ([doubtful], True, 0),
        ([doubtful, trusted], False, 1),
    ):
        age = Age(now, believes_all=believes_all)
        assert not any(map(age.is_reached, entries))
        assert age.last == last


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM payload WHERE seq = 3",
        "UPDATE payload SET body = replace(body, '2026-11', '2026-01') WHERE seq = 3",
        "UPDATE payload SET salt = zeroblob(32) WHERE seq = 3",
    ],
)
def test_what_was_tampered_with_is_not_pruned_away(dock: Dock, journal: Journal, tampering: str):
    journal.close()
    with unprotected(dock) as database:
        database.execute(tampering)
    journal = dock.open()
    with pytest.raises(RegisterTampered):
        journal.dates(-1, 1000)
    journal.close()


def test_a_mirror_that_cannot_be_pruned_still_takes_entries_and_a_new_one_is_filled(dock: Dock, journal: Journal):
    old = min(dock.mirror_path.glob("*.jsonl"))
    content = old.read_bytes()
    for spoiled in (content[:100] + b"\xff" + content[101:], b"7\n" + content, b"[" * 100_000 + b"\n" + content):
        old.write_bytes(spoiled)
        with pytest.raises(MirrorError, match="cannot be pruned"):
            pruned(journal)
        journal.append(refused())
        assert journal.has_pruning()
    journal.close()
    for path in dock.mirror_path.glob("*.jsonl"):
        path.unlink()
    journal = dock.open()
    assert carried_out(journal)
    journal.close()
    assert [b'"body"' in line for line in dock.mirror_lines()][:OLD] == [False] * OLD
    note = kept(dock, dock_note(dock))
    segments = sorted(dock.mirror_path.glob("*.jsonl"))
    assert script("register", dock.key.verifier.text, *segments, "--checkpoint", note).returncode == 0


def dock_note(dock: Dock) -> str:
    journal = dock.open()
    note = journal.checkpoint()
    journal.close()
    return note


def test_what_was_looked_up_by_a_pruned_entry_is_gone_with_it(dock: Dock):
    journal = dock.create()
    told = {"about": {}, "account": "root", "role": "chief", "reason": "r"}
    journal.append(CameraIssued(command="issue", camera_id=SECRET, wearer=SECRET, **told))
    journal.append(collected(1, camera_id=SECRET, wearer_basis="gap"))
    assert journal.unassigned(9) == (1, [f"{1:032x}"])
    dock.clock.time = NOW
    journal.append(refused())
    pruned(journal, 2)
    assert journal.unassigned(9) == (0, [])
    assert journal.handovers(SECRET) == []
    journal.close()
    assert SECRET.encode() not in everything(dock)


def test_what_is_under_way_with_a_camera_is_refused_to_be_pruned_and_what_is_pruned_is_not_found(
    dock: Dock, journal: Journal
):
    facts = collected(1)
    journal.open_intent(facts.recording_id, camera_id="cam-1", partition="police", object_path="o")
    journal.append(marks=[facts.recording_id])
    with pytest.raises(RegisterError, match="try again"):
        pruned(journal)
    journal.append(closes=[facts.recording_id])
    size = journal.size
    assert not pruned(journal, steps=0)
    assert journal.size == size + 1
    assert journal.collected_by_id(facts.recording_id) is None


def test_three_years_before_the_29th_of_february_is_the_28th():
    assert cutoff(datetime(2032, 2, 29, 12, tzinfo=UTC)) == datetime(2029, 2, 28, 12, tzinfo=UTC)
    assert cutoff(datetime(2030, 3, 1, tzinfo=UTC)) == datetime(2027, 3, 1, tzinfo=UTC)

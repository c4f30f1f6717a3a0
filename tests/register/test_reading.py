"""A part of the register is what was asked for and nothing else, for a screen, a spreadsheet and SQL."""

import csv
import io
import re
import sqlite3
from contextlib import closing, redirect_stdout
from pathlib import Path

import pytest

from dockd.cli.register_print import print_csv
from dockd.errors import RegisterError
from dockd.register.body import Row
from dockd.register.commands import CommandRefused, Told
from dockd.register.entry import KINDS
from dockd.register.kinds import Cleared
from dockd.register.reading import EVERYTHING, Filter
from dockd.register.snapshot import VIEWS, write_snapshot
from tests.register.dock import Dock, collected, refused

DOCUMENT = (Path(__file__).parents[2] / "docs" / "register-format.md").read_text()
EMPTIED = Row(9, b"\0" * 32, None, None, b"")
UNREADABLE = [Row(9, b"\0" * 32, b"", body, b"") for body in (b"", b"{", b"\xff", b"[]", b"7", b"[" * 100_000)]


@pytest.fixture
def rows(dock: Dock) -> list[Row]:
    """Entry 0 opens; 1 and 3 are about cam-1, 2 about a stranger, 4 about cam-2."""
    journal = dock.create()
    journal.append(
        collected(1), refused(2), Cleared(recording_id=f"{1:032x}", camera_id="cam-1", collected_seq=1, inferred=False)
    )
    journal.append(collected(4, camera_id="cam-2"))
    found = journal.entries(-1, 100)
    journal.close()
    return found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"after": "3", "limit": "1", "recipients": "x"}, [0, 1, 2, 3, 4]),
        ({"camera": "cam-1"}, [1, 3]),
        ({"camera": "stranger-2"}, [2]),
        ({"camera": "cam"}, []),
        ({"recording": f"{1:032x}"}, [1, 3]),
        ({"kind": "cleared"}, [3]),
        ({"kind": "cleared,refused"}, [2, 3]),
        ({"camera": "cam-1", "kind": "collected"}, [1]),
        ({"since": "2026-11-22T01:00:00.000000Z"}, [0, 1, 2, 3, 4]),
        ({"until": "2026-11-22T00:59:59.999999Z"}, []),
        ({"since": "2026-11-23T00:00:00.000000Z"}, []),
        ({"wearer": "nobody"}, []),
    ],
)
def test_a_filter_takes_what_is_asked_for_and_nothing_else(rows: list[Row], asked: dict[str, str], found: list[int]):
    assert [row.seq for row in rows if Filter.of(asked).takes(row)] == found


def test_what_says_nothing_any_more_is_shown_only_if_everything_is():
    for row in (EMPTIED, *UNREADABLE):
        assert EVERYTHING.takes(row)
        assert not Filter(camera="cam-1").takes(row)


def test_no_cell_is_a_formula_for_a_spreadsheet_and_every_cell_comes_back():
    hostile = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", 'a"b', "a,b", "a\nb", "é"]
    bodies = [
        {"seq": number, "kind": "refused", "claimed_id": text, "bay": text} for number, text in enumerate(hostile)
    ]
    with redirect_stdout(io.StringIO(newline="")) as printed:
        print_csv(bodies)
    read = list(csv.DictReader(io.StringIO(printed.getvalue(), newline="")))
    assert [row["camera"].removeprefix("'") for row in read] == hostile
    assert not [cell for row in read for cell in row.values() if re.match(r"[=+\-@\t\r]", cell)]


def test_a_copy_for_auditors_has_every_entry_and_the_views_that_are_documented(rows: list[Row], tmp_path: Path):
    copy = tmp_path / "copy.db"
    assert write_snapshot(copy, [*rows, EMPTIED, UNREADABLE[1]._replace(seq=10)], []) == len(rows) + 2
    with closing(sqlite3.connect(copy)) as database:
        assert [row[0] for row in database.execute("SELECT seq FROM v_entries")] == [*range(len(rows)), 9, 10]
        assert list(database.execute("SELECT camera_id, path FROM v_recordings WHERE size > 1001")) == [
            ("cam-2", "DCIM/4.mp4")
        ]
        assert list(database.execute("SELECT collected_seq, inferred FROM v_clearings")) == [(1, 0)]
        shown = {}
        for name in VIEWS:
            shown[name] = [each[0] for each in database.execute(f"SELECT * FROM {name}").description]
    section = DOCUMENT.partition("## For auditors")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| `(v_\w+)` \|([^|]*)\|([^|]*)\|", section, re.MULTILINE)
    head = ["seq", *re.findall(r"`(\w+)`", section.partition("the head (")[2].partition(")")[0])]
    assert {name: head + re.findall(r"`(\w+)`", columns) for name, _kinds, columns in documented} == shown
    assert {name: re.findall(r"`(\w+)`", kinds) for name, kinds, _ in documented} == {
        name: list(kinds) for name, (kinds, _fields) in VIEWS.items()
    }
    known = {kind.KIND: set(kind.model_fields) for kind in KINDS}
    by_people = {kind.KIND for kind in KINDS if issubclass(kind, Told | CommandRefused)}
    assert set(VIEWS["v_commands"][0]) == by_people
    for kinds, fields in VIEWS.values():
        assert set(kinds) <= known.keys()
        assert set(fields) <= set().union(*(known[kind] for kind in kinds))


def test_a_copy_never_goes_over_a_file(rows: list[Row], tmp_path: Path):
    copy = tmp_path / "copy.db"
    copy.write_text("mine")
    with pytest.raises(RegisterError):
        write_snapshot(copy, rows, [])
    assert copy.read_text() == "mine"


def test_a_copy_that_was_not_finished_is_not_left_behind(rows: list[Row], tmp_path: Path):
    copy = tmp_path / "copy.db"
    with pytest.raises(RegisterError):
        write_snapshot(copy, [*rows, *rows], [])
    assert not copy.exists()

"""A copy of the register for auditors: a database of their own, with views of stable names (docs/register-format.md).

Nothing in it is signed. What proves it is `dockd register export`, or the entry's own proof.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from dockd.errors import RegisterError
from dockd.i18n import _
from dockd.register.body import Row
from dockd.register.schema import StoredCheckpoint

_TABLES = """
CREATE TABLE entry (seq INTEGER PRIMARY KEY, leaf TEXT NOT NULL, body TEXT);
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL);
"""

_HEAD = ("kind", "author", "at", "zone", "clock_trusted", "dock_id")

VIEWS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "v_entries": ((), ()),
    "v_recordings": (
        ("collected", "salvaged"),
        (
            "recording_id",
            "camera_id",
            "bay",
            "path",
            "size",
            "mtime_ns",
            "plaintext_sha256",
            "ciphertext_sha256",
            "partition",
            "object_path",
            "collected_at",
            "name_date",
            "clock_findings",
            "wearer",
            "wearer_basis",
        ),
    ),
    "v_clearings": (("cleared",), ("recording_id", "camera_id", "collected_seq", "inferred")),
    "v_dockings": (
        ("docking_ended",),
        ("bay", "camera_id", "outcome", "code", "collected", "salvaged", "already_registered", "cleared", "kept"),
    ),
    "v_refusals": (("refused",), ("bay", "claimed_id", "code", "reason")),
    "v_commands": (
        (
            "consulted",
            "communicated",
            "command_refused",
            "pruned",
            "clock_confirmed",
            "witness_overruled",
            "witnessed",
            "camera_issued",
            "camera_returned",
            "wearer_justified",
        ),
        ("command", "about", "account", "role", "reason", "recipients", "why"),
    ),
}
"""Each view: the kinds of its entries (none: all), and the fields that it shows beside the head."""


def write_snapshot(path: Path, rows: Iterable[Row], checkpoints: Iterable[StoredCheckpoint]) -> int:
    """Make the copy in a new file; give how many entries it has. Raises RegisterError."""
    try:
        path.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise _cannot(path, error) from error
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.executescript(_TABLES + "".join(_view(name) for name in VIEWS))
            with database:
                database.executemany("INSERT INTO entry VALUES (?, ?, ?)", _entries(rows))
                database.executemany("INSERT INTO checkpoint VALUES (?, ?)", _notes(checkpoints))
            [(count,)] = database.execute("SELECT count(*) FROM entry").fetchall()
    except BaseException as error:
        # A copy that ends somewhere looks like a register that does.
        path.unlink()
        if isinstance(error, OSError | sqlite3.Error):
            raise _cannot(path, error) from error
        raise
    return int(count)


def _cannot(path: Path, error: Exception) -> RegisterError:
    return RegisterError(_("the copy {path} cannot be made: {error}").format(path=path, error=error))


def _entries(rows: Iterable[Row]) -> Iterator[tuple[int, str, str | None]]:
    for row in rows:
        yield row.seq, row.leaf.hex(), None if row.body is None else row.body.decode("utf-8", "replace")


def _notes(checkpoints: Iterable[StoredCheckpoint]) -> Iterator[tuple[int, str]]:
    for each in checkpoints:
        yield each.size, each.note.decode("utf-8", "replace")


def _view(name: str) -> str:
    """Write a view; what cannot be read as JSON has nulls in it."""
    kinds, fields = VIEWS[name]
    columns = ", ".join(f"json_extract(json, '$.{field}') AS {field}" for field in (*_HEAD, *fields))
    among = f" WHERE json_extract(json, '$.kind') IN ({', '.join(map(repr, kinds))})" if kinds else ""
    bodies = "SELECT seq, CASE WHEN json_valid(body) THEN body END AS json FROM entry"
    return f"CREATE VIEW {name} AS SELECT seq, {columns} FROM ({bodies}){among};\n"

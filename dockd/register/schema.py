"""The database of the register: its tables, what refuses to change them, and how it is opened and read.

The triggers stop accidents, faulty code and a clerk with a database browser. Whoever can write the file can drop
them; what shows a change then is the Merkle tree and its signed checkpoints (`dockd.register.verify`).
"""

import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import rfc8785
from sqlalchemy import (
    Connection,
    Engine,
    LargeBinary,
    cast,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from dockd.errors import AlreadyRunning, RegisterError, RegisterTampered
from dockd.i18n import _
from dockd.register import durable, tables
from dockd.register.body import Entry, Facts, Row
from dockd.register.commands import CameraIssued, CameraReturned, Pruned, WearerJustified, Witnessed, WitnessOverruled
from dockd.register.kinds import Ingested, WitnessDisagreed
from dockd.register.merkle import HASH_BYTES, leaf_hash

APPLICATION_ID = 0x646F636B  # "dock"
FORMAT = 1

_BUSY_SECONDS = 5
_READ_PRAGMAS = ("trusted_schema = OFF", "cell_size_check = ON")
_WRITE_PRAGMAS = (
    *_READ_PRAGMAS,
    "journal_mode = DELETE",
    "cache_size = -512",  # KiB; a commit touches a dozen pages, and what is read at length is read once
    "synchronous = EXTRA",  # DELETE without EXTRA does not flush the unlinking of the journal: a commit could vanish
    "secure_delete = ON",
    "recursive_triggers = ON",  # otherwise REPLACE deletes without asking the DELETE triggers
    "foreign_keys = ON",
)

_READ_ENTRIES = (
    "SELECT entry.seq, CAST(leaf AS BLOB), CAST(salt AS BLOB), CAST(body AS BLOB) FROM entry LEFT JOIN payload"
    " ON payload.seq = entry.seq WHERE entry.seq > ? ORDER BY entry.seq LIMIT ?"
)
_READ_NODE = f"SELECT substr(CAST(hashes AS BLOB), {HASH_BYTES} * (? - 1) + 1, {HASH_BYTES}) FROM node WHERE seq = ?"
_READ_LEAF = "SELECT CAST(leaf AS BLOB) FROM entry WHERE seq = ?"
_READ_NODES = "SELECT seq, CAST(hashes AS BLOB) FROM node WHERE seq > ? AND seq <= ?"

# Made once: SQLAlchemy then finds what it compiled, without building the statement anew for each entry.
_INSERT_ENTRY, _INSERT_PAYLOAD, _INSERT_NODE, _INSERT_CHECKPOINT = map(
    insert, (tables.entry, tables.payload, tables.node, tables.checkpoint)
)


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A signed note as it is stored, beside the size that its row claims."""

    size: int
    note: bytes


def connect(path: Path, mode: Literal["rw", "ro"]) -> Engine:
    """Make an engine with one connection that any one thread at a time may use; the file must exist."""
    pragmas, begin = (_WRITE_PRAGMAS, "BEGIN IMMEDIATE") if mode == "rw" else (_READ_PRAGMAS, "BEGIN")

    def opened() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    engine = create_engine("sqlite://", creator=opened, poolclass=StaticPool)
    # The driver's own transaction handling is off (isolation_level=None), so that a transaction is exactly this.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def lay_out(connection: Connection) -> None:
    """Make the tables in an empty file."""
    tables.metadata.create_all(connection)
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")


def place_key(camera_id: str, path: str, size: int, mtime_ns: str) -> bytes:
    """Return the key by which a collection is found again from what its camera lists."""
    return hashlib.sha256(rfc8785.dumps([camera_id, path, size, mtime_ns])).digest()


def check_format(connection: Connection) -> None:
    """Raise RegisterError unless the file is a register in the format of this version."""
    found = tuple(connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("application_id", "user_version"))
    if found != (APPLICATION_ID, FORMAT):
        raise RegisterError(
            _("the file is not a register in format {format}").format(format=FORMAT),
            advice=_("Check the path of the register; a new dock gets one from `dockd init`."),
        )


def read_rows(connection: Connection, after: int, limit: int) -> list[Row]:
    """Read the entries that follow `after`, in order.

    Everything is read as bytes: a damaged text must come out as it is, for the verification to name it.
    """
    found = _fetch(connection, _READ_ENTRIES, after, limit)
    if not found:
        return []
    nodes: dict[int, bytes] = dict(_fetch(connection, _READ_NODES, after, found[-1][0]))
    return [Row(seq, leaf, salt, body, nodes.get(seq, b"")) for seq, leaf, salt, body in found]


def _fetch(connection: Connection, statement: str, *values: int) -> list[Any]:
    """Read as the driver gives it: what SQLAlchemy makes of each row took half the time of a full verification."""
    cursor = connection.exec_driver_sql(statement, values).cursor
    assert cursor is not None
    return list(cursor.fetchall())


def read_checkpoints(connection: Connection, after: int, limit: int) -> list[StoredCheckpoint]:
    """Read the checkpoints of more than `after` entries, in order."""
    query = select(tables.checkpoint.c.size, cast(tables.checkpoint.c.note, LargeBinary)).where(
        tables.checkpoint.c.size > after
    )
    return [StoredCheckpoint(*row) for row in connection.execute(query.limit(limit))]


def read_newest_checkpoint(connection: Connection) -> StoredCheckpoint:
    """Read the checkpoint of the most entries. Raises RegisterTampered: every register has one."""
    size = connection.execute(select(func.max(tables.checkpoint.c.size))).scalar()
    if size is None:
        raise RegisterTampered(_("the register has no checkpoint"))
    return read_checkpoints(connection, size - 1, 1)[0]


def read_subtree(connection: Connection, seq: int, level: int) -> bytes:
    """Read the root of a complete subtree by its last entry; level 0 is the entry itself. Raises RegisterTampered."""
    found = _fetch(connection, _READ_NODE, level, seq) if level else _fetch(connection, _READ_LEAF, seq)
    if not found or not found[0][0]:
        raise RegisterTampered(_("entry {seq}: it, or its part of the tree, is missing").format(seq=seq), seq=seq)
    [(hash_,)] = found
    return bytes(hash_) if level else leaf_hash(hash_)


def insert_row(connection: Connection, row: Row, facts: Facts | Entry | None) -> None:
    """Write an entry with its payload and its part of the tree.

    `facts` are what its body says, None for one that was pruned.
    """
    connection.execute(_INSERT_ENTRY, {"seq": row.seq, "leaf": row.leaf})
    if facts is not None:
        assert row.salt is not None and row.body is not None
        body: dict[str, object] = {"seq": row.seq, "salt": row.salt, "body": row.body.decode()}
        if isinstance(facts, Ingested):
            body |= {"recording_id": facts.recording_id, "place": place_key(*place_of(facts))}
        connection.execute(_INSERT_PAYLOAD, body)
    _insert_derived(connection, row.seq, facts)
    if row.nodes:
        connection.execute(_INSERT_NODE, {"seq": row.seq, "hashes": row.nodes})


def _insert_derived(connection: Connection, seq: int, facts: Facts | Entry | None) -> None:
    """Write what is looked up of an entry besides its keys: all of it follows from the entries."""
    if isinstance(facts, Pruned):
        connection.execute(insert(tables.pruning).values(seq=seq, last_seq=facts.last_seq, done=0))
    elif isinstance(facts, Witnessed):
        connection.execute(insert(tables.confirmation).values(seq=seq))
    elif isinstance(facts, WitnessDisagreed):
        said = upsert(tables.disagreement).values(witness=facts.witness, note=facts.note)
        connection.execute(said.on_conflict_do_update(["witness"], set_={"note": facts.note}))
    elif isinstance(facts, WitnessOverruled):
        those = tables.disagreement.c.witness.in_(facts.witnesses)
        connection.execute(delete(tables.disagreement).where(those))
    elif isinstance(facts, CameraIssued | CameraReturned):
        connection.execute(insert(tables.handover).values(seq=seq, camera_id=facts.camera_id))
    elif isinstance(facts, WearerJustified):
        connection.execute(delete(tables.unassigned).where(tables.unassigned.c.recording_id == facts.recording_id))
    elif isinstance(facts, Ingested) and facts.wearer is None and facts.wearer_basis != "nobody":
        connection.execute(upsert(tables.unassigned).values(recording_id=facts.recording_id).on_conflict_do_nothing())


def insert_checkpoint(connection: Connection, size: int, note: str) -> None:
    connection.execute(_INSERT_CHECKPOINT, {"size": size, "note": note})


def place_of(facts: Ingested) -> tuple[str, str, int, str]:
    """Give what `place_key` is made of."""
    return facts.camera_id, facts.path, facts.size, facts.mtime_ns


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield an empty file to make a register in; it gets its name when the block ends, and never over another file.

    Holds the lock meanwhile. Raises RegisterError when there is a register already, or the journal of a lost one,
    AlreadyRunning.
    """
    with hold(path), faults():
        if path.exists():
            raise RegisterError(_("there is already a register in {path}").format(path=path))
        if (journal := path.with_name(f"{path.name}-journal")).exists():
            # SQLite would play it back into whatever has the name that it belongs to.
            raise RegisterError(
                _("{path} belongs to a register that is not there").format(path=journal),
                advice=_("Keep it: move it to where that register is now."),
            )
        unfinished = path.with_name(f"{path.name}.new")
        for leftover in (unfinished, path.with_name(f"{unfinished.name}-journal")):
            leftover.unlink(missing_ok=True)
        durable.create(unfinished, b"")
        yield unfinished
        os.link(unfinished, path)  # unlike a rename, never over another file
        unfinished.unlink()
        durable.sync_directory(path.parent)


@contextmanager
def faults() -> Iterator[None]:
    """Say what SQLite or the system could not do as a RegisterError."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise as_register_error(error) from error


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the register's lock, `<path>.lock`, against every other dockd. Raises AlreadyRunning."""
    descriptor = os.open(_lock_path(path), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, fcntl.LOCK_EX, path)
        yield
    finally:
        os.close(descriptor)


def refuse_if_held(path: Path) -> None:
    """Raise AlreadyRunning while a dockd holds the register. Holds nothing itself, so that it delays nobody."""
    try:
        descriptor = os.open(_lock_path(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        _lock(descriptor, fcntl.LOCK_SH, path)
    finally:
        os.close(descriptor)


def _lock_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _lock(descriptor: int, kind: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRunning(
            _("another dockd holds the register {path}").format(path=path),
            advice=_("Ask the running daemon instead, or stop it first."),
        ) from None


def can_be_retried(error: BaseException) -> bool:
    """Tell whether SQLite has left the register as it was before: the medium is full, or a stranger is reading."""
    code = getattr(error.orig, "sqlite_errorcode", 0) if isinstance(error, DBAPIError) else 0
    return code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY)


def as_register_error(error: SQLAlchemyError | OSError) -> RegisterError:
    """Say what a fault of the database means to a technician."""
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF if isinstance(error, DBAPIError) else 0
    advice = {
        sqlite3.SQLITE_FULL: _("Free space on the volume of the register. Nothing was lost."),
        sqlite3.SQLITE_BUSY: _("Close the program that has the register open."),
    }.get(code, _("Check the volume of the register (kernel log), then restart dockd and run `dockd register verify`."))
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return RegisterError(_("the register failed: {cause}").format(cause=cause), advice=advice)

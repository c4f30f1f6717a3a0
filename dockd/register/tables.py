"""The tables of the register, and what refuses to change them: triggers, for accidents and a clerk with a browser."""

from sqlalchemy import (
    DDL,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    event,
)

metadata = MetaData()

entry = Table(
    "entry",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("leaf", LargeBinary, CheckConstraint("length(leaf) = 32"), nullable=False),
    sqlite_strict=True,
)
payload = Table(
    "payload",
    metadata,
    Column("seq", Integer, ForeignKey(entry.c.seq), primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, CheckConstraint("length(salt) = 32"), nullable=False),
    Column("body", Text, nullable=False),
    Column("recording_id", Text),  # of a collection, else null
    Column("place", LargeBinary),  # `place_key` of a collection, else null
    sqlite_strict=True,
)
node = Table(
    "node",
    metadata,
    Column("seq", Integer, ForeignKey(entry.c.seq), primary_key=True, autoincrement=False),
    # 32 bytes for each level, from level 1: in one row, because a full verification reads all of them.
    Column("hashes", LargeBinary, CheckConstraint("length(hashes) > 0 AND length(hashes) % 32 = 0"), nullable=False),
    sqlite_strict=True,
)
checkpoint = Table(
    "checkpoint",
    metadata,
    Column("size", Integer, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
    sqlite_strict=True,
)
intent = Table(
    "intent",
    metadata,
    Column("recording_id", Text, primary_key=True),
    Column("camera_id", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("object_path", Text, nullable=False),
    Column("state", Text, CheckConstraint("state IN ('placing', 'registered')"), nullable=False),
    Column("opened_at", Text, nullable=False),
    sqlite_strict=True,
)

pruning = Table(
    "pruning",
    metadata,
    Column("seq", Integer, ForeignKey(entry.c.seq), primary_key=True, autoincrement=False),  # of the `pruned` entry
    Column("last_seq", Integer, nullable=False),
    Column("done", Integer, CheckConstraint("done IN (0, 1)"), nullable=False),
    sqlite_strict=True,
)

confirmation = Table(
    "confirmation",
    metadata,
    Column("seq", Integer, ForeignKey(entry.c.seq), primary_key=True, autoincrement=False),  # of a `witnessed` entry
    sqlite_strict=True,
)

handover = Table(
    "handover",
    metadata,
    Column("seq", Integer, ForeignKey(entry.c.seq), primary_key=True, autoincrement=False),  # of an issue or a return
    Column("camera_id", Text, nullable=False),
    sqlite_strict=True,
)
Index("handover_camera", handover.c.camera_id, handover.c.seq)
disagreement = Table(
    "disagreement",
    metadata,
    Column("witness", Text, primary_key=True),
    Column("note", Text, nullable=False),
    sqlite_strict=True,
)
unassigned = Table(
    "unassigned",
    metadata,
    Column("recording_id", Text, primary_key=True),
    sqlite_strict=True,
)

# The look-up keys stand beside the body, so that a pruned body leaves the look-ups together with its row. They are
# columns and not expressions over the body: `trusted_schema = OFF` forbids json_extract in an index before SQLite 3.41.
Index("payload_recording", payload.c.recording_id, sqlite_where=payload.c.recording_id.is_not(None))
Index("payload_place", payload.c.place, sqlite_where=payload.c.place.is_not(None))

_PRUNED = "OLD.seq <= (SELECT max(last_seq) FROM pruning)"
_NEXT = {
    entry: "NEW.seq IS (SELECT coalesce(max(seq) + 1, 0) FROM entry)",
    payload: "NEW.seq IS (SELECT max(seq) FROM entry) AND NOT EXISTS (SELECT 1 FROM payload WHERE seq = NEW.seq)",
    node: "NEW.seq IS (SELECT max(seq) FROM entry) AND NOT EXISTS (SELECT 1 FROM node WHERE seq = NEW.seq)"
    " AND (NEW.seq + 1) & ((2 << length(NEW.hashes) / 32) - 1) = 1 << length(NEW.hashes) / 32",
    pruning: "NEW.seq IS (SELECT max(seq) FROM entry) AND NEW.last_seq < NEW.seq AND NEW.done = 0",
    handover: "NEW.seq IS (SELECT max(seq) FROM entry)",
    confirmation: "NEW.seq IS (SELECT max(seq) FROM entry)",
    checkpoint: "NEW.size IS (SELECT max(seq) + 1 FROM entry)"
    " AND NEW.size > (SELECT coalesce(max(size), 0) FROM checkpoint)",
}
_MAY_GO = dict.fromkeys((payload, handover), f"WHEN ({_PRUNED}) IS NOT 1")
_MAY_CHANGE = {pruning: "WHEN NOT (NEW.seq IS OLD.seq AND NEW.last_seq IS OLD.last_seq AND NEW.done = 1)"}
for _table, _condition in _NEXT.items():
    for _verb, _when in (
        ("UPDATE", _MAY_CHANGE.get(_table, "")),
        ("DELETE", _MAY_GO.get(_table, "")),
        ("INSERT", f"WHEN NOT ({_condition})"),
    ):
        event.listen(
            _table,
            "after_create",
            DDL(  # type: ignore[no-untyped-call]
                f"CREATE TRIGGER {_table.name}_{_verb.lower()} BEFORE {_verb} ON {_table.name} {_when} "
                "BEGIN SELECT RAISE(ABORT, 'the register is append-only'); END"
            ),
        )

"""What a third party gets of the register: one entry with its proof, the growth since an old checkpoint, everything.

docs/register-format.md has the forms; docs/verify_register.py checks them without dockd. Each proof is checked here
before it is given away: what cannot be proven is said at once.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from heapq import merge
from typing import Any

import rfc8785
from sqlalchemy import Connection, select

from dockd.errors import RegisterError, RegisterTampered
from dockd.i18n import _
from dockd.register import proof, pruning, schema, tables
from dockd.register.body import Row
from dockd.register.entry import read
from dockd.register.kinds import Ingested
from dockd.register.merkle import leaf_data
from dockd.register.mirror import line_of
from dockd.register.note import Checkpoint, Verifier
from dockd.register.schema import StoredCheckpoint

Bundle = dict[str, Any]
Growth = dict[str, Any]

_ENTRY_FORMAT = "dockd entry proof 1"
_GROWTH_FORMAT = "dockd growth proof 1"
_EXPORT_FORMAT = "dockd register 1"


def of_entry(connection: Connection, seq: int, verifier: Verifier) -> Bundle:
    """Prove an entry under the newest checkpoint, as JSON takes it.

    Raises RegisterError if there is no such entry under it, RegisterTampered if it cannot be proven.
    """
    note, signed = _newest(connection, verifier)
    if not 0 <= seq < signed.size:
        text = _("entry {seq} is not among the {size} entries that are signed")
        raise RegisterError(text.format(seq=seq, size=signed.size))
    if seq <= pruning.pruned_until(connection):
        raise RegisterError(_("entry {seq} was pruned: what it said is no longer held").format(seq=seq))
    row = _row(connection, seq)
    path = proof.inclusion(seq, signed.size, partial(schema.read_subtree, connection))
    proof.check_inclusion(leaf_data(row.salt or b"", row.body or b""), seq, signed.size, path, signed.root)
    return {
        "format": _ENTRY_FORMAT,
        "verifier_key": verifier.text,
        "checkpoint": note,
        "entry": {"seq": seq, "salt": (row.salt or b"").hex(), "body": (row.body or b"").decode()},
        "inclusion": [each.hex() for each in path],
    }


def of_recording(connection: Connection, recording_id: str, verifier: Verifier) -> Bundle:
    """Prove the newest collection or salvage of a recording, as `of_entry`."""
    matching = select(tables.payload.c.seq).where(tables.payload.c.recording_id == recording_id)
    seq: int | None = connection.execute(matching.order_by(tables.payload.c.seq.desc()).limit(1)).scalar()
    if seq is None:
        raise RegisterError(_("no recording {recording_id} was collected").format(recording_id=recording_id))
    entry = read(seq, _row(connection, seq).body or b"")
    if not isinstance(entry, Ingested) or entry.recording_id != recording_id:
        raise RegisterTampered(_("entry {seq}: the look-up keys beside it are wrong").format(seq=seq), seq=seq)
    return of_entry(connection, seq, verifier)


def of_growth(connection: Connection, old: Checkpoint, verifier: Verifier) -> Growth:
    """Prove that what was signed as `old` is the beginning of the newest checkpoint's entries, as JSON takes it.

    Raises RegisterTampered if it is not.
    """
    note, signed = _newest(connection, verifier)
    if not 1 <= old.size <= signed.size:
        text = _("the register ends after {size} entries, and something was signed at {old}")
        raise RegisterTampered(text.format(size=signed.size, old=old.size))
    path = proof.consistency(old.size, signed.size, partial(schema.read_subtree, connection))
    proof.check_consistency(old.size, old.root, signed.size, signed.root, path)
    return {
        "format": _GROWTH_FORMAT,
        "verifier_key": verifier.text,
        "checkpoint": note,
        "old_size": old.size,
        "consistency": [each.hex() for each in path],
    }


def _newest(connection: Connection, verifier: Verifier) -> tuple[str, Checkpoint]:
    note = schema.read_newest_checkpoint(connection).note.decode("utf-8", "replace")
    return note, Checkpoint.parse(verifier.open_note(note))


def _row(connection: Connection, seq: int) -> Row:
    rows = schema.read_rows(connection, seq - 1, 1)
    if not rows or rows[0].seq != seq or rows[0].salt is None or rows[0].body is None:
        raise RegisterTampered(_("entry {seq}: it, or its payload, is missing").format(seq=seq), seq=seq)
    return rows[0]


def export(rows: Iterable[Row], checkpoints: Iterable[StoredCheckpoint], verifier: Verifier) -> Iterator[bytes]:
    """Write a whole register as lines of canonical JSON: a head, then entries and checkpoints in their order.

    A checkpoint stands behind the last entry that it covers.
    """
    yield _line({"format": _EXPORT_FORMAT, "verifier_key": verifier.text})
    entries = ((row.seq + 1, 0, line_of(row)) for row in rows)
    signed = ((each.size, 1, _checkpoint_line(each)) for each in checkpoints)
    yield from (line for _size, _kind, line in merge(entries, signed))


def _checkpoint_line(stored: StoredCheckpoint) -> bytes:
    return _line({"checkpoint": stored.note.decode("utf-8", "replace")})


def _line(fields: dict[str, Any]) -> bytes:
    return rfc8785.dumps(fields) + b"\n"

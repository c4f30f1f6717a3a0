"""What a third party gets of the register: one entry with its proof, the growth since an old checkpoint, everything.

docs/register-format.md has the forms; docs/verify_register.py checks them without dockd. Nothing here is believed
because the database says so: each reader has the dock's verifier key from elsewhere.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import rfc8785
from sqlalchemy import Connection, select

from dockd.errors import RegisterError
from dockd.i18n import _
from dockd.register import proof, schema
from dockd.register.entry import Row
from dockd.register.mirror import line_of
from dockd.register.note import Verifier
from dockd.register.schema import StoredCheckpoint

Bundle = dict[str, Any]
Growth = dict[str, Any]

_ENTRY_FORMAT = "dockd entry proof 1"
_GROWTH_FORMAT = "dockd growth proof 1"
_EXPORT_FORMAT = "dockd register 1"


def of_entry(connection: Connection, seq: int, verifier: Verifier) -> Bundle:
    """Prove an entry under the newest checkpoint, as JSON takes it. Raises RegisterError if that cannot be done."""
    signed = schema.read_newest_checkpoint(connection)
    if not 0 <= seq < signed.size:
        text = _("entry {seq} is not among the {size} entries that are signed")
        raise RegisterError(text.format(seq=seq, size=signed.size))
    [row] = schema.read_rows(connection, seq - 1, 1)
    if row.salt is None or row.body is None:
        raise RegisterError(_("entry {seq} was pruned: nothing is left of it to be shown").format(seq=seq))
    path = proof.inclusion(seq, signed.size, partial(schema.read_subtree, connection))
    return {
        "format": _ENTRY_FORMAT,
        "verifier_key": verifier.text,
        "checkpoint": signed.note.decode(),
        "entry": {"seq": seq, "salt": row.salt.hex(), "body": row.body.decode()},
        "inclusion": [each.hex() for each in path],
    }


def newest_entry(connection: Connection, recording_id: str) -> int:
    """Find the newest collection or salvage of a recording. Raises RegisterError if there is none."""
    matching = select(schema.payload.c.seq).where(schema.payload.c.recording_id == recording_id)
    seq: int | None = connection.execute(matching.order_by(schema.payload.c.seq.desc()).limit(1)).scalar()
    if seq is None:
        raise RegisterError(_("no recording {recording_id} was collected").format(recording_id=recording_id))
    return seq


def of_growth(connection: Connection, size: int, verifier: Verifier) -> Growth:
    """Prove that the first `size` entries are the beginning of the newest checkpoint's, as JSON takes it.

    Raises RegisterError if the register is smaller.
    """
    signed = schema.read_newest_checkpoint(connection)
    if not 1 <= size <= signed.size:
        text = _("the register ends after {size} entries, and something was signed at {old}")
        raise RegisterError(text.format(size=signed.size, old=size))
    path = proof.consistency(size, signed.size, partial(schema.read_subtree, connection))
    return {
        "format": _GROWTH_FORMAT,
        "verifier_key": verifier.text,
        "checkpoint": signed.note.decode(),
        "old_size": size,
        "consistency": [each.hex() for each in path],
    }


def export(rows: Iterable[Row], checkpoints: Iterable[StoredCheckpoint], verifier: Verifier) -> Iterator[bytes]:
    """Write a whole register as lines of canonical JSON: a head, then entries and checkpoints in their order.

    A checkpoint stands behind the last entry that it covers; of a pruned entry only its place and leaf are left.
    """
    yield _line({"format": _EXPORT_FORMAT, "verifier_key": verifier.text})
    pending = iter(checkpoints)
    upcoming = next(pending, None)
    for row in rows:
        yield line_of(row)
        while upcoming and upcoming.size <= row.seq + 1:
            yield _checkpoint_line(upcoming)
            upcoming = next(pending, None)
    while upcoming:
        yield _checkpoint_line(upcoming)
        upcoming = next(pending, None)


def _checkpoint_line(stored: StoredCheckpoint) -> bytes:
    return _line({"checkpoint": stored.note.decode("utf-8", "replace")})


def _line(fields: dict[str, Any]) -> bytes:
    return rfc8785.dumps(fields) + b"\n"

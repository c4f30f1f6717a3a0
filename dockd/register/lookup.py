"""Finding entries by what they are about: what a look-up key leads to is compared with leaf and body, then believed."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select

from dockd.errors import RegisterTampered
from dockd.i18n import _
from dockd.model import Recording
from dockd.register import pruning, schema, tables
from dockd.register.body import Row
from dockd.register.commands import CameraIssued, CameraReturned, WitnessedEntry
from dockd.register.entry import read
from dockd.register.kinds import CollectedEntry, SalvagedEntry
from dockd.register.merkle import leaf_data


def _newest_ingested(condition: ColumnElement[bool]) -> Select[int]:
    """Select what has one look-up key; what is being pruned is left out, for it may be gone in the next moment."""
    is_kept = tables.payload.c.seq > bindparam("pruned_until")
    return select(tables.payload.c.seq).where(condition, is_kept).order_by(tables.payload.c.seq.desc())


# Made once, as in schema.py.
_AT_PLACE = _newest_ingested(tables.payload.c.place == bindparam("key"))
_BY_ID = _newest_ingested(tables.payload.c.recording_id == bindparam("key"))

_HANDOVERS = 500
"""So many issues and returns of a camera are looked at: a recording is not older than that on its camera."""


def at_place(connection: Connection, camera_id: str, recording: Recording) -> list[CollectedEntry | SalvagedEntry]:
    """Find what was ingested of a recording as its camera lists it now, newest first. Raises RegisterTampered."""
    sought = (camera_id, recording.path.text, recording.size, str(recording.mtime_ns))
    found = _ingested(connection, _AT_PLACE, schema.place_key(*sought))
    for entry in found:
        if schema.place_of(entry) != sought:
            raise _wrong_index(entry.seq)
    return found


def by_id(connection: Connection, recording_id: str) -> list[CollectedEntry | SalvagedEntry]:
    """Find what was ingested of a recording, newest first. Raises RegisterTampered."""
    found = _ingested(connection, _BY_ID, recording_id)
    for entry in found:
        if entry.recording_id != recording_id:
            raise _wrong_index(entry.seq)
    return found


@dataclass(frozen=True, slots=True)
class Handover:
    """A camera changed hands at a moment: to `wearer`, or back if that is None."""

    at: str
    wearer: str | None


def handovers(connection: Connection, camera_id: str) -> list[Handover]:
    """Find the newest issues and returns of a camera, oldest first; those that were pruned are left out."""
    query = select(tables.handover.c.seq).where(tables.handover.c.camera_id == camera_id)
    newest = connection.scalars(query.order_by(tables.handover.c.seq.desc()).limit(_HANDOVERS)).all()
    found = []
    for seq in reversed(newest):
        [row] = schema.read_rows(connection, seq - 1, 1)
        if row.body is not None:
            check_leaf(row, seq)
            entry = read(seq, row.body)
            if isinstance(entry, CameraIssued) and entry.camera_id == camera_id:
                found.append(Handover(entry.at, entry.wearer))
            elif isinstance(entry, CameraReturned) and entry.camera_id == camera_id:
                found.append(Handover(entry.at, None))
            else:
                raise _wrong_index(seq)
    return found


def disagreements(connection: Connection) -> dict[str, str]:
    """Give the checkpoints that the register did not grow from and nobody has decided about, by their witnesses."""
    rows = connection.execute(select(tables.disagreement.c.witness, tables.disagreement.c.note))
    return {witness: note for witness, note in rows}


def unassigned(connection: Connection, limit: int) -> tuple[int, list[str]]:
    """Count the recordings whose wearer is to be justified, and name some of them."""
    count = connection.scalar(select(func.count()).select_from(tables.unassigned)) or 0
    some = connection.scalars(select(tables.unassigned.c.recording_id).limit(limit)).all()
    return count, list(some)


def last_confirmation(connection: Connection) -> WitnessedEntry | None:
    """Find the newest checkpoint that came back signed by somebody outside; None also if it was pruned since."""
    seq = connection.scalar(select(func.max(tables.confirmation.c.seq)))
    rows = schema.read_rows(connection, seq - 1, 1) if seq is not None else []
    if not rows or rows[0].body is None:
        return None
    check_leaf(rows[0], rows[0].seq)
    found = read(rows[0].seq, rows[0].body)
    return found if isinstance(found, WitnessedEntry) else None


def _ingested(connection: Connection, query: Select[int], key: str | bytes) -> list[CollectedEntry | SalvagedEntry]:
    found = connection.scalars(query, {"key": key, "pruned_until": pruning.pruned_until(connection)}).all()
    rows = [row for seq in found for row in schema.read_rows(connection, seq - 1, 1)]
    return [_believed(row, seq) for row, seq in zip(rows, found, strict=True)]


def check_leaf(row: Row, seq: int) -> None:
    """Raise RegisterTampered unless a row stands at `seq` and its leaf is that of its payload."""
    if row.seq != seq or row.salt is None or row.body is None or leaf_data(row.salt, row.body) != row.leaf:
        raise RegisterTampered(
            _("entry {seq} is not what was entered").format(seq=seq),
            advice=_("Keep the register as it is, and run `dockd register verify`."),
            seq=seq,
        )


def _believed(row: Row, seq: int) -> CollectedEntry | SalvagedEntry:
    check_leaf(row, seq)
    entry = read(seq, row.body or b"")
    if not isinstance(entry, CollectedEntry | SalvagedEntry):
        raise _wrong_index(seq)
    return entry


def _wrong_index(seq: int) -> RegisterTampered:
    return RegisterTampered(_("entry {seq}: the look-up keys beside it are wrong").format(seq=seq), seq=seq)

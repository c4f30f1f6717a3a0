"""Which entries are old enough to lose what they say: the law keeps them three years (CSI R241-15).

Deleting cannot be taken back, and the date of an entry is that of a clock that may have been wrong. An entry is old for
certain if one behind it is, whose clock was trusted; and none is older than the youngest date before it. Dates before
dockd was first released, or after now, are none. Who prunes has to trust the clock of today.
"""

import json
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select

from dockd.clock import utc_text
from dockd.errors import RegisterError
from dockd.i18n import _
from dockd.register import tables
from dockd.register.body import Row

# Made once, as in schema.py.
_LAST_PRUNED = select(func.max(tables.pruning.c.last_seq))

YEARS = 3

FIRST_RELEASE = datetime(2026, 1, 1, tzinfo=UTC)
"""No entry is older than this, whatever its clock said."""


def cutoff(now: datetime) -> datetime:
    """Give the moment three years ago; on 29 February that of the day before."""
    try:
        return now.replace(year=now.year - YEARS)
    except ValueError:
        return now.replace(year=now.year - YEARS, day=28)


class Dated(NamedTuple):
    """An entry's place and date, `at` None where it was pruned; `is_trusted`: its clock was."""

    seq: int
    at: str | None
    is_trusted: bool


def dated(row: Row) -> Dated:
    if row.body is None:
        return Dated(row.seq, None, False)
    body = json.loads(row.body)
    return Dated(row.seq, str(body["at"]), bool(body["clock_trusted"]))


class Age:
    """Finds the last entry of those that are all older than three years before `now`.

    `believes_all`: somebody answers for dates too that nobody answered for when they were entered.
    """

    def __init__(self, now: datetime, *, believes_all: bool = False) -> None:
        self._earliest, self._latest, self._old = utc_text(FIRST_RELEASE), utc_text(now), utc_text(cutoff(now))
        self._believes_all = believes_all
        self._youngest = ""
        self.last = -1
        """The last entry that is old enough so far, -1 if there is none."""

    def is_reached(self, entry: Dated) -> bool:
        """Look at the next entry; True if it is too young, and all that follow."""
        if entry.at is None:
            self.last = entry.seq
            return False
        if self._earliest <= entry.at <= self._latest:
            self._youngest = max(self._youngest, entry.at)
            if self._youngest >= self._old:
                return True
            # It was made by then for certain, and so was everything before it.
            if entry.is_trusted or self._believes_all:
                self.last = entry.seq
        return False


def first_under_way(connection: Connection) -> int | None:
    """Give the oldest entry of a recording whose clearing is under way; it and what follows stays."""
    entries = tables.payload.join(tables.intent, tables.intent.c.recording_id == tables.payload.c.recording_id)
    oldest = select(func.min(tables.payload.c.seq)).select_from(entries)
    found: int | None = connection.scalar(oldest.where(tables.intent.c.state == "registered"))
    return found


def refuse_what_is_under_way(connection: Connection, last_seq: int) -> None:
    """Raise RegisterError if what is under way since it was looked for would be pruned."""
    first = first_under_way(connection)
    if first is not None and first <= last_seq:
        raise RegisterError(_("a camera is being served whose recordings would be pruned: try again"))


def pruned_until(connection: Connection) -> int:
    """Give the last entry that was pruned, or is to be, -1 if none was."""
    last = connection.execute(_LAST_PRUNED).scalar()
    return -1 if last is None else int(last)


def delete_pruned(connection: Connection, limit: int) -> bool:
    """Take what up to `limit` pruned entries said out of the file; False once there is nothing left to take.

    What was looked up by it goes with it.
    """
    last = pruned_until(connection)
    due = select(tables.payload.c.seq).where(tables.payload.c.seq <= last).order_by(tables.payload.c.seq).limit(limit)
    recordings = select(tables.payload.c.recording_id).where(tables.payload.c.seq.in_(due))
    connection.execute(delete(tables.unassigned).where(tables.unassigned.c.recording_id.in_(recordings)))
    connection.execute(delete(tables.handover).where(tables.handover.c.seq <= last))
    return connection.execute(delete(tables.payload).where(tables.payload.c.seq.in_(due))).rowcount > 0

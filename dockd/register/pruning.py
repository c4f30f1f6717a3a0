"""Which entries are old enough to lose what they say: the law keeps them three years (CSI R241-15).

Deleting cannot be taken back, and the date of an entry is that of a clock that may have been wrong. So no date is
believed alone: an entry is as young as the youngest date before it, dates before dockd was first released or after now
are no dates, and entries before the first real date are as young as that. Who prunes has to trust the clock of today.
"""

from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, select

from dockd.clock import utc_text
from dockd.register import tables

YEARS = 3

FIRST_RELEASE = datetime(2026, 1, 1, tzinfo=UTC)
"""No entry is older than this, whatever its clock said."""


def cutoff(now: datetime) -> datetime:
    """Give the moment three years ago; on 29 February that of the day before."""
    try:
        return now.replace(year=now.year - YEARS)
    except ValueError:
        return now.replace(year=now.year - YEARS, day=28)


class Age:
    """Finds the last entry of those that are all older than three years before `now`."""

    def __init__(self, now: datetime) -> None:
        self._earliest, self._latest, self._old = utc_text(FIRST_RELEASE), utc_text(now), utc_text(cutoff(now))
        self._youngest = ""
        self.last = -1
        """The last entry that is old enough so far, -1 if there is none."""

    def is_reached(self, seq: int, at: str | None) -> bool:
        """Look at the next entry, `at` None if it was pruned before; True if it is too young, and all that follow."""
        if at is not None and self._earliest <= at <= self._latest:
            self._youngest = max(self._youngest, at)
        if self._youngest >= self._old:
            return True
        if at is None or self._youngest:
            self.last = seq
        return False


def pruned_until(connection: Connection) -> int:
    """Give the last entry that was pruned, or is to be, -1 if none was."""
    last = connection.execute(select(func.max(tables.pruning.c.last_seq))).scalar()
    return -1 if last is None else int(last)


def delete_pruned(connection: Connection, limit: int) -> bool:
    """Take what up to `limit` pruned entries said out of the file; False once there is nothing left to take."""
    due = (
        select(tables.payload.c.seq)
        .where(tables.payload.c.seq <= pruned_until(connection))
        .order_by(tables.payload.c.seq)
        .limit(limit)
    )
    return connection.execute(delete(tables.payload).where(tables.payload.c.seq.in_(due))).rowcount > 0

"""Check a whole register, entry by entry, with nothing but the dock's verifier key.

It believes neither the database's triggers nor its stored tree: it makes the tree again from the leaves and compares
it with what was signed. What the register alone cannot show is a tail that was cut together with its checkpoints, and
a history that was written anew with the dock's own key: that shows in the checkpoints that were kept outside the dock.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from sqlalchemy import Connection, Engine

from dockd.errors import RegisterTampered
from dockd.i18n import _
from dockd.register import bundle, lookup, schema
from dockd.register.body import Row
from dockd.register.commands import Pruned
from dockd.register.entry import read
from dockd.register.forms import head_of
from dockd.register.kinds import LogOpened
from dockd.register.merkle import Frontier, hashes, leaf_data
from dockd.register.note import Checkpoint, Verifier
from dockd.register.schema import StoredCheckpoint

_PAGE_ROWS = 4000


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found: `covered` entries stand under a signature, `problems` is everything that is wrong."""

    size: int
    root: bytes
    covered: int
    problems: tuple[RegisterTampered, ...]


def verify(
    rows: Iterable[Row],
    checkpoints: Iterable[StoredCheckpoint],
    verifier: Verifier,
    dock_id: str,
    outside: Iterable[Checkpoint] = (),
) -> Report:
    """Check everything, in one pass, and report every problem in the order of the entries.

    `outside` are checkpoints that were kept elsewhere, opened with the same verifier key.
    """
    check = _Verification(verifier, dock_id)
    signed = _Upcoming(checkpoints, check.checkpoint)
    kept = _Upcoming(sorted(outside, key=lambda each: each.size), check.kept_outside)
    remaining = iter(rows)
    while not check.entries(remaining, min(signed.due, kept.due)):
        signed.reach(check.expected)
        kept.reach(check.expected)
    signed.end(check.expected)
    kept.end(check.expected)
    return check.report()


class _Sized(Protocol):
    @property
    def size(self) -> int: ...


S = TypeVar("S", bound=_Sized)


class _Upcoming(Generic[S]):
    """Checkpoints in the order of their sizes, each compared when so many entries have been seen."""

    def __init__(self, checkpoints: Iterable[S], compare: Callable[[S, int], None]) -> None:
        self._pending = iter(checkpoints)
        self._compare = compare
        self._next = next(self._pending, None)

    @property
    def due(self) -> float:
        """At how many entries the next one is to be compared."""
        return float("inf") if self._next is None else self._next.size

    def reach(self, size: int) -> None:
        while self._next is not None and self._next.size <= size:
            self._compare(self._next, size)
            self._next = next(self._pending, None)

    def end(self, size: int) -> None:
        while self._next is not None:
            self._compare(self._next, size)
            self._next = next(self._pending, None)


class _Verification:
    def __init__(self, verifier: Verifier, dock_id: str) -> None:
        self._verifier = verifier
        self._dock_id = dock_id
        self._tree = Frontier()
        self._problems: list[RegisterTampered] = []
        self._last_wrong_leaf = -1
        self._whole = True
        self._agreed = True
        self._covered = 0
        self._kept_until = 0
        self._missing: list[tuple[int, int]] = []
        self.expected = 0

    def report(self) -> Report:
        for place, (seq, before) in enumerate(self._missing):
            text = _("entry {seq}: its payload is missing")
            self._problems.insert(before + place, RegisterTampered(text.format(seq=seq), seq=seq))
        if not self.expected:
            self._problem(_("the register is empty"), None)
        elif not self._covered:
            self._problem(_("no valid checkpoint covers any entry"), None)
        return Report(self.expected, self._tree.root(), self._covered, tuple(self._problems))

    def entries(self, rows: Iterator[Row], until: float) -> bool:
        """Check the next entries; False if there are `until` of them so far, True if no more are given.

        Written for the ordinary entry, a million of them.
        """
        append, dock_id, expected = self._tree.append, self._dock_id.encode(), self.expected
        for row in rows:
            seq, leaf, salt, body, nodes = row
            if (
                salt is not None
                and body is not None
                and sha256(salt + body).digest() == leaf
                and 0 < seq == expected
                and (head := head_of(body)) is not None
                and head["dock_id"] == dock_id
                and int(head["seq"]) == seq
            ):
                made = append(leaf)
                if made != nodes and self._whole:
                    self._stored_nodes(row, made)
            else:
                self.expected = expected
                self._odd_entry(row)
            expected = seq + 1
            if expected >= until:
                self.expected = expected
                return False
        self.expected = expected
        return True

    def _odd_entry(self, row: Row) -> None:
        """Say what is wrong with an entry, if anything is."""
        if row.seq != self.expected:
            self._whole = False
            missing = _("entry {first} is missing").format(first=self.expected)
            if row.seq - 1 > self.expected:
                missing = _("entries {first} to {last} are missing").format(first=self.expected, last=row.seq - 1)
            self._problem(missing, self.expected)
        self._payload(row)
        nodes = self._tree.append(row.leaf)
        if nodes != row.nodes and self._whole:
            self._stored_nodes(row, nodes)

    def checkpoint(self, stored: StoredCheckpoint, size: int) -> None:
        """Check a checkpoint when the tree has `size` entries: its own size, unless entries are missing."""
        seq = stored.size - 1
        try:
            signed = Checkpoint.parse(self._verifier.open_note(stored.note.decode("utf-8", "replace")))
        except RegisterTampered as error:
            self._problem(_("checkpoint at {size}: {fault}").format(size=stored.size, fault=error), seq)
            return
        if (signed.origin, signed.size) != (self._verifier.name, stored.size):
            self._problem(_("checkpoint at {size}: it was signed for another place").format(size=stored.size), seq)
        elif signed.size > size:
            text = _("checkpoint at {size}: signed, but the register ends at {end} entries: its end was cut off")
            self._problem(text.format(size=signed.size, end=size), size)
        elif self._whole and signed.root == self._tree.root():
            self._covered, self._agreed = signed.size, True
        elif self._agreed:
            # Every later root contains the same change: it is told once.
            text = _("checkpoint at {size}: entries {first} to {last} are not the ones that were signed")
            self._problem(text.format(size=signed.size, first=self._covered, last=seq), self._covered)
            self._agreed = False

    def kept_outside(self, kept: Checkpoint, size: int) -> None:
        """Compare with a checkpoint from outside, as `checkpoint`; what the register itself holds says nothing here."""
        first, self._kept_until = self._kept_until, kept.size
        if kept.origin != self._verifier.name:
            self._problem(_("a checkpoint from outside is of {origin}").format(origin=kept.origin), None)
        elif kept.size > size:
            text = _("checkpoint from outside: signed at {size}, but the register ends at {end}: its end was cut off")
            self._problem(text.format(size=kept.size, end=size), size)
        elif self._whole and kept.root != self._tree.root():
            text = _("checkpoint from outside: entries {first} to {last} are not the ones that were signed")
            self._problem(text.format(first=first, last=kept.size - 1), first)

    def _payload(self, row: Row) -> None:
        if row.salt is None or row.body is None:
            # Unless an entry to come says that it was pruned.
            self._missing.append((row.seq, len(self._problems)))
            return
        if leaf_data(row.salt, row.body) != row.leaf:
            self._last_wrong_leaf = row.seq
            self._problem(_("entry {seq}: leaf, salt and body do not belong together").format(seq=row.seq), row.seq)
        try:
            entry = read(row.seq, row.body)
        except RegisterTampered as error:
            self._problems.append(error)
            return
        if entry.dock_id != self._dock_id:
            self._problem(_("entry {seq}: it is of dock {other}").format(seq=row.seq, other=entry.dock_id), row.seq)
        opening = isinstance(entry, LogOpened)
        if opening != (row.seq == 0):
            self._problem(_("entry {seq}: log_opened must be entry 0 and no other").format(seq=row.seq), row.seq)
        if isinstance(entry, Pruned):
            self._missing = [each for each in self._missing if each[0] > entry.last_seq]
        if isinstance(entry, LogOpened) and entry.verifier_key != self._verifier.text:
            self._problem(_("entry {seq}: it names another verifier key").format(seq=row.seq), row.seq)

    def _stored_nodes(self, row: Row, nodes: bytes) -> None:
        if len(nodes) != len(row.nodes):
            self._problem(_("entry {seq}: nodes of the stored tree are missing").format(seq=row.seq), row.seq)
            return
        for level, (node, stored) in enumerate(zip(hashes(nodes), hashes(row.nodes), strict=True), start=1):
            # A subtree over a leaf that was changed is wrong because of it, and needs no line of its own.
            if node != stored and self._last_wrong_leaf <= row.seq - (1 << level):
                text = _("entry {seq}: the stored tree is wrong at level {level}")
                self._problem(text.format(seq=row.seq, level=level), row.seq)

    def _problem(self, message: str, seq: int | None) -> None:
        self._problems.append(RegisterTampered(message, seq=seq))


T = TypeVar("T")


class Reader:
    """A register file read in pages; between two pages nothing is locked, so that a starting daemon is not hindered."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rows(self) -> Iterator[Row]:
        return self._pages(schema.read_rows, lambda row: row.seq, -1)

    def checkpoints(self) -> Iterator[StoredCheckpoint]:
        return self._pages(schema.read_checkpoints, lambda stored: stored.size, -1)

    def unassigned(self, limit: int) -> tuple[int, list[str]]:
        """Count the recordings whose wearer is to be justified, and name some of them."""
        with schema.faults(), self._engine.begin() as connection:
            return lookup.unassigned(connection, limit)

    def prove_entry(self, seq: int, verifier: Verifier) -> bundle.Bundle:
        """Prove an entry under the newest checkpoint; see `bundle.of_entry`."""
        with schema.faults(), self._engine.begin() as connection:
            return bundle.of_entry(connection, seq, verifier)

    def prove_recording(self, recording_id: str, verifier: Verifier) -> bundle.Bundle:
        """Prove the newest entry of a recording, as `prove_entry`."""
        with schema.faults(), self._engine.begin() as connection:
            return bundle.of_recording(connection, recording_id, verifier)

    def prove_growth(self, old: Checkpoint, verifier: Verifier) -> bundle.Growth:
        """Prove that the register has only grown since `old`; see `bundle.of_growth`."""
        with schema.faults(), self._engine.begin() as connection:
            return bundle.of_growth(connection, old, verifier)

    def _pages(
        self, read_page: Callable[[Connection, int, int], list[T]], place: Callable[[T], int], after: int
    ) -> Iterator[T]:
        while True:
            with schema.faults(), self._engine.begin() as connection:
                page = read_page(connection, after, _PAGE_ROWS)
            if not page:
                return
            yield from page
            after = place(page[-1])


@contextmanager
def open_readonly(path: Path) -> Iterator[Reader]:
    """Open a register that no daemon holds. Raises AlreadyRunning, RegisterError."""
    with schema.faults():
        schema.refuse_if_held(path)
    engine = schema.connect(path, "ro")
    try:
        with schema.faults(), engine.begin() as connection:
            schema.check_format(connection)
        yield Reader(engine)
    finally:
        engine.dispose()

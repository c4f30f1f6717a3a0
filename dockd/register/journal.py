"""The live register: one writer, and nothing is true before it is on both media.

How an entry gets in:
  1. head and facts become the body, salt and body the leaf, the leaf extends the tree;
  2. one SQLite transaction takes entry, payload and tree nodes, and what the entry changes in the intents;
  3. the same lines go to the mirror, durably;
  4. only then does `append` return, and only then may a camera be cleared.
A crash between 2 and 3 is healed at the next `open`. After a fault whose outcome is not known, the journal refuses
everything until it is opened again; a full medium or a busy file leaves it as it was, and the call may be repeated.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Engine, bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import SQLAlchemyError

from dockd.clock import Clock, utc_text
from dockd.errors import MirrorError, OrderError, RegisterError, RegisterTampered
from dockd.i18n import _
from dockd.model import Recording
from dockd.register import bundle, lookup, pruning, schema, tables
from dockd.register.body import Facts, Row
from dockd.register.commands import Pruned, WitnessedEntry
from dockd.register.entry import compose
from dockd.register.kinds import CollectedEntry, LogOpened, SalvagedEntry
from dockd.register.merkle import SALT_BYTES, Frontier, complete_subtrees, leaf_data
from dockd.register.mirror import Mirror
from dockd.register.note import Checkpoint, SigningKey, Verifier
from dockd.register.schema import StoredCheckpoint

# Made once, as in schema.py.
_NEW_INTENT = upsert(tables.intent)
_OPEN_INTENT = _NEW_INTENT.on_conflict_do_update(["recording_id"], set_=dict(_NEW_INTENT.excluded))
_MARK_INTENT = (
    update(tables.intent).where(tables.intent.c.recording_id == bindparam("marked")).values(state="registered")
)
_CLOSE_INTENT = delete(tables.intent).where(tables.intent.c.recording_id == bindparam("closed"))

_TAIL_ROWS = 1000
_PRUNED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Intent:
    """A placing and clearing under way, so that a restart knows where to look.

    `placing`: the object may have its name already, the entry is not there. `registered`: the entry is there, the
    camera may or may not have been cleared.
    """

    recording_id: str
    camera_id: str
    partition: str
    object_path: str
    state: Literal["placing", "registered"]
    opened_at: str


class Journal:
    """The register, open for writing. Use it from one thread at a time; the thread may change."""

    def __init__(self, engine: Engine, *, key: SigningKey, dock_id: str, clock: Clock) -> None:
        self._engine = engine
        self._key = key
        self._dock_id = dock_id
        self._clock = clock
        self._boot_id = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        self._mirror: Mirror | None = None
        self._tree = Frontier()
        self._last_checkpoint = StoredCheckpoint(0, b"")
        self._failure: RegisterError | None = None
        self._resources = ExitStack()

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        key: SigningKey,
        dock_id: str,
        clock: Clock,
        mirror: Mirror,
        software: str,
        author: str = "dockd",
        succeeds: tuple[Verifier, str] | None = None,
    ) -> "Journal":
        """Make the register of a new dock, with its first entry, by `author`, and its checkpoint, and open it.

        `succeeds` are the key and the last checkpoint of the register that it takes the place of. The file gets its
        name only when it is whole. Raises RegisterError when there is one already, MirrorError when the mirror has
        entries of another register.
        """
        mirror.must_be_empty()
        with schema.new_file(path) as unfinished:
            journal = cls(schema.connect(unfinished, "rw"), key=key, dock_id=dock_id, clock=clock)
            journal._resources.callback(journal._engine.dispose)
            with journal._resources:
                journal._begin(software, author, succeeds)
        return cls.open(path, key=key, dock_id=dock_id, clock=clock, mirror=mirror)

    @classmethod
    def open(cls, path: Path, *, key: SigningKey, dock_id: str, clock: Clock, mirror: Mirror) -> "Journal":
        """Open the register and bring its mirror up to date.

        Costs what was written since the last checkpoint, not what the register holds. Raises AlreadyRunning,
        RegisterTampered when the tree is not the one that was last signed, MirrorError, RegisterError.
        """
        with ExitStack() as stack:
            with schema.faults():
                stack.enter_context(schema.hold(path))
            journal = stack.enter_context(cls.resumed(path, key=key, dock_id=dock_id, clock=clock))
            mirror.catch_up(journal.size, journal.entries, journal.pruned_until())
            journal._mirror = mirror
            journal._resources = stack.pop_all()
        return journal

    @classmethod
    @contextmanager
    def resumed(cls, path: Path, *, key: SigningKey, dock_id: str, clock: Clock) -> "Iterator[Journal]":
        """Take up a register whose lock is held, without its mirror."""
        journal = cls(schema.connect(path, "rw"), key=key, dock_id=dock_id, clock=clock)
        try:
            with journal._transaction() as connection:
                schema.check_format(connection)
                journal._resume(connection)
            yield journal
        finally:
            journal._engine.dispose()

    def close(self) -> None:
        """Give the file and its lock back. The mirror stays open: it belongs to the caller."""
        self._resources.close()

    @property
    def size(self) -> int:
        """The number of entries."""
        return self._tree.size

    @property
    def root(self) -> bytes:
        """The Merkle root over all entries (RFC 6962 section 2.1)."""
        return self._tree.root()

    def append(
        self, *facts: Facts, author: str = "dockd", closes: Iterable[str] = (), marks: Iterable[str] = ()
    ) -> list[int]:
        """Enter facts, all or none, durably on both media; return their places in the register.

        In the same transaction the intents of the recordings in `marks` become registered, and those in `closes` end
        (one that is not open is no fault). Raises RegisterError or MirrorError, OrderError for a mark without intent.
        """
        rows = self._commit(facts, author, closes, marks)
        if self._mirror and rows:
            try:
                self._mirror.append(rows)
            except MirrorError as error:
                self._failure = error
                raise
        return [row.seq for row in rows]

    def open_intent(self, recording_id: str, *, camera_id: str, partition: str, object_path: str) -> None:
        """Note durably that an object is about to be placed; opens an intent of this recording anew if it has one."""
        opened = Intent(recording_id, camera_id, partition, object_path, "placing", utc_text(self._clock.now()))
        with self._transaction() as connection:
            connection.execute(_OPEN_INTENT, asdict(opened))

    def intents(self, camera_id: str | None = None) -> list[Intent]:
        """List what is under way, oldest first, of one camera or of all."""
        query = select(*(tables.intent.c[name] for name in Intent.__slots__)).order_by(tables.intent.c.opened_at)
        if camera_id is not None:
            query = query.where(tables.intent.c.camera_id == camera_id)
        with self._transaction() as connection:
            return [Intent(*row) for row in connection.execute(query)]

    def checkpoint(self) -> str:
        """Sign the number of entries and the root; return the note. The last one stands while nothing was appended."""
        if self._last_checkpoint.size != self.size:
            signed = self._key.sign_note(Checkpoint(self._key.name, self.size, self.root).text)
            with self._transaction() as connection:
                schema.insert_checkpoint(connection, self.size, signed)
            self._last_checkpoint = StoredCheckpoint(self.size, signed.encode())
        return self._last_checkpoint.note.decode()

    def find_collected(self, camera_id: str, recording: Recording) -> list[CollectedEntry]:
        """Find the collections of a recording as its camera lists it now, newest first.

        Each is checked against its leaf before it is believed. Raises RegisterTampered.
        """
        with self._transaction() as connection:
            found = lookup.at_place(connection, camera_id, recording)
        return [each for each in found if isinstance(each, CollectedEntry)]

    def find_salvaged(self, camera_id: str, recording: Recording) -> list[SalvagedEntry]:
        """Find the salvages of a recording as its camera lists it now; checked and raising as `find_collected`."""
        with self._transaction() as connection:
            found = lookup.at_place(connection, camera_id, recording)
        return [each for each in found if isinstance(each, SalvagedEntry)]

    def collected_by_id(self, recording_id: str) -> CollectedEntry | None:
        """Find the newest collection of a recording, checked against its leaf. Raises RegisterTampered."""
        with self._transaction() as connection:
            found = lookup.by_id(connection, recording_id)
        return next((each for each in found if isinstance(each, CollectedEntry)), None)

    def has_recording(self, recording_id: str) -> bool:
        """Whether a recording was ingested, whole or not. Raises RegisterTampered."""
        with self._transaction() as connection:
            return bool(lookup.by_id(connection, recording_id))

    def must_be_well(self) -> None:
        """Raise the RegisterError of an earlier failure that only opening the register anew can mend."""
        if self._failure:
            raise RegisterError(
                _("the register failed before: {cause}").format(cause=self._failure), advice=self._failure.advice
            ) from self._failure

    def dates(self, after: int, limit: int) -> list[pruning.Dated]:
        """Give the dates of up to `limit` entries that follow `after`, each checked against its leaf.

        Raises RegisterTampered, also for one that says nothing any more and was not pruned: to prune it would hide
        that.
        """
        with self._transaction() as connection:
            last = pruning.pruned_until(connection)
            rows = schema.read_rows(connection, after, limit)
        for row in rows:
            if row.seq > last:
                lookup.check_leaf(row, row.seq)
        return [pruning.dated(row) for row in rows]

    def last_confirmation(self) -> WitnessedEntry | None:
        """Give the newest checkpoint that came back signed by somebody outside, checked against its leaf."""
        with self._transaction() as connection:
            return lookup.last_confirmation(connection)

    def handovers(self, camera_id: str) -> list[lookup.Handover]:
        """Give the newest issues and returns of a camera, oldest first. Raises RegisterTampered."""
        with self._transaction() as connection:
            return lookup.handovers(connection, camera_id)

    def unassigned(self, limit: int) -> tuple[int, list[str]]:
        """Count the recordings whose wearer is to be justified, and name some of them."""
        with self._transaction() as connection:
            return lookup.unassigned(connection, limit)

    def disagreements(self) -> dict[str, str]:
        """Give the checkpoints that the register did not grow from and nobody has decided about, by their witnesses."""
        with self._transaction() as connection:
            return lookup.disagreements(connection)

    def first_under_way(self) -> int | None:
        """Give the oldest entry of a recording whose clearing is under way."""
        with self._transaction() as connection:
            return pruning.first_under_way(connection)

    def pruned_until(self) -> int:
        """Give the last entry that was pruned, or is being, -1 if none was."""
        with self._transaction() as connection:
            return pruning.pruned_until(connection)

    def has_pruning(self) -> bool:
        """Whether entries are pruned that have not lost everything yet."""
        with self._transaction() as connection:
            return bool(connection.scalars(select(tables.pruning.c.seq).where(tables.pruning.c.done == 0)).all())

    def prune_some(self) -> bool:
        """Take from some entries that a `pruned` entry covers what they say, here first, then on the mirror.

        Cut into steps that end soon, each of which may be repeated; False when all is done. Raises RegisterError,
        MirrorError.
        """
        with self._transaction() as connection:
            if pruning.delete_pruned(connection, _PRUNED_AT_ONCE):
                return True
            last = pruning.pruned_until(connection)
        if self._mirror and self._mirror.prune_some(last):
            return True
        with self._transaction() as connection:
            connection.execute(update(tables.pruning).where(tables.pruning.c.done == 0).values(done=1))
        return False

    def check(self) -> None:
        """Write a row and take it back, durably: raises RegisterError when no entry could be taken now."""
        probe = Intent("", "", "", "", "placing", utc_text(self._clock.now()))
        with self._transaction() as connection:
            connection.execute(upsert(tables.intent).values(asdict(probe)).on_conflict_do_nothing())
            connection.execute(delete(tables.intent).where(tables.intent.c.recording_id == probe.recording_id))

    def prove_entry(self, seq: int) -> bundle.Bundle:
        """Prove an entry under a checkpoint of now; see `bundle.of_entry`."""
        self.checkpoint()
        with self._transaction() as connection:
            return bundle.of_entry(connection, seq, self._key.verifier)

    def prove_recording(self, recording_id: str) -> bundle.Bundle:
        """Prove the newest entry of a recording, as `prove_entry`."""
        self.checkpoint()
        with self._transaction() as connection:
            return bundle.of_recording(connection, recording_id, self._key.verifier)

    def prove_growth(self, old: str) -> bundle.Growth:
        """Prove that the register has only grown since the checkpoint `old`; see `bundle.of_growth`."""
        signed = Checkpoint.parse(self._key.verifier.open_note(old))
        self.checkpoint()
        with self._transaction() as connection:
            return bundle.of_growth(connection, signed, self._key.verifier)

    def entries(self, after: int, limit: int) -> list[Row]:
        """Read up to `limit` entries that follow `after` (-1: from the first)."""
        with self._transaction() as connection:
            return schema.read_rows(connection, after, limit)

    def checkpoints(self, after: int, limit: int) -> list[StoredCheckpoint]:
        """Read up to `limit` checkpoints of more than `after` entries."""
        with self._transaction() as connection:
            return schema.read_checkpoints(connection, after, limit)

    def _begin(self, software: str, author: str, succeeds: tuple[Verifier, str] | None) -> None:
        with self._transaction() as connection:
            schema.lay_out(connection)
        old, note = (succeeds[0].text, succeeds[1]) if succeeds else (None, None)
        opening = LogOpened(
            verifier_key=self._key.verifier.text, succeeds_key=old, succeeds_note=note, software=software
        )
        self.append(opening, author=author)
        self.checkpoint()

    def _resume(self, connection: Connection) -> None:
        """Take the tree up where the last checkpoint signed it, and add the entries since."""
        self._last_checkpoint = schema.read_newest_checkpoint(connection)
        size = self._last_checkpoint.size
        note = self._last_checkpoint.note.decode("utf-8", "replace")
        signed = Checkpoint.parse(self._key.verifier.open_note(note))
        self._tree = Frontier(size, [schema.read_subtree(connection, *place) for place in complete_subtrees(size)])
        if signed != Checkpoint(self._key.name, size, self.root):
            raise RegisterTampered(
                _("the register is not the one that was signed at {size} entries").format(size=size),
                advice=_("Run `dockd register verify`; it names what was changed."),
            )
        while rows := schema.read_rows(connection, self.size - 1, _TAIL_ROWS):
            for row in rows:
                lookup.check_leaf(row, self.size)
                if self._tree.append(row.leaf) != row.nodes:
                    raise RegisterTampered(_("entry {seq}: the stored tree is wrong").format(seq=row.seq), seq=row.seq)

    def _commit(self, facts: tuple[Facts, ...], author: str, closes: Iterable[str], marks: Iterable[str]) -> list[Row]:
        tree = self._tree.copy()
        rows = [self._row(tree, entered, author) for entered in facts]
        with self._transaction() as connection:
            for row, entered in zip(rows, facts, strict=True):
                if isinstance(entered, Pruned):
                    pruning.refuse_what_is_under_way(connection, entered.last_seq)
                schema.insert_row(connection, row, entered)
            for recording_id in marks:
                _mark(connection, recording_id)
            for recording_id in closes:
                connection.execute(_CLOSE_INTENT, {"closed": recording_id})
        self._tree = tree
        return rows

    def _row(self, tree: Frontier, facts: Facts, author: str) -> Row:
        seq = tree.size
        body = compose(
            facts,
            seq=seq,
            dock_id=self._dock_id,
            author=author,
            at=utc_text(self._clock.now()),
            zone=self._clock.zone(),
            clock_trusted=self._clock.trusted(),
            boot_id=self._boot_id,
            monotonic_ms=int(self._clock.monotonic() * 1000),
        )
        salt = os.urandom(SALT_BYTES)
        leaf = leaf_data(salt, body)
        return Row(seq, leaf, salt, body, tree.append(leaf))

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        self.must_be_well()
        try:
            with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            failure = schema.as_register_error(error)
            if not schema.can_be_retried(error):
                self._failure = failure
            raise failure from error


def _mark(connection: Connection, recording_id: str) -> None:
    if connection.execute(_MARK_INTENT, {"marked": recording_id}).rowcount != 1:
        raise OrderError(f"recording {recording_id} was placed without an intent")

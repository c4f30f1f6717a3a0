"""A register that was lost, made anew from its mirror.

The mirror is no better than the medium it lies on: a tail that was cut off there, or an entry that was exchanged with
its leaf, shows only in a checkpoint that was kept outside the dock. Each of those is compared on the way.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from dockd.clock import Clock
from dockd.errors import MirrorError, RegisterError, RegisterTampered
from dockd.i18n import _
from dockd.register import pruning, schema
from dockd.register.body import Entry, Row
from dockd.register.entry import read
from dockd.register.journal import Journal
from dockd.register.kinds import LogOpened, RegisterRebuilt
from dockd.register.merkle import LEAF_BYTES, SALT_BYTES, Frontier, leaf_data
from dockd.register.mirror import Mirror, line_of
from dockd.register.note import Checkpoint, SigningKey


def rebuild(
    path: Path,
    mirror: Mirror,
    outside: Sequence[Checkpoint],
    *,
    key: SigningKey,
    clock: Clock,
    software: str,
    author: str,
) -> int:
    """Write the register anew, with the entry that says so, signed at its end; give how many entries the mirror had.

    `outside` are checkpoints that were kept elsewhere, opened with the dock's key. The file gets its name only when it
    is whole and agrees with all of them. The mirror gets the new entry when the register is next opened. Raises
    RegisterError when there is a register already, RegisterTampered for a line that is not what was entered or a
    checkpoint that does not agree, MirrorError.
    """
    with schema.new_file(path) as unfinished:
        engine = schema.connect(unfinished, "rw")
        try:
            with engine.begin() as connection:
                schema.lay_out(connection)
                tree = _fill(connection, _entries(mirror, key), outside)
                signed = key.sign_note(Checkpoint(key.name, tree.size, tree.root()).text)
                schema.insert_checkpoint(connection, tree.size, signed)
        finally:
            engine.dispose()
        compared_at = tuple(sorted(each.size for each in outside))
        with Journal.resumed(unfinished, key=key, dock_id=key.name, clock=clock) as journal:
            journal.append(
                RegisterRebuilt(entries=tree.size, compared_at=compared_at, software=software), author=author
            )
            journal.checkpoint()
    return tree.size


def _fill(
    connection: Connection, entries: Iterable[tuple[Row, Entry | None]], outside: Sequence[Checkpoint]
) -> Frontier:
    tree, emptied = Frontier(), -1
    remaining = sorted(outside, key=lambda each: each.size)
    for row, entry in entries:
        schema.insert_row(connection, row._replace(nodes=tree.append(row.leaf)), entry)
        emptied = row.seq if entry is None else emptied
        while remaining and remaining[0].size == tree.size:
            kept = remaining.pop(0)
            if kept.root != tree.root():
                text = _("the mirror is not the one that was signed at {size} entries")
                raise RegisterTampered(text.format(size=kept.size))
    if remaining:
        text = _("the mirror ends after {size} entries, and {signed} were signed: its end is missing")
        raise RegisterTampered(text.format(size=tree.size, signed=remaining[-1].size))
    if emptied > pruning.pruned_until(connection):
        text = _("entry {seq} has lost what it said, and nothing says that it was pruned")
        raise RegisterTampered(text.format(seq=emptied), seq=emptied)
    if not tree.size:
        raise MirrorError(_("the mirror is empty"))
    return tree


def _pruned(seq: int, fields: dict[str, Any], line: bytes, place: str) -> Row:
    row = Row(fields["seq"], bytes.fromhex(fields["leaf"]), None, None, b"")
    if row.seq != seq or len(row.leaf) != LEAF_BYTES or line_of(row) != line:
        raise RegisterTampered(_("{place}: this is not entry {seq}").format(place=place, seq=seq), seq=seq)
    return row


def _entries(mirror: Mirror, key: SigningKey) -> Iterator[tuple[Row, Entry | None]]:
    """Read every line; None for the entry of one that was pruned."""
    for seq, (place, line) in enumerate(mirror.rows()):
        try:
            fields = json.loads(line)
            if fields.keys() == {"seq", "leaf"}:
                yield _pruned(seq, fields, line, place), None
                continue
            salt, body = bytes.fromhex(fields["salt"]), fields["body"].encode()
            row = Row(fields["seq"], bytes.fromhex(fields["leaf"]), salt, body, b"")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RegisterTampered(_("{place}: this is no entry").format(place=place)) from error
        if row.seq != seq or len(salt) != SALT_BYTES or leaf_data(salt, body) != row.leaf or line_of(row) != line:
            raise RegisterTampered(_("{place}: this is not entry {seq}").format(place=place, seq=seq), seq=seq)
        entry = read(seq, body)
        if isinstance(entry, LogOpened) != (seq == 0) or entry.dock_id != key.name:
            raise RegisterTampered(_("{place}: it is of another register").format(place=place), seq=seq)
        if isinstance(entry, LogOpened) and entry.verifier_key != key.verifier.text:
            raise RegisterError(
                _("the mirror is of a register with another key than the one of this dock"),
                advice=_("Put the dock's key back where it was."),
            )
        yield row, entry

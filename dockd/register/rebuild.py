"""A register that was lost, made anew from its mirror.

The mirror is no better than the medium it lies on: a tail that was cut off there, or an entry that was exchanged with
its leaf, shows only in a checkpoint that was kept outside the dock. Each of those is compared on the way.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection

from dockd.errors import MirrorError, RegisterTampered
from dockd.i18n import _
from dockd.register import schema
from dockd.register.entry import Entry, LogOpened, Row, read
from dockd.register.merkle import Frontier, leaf_data
from dockd.register.mirror import Mirror
from dockd.register.note import Checkpoint, DockKey


def rebuild(path: Path, mirror: Mirror, key: DockKey, outside: Sequence[Checkpoint]) -> int:
    """Write the register anew, signed at its end, and give the number of its entries.

    `outside` are checkpoints that were kept elsewhere, opened with the dock's key. The file gets its name only when it
    is whole and agrees with all of them. Raises RegisterError when there is a register already, RegisterTampered for a
    line that is not what was entered or a checkpoint that does not agree, MirrorError.
    """
    with schema.new_file(path) as unfinished:
        engine = schema.connect(unfinished, "rw")
        try:
            with engine.begin() as connection:
                schema.lay_out(connection)
                tree = _fill(connection, _entries(mirror, key), outside)
                schema.insert_checkpoint(
                    connection, tree.size, key.sign_note(Checkpoint(key.name, tree.size, tree.root()).text)
                )
        finally:
            engine.dispose()
    return tree.size


def _fill(connection: Connection, entries: Iterable[tuple[Row, Entry]], outside: Sequence[Checkpoint]) -> Frontier:
    tree = Frontier()
    remaining = sorted(outside, key=lambda each: each.size)
    for row, entry in entries:
        schema.insert_row(connection, row._replace(nodes=tree.append(row.leaf)), entry)
        while remaining and remaining[0].size == tree.size:
            kept = remaining.pop(0)
            if kept.root != tree.root():
                text = _("the mirror is not the one that was signed at {size} entries")
                raise RegisterTampered(text.format(size=kept.size))
    if remaining:
        text = _("the mirror ends after {size} entries, and {signed} were signed: its end is missing")
        raise RegisterTampered(text.format(size=tree.size, signed=remaining[-1].size))
    if not tree.size:
        raise MirrorError(_("the mirror is empty"))
    return tree


def _entries(mirror: Mirror, key: DockKey) -> Iterator[tuple[Row, Entry]]:
    for seq, (place, line) in enumerate(mirror.rows()):
        try:
            fields = json.loads(line)
            body = fields["body"].encode()
            row = Row(fields["seq"], bytes.fromhex(fields["leaf"]), bytes.fromhex(fields["salt"]), body, ())
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RegisterTampered(_("{place}: this is no entry").format(place=place)) from error
        if row.seq != seq or leaf_data(row.salt or b"", body) != row.leaf:
            raise RegisterTampered(_("{place}: this is not entry {seq}").format(place=place, seq=seq), seq=seq)
        entry = read(seq, body)
        if isinstance(entry, LogOpened) != (seq == 0) or entry.dock_id != key.name:
            raise RegisterTampered(_("{place}: it is of another register").format(place=place), seq=seq)
        yield row, entry

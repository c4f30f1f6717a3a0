"""The register over the control socket, a page at a time: both ends of the form, so that they stay one form.

Bytes go in hexadecimal, whatever they are: a register that was tampered with must arrive as it is to be verified.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dockd.ops.control_client import ControlClient
from dockd.register.body import Row
from dockd.register.schema import StoredCheckpoint

BEGIN = "begin"
ENTRIES = "register.entries"
CHECKPOINTS = "register.checkpoints"
CHECKPOINT = "register.checkpoint"
PRUNE = "register.prune"
ISSUE = "camera.issue"
RETURN = "camera.return"
JUSTIFY = "wearer.justify"
OVERRULE = "register.overrule"
COSIGN = "register.cosign"
PRUNING = "register.pruning"
CONFIRM_CLOCK = "clock.confirm"
PROVE_ENTRY = "register.prove_entry"
PROVE_RECORDING = "register.prove_recording"
PROVE_GROWTH = "register.prove_growth"
PAGE_LIMIT = 100


def span(question: Mapping[str, Any]) -> tuple[int, int]:
    """Read from a question after which place it asks and for how many, within bounds; raises ValueError and alike."""
    return int(question["after"]), max(1, min(int(question["limit"]), PAGE_LIMIT))


def write_rows(rows: Sequence[Row], reached: int | None) -> dict[str, Any]:
    """Write the rows of a page that are asked for; `reached` is where the next page begins, None behind the last."""
    return {"rows": [_write_row(row) for row in rows], "reached": reached}


def write_checkpoints(checkpoints: Sequence[StoredCheckpoint]) -> dict[str, Any]:
    return {"checkpoints": [{"size": each.size, "note": each.note.hex()} for each in checkpoints]}


def begin(
    client: ControlClient, command: str, reason: str, about: Mapping[str, str], recipients: Sequence[str] = ()
) -> None:
    """Give a command that takes more questions on this connection. Raises CommandDenied."""
    client.ask(BEGIN, command=command, reason=reason, about=about, recipients=recipients)


def ask_rows(client: ControlClient, after: int) -> Iterator[Row]:
    """Yield every row after a place, asking for pages as they are needed."""
    while (page := client.ask(ENTRIES, after=after, limit=PAGE_LIMIT))["reached"] is not None:
        yield from (_read_row(row) for row in page["rows"])
        after = page["reached"]


def ask_checkpoints(client: ControlClient) -> Iterator[StoredCheckpoint]:
    """Yield every checkpoint, the smallest first."""
    after = -1
    while found := client.ask(CHECKPOINTS, after=after, limit=PAGE_LIMIT)["checkpoints"]:
        yield from (StoredCheckpoint(each["size"], bytes.fromhex(each["note"])) for each in found)
        after = found[-1]["size"]


def _write_row(row: Row) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "leaf": row.leaf.hex(),
        "salt": None if row.salt is None else row.salt.hex(),
        "body": None if row.body is None else row.body.hex(),
        "nodes": row.nodes.hex(),
    }


def _read_row(row: Mapping[str, Any]) -> Row:
    salt, body = (None if row[name] is None else bytes.fromhex(row[name]) for name in ("salt", "body"))
    return Row(row["seq"], bytes.fromhex(row["leaf"]), salt, body, bytes.fromhex(row["nodes"]))

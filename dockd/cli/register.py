"""`dockd register`: read the register; its other commands are in register_evidence."""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from dockd.cli.options import config_option, json_option, reason_option
from dockd.cli.register_evidence import checkpoint, export, prove, rebuild, verify_command
from dockd.cli.register_outside import cosign, overrule
from dockd.cli.register_pruning import prune
from dockd.cli.register_source import Command, source
from dockd.i18n import _
from dockd.register.body import Row
from dockd.settings import parse

_IN_A_LINE = {
    "log_opened": "{verifier_key}",
    "register_rebuilt": "{entries}",
    "service_started": "{software}",
    "service_stopped": "{reason}",
    "partition_created": "{partition}",
    "collected": "{camera_id}: {path} ({size}) → {partition}/{object_path}",
    "salvaged": "{camera_id}: {path} ({size}) → {partition}/{object_path}",
    "cleared": "{camera_id}: {recording_id} (entry {collected_seq})",
    "refused": "{bay}: {code}, {reason}",
    "attempt_failed": "{bay}: {code}, {message}",
    "rung_taken": "{bay}: {rung}, {cause}",
    "docking_ended": "{bay}: {outcome}, +{collected} ={already_registered} -{cleared}",
    "network_changed": "{fault}",
    "consulted": "{command} {about}: {reason}",
    "communicated": "{command} {about} → {recipients}: {reason}",
    "command_refused": "{command}, {account}, {why}: {reason}",
    "pruned": "0…{last_seq}: {reason}",
    "clock_confirmed": "{reason}",
    "clock_stepped": "{by_ms} ms",
    "witness_disagreed": "{witness}: {size}",
    "witness_overruled": "{witnesses}: {reason}",
    "witnessed": "{witness}: {size}",
    "object_set_aside": "{partition}/{object_path} → {moved_to}",
}


@click.group("register", help=_("Read and check the register."))
def register() -> None:
    pass


@register.command("show", help=_("Show the entries, oldest first."))
@config_option
@json_option
@reason_option
@click.option("--after", type=click.IntRange(min=-1), default=-1, help=_("Only the entries after this number."))
@click.option("--limit", type=click.IntRange(min=1), help=_("No more entries than this."))
def show(config: Path, as_json: bool, reason: str, after: int, limit: int | None) -> None:
    narrowed = {"after": None if after < 0 else after, "limit": limit}
    command = Command("register show", reason, {name: str(each) for name, each in narrowed.items() if each is not None})
    with source(parse(config).settings, command, after=after) as found:
        bodies = (_body(row) for row in islice(found.rows, limit))
        if as_json:
            _print_json(bodies)
        else:
            _print_table(bodies)


register.add_command(verify_command)
register.add_command(prove)
register.add_command(export)
register.add_command(checkpoint)
register.add_command(rebuild)
register.add_command(prune)
register.add_command(cosign)
register.add_command(overrule)


def _body(row: Row) -> dict[str, Any]:
    if row.body is None:
        return {"seq": row.seq, "kind": None}
    try:
        body: dict[str, Any] = json.loads(row.body)
    except ValueError:
        return {"seq": row.seq, "kind": None, "unreadable": row.body.decode("utf-8", "replace")}
    return body


def _print_json(bodies: Iterator[dict[str, Any]]) -> None:
    """Print one JSON array, an entry a line, without holding it in memory."""
    separator = "[\n"
    for body in bodies:
        sys.stdout.write(separator + json.dumps(body))
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")


def _print_table(bodies: Iterator[dict[str, Any]]) -> None:
    table = Table(_("entry"), Column(_("time (UTC)"), no_wrap=True), _("author"), _("kind"), _("what"))
    for body in bodies:
        cells = (
            body["seq"],
            str(body.get("at", ""))[:19].replace("T", " "),
            body.get("author", ""),
            body.get("kind") or "?",
            _what(body),
        )
        # Text, not markup: paths come from cameras.
        table.add_row(*(Text(str(cell)) for cell in cells))
    Console().print(table)


def _what(body: dict[str, Any]) -> str:
    """Say in one line what an entry is about; everything it says is in the JSON."""
    try:
        return _IN_A_LINE[body["kind"]].format(**body)
    except KeyError:
        return ""

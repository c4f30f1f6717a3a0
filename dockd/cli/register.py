"""`dockd register`: read and verify the register, through the running daemon or, when none runs, from its file."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from dockd.cli.options import config_option, json_option
from dockd.errors import AlreadyRunning, ControlError, ExitCode, RegisterError
from dockd.i18n import _, ngettext
from dockd.ops.control import ControlClient
from dockd.ops.pages import ask_checkpoints, ask_rows
from dockd.register.entry import Row
from dockd.register.note import Verifier
from dockd.register.schema import StoredCheckpoint
from dockd.register.verify import open_readonly, verify
from dockd.settings import Settings, parse

_IN_A_LINE = {
    "log_opened": "{verifier_key}",
    "service_started": "{software}",
    "service_stopped": "{reason}",
    "partition_created": "{partition}",
    "collected": "{camera_id}: {path} ({size}) → {partition}/{object_path}",
    "salvaged": "{camera_id}: {path} ({size}) → {partition}/{object_path}",
    "cleared": "{camera_id}: {recording_id} (entry {collected_seq})",
    "refused": "{bay}: {code}, {reason}",
    "attempt_failed": "{bay}: {code}, {message}",
    "docking_ended": "{bay}: {outcome}, +{collected} ={already_registered} -{cleared}",
    "network_changed": "{fault}",
    "object_set_aside": "{partition}/{object_path} → {moved_to}",
}


@dataclass(frozen=True, slots=True)
class _Source:
    """Where rows and checkpoints come from, in their order."""

    rows: Iterator[Row]
    checkpoints: Iterator[StoredCheckpoint]


@click.group("register", help=_("Read and check the register."))
def register() -> None:
    pass


@register.command("show", help=_("Show the entries, oldest first."))
@config_option
@json_option
@click.option("--after", type=click.IntRange(min=-1), default=-1, help=_("Only the entries after this number."))
@click.option("--limit", type=click.IntRange(min=1), help=_("No more entries than this."))
def show(config: Path, as_json: bool, after: int, limit: int | None) -> None:
    with _source(parse(config).settings, after) as source:
        bodies = (_body(row) for row in islice(source.rows, limit))
        if as_json:
            _print_json(bodies)
        else:
            _print_table(bodies)


@register.command("verify", help=_("Check every entry, the tree over them and every signature."))
@config_option
@click.option(
    "--key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=_("The dock's verifier key as it was kept outside the dock. Default: the one beside the register."),
)
def verify_command(config: Path, key: Path | None) -> None:
    settings = parse(config).settings
    try:
        verifier = Verifier.parse((key or settings.site.verifier_path).read_text("ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise RegisterError(_("the verifier key cannot be read: {error}").format(error=error)) from error
    with _source(settings, -1) as source:
        report = verify(source.rows, source.checkpoints, verifier, settings.site.dock_id)
    for problem in report.problems:
        click.echo(problem.message)
    if report.problems:
        found = len(report.problems)
        click.echo(ngettext("{n} problem: NOT verified", "{n} problems: NOT verified", found).format(n=found))
        raise click.exceptions.Exit(ExitCode.FAILED_CHECK)
    click.echo(
        _("verified: {size} entries, {covered} of them under a signature, root {root}").format(
            size=report.size, covered=report.covered, root=report.root.hex()
        )
    )


@contextmanager
def _source(settings: Settings, after: int) -> Iterator[_Source]:
    """Ask the daemon if one runs, else read the file; never both, and never the file of a running daemon.

    Checkpoints are read before the rows: one signed in between would speak of rows not yet read.
    """
    site = settings.site
    try:
        client = ControlClient(site.control_path)
    except ControlError as unreachable:
        try:
            with open_readonly(site.register_path) as reader:
                checkpoints = list(reader.checkpoints())
                yield _Source((row for row in reader.rows() if row.seq > after), iter(checkpoints))
        except AlreadyRunning:
            raise unreachable from None
    else:
        try:
            checkpoints = list(ask_checkpoints(client))
            yield _Source(ask_rows(client, after), iter(checkpoints))
        finally:
            client.close()


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

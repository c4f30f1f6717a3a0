"""`dockd register`: read the register; its other commands are in register_evidence."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import click

from dockd.cli.options import Moment, config_option, json_option
from dockd.cli.register_evidence import checkpoint, export, prove, rebuild, snapshot, verify_command
from dockd.cli.register_outside import cosign, overrule
from dockd.cli.register_print import body_of, print_csv, print_json, print_table
from dockd.cli.register_pruning import prune
from dockd.cli.register_source import Command, source
from dockd.cli.words import reason_option
from dockd.clock import utc_text
from dockd.i18n import _
from dockd.register.entry import KINDS
from dockd.settings.shape import parse

_KINDS = sorted(each.KIND for each in KINDS)
_MOMENT = Moment()


@click.group("register", help=_("Read and check the register."))
def register() -> None:
    pass


@register.command("show", help=_("Show the entries, oldest first."))
@config_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help=_("Print CSV."))
@reason_option
@click.option("--camera", help=_("Only what is about this camera."))
@click.option("--wearer", help=_("Only entries that name this wearer."))
@click.option("--unassigned", is_flag=True, help=_("Only recordings whose wearer is not known."))
@click.option("--recording", help=_("Only what is about this recording."))
@click.option("--kind", multiple=True, type=click.Choice(_KINDS), help=_("Only this kind. Can be repeated."))
@click.option("--since", type=_MOMENT, help=_("Only from this day, or moment, on (UTC)."))
@click.option("--until", type=_MOMENT, help=_("Only up to this day, or moment, included (UTC)."))
@click.option("--after", type=click.IntRange(min=-1), default=-1, help=_("Only the entries after this number."))
@click.option("--limit", type=click.IntRange(min=1), help=_("No more entries than this."))
def show(
    config: Path, as_json: bool, as_csv: bool, reason: str, after: int, limit: int | None, **narrowed: Any
) -> None:
    if as_json and as_csv:
        raise click.UsageError(_("Choose --json or --csv."))
    about = {name: text for name, given in narrowed.items() if (text := _written(name, given))}
    about |= {"after": str(after)} if after >= 0 else {}
    about |= {"limit": str(limit)} if limit else {}
    with source(parse(config).settings, Command("register show", reason, about), after=after) as found:
        bodies = (body_of(row) for row in islice(found.rows, limit))
        (print_json if as_json else print_csv if as_csv else print_table)(bodies)


def _written(name: str, given: Any) -> str:
    """Write a narrowing as the register has it: kinds with commas between, a day as its first or last moment."""
    if isinstance(given, datetime):
        return utc_text(given.replace(tzinfo=UTC))
    if isinstance(given, date):
        whole_day = timedelta(days=1, microseconds=-1) if name == "until" else timedelta(0)
        return utc_text(datetime.combine(given, time(), UTC) + whole_day)
    return ",".join(given) if isinstance(given, tuple) else "yes" if given is True else str(given or "")


register.add_command(verify_command)
register.add_command(prove)
register.add_command(export)
register.add_command(snapshot)
register.add_command(checkpoint)
register.add_command(rebuild)
register.add_command(prune)
register.add_command(cosign)
register.add_command(overrule)

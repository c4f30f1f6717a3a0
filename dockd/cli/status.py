"""`dockd status`: what the dock is doing, for people and for scripts."""

import json
from pathlib import Path

import click

from dockd.cli.asking import ask_status
from dockd.cli.options import config_option, json_option
from dockd.errors import ExitCode
from dockd.i18n import _


@click.command("status", help=_("Show the bays and whatever needs a person. Exit code 1 when something does."))
@config_option
@json_option
def status(config: Path, as_json: bool) -> None:
    answer = ask_status(config)
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        # Not above: scripts, which ask most often, need no table.
        from dockd.cli.status_print import show

        show(answer)
    if answer["state"] != "ok":
        raise click.exceptions.Exit(ExitCode.FAILED_CHECK)

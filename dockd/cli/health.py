"""`dockd health`: one line and an exit code, for whoever keeps an eye on many machines."""

import json
from pathlib import Path

import click

from dockd.cli.asking import ask_status
from dockd.cli.options import config_option, json_option
from dockd.errors import ControlError, ExitCode
from dockd.i18n import _

_ANSWERED = {"ok": ExitCode.OK, "degraded": ExitCode.FAILED_CHECK}


@click.command(
    "health",
    help=_("Say in one line how the dock is. Exit code 0: all is well; 1: something needs a person; 6: not running."),
)
@config_option
@json_option
def health(config: Path, as_json: bool) -> None:
    try:
        answer = ask_status(config)
    except ControlError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"state": "not_running", "words": error.message, "troubles": []}))
        raise click.exceptions.Exit(ExitCode.NOT_RUNNING) from error
    if as_json:
        click.echo(json.dumps({key: answer[key] for key in ("state", "words", "troubles")}))
    else:
        click.echo(_("{state}: {words}").format(state=answer["state"], words=answer["words"]))
    raise click.exceptions.Exit(_ANSWERED[answer["state"]])

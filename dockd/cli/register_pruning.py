"""`dockd register prune`: take from old entries what they say."""

import time
from pathlib import Path

import click

from dockd.cli.options import config_option
from dockd.cli.register_source import ask
from dockd.cli.words import required_reason
from dockd.i18n import _
from dockd.ops import pages
from dockd.settings.shape import parse

_LOOK_SECONDS = 0.2


@click.command(
    "prune",
    help=_(
        "Take from every entry that is older than three years what it says, here and on the mirror, as the law asks."
        " All proofs of the others still verify, and so does the whole register."
    ),
)
@config_option
@required_reason
@click.option(
    "--all-dates",
    is_flag=True,
    help=_("Answer for the dates of all entries: the clock of this dock was right, though nobody said so at the time."),
)
def prune(config: Path, reason: str, all_dates: bool) -> None:
    settings = parse(config).settings
    last = ask(settings, pages.PRUNE, reason=reason, believes_all=int(all_dates))["last_seq"]
    while ask(settings, pages.PRUNING)["busy"]:
        time.sleep(_LOOK_SECONDS)
    click.echo(_("The entries up to {last} have lost what they said.").format(last=last))

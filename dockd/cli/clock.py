"""`dockd clock`: a person's word on the clock of a dock that no network tells the time."""

from pathlib import Path

import click

from dockd.cli.options import config_option
from dockd.cli.register_source import ask
from dockd.cli.words import Words
from dockd.i18n import _
from dockd.ops import pages
from dockd.settings.shape import parse


@click.group("clock", help=_("Answer for the clock of this dock."))
def clock() -> None:
    pass


@clock.command(
    "confirm",
    help=_(
        "Say that the clock of this dock is right, after comparing it with another. It counts as trusted from then on,"
        " until dockd ends or the clock is set; your name is in the register."
    ),
)
@config_option
@click.option("--reason", required=True, type=Words(), help=_("What you compared it with."))
def confirm(config: Path, reason: str) -> None:
    now = ask(parse(config).settings, pages.CONFIRM_CLOCK, reason=reason)["now"]
    click.echo(_("Entered: the clock of this dock is right, and says {now}.").format(now=now))

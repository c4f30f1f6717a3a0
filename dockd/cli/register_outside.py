"""`dockd register`: what comes back from outside the dock, and what follows if it does not agree."""

from pathlib import Path

import click

from dockd.cli.options import config_option, read_note
from dockd.cli.register_source import ask
from dockd.cli.words import required_reason
from dockd.i18n import _
from dockd.ops import pages
from dockd.settings.shape import parse


@click.command("cosign", help=_("Take back a checkpoint of this dock that a cosigner has signed too."))
@click.argument("note", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
@required_reason
def cosign(note: Path, config: Path, reason: str) -> None:
    taken = ask(parse(config).settings, pages.COSIGN, reason=reason, note=read_note(note))
    text = _("Entered: {witness} has confirmed the first {size} entries.")
    click.echo(text.format(witness=taken["witness"], size=taken["size"]))


@click.command(
    "overrule",
    help=_(
        "Go on although a witness has a checkpoint that this register did not grow from. Only once you know what"
        " happened: cameras are cleared again, and the witnesses get the checkpoints of this register."
    ),
)
@config_option
@required_reason
def overrule(config: Path, reason: str) -> None:
    names = ask(parse(config).settings, pages.OVERRULE, reason=reason)["witnesses"]
    click.echo(_("Entered: dockd goes on in spite of {names}.").format(names=", ".join(names)))

"""`dockd init` and `dockd init-partition`: the only ways that a key, a register or a partition comes to be."""

from pathlib import Path

import click

from dockd import founding
from dockd.cli.options import config_option
from dockd.i18n import _
from dockd.settings import load


@click.command(
    "init", help=_("Make this dock's signing key, its register and the register's mirror. Once for each dock.")
)
@config_option
def init(config: Path) -> None:
    verifier = founding.found_dock(load(config, before_init=True))
    click.echo(_("The register is open. Keep this verifier key outside the dock; auditors need it:"))
    click.echo(verifier)


@click.command("init-partition", help=_("Make partitions of the store, each in its empty directory."))
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@config_option
def init_partition(names: tuple[str, ...], config: Path) -> None:
    settings = load(config, before_init=True)
    for name, path in founding.found_partitions(settings, dict.fromkeys(names)):
        click.echo(_("Partition {name} is made in {path}.").format(name=name, path=path))

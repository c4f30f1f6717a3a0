"""`dockd init` and `dockd init-partition`: the only ways that a key, a register or a partition comes to be."""

from pathlib import Path

import click

from dockd import founding
from dockd.cli.options import config_option, read_note
from dockd.cli.register_source import read_verifier
from dockd.i18n import _
from dockd.settings.load import load

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(
    "init", help=_("Make this dock's signing key, its register and the register's mirror. Once for each dock.")
)
@config_option
@click.option(
    "--succeeds",
    type=_FILE,
    help=_(
        "This dock lost its signing key: the last checkpoint of its old register, which the new one begins with. Move"
        " the old register and its mirror away first, and keep them."
    ),
)
@click.option("--old-key", type=_FILE, help=_("The verifier key of the old register, as it was written down."))
def init(config: Path, succeeds: Path | None, old_key: Path | None) -> None:
    if (succeeds is None) != (old_key is None):
        raise click.UsageError(_("Name both --succeeds and --old-key."))
    old = (read_verifier(old_key).text, read_note(succeeds)) if succeeds and old_key else None
    verifier = founding.found_dock(load(config, before_init=True), old)
    click.echo(_("The register is open. Keep this verifier key outside the dock; auditors need it:"))
    click.echo(verifier)


@click.command("init-partition", help=_("Make partitions of the store, each in its empty directory."))
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@config_option
def init_partition(names: tuple[str, ...], config: Path) -> None:
    settings = load(config, before_init=True)
    for name, path in founding.found_partitions(settings, dict.fromkeys(names)):
        click.echo(_("Partition {name} is made in {path}.").format(name=name, path=path))

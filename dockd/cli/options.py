"""Options that several commands share."""

from pathlib import Path

import click

from dockd.i18n import _

DEFAULT_CONFIG = Path("/etc/dockd/dockd.yaml")

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    envvar="DOCKD_CONFIG",
    help=_("The configuration of this dock."),
)

json_option = click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))

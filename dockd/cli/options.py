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

reason_option = click.option(
    "--reason", default="", help=_("Why you give this command. A running dockd enters it with your name.")
)

to_option = click.option(
    "--to",
    "recipients",
    multiple=True,
    help=_("Who gets it, outside this dock. A running dockd enters it. Can be repeated."),
)

json_option = click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))

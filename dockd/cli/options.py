"""Options that several commands share."""

from pathlib import Path

import click

from dockd.errors import RegisterError
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


def read_note(path: Path) -> str:
    """Read a checkpoint that was kept outside the dock. Raises RegisterError."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RegisterError(
            _("the checkpoint {path} cannot be read: {error}").format(path=path, error=error)
        ) from error


json_option = click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))

"""Options that several commands share."""

import contextlib
from datetime import date, datetime
from pathlib import Path
from typing import Any

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


class Moment(click.ParamType[date]):
    """A day (`2026-11-22`) or a moment (`2026-11-22T08:00:00`)."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        for read in (date.fromisoformat, datetime.fromisoformat):
            with contextlib.suppress(ValueError):
                return read(value)
        self.fail(_("{value} is neither a day (2026-11-22) nor a moment (2026-11-22T08:00:00)").format(value=value))


def read_note(path: Path) -> str:
    """Read a checkpoint that was kept outside the dock. Raises RegisterError."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RegisterError(
            _("the checkpoint {path} cannot be read: {error}").format(path=path, error=error)
        ) from error


json_option = click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))

"""Asking a running dock how it is: light, because this is asked all the time."""

import contextlib
from pathlib import Path
from typing import Any

from dockd.errors import ControlError
from dockd.i18n import _
from dockd.ops.control_client import ControlClient
from dockd.settings.control import Asked, asked


def ask_status(config: Path) -> dict[str, Any]:
    """Ask the dock of this configuration. Raises ControlError, InvalidSettings with every fault of the configuration.

    A dock that runs is asked although somebody has just spoilt the rest of the file. If it does not answer, or another
    dock does, what is wrong with the file comes first: the place to ask may be.
    """
    dock = asked(config) or _by_all_of(config)
    try:
        with contextlib.closing(ControlClient(dock.path)) as client:
            answer = client.ask("status")
        if answer["dock_id"] != dock.dock_id:
            raise ControlError(
                _("on {path} answers the dock {other}, not {dock_id}").format(
                    path=dock.path, other=answer["dock_id"], dock_id=dock.dock_id
                ),
                advice=_("Correct runtime_dir or dock_id in the configuration; each dock needs its own."),
            )
    except ControlError:
        _by_all_of(config)
        raise
    return answer


def _by_all_of(config: Path) -> Asked:
    """Read all of the configuration; raises InvalidSettings."""
    # Not above: the models of the settings take longer than all else of a question.
    from dockd.settings.shape import parse

    site = parse(config).settings.site
    return Asked(site.dock_id, site.control_path)

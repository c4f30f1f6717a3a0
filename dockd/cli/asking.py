"""Asking a running dock how it is: light, because this is asked all the time."""

import contextlib
from pathlib import Path
from typing import Any

from dockd.ops.control_client import ControlClient
from dockd.settings.control import control_path


def ask_status(config: Path) -> dict[str, Any]:
    """Ask the dock of this configuration. Raises ControlError, InvalidSettings with every fault of the configuration.

    A dock that runs is asked although somebody has just spoilt the rest of the file.
    """
    with contextlib.closing(ControlClient(control_path(config) or _path_or_faults(config))) as client:
        return client.ask("status")


def _path_or_faults(config: Path) -> Path:
    # Not above: the models of the settings take longer than all else of a question.
    from dockd.settings.shape import parse

    return parse(config).settings.site.control_path

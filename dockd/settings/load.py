"""From files to settings that can be worked with."""

from pathlib import Path

from dockd.settings.checks import check
from dockd.settings.models import Settings
from dockd.settings.problems import InvalidSettings
from dockd.settings.shape import parse


def load(path: Path, *, before_init: bool = False) -> Settings:
    """Read and check the configuration of a site; raises `InvalidSettings` (a `ConfigError`) with every problem.

    `before_init` is for the commands that make a dock and its partitions: their directories may not exist yet.
    """
    parsed = parse(path)
    problems = [problem for problem in check(parsed) if not (before_init and problem.code == "missing_path")]
    if problems:
        raise InvalidSettings(problems)
    return parsed.settings

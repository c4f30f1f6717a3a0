"""The two YAML files of a site, read into frozen models; whatever is wrong with them is said all at once.

`load` is for whoever starts to work; `parse` (the shape of the files) and `check` (their logic, against this machine)
are its two halves.
"""

from dockd.settings.checks import check
from dockd.settings.load import load
from dockd.settings.models import Bay, Settings, Site
from dockd.settings.problems import InvalidSettings, Problem
from dockd.settings.propose import Plugged, propose
from dockd.settings.shape import Parsed, parse

__all__ = [
    "Bay",
    "InvalidSettings",
    "Parsed",
    "Plugged",
    "Problem",
    "Settings",
    "Site",
    "check",
    "load",
    "parse",
    "propose",
]

"""`dockd drivers`: which drivers are installed, what each can do, and why one cannot be used."""

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import click

from dockd import catalogue
from dockd.catalogue import DriverEntry
from dockd.cli.options import json_option
from dockd.errors import ExitCode
from dockd.i18n import _

LOAD_SECONDS = 20
MAX_SAID = 2000


@click.command(
    "drivers",
    help=_(
        "Show the installed drivers: where each comes from, what it needs and can do. Each is loaded in a process of"
        " its own. Exit code 1 when one of them cannot be used."
    ),
)
@json_option
def drivers(as_json: bool) -> None:
    declared = catalogue.declared()
    times = Counter(entry.name for entry in declared)
    found = [{**_origin(entry), **(look(entry) if times[entry.name] == 1 else _given_twice())} for entry in declared]
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        # Not above, as in `dockd status`.
        from dockd.cli.drivers_print import show

        show(found)
    if any(each["fault"] for each in found):
        raise click.exceptions.Exit(ExitCode.FAILED_CHECK)


def look(entry: DriverEntry, seconds: float = LOAD_SECONDS) -> dict[str, Any]:
    """Load a driver elsewhere and give what it says of itself; `fault` is None if it can be used."""
    command = [sys.executable, "-P", "-m", "dockd.driver_look", entry.name, entry.reference]
    try:
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return _unusable(_("it does not load within {n} s").format(n=seconds))
    try:
        told = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.decode("utf-8", "backslashreplace").strip().rpartition("\n")[2][:MAX_SAID]
        text = _("it ends the process that loads it, with code {code}: {said}")
        return _unusable(text.format(code=done.returncode, said=said or "-"))
    return _unusable(told["fault"]) if "fault" in told else {**told, "fault": None}


def _origin(entry: DriverEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "distribution": entry.distribution,
        "distribution_version": entry.distribution_version,
        "reference": entry.reference,
    }


def _given_twice() -> dict[str, Any]:
    return _unusable(_("another distribution gives a driver of this name: remove one of the two"))


def _unusable(fault: str) -> dict[str, Any]:
    return {"version": None, "source": None, "abilities": [], "options": [], "fault": fault}

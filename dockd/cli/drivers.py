"""`dockd drivers`: which drivers are installed, what each can do, and why one cannot be used."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import click
import msgspec

from dockd import catalogue
from dockd.catalogue import MAX_NEEDS, DriverEntry, Look, is_line
from dockd.cli.options import json_option
from dockd.errors import ExitCode
from dockd.i18n import _

LOAD_SECONDS = 20
AT_ONCE = 8
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
    looks = look_at(declared)
    found = [(entry, looks.get(entry.name) or _given_twice()) for entry in declared]
    if as_json:
        click.echo(json.dumps([{**asdict(entry), **msgspec.to_builtins(looked)} for entry, looked in found], indent=2))
    else:
        # Not above, as in `dockd status`.
        from dockd.cli.drivers_print import show

        show(found)
    if any(looked.fault is not None for _entry, looked in found):
        raise click.exceptions.Exit(ExitCode.FAILED_CHECK)


def look_at(entries: Iterable[DriverEntry]) -> dict[str, Look]:
    """Look at several drivers at once, each in a process of its own; of a name that is given twice at none."""
    entries = list(entries)
    times = Counter(entry.name for entry in entries)
    alone = [entry for entry in entries if times[entry.name] == 1]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip((entry.name for entry in alone), pool.map(look, alone), strict=True))


def look(entry: DriverEntry, seconds: float = LOAD_SECONDS) -> Look:
    """Load a driver elsewhere and give what it says of itself, whatever it answers or does."""
    command = [sys.executable, "-P", "-m", "dockd.driver_look", entry.name, entry.reference]
    try:
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return Look(fault=_("it does not load within {n} s").format(n=seconds))
    if done.returncode:
        said = _one_line(done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2])
        text = _("it ends the process that loads it, with code {code}: {said}")
        return Look(fault=text.format(code=done.returncode, said=said or "-"))
    try:
        return _sound(msgspec.json.decode(done.stdout, type=Look))
    except msgspec.DecodeError as error:
        return Look(fault=_("it answers in the place of dockd: {fault}").format(fault=error))


def _sound(told: Look) -> Look:
    """Leave out what a terminal or a table could not take."""
    said = [told.version, told.maker if told.needs else told.source, *told.abilities, *told.options, *told.usb_ids]
    if told.fault is not None:
        return Look(fault=_one_line(told.fault))
    if all(map(is_line, said)) and (not told.needs or is_line(told.needs, MAX_NEEDS)):
        return told
    return Look(fault=_("it says of itself what cannot be shown"))


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text[:MAX_SAID])


def _given_twice() -> Look:
    return Look(fault=_("another distribution gives a driver of this name: remove one of the two"))

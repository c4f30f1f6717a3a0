"""What `dockd status` shows to people."""

from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from dockd.i18n import _, ngettext

_STYLES = {"green": "green", "red": "bold red", "busy": "yellow"}


def show(answer: dict[str, Any]) -> None:
    console = Console()
    console.print(
        _("dock {dock_id}: {state}, {entries} entries in the register").format(
            dock_id=answer["dock_id"], state=answer["state"], entries=answer["register"]["entries"]
        )
    )
    for line in _outside(answer["register"]):
        console.print(Text(line))
    if not answer["isolation"]["own_users"]:
        console.print(_("isolation is off: workers are plain subprocesses of the same user"), style="yellow")
    if answer["routes_allowed"]:
        console.print(_("trial: a route of this host would not be noticed"), style="yellow")
    table = Table(_("bay"), _("light"), _("camera"), _("doing"), _("because"))
    for bay in answer["bays"]:
        # Text, not markup: names come from cameras.
        light = Text(bay["light"], _STYLES[bay["light"]])
        table.add_row(Text(bay["bay"]), light, Text(bay["claimed_id"]), Text(_doing(bay)), Text(_because(bay)))
    console.print(table)
    for bay in answer["bays"]:
        for finding in bay["findings"]:
            console.print(Text(f"{bay['bay']}, {bay['claimed_id']}: {finding['message']}", "yellow"))
    for words, counted, failing in (
        (_("bay"), answer["counters"]["bays"], _("cameras that failed in it")),
        (_("camera"), [each for each in answer["counters"]["cameras"] if each["failed"]], _("bays that it failed in")),
    ):
        if counted:
            console.print(_counters(words, failing, counted))
    for trouble in answer["troubles"]:
        console.print(Text(f"{trouble['subject']}: {trouble['message']} {trouble['advice']}".strip(), "bold red"))


def _outside(register: dict[str, Any]) -> list[str]:
    """Say how much of the register is known outside the dock, and whether wearers are to be justified."""
    if not register["known"]:
        return []
    lines = []
    if witnesses := register["witnesses"]:
        kept = ", ".join(
            _("{name} (none yet)").format(name=each["name"])
            if each["size"] is None
            else _("{name} ({n} entries)").format(name=each["name"], n=each["size"])
            for each in witnesses
        )
        lines.append(_("checkpoints are kept in {kept}").format(kept=kept))
    if (confirmed := register["confirmed"]) is not None:
        text = _("confirmed outside: {size} entries, {at}")
        lines.append(text.format(size=confirmed["size"], at=confirmed["at"]))
    elif register["has_cosigners"]:
        lines.append(_("no checkpoint that a cosigner confirmed is in the register"))
    if n := register["unassigned"]:
        text = ngettext("{n} recording has no wearer", "{n} recordings have no wearer", n).format(n=n)
        lines.append(_("{text}: dockd register show --unassigned").format(text=text))
    return lines


def _counters(what: str, failing: str, counted: list[dict[str, Any]]) -> Table:
    # Whole, however narrow the terminal: it is what a person looks for, and greps.
    table = Table(
        Column(what, no_wrap=True),
        _("dockings"),
        _("failed"),
        failing,
        _("errors"),
        _("connects"),
        _("resets"),
        _("GB"),
    )
    for each in counted:
        others = each.get("failing_cameras", each.get("failing_bays"))
        numbers = (each["dockings"], each["failed"], others, each["errors"], each["connects"], each["resets"])
        table.add_row(Text(each["name"]), *map(str, numbers), f"{each['bytes'] / 1e9:.1f}")
    return table


def _doing(bay: dict[str, Any]) -> str:
    if not bay["size"]:
        return str(bay["step"])
    return _("{step} {position}/{count}, {percent} %").format(
        step=bay["step"], position=bay["position"], count=bay["count"], percent=100 * bay["done"] // bay["size"]
    )


def _because(bay: dict[str, Any]) -> str:
    return " ".join(part for part in (bay["reason"], bay["advice"]) if part)

"""What `dockd drivers` shows to people."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dockd.i18n import _


def show(drivers: list[dict[str, Any]]) -> None:
    table = Table(_("driver"), _("version"), _("from"), _("is handed"), _("can"), _("options"))
    for driver in drivers:
        # Text, not markup: a distribution names its drivers as it likes.
        table.add_row(
            Text(driver["name"]),
            Text(driver["version"] or ""),
            Text(f"{driver['distribution']} {driver['distribution_version']}".strip()),
            Text(driver["source"] or ""),
            Text(", ".join(driver["abilities"])),
            Text(", ".join(driver["options"])),
        )
    console = Console()
    console.print(table)
    for driver in drivers:
        if driver["fault"]:
            console.print(Text(f"{driver['name']}: {driver['fault']}", "bold red"))

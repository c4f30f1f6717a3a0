"""What `dockd drivers` shows to people."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from dockd.catalogue import DriverEntry, Look
from dockd.i18n import _


def show(drivers: Iterable[tuple[DriverEntry, Look]]) -> None:
    table = Table(Column(_("driver"), no_wrap=True), _("version"), _("from"), _("is handed"), _("can"), _("options"))
    faults = []
    for entry, looked in drivers:
        origin = f"{entry.distribution} {entry.distribution_version}".strip()
        row = (
            entry.name,
            looked.version,
            origin,
            looked.source,
            ", ".join(looked.abilities),
            ", ".join(looked.options),
        )
        # Text, not markup: a distribution names its drivers as it likes.
        table.add_row(*map(Text, row))
        if looked.fault is not None:
            faults.append(Text(f"{entry.name}: {looked.fault}", "bold red"))
    console = Console()
    console.print(table, *faults, sep="\n")

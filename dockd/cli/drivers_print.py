"""What `dockd drivers` shows to people."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from dockd.catalogue import DriverEntry, Look
from dockd.i18n import _


def show(drivers: Iterable[tuple[DriverEntry, Look]]) -> None:
    table = Table(Column(_("driver"), no_wrap=True), _("version"), _("from"), _("is handed"), _("can"), _("options"))
    notes = []
    for entry, looked in drivers:
        origin = f"{entry.distribution} {entry.distribution_version}".strip()
        row = (
            entry.name,
            looked.version,
            origin,
            looked.source,
            _("nothing: declared only") if looked.needs else ", ".join(looked.abilities),
            ", ".join(looked.options),
        )
        # Text, not markup: a distribution names its drivers as it likes.
        table.add_row(*map(Text, row))
        if looked.fault is not None:
            notes.append(Text(f"{entry.name}: {looked.fault}", "bold red"))
        elif looked.needs:
            told = _("declared only, for cameras of {maker}: needs {needs}")
            notes.append(Text(f"{entry.name}: {told.format(maker=looked.maker, needs=looked.needs)}", "yellow"))
    console = Console()
    console.print(table, *notes, sep="\n")

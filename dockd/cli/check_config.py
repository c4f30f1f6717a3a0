"""`dockd check-config`: say everything that is wrong with a configuration before the service meets it."""

from pathlib import Path

import click

from dockd.cli.options import config_option
from dockd.i18n import _, ngettext
from dockd.settings.load import load
from dockd.settings.models import Settings


@click.command("check-config", help=_("Check dockd.yaml and its fleet file; print every problem with file and line."))
@config_option
def check_config(config: Path) -> None:
    # The problems are the message of the error that `load` raises; main prints it as for every other command.
    click.echo(_summary(load(config)))


def _summary(settings: Settings) -> str:
    site = settings.site
    partitions, docks, cameras = len(site.partitions), len(site.folder_docks), len(settings.fleet.cameras)
    return _("The configuration of {dock_id} is good: {partitions}, {docks}, {cameras}.").format(
        dock_id=site.dock_id,
        partitions=ngettext("{n} partition", "{n} partitions", partitions).format(n=partitions),
        docks=ngettext("{n} folder dock", "{n} folder docks", docks).format(n=docks),
        cameras=ngettext("{n} camera", "{n} cameras", cameras).format(n=cameras),
    )

"""`dockd check-config`: say everything that is wrong with a configuration before the service meets it."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import click

from dockd.catalogue import installed
from dockd.cli.drivers import look_at
from dockd.cli.options import config_option
from dockd.driver import Ability
from dockd.driver.declared import what_to_ask
from dockd.errors import ExitCode
from dockd.i18n import _, ngettext
from dockd.settings.load import load
from dockd.settings.models import Settings


@click.command(
    "check-config",
    help=_(
        "Check dockd.yaml and its fleet file; print every problem with file and line. The drivers that its cameras name"
        " are each loaded in a process of their own. Exit code 1 when one of them can read no camera."
    ),
)
@config_option
def check_config(config: Path) -> None:
    # The problems are the message of the error that `load` raises; main prints it as for every other command.
    settings = load(config)
    click.echo(_summary(settings))
    # No problem of the configuration: dockd starts with it, and serves the other cameras.
    if unread := list(_unread(settings)):
        click.echo("\n".join(unread), err=True)
        raise click.exceptions.Exit(ExitCode.FAILED_CHECK)


def _unread(settings: Settings) -> Iterator[str]:
    """Say which cameras no docking could read, because of their driver, and what is to be done."""
    cameras: defaultdict[str, list[str]] = defaultdict(list)
    unlocked: defaultdict[str, list[str]] = defaultdict(list)
    for camera_id, camera in settings.fleet.cameras.items():
        cameras[camera.driver].append(camera_id)
    for name, model in settings.fleet.models.items():
        if model.unlock is not None:
            unlocked[model.unlock.driver].append(name)
    named = {*cameras, *unlocked}
    for driver, look in look_at(entry for name, entry in installed().items() if name in named).items():
        names = ", ".join(cameras[driver] + unlocked[driver])
        if look.fault is not None:
            yield _("{cameras}: the driver {driver} cannot be used: {fault}").format(
                cameras=names, driver=driver, fault=look.fault
            )
        elif Ability.UNLOCK in look.abilities and cameras[driver]:
            told = _("{cameras}: the driver {driver} unlocks cameras and reads none; it goes under `unlock` of a model")
            yield told.format(cameras=", ".join(cameras[driver]), driver=driver)
        elif Ability.UNLOCK not in look.abilities and unlocked[driver]:
            told = _("{models}: the driver {driver} unlocks no cameras")
            yield told.format(models=", ".join(unlocked[driver]), driver=driver)
        elif look.needs:
            yield _("{cameras}: the driver {driver} is declared only and can read none. {advice}").format(
                cameras=names, driver=driver, advice=what_to_ask(driver, look.maker, look.needs)
            )


def _summary(settings: Settings) -> str:
    site = settings.site
    partitions, docks, cameras = len(site.partitions), len(site.folder_docks), len(settings.fleet.cameras)
    return _("The configuration of {dock_id} is good: {partitions}, {docks}, {cameras}.").format(
        dock_id=site.dock_id,
        partitions=ngettext("{n} partition", "{n} partitions", partitions).format(n=partitions),
        docks=ngettext("{n} folder dock", "{n} folder docks", docks).format(n=docks),
        cameras=ngettext("{n} camera", "{n} cameras", cameras).format(n=cameras),
    )

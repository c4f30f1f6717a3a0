"""`dockd run`: the service itself."""

import asyncio
from pathlib import Path

import click

from dockd import daemon
from dockd.cli.options import config_option
from dockd.i18n import _
from dockd.ops import logs
from dockd.settings.load import load


@click.command("run", help=_("Serve the bays of this dock until told to stop (SIGTERM)."))
@config_option
@click.option(
    "--bus",
    type=click.Path(path_type=Path),
    help=_("Socket of the bus helper (dockd-bus.socket); without it no camera on USB is served."),
)
@click.option(
    "--workers",
    type=click.Path(path_type=Path),
    help=_("Socket that gives workers (dockd-worker.socket); without it they are subprocesses, and not isolated."),
)
@click.option(
    "--vendor-workers",
    type=click.Path(path_type=Path),
    help=_("Socket that gives workers for vendors' libraries (dockd-vendor.socket); without it the other workers do."),
)
@click.option(
    "--clock",
    type=click.Path(path_type=Path),
    help=_("Socket that tells whether the clock is synchronised (dockd-clock.socket); without it the kernel is asked."),
)
def run(config: Path, bus: Path | None, workers: Path | None, vendor_workers: Path | None, clock: Path | None) -> None:
    settings = load(config)
    logs.configure(settings.site.log_level)
    asyncio.run(daemon.run(settings, daemon.Sockets(bus, workers, vendor_workers, clock)))

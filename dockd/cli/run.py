"""`dockd run`: the service itself."""

import asyncio
from pathlib import Path

import click

from dockd import daemon
from dockd.cli.options import config_option
from dockd.i18n import _
from dockd.ops import logs
from dockd.settings import load


@click.command("run", help=_("Serve the bays of this dock until told to stop (SIGTERM)."))
@config_option
def run(config: Path) -> None:
    settings = load(config)
    logs.configure(settings.site.log_level)
    asyncio.run(daemon.run(settings))

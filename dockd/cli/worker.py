"""`dockd worker`: serves one camera over the socket that is its standard input; the supervisor starts it."""

import contextlib
import os
import socket
import stat

import click

from dockd import catalogue
from dockd.docking.channel import WorkerEnd
from dockd.docking.worker import Worker
from dockd.errors import WorkerFailed
from dockd.i18n import _
from dockd.ops import isolation, logs


@click.command("worker", hidden=True, help=_("Serve one camera; started by dockd itself."))
def worker() -> None:
    if not stat.S_ISSOCK(os.fstat(0).st_mode):
        raise click.UsageError(_("this is started by dockd itself, with a socket as standard input"))
    isolation.harden_worker(os.getppid())
    logs.configure("info")
    # The supervisor going away is how most workers learn that they are not needed any more.
    with contextlib.suppress(WorkerFailed):
        Worker(WorkerEnd(socket.socket(fileno=0)), catalogue.load, isolation.hold).serve()

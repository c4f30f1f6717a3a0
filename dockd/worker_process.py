"""The process of a worker: serves one camera over the socket that is its standard input.

    python -I -m dockd.worker_process

Started so by dockd-worker@.service; by the supervisor itself where there are no units, with `-P` for `-I`, because it
then has the supervisor's own environment. It is no command of `dockd`: nobody gives it, and what parses a command line
is no use to it.
"""

import contextlib
import os
import signal
import socket
import stat
import sys

from dockd import catalogue
from dockd.docking.channel import WorkerEnd
from dockd.docking.worker import Worker
from dockd.errors import WorkerFailed
from dockd.events import Event
from dockd.ops import isolation


def main() -> None:
    if not stat.S_ISSOCK(os.fstat(0).st_mode):
        sys.exit("started by dockd itself, with a socket as standard input: dockd.worker_process")
    # At a terminal it comes to the supervisor's whole group, and the supervisor ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    isolation.harden_worker(os.getppid())
    # The supervisor going away is how most workers learn that they are not needed any more.
    with contextlib.suppress(WorkerFailed):
        Worker(WorkerEnd(socket.socket(fileno=0)), catalogue.load, isolation.hold, _log_crash).serve()


def _log_crash(path: str, error: Exception) -> None:
    # Only for this: structlog and what it brings along would take a quarter of the start of every worker.
    import structlog

    from dockd.ops import logs

    logs.configure("info")
    structlog.get_logger().error(Event.MP4_CRASHED, path=path, exc_info=error)


if __name__ == "__main__":
    main()

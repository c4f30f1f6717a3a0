"""The demonstration itself: a daemon as a process of its own, two insertions, and someone who watches the lights."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dockd.demo.site import CAMERA, STRANGER, Site, plug
from dockd.errors import ControlError
from dockd.i18n import _
from dockd.ops.control import ControlClient

START_SECONDS = 20
INGEST_SECONDS = 60
_LOOK_SECONDS = 0.05

Watch = Callable[[list[dict[str, Any]]], None]
"""Shown the bays each time somebody looks."""


class DemoFailed(ControlError):
    """The daemon did not do within its time what the demonstration shows."""

    code = "demo.failed"


def play(site: Site, watch: Watch) -> dict[str, Any]:
    """Run the daemon, insert both cameras, wait until each bay shows green or red; give the last status."""
    with _daemon(site) as client:
        for camera in (CAMERA, STRANGER):
            plug(site, camera)
        (site.path / "arriving").rmdir()
        deadline = time.monotonic() + INGEST_SECONDS
        while time.monotonic() < deadline:
            status = client.ask("status")
            watch(status["bays"])
            if len(status["bays"]) == 2 and all(bay["light"] != "busy" for bay in status["bays"]):
                return status
            time.sleep(_LOOK_SECONDS)
    raise DemoFailed(_("the cameras were not served within {n} seconds").format(n=INGEST_SECONDS))


@contextmanager
def _daemon(site: Site) -> Iterator[ControlClient]:
    with open(site.path / "dockd.log", "wb") as log, subprocess.Popen(site.command("run"), stderr=log) as process:
        try:
            client = _connect(site, process)
            try:
                yield client
            finally:
                client.close()
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _connect(site: Site, process: "subprocess.Popen[bytes]") -> ControlClient:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(ControlError):
            return ControlClient(site.socket)
        time.sleep(_LOOK_SECONDS)
    raise DemoFailed(
        _("the daemon did not start"), advice=_("Its log says why: {path}").format(path=site.path / "dockd.log")
    )

"""The demonstration itself: a daemon as a process of its own, cameras that come and go, someone who watches the lights.

What is done next is decided by what the daemon says of its bays, never by the time that has passed.
"""

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dockd.demo.cameras import DAMAGED, GOOD, PULLED, SPARE, STRANGER, Camera
from dockd.demo.site import Site
from dockd.errors import ControlError
from dockd.i18n import _
from dockd.ops.control_client import ControlClient
from dockd.ops.pages import ask_rows, begin

START_SECONDS = 20
INGEST_SECONDS = 60
_LOOK_SECONDS = 0.03

Bays = dict[str, dict[str, Any]]
"""What the daemon says of each bay, by the camera in it."""


class Onlooker(Protocol):
    """Who watches: shown the bays at each look, told what the hand at the dock does."""

    def show(self, bays: Bays) -> None: ...

    def say(self, sentence: str) -> None: ...


class DemoFailed(ControlError):
    """The daemon did not do within its time what the demonstration shows."""

    code = "demo.failed"


@dataclass(frozen=True, slots=True)
class Played:
    """The cameras that were put in, the last of their bays, and which was pulled out in mid-transfer, if any was."""

    cameras: tuple[Camera, ...]
    bays: Bays
    pulled: str | None


def play(site: Site, onlooker: Onlooker) -> Played:
    """Run the daemon, put the cameras in, pull one out and put it back; wait until each bay shows green or red."""
    with _daemon(site) as client:
        hand = _Hand(site, client, onlooker)
        for camera_id in (GOOD, DAMAGED, PULLED, STRANGER):
            hand.plug(camera_id)
        pulled = PULLED if hand.interrupt(PULLED) else None
        if pulled is None:
            onlooker.say(
                _("{camera}: done before it could be pulled out. Once more, with a fresh one.").format(camera=PULLED)
            )
            hand.plug(SPARE)
            pulled = SPARE if hand.interrupt(SPARE) else None
        bays = hand.watch(lambda bays: hand.plugged <= bays.keys() and not any(map(_is_busy, bays.values())))
    shutil.rmtree(site.hand)
    return Played(tuple(site.cameras[camera_id] for camera_id in sorted(hand.plugged)), bays, pulled)


class _Hand:
    """Puts cameras into their bays and takes them out, with an eye on what the daemon shows."""

    def __init__(self, site: Site, client: ControlClient, onlooker: Onlooker) -> None:
        self._site = site
        self._client = client
        self._onlooker = onlooker
        self._deadline = time.monotonic() + INGEST_SECONDS
        self.plugged: set[str] = set()

    def plug(self, camera_id: str) -> None:
        """Put a camera into its bay: all at once, as a dock shows one that was just inserted."""
        (self._site.hand / camera_id).rename(self._site.dock / camera_id)
        self.plugged.add(camera_id)

    def interrupt(self, camera_id: str) -> bool:
        """Pull a camera out when a quarter of its recordings is safe, and put it back once its bay is empty.

        Gives whether that was in mid-transfer: by what the register says, not by what was meant.
        """
        many = len(self._site.cameras[camera_id].recordings)
        bays = self.watch(lambda bays: camera_id in bays and _has_safe(bays[camera_id], max(1, many // 4)))
        if not _is_busy(bays[camera_id]):
            return False
        pull_out(self._site.dock / camera_id, self._site.hand / camera_id)
        self.watch(lambda bays: camera_id not in bays)
        safe = self._safe_before_break(camera_id)
        if safe:
            self._onlooker.say(
                _("{camera}: pulled out in mid-transfer with {n} of {m} recordings safe; now put back.").format(
                    camera=camera_id, n=safe, m=many
                )
            )
        self.plug(camera_id)
        return safe > 0

    def watch(self, until: Callable[[Bays], bool]) -> Bays:
        """Look at the bays until they are so; raises `DemoFailed` when the time is over."""
        while time.monotonic() < self._deadline:
            bays = {bay["claimed_id"]: bay for bay in self._client.ask("status")["bays"]}
            self._onlooker.show(bays)
            if until(bays):
                return bays
            time.sleep(_LOOK_SECONDS)
        raise DemoFailed(_("the cameras were not served within {n} seconds").format(n=INGEST_SECONDS))

    def _safe_before_break(self, camera_id: str) -> int:
        """Give how many recordings were safe when the docking broke; 0 if all were, or if it did not break."""
        begin(self._client, "register show", _("to tell how many recordings were safe"), {})
        bodies = (json.loads(row.body) for row in ask_rows(self._client, -1) if row.body)
        for entry in bodies:
            if entry["kind"] == "docking_ended" and entry["camera_id"] == camera_id and entry["outcome"] == "failed":
                safe: int = entry["collected"]
                return safe if safe < len(self._site.cameras[camera_id].recordings) else 0
        return 0


def pull_out(inside: Path, outside: Path) -> None:
    """Take a camera out of its bay while it is served, file by file, then the folder; what was cleared stays gone.

    The worker holds the folder open: to move it as a whole would take nothing away from the worker.
    """
    for path in [path for path in inside.rglob("*") if path.is_file()]:
        target = outside / path.relative_to(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # cleared by dockd in this very moment
            path.rename(target)
    shutil.rmtree(inside)


def _is_busy(bay: dict[str, Any]) -> bool:
    return bool(bay["light"] == "busy")


def _has_safe(bay: dict[str, Any], recordings: int) -> bool:
    """Whether so many recordings are safe: the one after them is in hand, or the docking is over."""
    return not _is_busy(bay) or bay["position"] > recordings


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

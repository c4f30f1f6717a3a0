"""A vendor's library that misbehaves in a whole daemon, while a camera in another bay is taken in and cleared.

The daemon is in this process, with real workers; in the place of its USB bus is one that a test commands.
"""

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dockd import daemon
from dockd.clock import SystemClock
from dockd.daemon import docks
from dockd.events import Event
from dockd.ops import credentials
from dockd.ops.notify import ServiceManager
from dockd.settings.load import load
from tests.detect.test_usb_samples import STICK, VENDOR_MODE
from tests.drivers.gat947.vendor import PASSWORD, SERIAL, VendorCamera, compiled, needs_compiler
from tests.integration.promises import assert_all_cleared, of_kind
from tests.integration.site import Site
from tests.usb.bus import CAMERA, PORT, ABus
from tests.usb.test_usb_dock import Watch

pytestmark = needs_compiler

LOCKED = replace(CAMERA, vendor_product="4255:0001", serial="", descriptors=VENDOR_MODE.raw)
PATIENCE_SECONDS = 100
SILENCE_SECONDS = 5
A_MOMENT = 0.05
SHOWN = [(f"{vendor:04x}:{product:04x}") for vendor, product in (STICK.ids, VENDOR_MODE.ids)]


class LockedBus(ABus):
    """Bay b1 with a locked camera in it."""

    unreadable = None

    def __init__(self) -> None:
        super().__init__(LOCKED)

    async def light(self, _name: str, _on: bool) -> None:
        """There is none."""


class WholeDock:
    """A site with a folder dock and bay b1, whose cameras a vendor's library unlocks."""

    def __init__(self, site: Site, library: Path) -> None:
        self.site = site
        self.logged: list[Any] = []
        told = json.loads(site.config.read_text())
        told["bays"] = {"b1": {"ports": [PORT]}}
        told["usb"] = {"settle_seconds": 0}
        site.config.write_text(json.dumps(told))
        look = {"vendor_product": SHOWN[0], "interfaces": ["08:06:50"]}
        unlock = {
            "driver": "gat947",
            "vendor_product": SHOWN[1],
            "interfaces": ["ff:ff:00"],
            "device_class": "ff:ff:ff",
            "known_by": "label",
            "within_seconds": 1,
            "credential": "bodycam",
            "options": {"library": str(library)},
        }
        fleet = json.loads((site.folder / "fleet.yaml").read_text())
        fleet["models"] = {"zfy": {**look, "unlock": unlock}}
        fleet["cameras"][SERIAL] = {"driver": "mass-storage", "partition": "pm", "model": "zfy"}
        (site.folder / "fleet.yaml").write_text(json.dumps(fleet))

    def serve(self, *until: Event, is_done: Callable[[], bool] = lambda: True) -> None:
        """Run the daemon until all of these were logged and it is done; give it a while for that."""
        with capture_logs() as self.logged:
            asyncio.run(self._serve(set(until), is_done))

    async def _serve(self, until: set[Event], is_done: Callable[[], bool]) -> None:
        manager = ServiceManager.take_from({})
        sockets = daemon.Sockets(bus=Path("/no/such/socket"))
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            daemon.in_service(load(self.site.config), SystemClock(), manager, sockets) as tasks,
        ):
            while not (until <= set(self.events()) and is_done()):
                ended, _pending = await asyncio.wait(tasks, timeout=A_MOMENT, return_when=asyncio.FIRST_COMPLETED)
                assert not ended

    def events(self) -> list[Event]:
        return [Event(each["event"]) for each in self.logged]

    def said(self, event: Event) -> Any:
        [entry] = [each for each in self.logged if each["event"] == event]
        return entry


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[LockedBus]:
    bus = LockedBus()
    monkeypatch.setattr(daemon, "ask_at", lambda _socket: bus)
    monkeypatch.setattr(docks, "BusWatch", lambda *_how: Watch(bus))
    monkeypatch.setattr(credentials, "read", lambda _name: PASSWORD)
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    yield bus
    signal.signal(signal.SIGIO, before)


@pytest.fixture
def whole_dock(
    make_site: Callable[..., Site], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[WholeDock, VendorCamera]]:
    def make(library: str) -> tuple[WholeDock, VendorCamera]:
        site = make_site(retry_delays_seconds=[], worker_silence_seconds=SILENCE_SECONDS)
        camera = VendorCamera(tmp_path_factory.mktemp("locked"), monkeypatch)
        site.dock_camera("BWC1", {"a.mp4": b"first", "b.mp4": b"second"})
        return WholeDock(site, compiled(library)), camera

    return make


@pytest.mark.parametrize(
    ("library", "code"),
    # Of one that ends while the camera is told to come back nobody knows whether it was.
    [("aborts", "not_back"), ("hangs", "not_back"), ("smashes", "unlock_failed"), ("writes_past", "unlock_failed")],
)
def test_it_ends_its_own_process_and_a_camera_in_another_bay_is_cleared(
    whole_dock: Callable[[str], tuple[WholeDock, VendorCamera]], bus: LockedBus, library: str, code: str
) -> None:
    dock, camera = whole_dock(library)
    dock.serve(Event.CAMERA_REFUSED, Event.DOCKING_DONE)
    assert dock.said(Event.CAMERA_REFUSED)["code"] == code
    assert dock.said(Event.CAMERA_UNLOCK_FAILED)["unlocker"] == "gat947"
    assert dock.said(Event.DOCKING_DONE)["camera"] == "BWC1"
    if library == "hangs":
        assert dock.events().index(Event.DOCKING_DONE) < dock.events().index(Event.CAMERA_UNLOCK_FAILED)
    assert not camera.is_told
    # What an earlier dockd may have lent is taken back first.
    assert bus.did()[:4] == ["authorise", "take back", "lend", "take back"]
    assert_all_cleared(dock.site)


def test_a_sound_one_has_its_camera_told_to_come_back_and_that_is_entered(
    whole_dock: Callable[[str], tuple[WholeDock, VendorCamera]], bus: LockedBus
) -> None:
    dock, camera = whole_dock("plain")
    told_when_taken_back = []
    bus.on_request["take back"] = lambda: told_when_taken_back.append(camera.is_told)
    dock.serve(Event.CAMERA_UNLOCKED, Event.DOCKING_DONE, is_done=lambda: bus.did().count("take back") == 2)
    assert told_when_taken_back == [False, True]
    [entry] = of_kind(dock.site, "camera_unlocked")
    assert (entry["camera_id"], entry["unlocker"]) == (SERIAL, "gat947")
    assert_all_cleared(dock.site)

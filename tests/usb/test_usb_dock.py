"""What the dock on USB tells, and what it asks of the bus helper by itself, look by look."""

import asyncio
import errno
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from dockd.detect.bays import Bays, Ports
from dockd.detect.folders import Departure, DockTrouble
from dockd.errors import BusUnreachable, DockUnreachable
from dockd.events import Event
from dockd.model import Arrival, Refused
from dockd.unlock import Locksmith
from dockd.usb_dock import HELPER, NAME, RULES, UsbDock
from tests.usb.bus import CAMERA, PORT, ABus

LONG = 20.0
ROOT = replace(CAMERA, port="pci-0000:00:03.0-usbv2", sys_path="/sys/devices/usb1", device_number=1)
STRAY = replace(CAMERA, port="pci-0000:00:03.0-usbv2-0:5", sys_path="/sys/devices/usb1/1-5", device_number=8)


class Watch:
    """Looks at a bus that a test commands when it is told to, and so often only."""

    def __init__(self, bus):
        self._bus = bus
        self._soon = asyncio.Event()
        self.seconds_a_look = 1
        self.begun = 0
        self.may_end = asyncio.Event()
        self.may_end.set()

    def look_soon(self):
        self._soon.set()

    async def looks(self):
        while True:
            self._soon.clear()
            self._bus.clock.now += self.seconds_a_look
            self.begun += 1
            seen = self._bus.unreadable or tuple(self._bus.standing)
            await self.may_end.wait()
            yield seen
            await self._soon.wait()


class Dock:
    """The dock of bay b1; `told` has everything that it said."""

    def __init__(self, bus, switching, locksmith=None):
        self.bus = bus
        self.bus.unreadable = None
        self.watch = Watch(bus)
        self.told = []
        self.dock = UsbDock(
            Bays(Ports({PORT: "b1"}), 0, lambda _descriptors: False),
            self.watch,
            bus,
            find_model=lambda _camera: None,
            switching=switching,
            charge_wait_seconds=60,
            locksmith=locksmith or Locksmith([], None, None, None, None),
            clock=bus.clock,
            looked=lambda: None,
            count=lambda *_counted: None,
        )

    async def tell(self):
        async for happening in self.dock.happenings():
            self.told.append(happening)
            self.changed.set()

    async def look(self):
        """Have it look, and do what comes of it."""
        async with asyncio.timeout(LONG):
            await self.dock.look_again()

    async def a_turn(self):
        """Let the loop do what is ready."""
        passed = asyncio.Event()
        asyncio.get_running_loop().call_soon(passed.set)
        await passed.wait()

    async def until_begun(self, number):
        async with asyncio.timeout(LONG):
            while self.watch.begun < number:
                await self.a_turn()

    async def until(self, is_so):
        async with asyncio.timeout(LONG):
            while not is_so():
                await self.look()


def run(story, bus=None, switching=("b1",)):
    async def at_dock():
        dock = Dock(bus or ABus(), switching)
        dock.changed = asyncio.Event()
        telling = asyncio.create_task(dock.tell())
        try:
            await story(dock, dock.bus)
        finally:
            telling.cancel()

    asyncio.run(at_dock())


def kinds(dock):
    return [type(each) for each in dock.told]


def test_a_camera_arrives_and_departs_and_nothing_is_authorised_before_it_is_admitted():
    async def story(dock, bus):
        await dock.look()
        assert [(each.bay, each.claimed_id) for each in dock.told] == [("b1", "BWC1")]
        bus.standing.clear()
        await dock.look()
        assert kinds(dock) == [Arrival, Departure]
        assert bus.did() == []

    run(story)


def test_a_look_that_began_before_it_was_asked_for_tells_nothing():
    async def story(dock, bus):
        await dock.look()
        dock.watch.may_end.clear()
        dock.watch.look_soon()
        await dock.until_begun(dock.watch.begun + 1)
        bus.standing.clear()
        looking = asyncio.create_task(dock.look())
        await dock.a_turn()
        dock.watch.may_end.set()
        await looking
        assert kinds(dock) == [Arrival, Departure]

    run(story)


def test_what_is_authorised_before_it_is_judged_is_deprived_of_it_and_only_then_announced():
    async def story(dock, bus):
        await dock.until(lambda: dock.told)
        assert bus.did() == ["deauthorise"] and kinds(dock) == [Arrival]

    run(story, ABus(replace(CAMERA, authorized=True)))


def test_a_refused_camera_is_deprived_of_what_it_had():
    async def story(dock, bus):
        await dock.look()
        dock.dock._bays.admit("b1", admitted=True)
        bus.changes(authorized=True)
        await dock.look()
        assert bus.did() == []
        dock.dock.over("b1", until_gone=True)
        await dock.until(lambda: bus.did() == ["deauthorise"])

    run(story)


def test_what_stands_where_no_bay_is_is_refused_by_its_port():
    async def story(dock, bus):
        bus.standing.append(STRAY)
        await dock.until(lambda: Refused in kinds(dock))
        [refused] = [each for each in dock.told if isinstance(each, Refused)]
        assert (refused.code, refused.arrival.bay) == ("no_bay", STRAY.port)
        bus.standing.remove(STRAY)
        await dock.until(lambda: Departure in kinds(dock))
        assert dock.told[-1] == Departure(STRAY.port)

    run(story)


def test_a_bus_that_cannot_be_looked_at_is_said_once_and_its_cameras_are_not_gone():
    async def story(dock, bus):
        await dock.look()
        bus.unreadable = DockUnreachable("broken")
        for _time in range(3):
            dock.watch.look_soon()
            await dock.dock._next_look.wait()
        bus.unreadable = None
        await dock.until(lambda: len(dock.told) == 3)
        assert dock.told[1:] == [DockTrouble(NAME, dock.told[1].error), DockTrouble(NAME, None)]

    run(story)


def test_a_helper_that_does_not_answer_is_said_and_that_it_does_again():
    async def story(dock, bus):
        bus.faults["deauthorise"] = BusUnreachable("silent")
        await dock.until(lambda: dock.told)
        assert dock.told[0].dock == HELPER and dock.told[0].error is bus.faults["deauthorise"]
        bus.faults.clear()
        await dock.until(lambda: DockTrouble(HELPER, None) in dock.told)

    run(story, ABus(replace(CAMERA, authorized=True)))


def test_a_bus_on_which_the_kernel_authorises_what_comes_is_said():
    async def story(dock, bus):
        bus.standing.append(replace(ROOT, is_open=True))
        await dock.until(lambda: any(each.dock == RULES for each in dock.told if isinstance(each, DockTrouble)))
        bus.standing[1:] = [ROOT]
        await dock.until(lambda: DockTrouble(RULES, None) in dock.told)

    run(story)


def test_power_is_taken_away_only_where_the_hub_really_switches_it():
    """Elsewhere the kernel may not see the camera come back, which has not left."""

    async def story(dock, _bus):
        ladders = {bay: [rung.kind for rung in dock.dock.rungs(bay, [1])] for bay in ("b1", "b2")}
        assert ladders == {
            "b1": ["retry", "replug", "power-cycle", "charge", "power-cycle"],
            "b2": ["retry", "replug", "charge"],
        }

    run(story)


def test_a_port_that_was_left_off_is_switched_on_at_the_start_and_asked_again_until_it_is():
    """Whatever the settings say now: they may have been others when it was switched off."""
    bus = ABus(ROOT)
    bus.faults["on"] = OSError(5, "Input/output error")

    async def story(dock, bus):
        await dock.until(lambda: bus.did().count("on usb1 1") >= 2)
        bus.faults.clear()
        asked = len(bus.did())
        await dock.until(lambda: len(bus.did()) > asked)
        asked = len(bus.did())
        await dock.look()
        assert len(bus.did()) == asked

    run(story, bus, switching=())


def test_a_port_that_no_kernel_switches_is_asked_once():
    bus = ABus(ROOT)
    bus.faults["on"] = OSError(errno.EOPNOTSUPP, "not supported")

    async def story(dock, bus):
        await dock.until(lambda: "on usb1 1" in bus.did())
        for _look in range(3):
            await dock.look()
        assert bus.did().count("on usb1 1") == 1

    run(story, bus)


def test_a_port_that_is_switched_off_gets_its_power_back_in_its_time_whatever_came_of_it():
    async def story(dock, bus):
        await dock.look()
        bus.faults["off"] = BusUnreachable("silent")
        try:
            await dock.dock.switch_off("usb1", 1, 50)
        except BusUnreachable:
            bus.faults.clear()
        await dock.look()
        assert bus.did() == ["off usb1 1"]
        bus.clock.now += 50
        await dock.until(lambda: bus.did() == ["off usb1 1", "on usb1 1"])

    run(story)


def test_no_port_is_switched_on_while_it_is_being_switched_off():
    async def story(dock, bus):
        await dock.look()
        going = asyncio.Event()
        off = bus.switch_port

        async def slowly(hub, port, on):
            await off(hub, port, on)
            if not on:
                await going.wait()

        bus.switch_port = slowly
        switching = asyncio.create_task(dock.dock.switch_off("usb1", 1, 0))
        for _time in range(3):
            await dock.look()
        assert bus.did() == ["off usb1 1"]
        going.set()
        await switching
        await dock.until(lambda: bus.did() == ["off usb1 1", "on usb1 1"])

    run(story)


def test_before_a_camera_is_lent_whatever_an_earlier_dockd_may_have_lent_is_taken_back():
    async def story(dock, bus):
        bus.standing = [
            ROOT,
            CAMERA,
            replace(CAMERA, device_number=7, port=f"{PORT}.2", sys_path="/sys/devices/usb1/1-1.2"),
        ]
        await dock.look()
        assert "take back" not in bus.did()
        bus.log.clear()
        await dock.dock.lend(CAMERA)
        assert bus.did() == ["take back", "take back", "lend"]
        await dock.dock.take_back()
        await dock.dock.take_back()
        assert bus.did()[3:] == ["take back"]

    run(story)


@pytest.mark.parametrize("number", [errno.ENODEV, errno.ENOENT])
def test_what_has_left_the_bus_is_lent_to_nobody(number):
    async def story(dock, bus):
        bus.standing = []
        await dock.look()
        await dock.dock.lend(CAMERA)
        bus.faults["take back"] = OSError(number, "it has gone")
        await dock.dock.take_back()
        bus.faults.clear()
        bus.log.clear()
        await dock.dock.lend(CAMERA)
        assert bus.did() == ["lend"]

    run(story)


@pytest.mark.parametrize("fault", [OSError(errno.EIO, "no"), BusUnreachable("no helper")])
def test_as_long_as_one_cannot_be_taken_back_no_other_is_lent_and_that_is_said(fault):
    async def story(dock, bus):
        bus.standing = []
        await dock.look()
        await dock.dock.lend(CAMERA)
        bus.faults["take back"] = fault
        for _number in range(2):
            with capture_logs() as logged, pytest.raises(type(fault)):
                await dock.dock.lend(STRAY)
            assert [(line["event"], line["port"]) for line in logged] == [(Event.BUS_FAILED, CAMERA.port)]
        assert bus.did().count("lend") == 1
        bus.faults.clear()
        await dock.dock.lend(STRAY)
        assert bus.did().count("lend") == 2

    run(story)

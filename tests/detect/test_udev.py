"""The bus is looked at whenever something may have changed on it, and whatever the kernel had to leave unsaid."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.detect import udev
from dockd.detect.udev import BusDevice, BusWatch, enumerate_bus
from dockd.errors import DockUnreachable
from dockd.volume import Volume

UEVENT = Path("/sys/class/mem/null/uevent")
DEVICE = BusDevice("pci-0000:00:14.0-usb-0:1", "/sys/1-1", 5, "46f4:0001", "BWC1", "ACME", False, b"\x12\x01")
LONG = 30.0

can_say_uevents = pytest.mark.skipif(
    os.geteuid() != 0 or not os.access(UEVENT, os.W_OK), reason="only root can have the kernel send an event"
)


def say(number):
    for _event in range(number):
        UEVENT.write_text("change")


@pytest.fixture
def heard(monkeypatch):
    """Hear events of a subsystem in which a test can raise real ones, straight from the kernel."""
    monkeypatch.setattr(udev, "_SOURCE", "kernel")
    monkeypatch.setattr(udev, "_SUBSYSTEMS", ("mem",))


@pytest.fixture
def bus(monkeypatch):
    """Stand in for the bus; what is in the list is what a look sees."""
    standing = [DEVICE]
    monkeypatch.setattr(udev, "enumerate_bus", lambda _known: tuple(standing))
    return standing


def watched(story, **options):
    """Run a story with a watch that looks only when it hears something, unless told otherwise."""

    async def run():
        volume = Volume("bus", LONG, DockUnreachable)
        watch = BusWatch(options.pop("rescan_seconds", 3600.0), volume, **options)
        looks = watch.looks()
        try:
            async with asyncio.timeout(LONG):
                await story(watch, looks)
        finally:
            await looks.aclose()
            volume.close()

    asyncio.run(run())


@can_say_uevents
def test_an_event_brings_another_look(heard, bus):
    async def story(_watch, looks):
        assert await anext(looks) == (DEVICE,)
        bus.clear()
        say(1)
        assert await anext(looks) == ()

    watched(story)


async def a_turn():
    """Let the loop do what is ready."""
    passed = asyncio.Event()
    asyncio.get_running_loop().call_soon(passed.set)
    await passed.wait()


async def settles(watch):
    """Whether there come times without an overflow, when nothing more is said."""
    for _time in range(50):
        before = watch.overflows
        for _turn in range(100):
            await a_turn()
        if watch.overflows == before:
            return True
    return False


@can_say_uevents
def test_a_thousand_events_against_a_small_buffer_lose_no_arrival(heard, bus):
    async def story(watch, looks):
        assert len(await anext(looks)) == 1
        for number in range(1000):
            bus.append(replace(DEVICE, device_number=number + 6))
            say(1)
        while len(seen := await anext(looks)) < 1001:
            pass
        assert {each.device_number for each in seen} == set(range(5, 1006))
        assert watch.overflows > 0
        # Nor does the loop go on being woken for what was overrun once.
        assert await settles(watch)
        # The watch has not died of it.
        bus.clear()
        say(1)
        while await anext(looks):
            pass

    watched(story, receive_buffer=1)


def test_what_no_event_told_is_found_by_looking(heard, bus):
    async def story(_watch, looks):
        await anext(looks)
        bus.append(replace(DEVICE, device_number=6))
        assert len(await anext(looks)) == 2

    watched(story, rescan_seconds=0.01)


def test_a_bus_that_cannot_be_read_is_said_and_looked_at_again(heard, bus, monkeypatch):
    def broken(_known):
        raise OSError(5, "Input/output error")

    async def story(_watch, looks):
        good = udev.enumerate_bus
        monkeypatch.setattr(udev, "enumerate_bus", broken)
        error = await anext(looks)
        assert isinstance(error, DockUnreachable) and "Input/output error" in error.message
        monkeypatch.setattr(udev, "enumerate_bus", good)
        assert await anext(looks) == (DEVICE,)

    watched(story, rescan_seconds=0.01)


def test_this_machine_has_a_bus_that_can_be_listed():
    for device in enumerate_bus():
        assert device.device_number > 0 and device.descriptors


def test_the_active_configuration_is_told_by_the_names_of_its_interfaces(tmp_path):
    """As the kernel shows them (drivers/usb/core/message.c): 1-2:2.0 is interface 0 of configuration 2."""
    device = tmp_path / "1-2"
    values = {"bInterfaceNumber": "00", "bAlternateSetting": " 1", "bInterfaceClass": "08"}
    for name in ("1-2:2.0", "1-2.1", "1-2:2.1"):
        (device / name).mkdir(parents=True)
        for attribute, text in {**values, "bInterfaceSubClass": "06", "bInterfaceProtocol": "50"}.items():
            (device / name / attribute).write_text(f"{text}\n")
    (device / "1-2:2.1" / "bInterfaceNumber").write_text("0a\n")
    configuration, interfaces = udev._configured(device)
    assert configuration == 2
    assert [(each.number, each.alternate, str(each.kind)) for each in interfaces] == [
        (0, 1, "08:06:50"),
        (10, 1, "08:06:50"),
    ]
    (tmp_path / "1-3").mkdir()
    assert udev._configured(tmp_path / "1-3") == (0, ())

"""A bus with one bay that a test commands: what stands there answers requests as the kernel and its helper would."""

import os
from dataclasses import replace

from dockd.descriptor import Descriptor
from dockd.detect.bays import Bays, Ports, arrival
from dockd.detect.udev import BusDevice, Disk
from dockd.detect.usb_descriptors import parse
from dockd.usb_access import UsbAccess
from tests.detect.test_usb_samples import STICK

PORT = "pci-0000:00:03.0-usbv2-0:1"
CARD = Disk("/dev/sda1", 1000, "vfat", "CA-01", "0x0 running")
WHOLE = Disk("/dev/sda", 2000, "", "", "0x0 running")
CAMERA = BusDevice(
    port=PORT,
    sys_path="/sys/devices/usb1/1-1",
    device_number=5,
    vendor_product="46f4:0001",
    serial="BWC1",
    name="",
    authorized=False,
    descriptors=STICK.raw,
)


def shown_by(device):
    """Give the interfaces that the kernel makes of a device."""
    return tuple(each for each in parse(device.descriptors).configurations[0].interfaces if not each.alternate)


class Clock:
    """Goes on by a second with each look."""

    now = 0.0

    def monotonic(self):
        return self.now


class ABus:
    """Bay b1 with a camera that has settled in it.

    `log` has every request, and every look that was waited for; `gone` what was said to have left.
    """

    def __init__(self, camera=CAMERA):
        self.log = []
        self.gone = []
        self.clock = Clock()
        self.bays = Bays(Ports({PORT: "b1"}), 0, lambda _descriptors: False)
        self.standing = [camera]
        self.disks = (WHOLE, CARD)
        self.interfaces = None
        self.faults = {}
        self.on_request = {}
        self.look()

    def look(self):
        self.clock.now += 1
        self.gone += self.bays.look(self.clock.now, self.standing).gone

    def changes(self, **changes):
        self.standing = [replace(each, **changes) for each in self.standing]

    async def look_again(self):
        self.log.append("look")
        self.look()

    def _requested(self, what, *words):
        self.log.append(" ".join([what, *map(str, words)]))
        if what in self.faults:
            raise self.faults[what]
        self.on_request.get(what, lambda: None)()

    async def authorise(self, _device, _number, on):
        self._requested("authorise" if on else "deauthorise")
        device = self.standing[0]
        interfaces = shown_by(device) if self.interfaces is None else self.interfaces
        self.changes(
            authorized=on,
            configuration=parse(device.descriptors).configurations[0].value if on else 0,
            interfaces=interfaces if on else (),
            disks=self.disks if on else (),
        )

    async def mount(self, _device, _number, node, filesystem, writable):
        self._requested("mount", node, filesystem, "rw" if writable else "ro")
        return Descriptor(os.open("/", os.O_RDONLY))

    async def open(self, _device, _number):
        self._requested("open")
        return Descriptor(os.open("/dev/null", os.O_RDWR))

    async def lend(self, _device, _number=None, on=True):
        """As the bus helper, and as the dock that asks it."""
        self._requested("lend" if on else "take back")

    async def take_back(self):
        self._requested("take back")

    async def flush(self, _device, _number, node):
        self._requested("flush", node)

    async def eject(self, _device, _number, node):
        self._requested("eject", node)

    async def keep_powered(self, _device, _number):
        self._requested("keep_powered")

    async def switch_port(self, hub, port, on):
        self._requested("on" if on else "off", hub, port)

    async def switch_off(self, hub, port, seconds):
        self._requested("off for", seconds, hub, port)

    def access(self, when_done="stay", **unlocked):
        arrived = replace(arrival("b1", self.standing[0]), **unlocked)
        return UsbAccess(self, self.bays, self, self.clock, arrived, STICK.model, when_done)

    def did(self):
        """Give what was asked of the helper, looks left out."""
        return [each for each in self.log if each != "look"]

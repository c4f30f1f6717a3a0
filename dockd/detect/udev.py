"""What stands on the USB bus, through udev. What counts is the bus as it is enumerated."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import pyudev

from dockd.detect.usb_descriptors import MAX_BYTES

_SECTOR = 512
"""The unit of sizes in sysfs, whatever the disk's own."""

_MAX_ATTRIBUTE = 4096


@dataclass(frozen=True, slots=True)
class Disk:
    """A block device below a USB device, or one of its partitions. `node` is its device file; size in bytes."""

    node: str
    size: int


@dataclass(frozen=True, slots=True)
class BusDevice:
    """A device as the bus shows it now. All but `port` and `sys_path` is its own claim.

    `port` is the physical place, udev's ID_PATH: it survives a restart, but not another cable. `descriptors` are the
    kernel's copy, unparsed.
    """

    port: str
    sys_path: str
    vendor_product: str
    serial: str
    name: str
    authorized: bool
    descriptors: bytes
    disks: tuple[Disk, ...] = ()


def enumerate_bus() -> tuple[BusDevice, ...]:
    """List every device on the USB bus, hubs among them, in the order of their ports.

    What goes while it is looked at is left out. Raises OSError if sysfs cannot be read.
    """
    context = pyudev.Context()
    disks = _disks(context)
    devices = context.list_devices(subsystem="usb", DEVTYPE="usb_device")
    found = (_look_at(device, disks.get(device.sys_path, ())) for device in devices)
    return tuple(sorted((each for each in found if each is not None), key=lambda each: (each.port, each.sys_path)))


def _disks(context: pyudev.Context) -> dict[str, tuple[Disk, ...]]:
    """Give the disks and partitions below each USB device, by the sys_path of the device."""
    found: dict[str, list[Disk]] = {}
    for block in context.list_devices(subsystem="block"):
        device = block.find_parent("usb", "usb_device")
        if device is None or block.device_node is None:
            continue
        with contextlib.suppress(OSError, ValueError):
            sectors = int(_attribute(Path(block.sys_path), "size"))
            found.setdefault(device.sys_path, []).append(Disk(block.device_node, sectors * _SECTOR))
    return {path: tuple(sorted(disks, key=lambda each: each.node)) for path, disks in found.items()}


def _look_at(device: pyudev.Device, disks: tuple[Disk, ...]) -> BusDevice | None:
    """Read one device from sysfs, not through pyudev: its attributes end at the first zero byte."""
    path = Path(device.sys_path)
    try:
        with open(path / "descriptors", "rb") as file:
            descriptors = file.read(MAX_BYTES + 1)
        return BusDevice(
            port=device.properties.get("ID_PATH", ""),
            sys_path=device.sys_path,
            vendor_product=f"{_attribute(path, 'idVendor')}:{_attribute(path, 'idProduct')}",
            serial=_attribute(path, "serial"),
            name=f"{_attribute(path, 'manufacturer')} {_attribute(path, 'product')}".strip(),
            authorized=_attribute(path, "authorized") == "1",
            descriptors=descriptors,
            disks=disks,
        )
    except OSError:
        return None


def _attribute(path: Path, name: str) -> str:
    """Give the text of an attribute, "" if the device has none; the device chooses what it holds."""
    try:
        with open(path / name, "rb") as file:
            return file.read(_MAX_ATTRIBUTE).decode("utf-8", "backslashreplace").removesuffix("\n")
    except FileNotFoundError:
        return ""

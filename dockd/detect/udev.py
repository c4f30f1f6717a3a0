"""What stands on the USB bus, through udev. Events are hints; what counts is the bus as it is enumerated.

pyudev's own observer thread ends without a word when the netlink buffer overflows (pyudev issue 194), so the socket is
read here, on the event loop: every event, and every overflow, only asks for another look. Listening begins before the
first look, and a look comes every few seconds whatever was heard, so that nothing is lost between them.
"""

import asyncio
import contextlib
import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pyudev

from dockd.detect.usb_descriptors import MAX_BYTES, ClassCode, Interface
from dockd.errors import DockUnreachable
from dockd.i18n import _
from dockd.volume import Volume

RECEIVE_BUFFER = 16 * 1024 * 1024
"""Bytes asked for the netlink socket; without CAP_NET_ADMIN the kernel gives net.core.rmem_max."""

SECTOR = 512
"""The unit of sizes in sysfs, whatever the disk's own."""

_SOURCE = "udev"
_SUBSYSTEMS = ("usb", "block")
_MAX_ATTRIBUTE = 4096
_MAX_DRAINED = 10_000
_MIN_PAUSE_SECONDS = 0.1
_DEVICES = Path("/sys/bus/usb/devices")
_BLOCKS = Path("/sys/class/block")
_ROOT = re.compile(r"usb[0-9]+")
_INTERFACE_ATTRIBUTES = ("bInterfaceNumber", "bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")


@dataclass(frozen=True, slots=True)
class Disk:
    """A block device below a USB device, or one of its partitions. `node` is its device file; size in bytes.

    `filesystem` is what udev found on it, "" if nothing, None as long as udev has not looked; `uuid` is its name, and
    `label` the one that a person or a camera gave it.
    `errors` tells how many commands of the disk have failed, and whether the kernel still sends it any.
    """

    node: str
    size: int
    filesystem: str | None = None
    uuid: str = ""
    errors: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class BusDevice:
    """A device as the bus shows it now. All but `port`, `sys_path` and `device_number` is its own claim.

    `port` is the physical place, udev's ID_PATH with the bus of its controller: it survives a restart, but not another
    cable. `device_number` is new each time that the device is enumerated. `descriptors` are the kernel's copy,
    unparsed. `is_open`: a controller's hub on whose bus devices are authorised as they come. `configuration` is the
    one that is active, 0 for none, and `interfaces` are what the kernel made of it.
    """

    port: str
    sys_path: str
    device_number: int
    vendor_product: str
    serial: str
    name: str
    authorized: bool
    descriptors: bytes
    disks: tuple[Disk, ...] = ()
    is_open: bool = False
    configuration: int = 0
    interfaces: tuple[Interface, ...] = ()

    @property
    def name_on_bus(self) -> str:
        """What the kernel calls the device: bus and ports, such as 1-2.3."""
        return Path(self.sys_path).name

    @property
    def device_file(self) -> str:
        """Where the kernel lets the device be opened."""
        return f"/dev/bus/usb/{int(self.name_on_bus.partition('-')[0]):03}/{self.device_number:03}"

    @property
    def is_root(self) -> bool:
        """Whether it is a controller's own hub."""
        return _ROOT.fullmatch(self.name_on_bus) is not None

    @property
    def hub_port(self) -> tuple[str, int]:
        """The hub and its port that the device hangs on: 1-2.3 is port 3 of 1-2, and 1-2 is port 2 of usb1."""
        hub, dot, port = self.name_on_bus.rpartition(".")
        if dot:
            return hub, int(port)
        bus, _dash, port = self.name_on_bus.partition("-")
        return f"usb{bus}", int(port)

    @property
    def key(self) -> tuple[str, int]:
        """What stays the same as long as the device is not taken out or reset."""
        return self.sys_path, self.device_number


Known = dict[tuple[str, int], BusDevice]
"""What stood on the bus at the last look, by its key."""


def enumerate_bus(known: Known | None = None) -> tuple[BusDevice, ...]:
    """List every device on the USB bus, hubs among them, in the order of their ports.

    What goes while it is looked at is left out; a kernel without USB has an empty bus. Raises OSError if sysfs cannot
    be read. `known` is brought up to date. What cannot change while a device stands there is not read again: each
    request makes dockd look, at every device.

    Sysfs is read here, and not through pyudev, which is asked for what udev alone knows: it would read everything of
    every device of the computer, and its attributes end at the first zero byte.
    """
    paths = {path for name, path in _links(_DEVICES) if ":" not in name}
    disks = _disks(paths)
    looked = (_look_at(path, disks.get(path, ()), known or {}) for path in paths)
    found = tuple(sorted((each for each in looked if each is not None), key=lambda each: (each.port, each.sys_path)))
    if known is not None:
        known.clear()
        known.update({each.key: each for each in found})
    return found


class BusWatch:
    """Looks at the bus whenever something may have changed. `looks` never ends by itself."""

    def __init__(self, rescan_seconds: float, volume: Volume, receive_buffer: int = RECEIVE_BUFFER) -> None:
        self._rescan_seconds = rescan_seconds
        self._volume = volume
        self._receive_buffer = receive_buffer
        self._wake = asyncio.Event()
        self._known: Known = {}
        self.begun = 0
        """How many looks have begun."""
        self.overflows = 0
        """How often the kernel said that it had to drop events."""

    async def looks(self) -> AsyncIterator[tuple[BusDevice, ...] | DockUnreachable]:
        """Yield the bus as it is: at once, after each hint, and every few seconds; an error where it cannot be read."""
        with self._listening():
            while True:
                self._wake.clear()
                self.begun += 1
                try:
                    yield await self._volume.run(partial(enumerate_bus, self._known))
                except OSError as error:
                    yield DockUnreachable(_("the USB bus cannot be read: {error}").format(error=error.strerror))
                except DockUnreachable as error:
                    yield error
                await asyncio.sleep(_MIN_PAUSE_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._rescan_seconds):
                        await self._wake.wait()

    def look_soon(self) -> None:
        """Look without waiting for a hint."""
        self._wake.set()

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source=_SOURCE)
        for subsystem in _SUBSYSTEMS:
            monitor.filter_by(subsystem)
        _widen(monitor, self._receive_buffer)
        monitor.start()
        loop = asyncio.get_running_loop()
        loop.add_reader(monitor.fileno(), self._heard, monitor)
        try:
            yield
        finally:
            loop.remove_reader(monitor.fileno())

    def _heard(self, monitor: pyudev.Monitor) -> None:
        """Take what has come off the socket, unread: what it says is looked up on the bus."""
        try:
            for _number in range(_MAX_DRAINED):
                if monitor.poll(timeout=0) is None:
                    break
        except OSError:
            # ENOBUFS: the kernel dropped some. The socket goes on, and the look that follows misses nothing. pyudev
            # does not take the error off it, and the loop would be woken for it for ever.
            self.overflows += 1
            with socket.socket(fileno=os.dup(monitor.fileno())) as duplicate:
                duplicate.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._wake.set()


def _widen(monitor: pyudev.Monitor, size: int) -> None:
    with contextlib.suppress(OSError):
        monitor.set_receive_buffer_size(size)
        return
    with socket.socket(fileno=os.dup(monitor.fileno())) as duplicate:
        duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


@cache
def _context() -> pyudev.Context:
    """Give what looks ask udev through: to make one, pyudev starts a process that looks for libudev."""
    return pyudev.Context()


def _from_udev(sys_path: str) -> pyudev.Device:
    return pyudev.Devices.from_sys_path(_context(), sys_path)


def _links(folder: Path) -> list[tuple[str, str]]:
    """Give the devices that a folder of sysfs links to: their names, and where they are."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []  # a kernel without it
    found = []
    for name in names:
        with contextlib.suppress(OSError):
            found.append((name, os.path.normpath(folder / os.readlink(folder / name))))
    return found


def _disks(devices: set[str]) -> dict[str, tuple[Disk, ...]]:
    """Give the disks and partitions below each of these USB devices, by the path of the device."""
    found: dict[str, list[Disk]] = {}
    for _name, path in _links(_BLOCKS):
        device = next((str(above) for above in Path(path).parents if str(above) in devices), None)
        if device is not None:
            with contextlib.suppress(OSError, ValueError, pyudev.DeviceNotFoundError):
                found.setdefault(device, []).append(_disk(_from_udev(path)))
    return {path: tuple(sorted(disks, key=lambda each: each.node)) for path, disks in found.items()}


def _disk(block: pyudev.Device) -> Disk:
    if block.device_node is None:
        raise ValueError("a block device without a device file")
    path = Path(block.sys_path)
    whole = path.parent if block.device_type == "partition" else path
    return Disk(
        block.device_node,
        int(_attribute(path, "size")) * SECTOR,
        block.properties.get("ID_FS_TYPE", "") if block.is_initialized else None,
        block.properties.get("ID_FS_UUID", ""),
        f"{_attribute(whole / 'device', 'ioerr_cnt')} {_attribute(whole / 'device', 'state')}",
        block.properties.get("ID_FS_LABEL", ""),
    )


def _look_at(sys_path: str, disks: tuple[Disk, ...], known: Known) -> BusDevice | None:
    path = Path(sys_path)
    try:
        number, authorized = int(_attribute(path, "devnum")), _attribute(path, "authorized") == "1"
        before = known.get((sys_path, number))
        serial, name = (before.serial, before.name) if before else _strings(path)
        # Read anew when it was authorised: some kernels then ask the device once more.
        is_as_before = before is not None and before.authorized == authorized
        configuration, interfaces = _configured(path)
        return BusDevice(
            port=(before.port if before else "") or _port(path),
            sys_path=sys_path,
            device_number=number,
            vendor_product=before.vendor_product if before and is_as_before else _vendor_product(path),
            serial=serial,
            name=name,
            authorized=authorized,
            descriptors=before.descriptors if before and is_as_before else _descriptors(path),
            disks=disks,
            is_open=_ROOT.fullmatch(path.name) is not None and _attribute(path, "authorized_default") not in ("", "0"),
            configuration=configuration,
            interfaces=interfaces,
        )
    except (OSError, ValueError, pyudev.DeviceNotFoundError):
        return None


def _descriptors(path: Path) -> bytes:
    with open(path / "descriptors", "rb") as file:
        return file.read(MAX_BYTES + 1)


def _vendor_product(path: Path) -> str:
    return f"{_attribute(path, 'idVendor')}:{_attribute(path, 'idProduct')}"


def _port(device: Path) -> str:
    """Give udev's name of the port, "" as long as it has none, with the bus of its controller.

    As ID_PATH_WITH_USB_REVISION does (udev 256): a controller has a bus for USB 2 and one for USB 3, and each counts
    its ports from 1. Without that, two sockets could have one name.
    """
    id_path: str = _from_udev(str(device)).properties.get("ID_PATH", "")
    if not id_path:
        return ""
    root = next((each for each in (device, *device.parents) if _ROOT.fullmatch(each.name)), None)
    revision = _attribute(root, "version").strip()[:1] if root else ""
    if root == device:
        return f"{id_path}-usbv{revision}"
    return id_path.replace("-usb-", f"-usbv{revision}-") if revision else id_path


def _strings(path: Path) -> tuple[str, str]:
    """Give serial number and name. To read them takes the device's lock, which one that hangs may hold for long."""
    return _attribute(path, "serial"), f"{_attribute(path, 'manufacturer')} {_attribute(path, 'product')}".strip()


def _configured(path: Path) -> tuple[int, tuple[Interface, ...]]:
    """Give the active configuration, 0 for none, and its interfaces.

    By the names of their directories, such as 1-2:1.0: the attribute that says it takes the device's lock.
    """
    children = sorted(path.glob(f"{path.name}:*"))
    values = {int(child.name.rpartition(":")[2].partition(".")[0]) for child in children}
    return min(values, default=0), tuple(map(_interface, children))


def _interface(path: Path) -> Interface:
    number, *kind = (int(_attribute(path, name), 16) for name in _INTERFACE_ATTRIBUTES)
    return Interface(number, int(_attribute(path, "bAlternateSetting")), ClassCode(*kind))


def _attribute(path: Path, name: str) -> str:
    """Give the text of an attribute, "" if the device has none; the device chooses what it holds."""
    try:
        with open(path / name, "rb") as file:
            return file.read(_MAX_ATTRIBUTE).decode("utf-8", "backslashreplace").removesuffix("\n")
    except FileNotFoundError:
        return ""

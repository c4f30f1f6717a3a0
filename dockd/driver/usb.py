"""PyUSB over one device file that is open already: a driver gets an ordinary `usb.core.Device`, and no bus.

libusb looks for devices by walking the bus and opens what it finds there, for which a worker has neither the right nor
the view. Behind one descriptor there is one device: it can be read from, written to and reset, and nothing else can.
The requests are those of https://docs.kernel.org/driver-api/usb/usb.html (usbfs), linux/usbdevice_fs.h.
"""

import array
import ctypes
import errno
import fcntl
import os
import struct
import sys
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, TypeAlias

import usb.core
import usb.util
from usb.backend import IBackend

from dockd.driver import UsbSource
from dockd.errors import CameraProtocol
from dockd.i18n import _

Bytes: TypeAlias = "array.array[int]"
"""Of type "B": PyUSB takes no other buffers."""

MAX_DESCRIPTORS = 256 * 1024
"""More bytes of descriptors are not read; the kernel keeps at most 64 KiB for each of at most 8 configurations."""

MOST_AT_ONCE = 1 << 20
"""Bytes of one bulk transfer: usbfs has 16 MiB for all of a machine's unless it is told otherwise."""

_DEVICE, _CONFIGURATION, _INTERFACE, _ENDPOINT = 1, 2, 4, 5  # USB 2.0, table 9-5
_FIELDS = {
    _DEVICE: ("=BBHBBBBHHHBBBB", "bLength bDescriptorType bcdUSB bDeviceClass bDeviceSubClass bDeviceProtocol "
              "bMaxPacketSize0 idVendor idProduct bcdDevice iManufacturer iProduct iSerialNumber bNumConfigurations"),
    _CONFIGURATION: ("<BBHBBBBB", "bLength bDescriptorType wTotalLength bNumInterfaces bConfigurationValue "
                     "iConfiguration bmAttributes bMaxPower"),
    _INTERFACE: ("<BBBBBBBBB", "bLength bDescriptorType bInterfaceNumber bAlternateSetting bNumEndpoints "
                 "bInterfaceClass bInterfaceSubClass bInterfaceProtocol iInterface"),
    _ENDPOINT: ("<BBBBHB", "bLength bDescriptorType bEndpointAddress bmAttributes wMaxPacketSize bInterval"),
}  # fmt: skip

_GET_CONFIGURATION = (0x80, 8)  # USB 2.0, table 9-4


def opened(source: UsbSource) -> usb.core.Device:
    """Give the device behind the descriptor, which stays its owner's to close.

    Its errors are `USBError`s, which are OSErrors. Raises `CameraProtocol` if its descriptors make no sense.
    """
    return usb.core.Device(None, UsbfsBackend(source.fd))


def reset(device: usb.core.Device) -> None:
    """Cut off whatever is under way with it. It stays the same device; what was claimed of it is claimed anew."""
    device.reset()
    release(device)


def release(device: usb.core.Device) -> None:
    """Let go of what was claimed of it; to be called before its descriptor is closed, whose number may be given anew.

    PyUSB would do it whenever the object is collected.
    """
    usb.util.dispose_resources(device)


class DescribedBackend(IBackend):  # type: ignore[misc]
    """One device, known by its descriptors as they are read from it. A subclass moves the bytes."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self._device, self._configurations = described(raw)

    def enumerate_devices(self) -> Iterator[None]:
        yield None

    def get_device_descriptor(self, _device: object) -> SimpleNamespace:
        return self._device

    def get_configuration_descriptor(self, _device: object, configuration: int) -> SimpleNamespace:
        return self._configurations[configuration]

    def get_interface_descriptor(
        self, _device: object, interface: int, alternate: int, configuration: int
    ) -> SimpleNamespace:
        settings: list[list[SimpleNamespace]] = self._configurations[configuration].interfaces
        return settings[interface][alternate]

    def get_endpoint_descriptor(
        self, _device: object, endpoint: int, interface: int, alternate: int, configuration: int
    ) -> SimpleNamespace:
        endpoints: list[SimpleNamespace] = self.get_interface_descriptor(
            None, interface, alternate, configuration
        ).endpoints
        return endpoints[endpoint]

    def open_device(self, _device: object) -> None:
        """It is open."""

    def close_device(self, _handle: object) -> None:
        """It is its owner's to close."""

    def get_configuration(self, _handle: object) -> int:
        value = array.array("B", [0])
        request_type, request = _GET_CONFIGURATION
        self.ctrl_transfer(None, request_type, request, 0, 0, value, 1000)
        return value[0]

    def intr_read(self, handle: Any, endpoint: int, interface: int, into: Bytes, timeout: int) -> int:
        return self.bulk_read(handle, endpoint, interface, into, timeout)

    @abstractmethod
    def bulk_read(self, _handle: Any, endpoint: int, interface: int, into: Bytes, timeout: int) -> int:
        """Read at most as many bytes as `into` holds; `timeout` in milliseconds."""

    @abstractmethod
    def ctrl_transfer(
        self,
        _handle: Any,
        request_type: int,
        request: int,
        value: int,
        index: int,
        data: Bytes,
        timeout: int,
    ) -> int:
        """Make a control transfer, in the direction that the type of the request says."""


class UsbfsBackend(DescribedBackend):
    """The device behind an open device file. What the kernel says is raised as `USBError`: ENODEV once it has gone."""

    def __init__(self, fd: int) -> None:
        super().__init__(os.pread(fd, MAX_DESCRIPTORS, 0))
        self._fd = fd

    def claim_interface(self, _handle: Any, interface: int) -> None:
        self._ioctl(_CLAIM, interface)

    def release_interface(self, _handle: Any, interface: int) -> None:
        self._ioctl(_RELEASE, interface)

    def clear_halt(self, _handle: Any, endpoint: int) -> None:
        self._ioctl(_CLEAR_HALT, endpoint)

    def reset_device(self, _handle: Any) -> None:
        """Reset it; what was claimed has to be claimed anew. Its number on the bus, and the descriptor, stay."""
        self._ioctl(_RESET, 0)

    def bulk_write(self, _handle: Any, endpoint: int, _interface: int, data: Bytes, timeout: int) -> int:
        return self._bulk(endpoint, data, timeout)

    def bulk_read(self, _handle: Any, endpoint: int, _interface: int, into: Bytes, timeout: int) -> int:
        return self._bulk(endpoint, into, timeout)

    def ctrl_transfer(
        self,
        _handle: Any,
        request_type: int,
        request: int,
        value: int,
        index: int,
        data: Bytes,
        timeout: int,
    ) -> int:
        address, size = data.buffer_info()
        head = struct.pack("=BBHHHI", request_type, request, value, index, size, timeout)
        return self._asked(_CONTROL, head, address)

    def _bulk(self, endpoint: int, data: Bytes, timeout: int) -> int:
        address, size = data.buffer_info()
        if size > MOST_AT_ONCE:
            raise ValueError("more than one transfer may move")
        return self._asked(_BULK, struct.pack("=III", endpoint, size, timeout), address)

    def _asked(self, request: int, head: bytes, address: int) -> int:
        """Make a request whose form ends in a pointer, aligned as the machine has it."""
        width = ctypes.sizeof(ctypes.c_void_p)
        form = bytearray(head + bytes(-len(head) % width) + address.to_bytes(width, sys.byteorder))
        with _as_usb_error():
            moved: int = fcntl.ioctl(self._fd, request, form)
        return moved

    def _ioctl(self, request: int, number: int) -> None:
        with _as_usb_error():
            fcntl.ioctl(self._fd, request, struct.pack("I", number))


@contextmanager
def _as_usb_error() -> Iterator[None]:
    """Raise what the kernel says as drivers for PyUSB, and PyUSB itself, expect it."""
    try:
        yield
    except OSError as error:
        kind = usb.core.USBTimeoutError if error.errno == errno.ETIMEDOUT else usb.core.USBError
        raise kind(error.strerror, error.errno, error.errno) from error


def _number(direction: int, number: int, form: int = 0) -> int:
    """Give the number of a request as asm-generic/ioctl.h does."""
    return direction << 30 | form << 16 | ord("U") << 8 | number


_WIDE = ctypes.sizeof(ctypes.c_void_p)
_CONTROL = _number(3, 0, 12 + -12 % _WIDE + _WIDE)
_BULK = _number(3, 2, 12 + -12 % _WIDE + _WIDE)
_CLAIM, _RELEASE, _CLEAR_HALT = _number(2, 15, 4), _number(2, 16, 4), _number(2, 21, 4)
_RESET = _number(0, 20)


def described(raw: bytes) -> tuple[SimpleNamespace, list[SimpleNamespace]]:
    """Take descriptors apart as usbfs gives them: the device's, in the order of bytes of this machine, then the rest.

    Raises `CameraProtocol` for what cannot be a device.
    """
    device = configuration = interface = None
    configurations: list[SimpleNamespace] = []
    for kind, body in _each(raw):
        if kind == _DEVICE and device is None:
            device = _fields(kind, body)
        elif kind == _CONFIGURATION:
            configuration = _fields(kind, body)
            configuration.interfaces = []
            configurations.append(configuration)
            interface = None
        elif kind == _INTERFACE and configuration is not None:
            interface = _fields(kind, body)
            interface.endpoints = []
            _settings_of(configuration, interface).append(interface)
        elif kind == _ENDPOINT and interface is not None:
            interface.endpoints.append(_fields(kind, body))
        elif interface is not None:
            interface.extra_descriptors += list(body)
    if device is None or not configurations:
        raise _senseless()
    _add_places(device)
    device.bNumConfigurations = len(configurations)
    for each in configurations:
        each.bNumInterfaces = len(each.interfaces)
        for setting in (setting for settings in each.interfaces for setting in settings):
            setting.bNumEndpoints = len(setting.endpoints)
    return device, configurations


def _settings_of(configuration: SimpleNamespace, interface: SimpleNamespace) -> list[SimpleNamespace]:
    for settings in configuration.interfaces:
        if settings[0].bInterfaceNumber == interface.bInterfaceNumber:
            return settings  # type: ignore[no-any-return]
    configuration.interfaces.append([])
    return configuration.interfaces[-1]  # type: ignore[no-any-return]


def _each(raw: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(raw):
        size = raw[place]
        if size < 2 or place + size > len(raw):
            raise _senseless()
        yield raw[place + 1], raw[place : place + size]
        place += size


def _fields(kind: int, body: bytes) -> SimpleNamespace:
    form, names = _FIELDS[kind]
    if len(body) < struct.calcsize(form):
        raise _senseless()
    fields = dict(zip(names.split(), struct.unpack_from(form, body), strict=True))
    # What an audio endpoint has besides (bRefresh, bSynchAddress), and what PyUSB wants to be told.
    return SimpleNamespace(**fields, bRefresh=0, bSynchAddress=0, extra_descriptors=[])


def _add_places(device: SimpleNamespace) -> None:
    """Say nothing of where it is on the bus: that is no business of a driver's."""
    device.bus = device.address = device.port_number = device.speed = None
    device.port_numbers = ()


def _senseless() -> CameraProtocol:
    return CameraProtocol(_("the camera describes itself on the bus in a way that makes no sense"))

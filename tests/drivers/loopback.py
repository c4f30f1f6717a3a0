"""A USB device in this process, and PyUSB's view of it: no kernel, no root, the same bytes as on a bus."""

import errno
from typing import Any

import usb.core
import usbip
from usbip.core import Stall

from dockd.driver import UsbSource
from dockd.driver.usb import Bytes, DescribedBackend

_SET_CONFIGURATION, _CLEAR_FEATURE, _ENDPOINT = 9, 1, 2


class Loopback(DescribedBackend):
    """`gone` makes every transfer fail as of a device that was pulled out, `silent` every read as of one that hangs;
    `resets` counts them.
    """

    def __init__(self, device: usbip.USBDevice) -> None:
        super().__init__(device.device_descriptor().pack() + device.config_bytes())
        self._virtual = device
        self._transport = usbip.Loopback()
        device.plug(self._transport)
        self._handle = usbip.open(busid=device.busid, transport=self._transport)
        self.gone = False
        self.silent = False
        self.resets = 0
        self.claimed: set[int] = set()

    def close(self) -> None:
        self._handle.conn.close()
        self._transport.stop()

    def device(self, _source: UsbSource) -> usb.core.Device:
        """Stand in for `dockd.driver.usb.opened`."""
        return usb.core.Device(None, self)

    def claim_interface(self, _handle: Any, interface: int) -> None:
        self._must_be_there()
        self.claimed.add(interface)

    def release_interface(self, _handle: Any, interface: int) -> None:
        self._must_be_there()
        self.claimed.discard(interface)

    def clear_halt(self, _handle: Any, endpoint: int) -> None:
        self._handle.clear_halt(endpoint)

    def reset_device(self, _handle: Any) -> None:
        self._must_be_there()
        self.resets += 1
        self._virtual.reset_io()

    def bulk_write(self, _handle: Any, endpoint: int, _interface: int, data: Bytes, _timeout: int) -> int:
        self._must_be_there()
        try:
            return self._handle.bulk_out(endpoint, data.tobytes())
        except Stall as error:
            raise usb.core.USBError("stalled", errno=errno.EPIPE) from error

    def bulk_read(self, _handle: Any, endpoint: int, _interface: int, into: Bytes, _timeout: int) -> int:
        """Fill `into` up to a short packet, as a host does: what is written at once there can take many transfers."""
        self._must_be_there()
        if self.silent:
            raise usb.core.USBTimeoutError("timed out", errno=errno.ETIMEDOUT)
        try:
            got = self._handle.bulk_in(endpoint, len(into))
        except Stall as error:
            raise usb.core.USBError("stalled", errno=errno.EPIPE) from error
        memoryview(into)[: len(got)] = got
        return len(got)

    def ctrl_transfer(
        self, _handle: Any, request_type: int, request: int, value: int, index: int, data: Bytes, _timeout: int
    ) -> int:
        self._must_be_there()
        if (request_type, request) == (0x80, 8):
            data[0] = 1
            return 1
        if not request_type & 0x80:
            return self._handle.control(request_type, request, value, index, data.tobytes())
        got = self._handle.control(request_type, request, value, index, len(data))
        memoryview(data)[: len(got)] = got
        return len(got)

    def _must_be_there(self) -> None:
        if self.gone:
            raise usb.core.USBError("No such device", errno=errno.ENODEV)

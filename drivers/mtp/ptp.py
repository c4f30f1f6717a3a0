"""The protocol of MTP cameras over USB: containers, operations and datasets, as far as a dock needs them.

PTP is PIMA 15740 with its USB annex (the Still Image class, 1.0); MTP 1.1 of the USB-IF adds object properties, and
Android the reading of a part behind 4 GiB (0x95C1). Everything that comes from the camera is measured before it is
believed, and a length only bounds what is read.
"""

import array
import contextlib
import errno
import itertools
import struct
from collections.abc import Iterator
from dataclasses import replace
from enum import IntEnum
from typing import Any

from dockd.driver import MAX_FILES
from dockd.errors import CameraBusy, CameraDenied, CameraMedia, CameraProtocol, CameraUnsupported, DriverError
from dockd.i18n import _
from drivers.mtp.dataset import UNKNOWN_SIZE, Dataset, DeviceInfo, ObjectInfo, StorageInfo, numbers_of, text_of

TIMEOUT_MS = 20_000
"""How long a camera may take for one transfer: one that looks for a file in a full folder takes seconds."""

SMALL = 1 << 20
"""The longest dataset that is taken; lists of handles have a bound of their own."""

AT_ONCE = 512 * 1024
"""Bytes of one transfer: a whole number of packets at any speed, or what follows would be lost (USB 2.0, 5.8.3)."""

ROOT = 0xFFFFFFFF

_ALL = frozenset({0, 0xFFFFFFFF})
_HEAD = struct.Struct("<IHHI")
_COMMAND, _DATA, _RESPONSE = 1, 2, 3
_STILL_IMAGE = (6, 1, 1)
_BULK, _IN = 2, 0x80


class Operation(IntEnum):
    """PIMA 15740, 10.4; MTP 1.1, appendix D; the last is Android's."""

    GET_DEVICE_INFO = 0x1001
    OPEN_SESSION = 0x1002
    CLOSE_SESSION = 0x1003
    GET_STORAGE_IDS = 0x1004
    GET_STORAGE_INFO = 0x1005
    GET_OBJECT_HANDLES = 0x1007
    GET_OBJECT_INFO = 0x1008
    GET_OBJECT = 0x1009
    DELETE_OBJECT = 0x100B
    GET_DEVICE_PROP_VALUE = 0x1015
    SET_DEVICE_PROP_VALUE = 0x1016
    GET_PARTIAL_OBJECT = 0x101B
    GET_OBJECT_PROP_VALUE = 0x9803
    GET_PARTIAL_OBJECT_64 = 0x95C1


_WITHOUT_DATA = {Operation.OPEN_SESSION, Operation.CLOSE_SESSION, Operation.DELETE_OBJECT}

_OK = 0x2001
_SESSION_ALREADY_OPEN = 0x201E
_INVALID_HANDLE = 0x2009
_OBJECT_SIZE = 0xDC04
_BATTERY = 0x5001
_DATE_TIME = 0x5011

_REFUSALS: dict[int, type[DriverError]] = {
    0x2005: CameraUnsupported,  # Operation_Not_Supported
    0x2008: CameraMedia,  # Invalid_StorageID: that memory is not there any more
    0x200A: CameraUnsupported,  # DevicePropNotSupported
    0x2002: CameraMedia,  # General_Error: what Android says of a file that it cannot read
    0x201F: CameraMedia,  # Transaction_Cancelled
    0x2007: CameraMedia,  # Incomplete_Transfer
    0x2009: CameraBusy,  # Invalid_ObjectHandle: it has gone, or has another handle now
    0x200D: CameraDenied,  # Object_WriteProtected
    0x200E: CameraDenied,  # Store_Read_Only
    0x200F: CameraDenied,  # Access_Denied
    0x2012: CameraDenied,  # Partial_Deletion
    0x2013: CameraMedia,  # Store_Not_Available
    0x2019: CameraBusy,  # Device_Busy
}


class Refused(Exception):
    """The camera answered an operation with another code than OK."""

    def __init__(self, operation: int, code: int) -> None:
        super().__init__(operation, code)
        self.operation = operation
        self.code = code

    def fault(self) -> DriverError:
        kind = _REFUSALS.get(self.code, CameraProtocol)
        return kind(
            _("the camera refuses {operation} with {code}").format(
                operation=Operation(self.operation).name, code=f"{self.code:04x}"
            )
        )


class Ptp:
    """A session with the camera behind `device`, which is a `usb.core.Device`. Errors of the bus are OSErrors."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self._out, self._in = _pipes(device)
        self._transaction = itertools.count(1)
        self._buffer = array.array("B", bytes(AT_ONCE))
        self._rest = b""
        self.in_step = True
        """Whether the last operation came to its response; else only a reset says what the next bytes are."""
        self._open_session()
        self.info = DeviceInfo.of(self.ask(Operation.GET_DEVICE_INFO))

    def _open_session(self) -> None:
        """Open one; of an earlier one, that was broken off, nothing is left over after a reset."""
        try:
            self._ask(Operation.OPEN_SESSION, 1, transaction=0)
        except Refused as refused:
            if refused.code != _SESSION_ALREADY_OPEN:
                raise refused.fault() from refused
            self.ask(Operation.CLOSE_SESSION)
            self._transaction = itertools.count(1)
            self.ask(Operation.OPEN_SESSION, 1, transaction=0)

    def close(self) -> None:
        """End the session, if the camera is still there."""
        with contextlib.suppress(OSError, DriverError):
            self.ask(Operation.CLOSE_SESSION)

    def storages(self) -> list[int]:
        """Give the numbers of what memories there are.

        Raises `CameraMedia` if one is not there, which its lower half of 0 says (MTP 1.1, 5.2.1), or there is none: a
        camera that is locked, or not ready yet, would list as empty, as if all of it had been cleared.
        """
        found = sorted(numbers_of(self.ask(Operation.GET_STORAGE_IDS)))
        if not found or not all(each & 0xFFFF for each in found):
            raise CameraMedia(
                _("the camera does not show its memory"),
                advice=_("Look in the camera whether it is locked, and whether its card is in it."),
            )
        return found

    def storage(self, number: int) -> StorageInfo:
        return StorageInfo.of(self.ask(Operation.GET_STORAGE_INFO, number))

    def children(self, storage: int, folder: int) -> list[int]:
        """Give the handles of what lies in a folder, which may be `ROOT`, and of nothing below it."""
        handles = numbers_of(self.ask(Operation.GET_OBJECT_HANDLES, storage, 0, folder, limit=4 * MAX_FILES + 4))
        if not _ALL.isdisjoint(handles):
            # What is told to erase one of these erases everything (PIMA 15740, 10.4.11).
            raise CameraProtocol(_("the camera gives a file a number that none can have"))
        return handles

    def object(self, handle: int) -> ObjectInfo:
        """Give what an object is now; raises `CameraBusy` if there is none of this handle."""
        info = ObjectInfo.of(self.ask(Operation.GET_OBJECT_INFO, handle))
        if info.is_folder or info.size is not None or Operation.GET_OBJECT_PROP_VALUE not in self.info.operations:
            return info
        size = Dataset(self.ask(Operation.GET_OBJECT_PROP_VALUE, handle, _OBJECT_SIZE)).number(8)
        return replace(info, size=size)

    def reads_parts(self, size: int) -> bool:
        """Whether any part can be read of an object so long: without Android's operation only as far as 32 bits go."""
        operations = self.info.operations
        if Operation.GET_PARTIAL_OBJECT_64 in operations:
            return True
        return Operation.GET_PARTIAL_OBJECT in operations and size < UNKNOWN_SIZE

    def part(self, handle: int, offset: int, into: memoryview) -> int:
        """Fill `into` with what stands at `offset`, and give how many bytes those are: fewer at the object's end."""
        size = len(into)
        if Operation.GET_PARTIAL_OBJECT_64 in self.info.operations:
            asked = (handle, offset & 0xFFFFFFFF, offset >> 32, size)
            return self._ask_into(Operation.GET_PARTIAL_OBJECT_64, asked, into)
        return self._ask_into(Operation.GET_PARTIAL_OBJECT, (handle, offset, size), into)

    def whole(self, handle: int, size: int) -> Iterator[memoryview]:
        """Give all of an object, piece by piece, each until the next is asked for.

        Nothing else can be asked for before its end, or a reset. Raises `CameraBusy` if it is not `size` bytes long:
        some cameras end one without a word after 4 GiB.
        """
        with _as_faults():
            number = self._send(Operation.GET_OBJECT, (handle,))
            yield from self._data(Operation.GET_OBJECT, number, size)
            self._end(Operation.GET_OBJECT, number)

    def delete(self, handle: int) -> None:
        """Erase an object. A camera that refuses, and has erased it all the same, has erased it."""
        try:
            self._ask(Operation.DELETE_OBJECT, handle, 0)
        except Refused as refused:
            if self._is_there(handle):
                raise refused.fault() from refused

    def date_time(self) -> str:
        """Give what its clock shows, as text; `CameraUnsupported` if it has none."""
        self._must_have_clock(Operation.GET_DEVICE_PROP_VALUE)
        return Dataset(self.ask(Operation.GET_DEVICE_PROP_VALUE, _DATE_TIME)).text()

    def battery_percent(self) -> int | None:
        """Give the charge of its battery; None if it does not tell, or tells what cannot be (PIMA 15740, 13.3.1)."""
        if Operation.GET_DEVICE_PROP_VALUE not in self.info.operations or _BATTERY not in self.info.properties:
            return None
        percent = Dataset(self.ask(Operation.GET_DEVICE_PROP_VALUE, _BATTERY)).number(1)
        return percent if percent <= 100 else None

    def _must_have_clock(self, operation: Operation) -> None:
        """Ask for nothing that the camera does not say it has: not every one takes that well."""
        if operation not in self.info.operations or _DATE_TIME not in self.info.properties:
            raise CameraUnsupported(_("the camera has no clock that can be asked"))

    def set_date_time(self, text: str) -> None:
        self._must_have_clock(Operation.SET_DEVICE_PROP_VALUE)
        with _as_faults():
            number = self._send(Operation.SET_DEVICE_PROP_VALUE, (_DATE_TIME,))
            self._write(_DATA, Operation.SET_DEVICE_PROP_VALUE, number, text_of(text))
            self._end(Operation.SET_DEVICE_PROP_VALUE, number)

    def _is_there(self, handle: int) -> bool:
        try:
            self._ask(Operation.GET_OBJECT_INFO, handle)
        except Refused as refused:
            return refused.code != _INVALID_HANDLE
        return True

    def ask(self, operation: Operation, *parameters: int, limit: int = SMALL, transaction: int | None = None) -> bytes:
        """Give the data of an operation; raises `DriverError` if the camera refuses it or sends more than `limit`."""
        with _as_faults():
            return self._ask(operation, *parameters, limit=limit, transaction=transaction)

    def _ask(self, operation: int, *parameters: int, limit: int = SMALL, transaction: int | None = None) -> bytes:
        number = self._send(operation, parameters, transaction)
        if operation in _WITHOUT_DATA:
            self._end(operation, number)
            return b""
        data = bytearray()
        for piece in self._data(operation, number):
            data += piece
            if len(data) > limit:
                raise CameraProtocol(_("the camera answers with more than {n} bytes").format(n=limit))
        self._end(operation, number)
        return bytes(data)

    def _ask_into(self, operation: Operation, parameters: tuple[int, ...], into: memoryview) -> int:
        with _as_faults():
            number = self._send(operation, parameters)
            done = 0
            for piece in self._data(operation, number):
                if done + len(piece) > len(into):
                    raise CameraProtocol(_("the camera answers with more than {n} bytes").format(n=len(into)))
                into[done : done + len(piece)] = piece
                done += len(piece)
            self._end(operation, number)
        return done

    def _send(self, operation: int, parameters: tuple[int, ...], transaction: int | None = None) -> int:
        number = next(self._transaction) if transaction is None else transaction
        self.in_step = False
        body = struct.pack(f"<{len(parameters)}I", *parameters)
        self._write(_COMMAND, operation, number, body)
        return number

    def _write(self, kind: int, operation: int, number: int, body: bytes) -> None:
        head = _HEAD.pack(_HEAD.size + len(body), kind, operation, number)
        self._device.write(self._out, head + body, TIMEOUT_MS)

    def _data(self, operation: int, number: int, size: int | None = None) -> Iterator[memoryview]:
        """Give the data of an operation, piece by piece: so much as the camera announces, or as `size` says.

        If neither says how much, it ends with the first transfer that is not full (Still Image class, 7.2). What a
        camera sends on in the same transfer begins the next container.
        """
        length, got = self._begin(operation, number, _DATA)
        if size is not None and length not in (None, size):
            raise _other_size(length or 0, size)
        announced = size if length is None else length
        start, done = _HEAD.size, 0
        while True:
            end = got if announced is None else min(got, start + announced - done)
            self._rest = bytes(self._buffer[end:got])
            piece = memoryview(self._buffer)[start:end]
            done += len(piece)
            yield piece
            is_over = length is None and got < AT_ONCE and done > 0
            if done == announced or (announced is None and is_over):
                return
            if is_over:
                raise _other_size(done, announced or 0)
            start, got = 0, self._receive()
            if not got:
                raise CameraProtocol(_("the camera sends less than it says"))

    def _begin(self, operation: int, number: int, expected: int) -> tuple[int | None, int]:
        """Receive the beginning of a container: give how long its data is, if that is known, and how much has come.

        Raises `Refused` for a response that is not OK.
        """
        got = self._receive()
        if got < _HEAD.size:
            raise CameraProtocol(_("the camera sends no container"))
        length, kind, code, transaction = _HEAD.unpack_from(self._buffer)
        if transaction != number or length < _HEAD.size:
            raise CameraProtocol(_("the camera answers something else than it was asked"))
        self.in_step = kind == _RESPONSE
        if kind == _RESPONSE and code != _OK:
            raise Refused(operation, code)
        if kind != expected:
            raise CameraProtocol(_("the camera answers something else than it was asked"))
        return None if length == UNKNOWN_SIZE else length - _HEAD.size, got

    def _end(self, operation: int, number: int) -> None:
        self._begin(operation, number, _RESPONSE)

    def _receive(self) -> int:
        """Receive one transfer; an empty one, that only ended the one before, does not count."""
        if self._rest:
            rest, self._rest = self._rest, b""
            memoryview(self._buffer)[: len(rest)] = rest
            return len(rest)
        try:
            got: int = self._device.read(self._in, self._buffer, TIMEOUT_MS)
            return got or self._device.read(self._in, self._buffer, TIMEOUT_MS)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise CameraMedia(_("the camera breaks off what it sends")) from error
            raise


def _other_size(got: int, size: int) -> CameraBusy:
    return CameraBusy(_("the camera gives {n} bytes of {size}").format(n=got, size=size))


@contextlib.contextmanager
def _as_faults() -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        raise refused.fault() from refused


def _pipes(device: Any) -> tuple[int, int]:
    """Find the bulk endpoints of the Still Image interface: out, in."""
    for interface in device.get_active_configuration():
        kind = (interface.bInterfaceClass, interface.bInterfaceSubClass, interface.bInterfaceProtocol)
        bulk = [each.bEndpointAddress for each in interface if each.bmAttributes & 3 == _BULK]
        outs, ins = [each for each in bulk if not each & _IN], [each for each in bulk if each & _IN]
        if kind == _STILL_IMAGE and outs and ins:
            return outs[0], ins[0]
    raise CameraUnsupported(_("the camera has no interface for MTP"))

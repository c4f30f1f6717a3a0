"""An MTP camera in this process: the responder of the `usbip` package, over a memory that the test commands."""

import itertools
from collections.abc import Callable

import usbip
from usbip.classes.device.mtp import DPC_FRIENDLY_NAME, DPC_SYNC_PARTNER, MTP, ptp_str, ptp_str_parse, u16_array

from dockd.driver import UsbSource
from dockd.testing.contract import Scene
from drivers.mtp import MtpDriver
from drivers.mtp.ptp import Operation
from tests.drivers.loopback import Loopback

SERIAL = "0123456789ABCDEF0123456789ABCDEF"
DATE_TIME, BATTERY = 0x5011, 0x5001
_mtimes = itertools.count(1_790_000_000, 60)


class Memory:
    """One memory of the camera: files by their paths. `sizes` are told instead of the real ones."""

    read_only = False
    description = "card"

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.mtimes: dict[str, int] = {}
        self.empty_folders: set[str] = set()

    def listdir(self, path: str) -> list[str]:
        prefix = f"{path}/" if path else ""
        every = [*self.files, *self.empty_folders]
        return sorted({each[len(prefix) :].split("/")[0] for each in every if each.startswith(prefix)})

    def stat(self, path: str) -> tuple[bool, int, int]:
        if path in self.files:
            return False, len(self.files[path]), self.mtimes[path]
        return True, 0, 0

    def read(self, path: str, offset: int, size: int | None) -> bytes:
        content = self.files[path]
        return content[offset:] if size is None else content[offset : offset + size]

    def remove(self, path: str) -> None:
        del self.files[path]

    def disk_usage(self) -> tuple[int, int]:
        used = sum(map(len, self.files.values()))
        return 1 << 20, (1 << 20) - used


class Responder(MTP):
    """`refuses` gives the response that an operation gets instead; `without` are those that it does not know."""

    def __init__(self, memories: list[Memory]) -> None:
        super().__init__(memories, serial=SERIAL)
        self.refuses: dict[int, int] = {}
        self.without: set[int] = set()
        self.before: Callable[[int], None] = lambda _operation: None
        self.asked: list[int] = []
        self.clock: str | None = None
        self.battery: int | None = None

    def _device_info(self) -> bytes:
        info: bytes = super()._device_info()
        known = [DPC_FRIENDLY_NAME, DPC_SYNC_PARTNER]
        has = {DATE_TIME: self.clock, BATTERY: self.battery}
        more = [code for code, value in has.items() if value is not None]
        info = info.replace(u16_array(known), u16_array([*known, *more]))
        for each in self.without:
            # Another number in its place: one that nobody knows.
            info = info.replace(each.to_bytes(2, "little"), b"\x00\x9f", 1)
        return info

    def _device_prop_value(self, code: int) -> bytes | None:
        if code == BATTERY and self.battery is not None:
            return bytes([self.battery])
        return ptp_str(self.clock) if code == DATE_TIME and self.clock is not None else super()._device_prop_value(code)

    def _recv_device_prop(self, transaction: int, parameters: list[int], payload: bytes) -> None:
        if parameters[0] == DATE_TIME:
            self.clock = ptp_str_parse(payload, 0)[0]
        super()._recv_device_prop(transaction, parameters, payload)

    def _dispatch(self, data: bytes) -> None:
        operation = int.from_bytes(data[6:8], "little")
        transaction = int.from_bytes(data[8:12], "little")
        self.asked.append(operation)
        self.before(operation)
        if operation in self.without:
            self._resp(0x2005, transaction)
        elif operation in self.refuses:
            self._resp(self.refuses[operation], transaction)
        else:
            super()._dispatch(data)


class MtpScene(Scene):
    """`parts`: as much as the camera can read of an object without giving all of it."""

    identity = None
    driver = MtpDriver
    source = UsbSource(-1)

    def __init__(self, without: set[int] | None = None, memories: int = 1) -> None:
        self.memories = [Memory() for _number in range(memories)]
        self.responder = Responder(self.memories)
        self.responder.without = without or set()
        device = usbip.USBDevice(0x46F4, 0x0004, product="Camera", manufacturer="Maker", serial="BWC0000001")
        device.add(self.responder)
        self.bus = Loopback(device)

    @property
    def memory(self) -> Memory:
        return self.memories[0]

    def close(self) -> None:
        self.bus.close()

    def mounted_anew(self) -> UsbSource:
        self.renumber()
        return self.source

    def renumber(self) -> None:
        """Let every object have another handle, as in a new session it may."""
        self.responder.storage._handle_of.clear()
        self.responder.storage._next += 1000
        self.rescan()

    def rescan(self) -> None:
        self.responder.storage.rescan()

    def put(self, path: bytes, content: bytes) -> None:
        self.memory.files[path.decode()] = content
        self.memory.mtimes[path.decode()] = next(_mtimes)
        self.rescan()

    def remove(self, path: bytes) -> None:
        del self.memory.files[path.decode()]
        self.rescan()

    def resize(self, path: bytes, size: int) -> None:
        self.memory.files[path.decode()] = self.memory.files[path.decode()][:size].ljust(size, b"\0")
        self.rescan()

    def holds(self) -> set[bytes]:
        return {path.encode() for path in self.memory.files}


WHOLE_ONLY = {int(Operation.GET_PARTIAL_OBJECT), int(Operation.GET_PARTIAL_OBJECT_64)}

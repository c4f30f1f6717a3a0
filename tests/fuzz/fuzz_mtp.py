"""Fuzz what reads an MTP camera: `python tests/fuzz/fuzz_mtp.py --cases 1000000 [--seed N]`.

A case is a camera that answers a session as a sound one would, with a few lies in its transfers: bits, lengths,
numbers, pieces left out, doubled, cut elsewhere, or noise; or a device whose descriptors lie.

What must hold: nothing but `DriverError` and OSError comes out; nothing is listed that has no path or no possible size;
what was read is never more than was asked for; no case takes more than a second, and the process does not grow.
"""

import array
import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from unittest.mock import patch

import usb.core

from dockd.driver import UsbSource
from dockd.driver.usb import described
from dockd.errors import DriverError
from dockd.model import Recording
from drivers import mtp
from drivers.mtp.ptp import Operation
from tests.detect.test_usb_samples import SAMPLES
from tests.fuzz import course

CONTENT = bytes(range(256)) * 8
EDGES = (0, 1, 11, 12, 13, 255, 256, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
STORAGE = 0x00010001


def text(words: str) -> bytes:
    return bytes([len(words) + 1]) + (words + "\0").encode("utf-16-le") if words else b"\0"


def numbers(width: str, *values: int) -> bytes:
    return struct.pack(f"<I{len(values)}{width}", len(values), *values)


def info(name: str, kind: int, size: int) -> bytes:
    head = struct.pack("<IHHIHIIIIIIIHII", STORAGE, kind, 0, size, *[0] * 11)
    return head + text(name) + text("20261122T101500") + text("") + text("")


ANSWERS = {
    Operation.GET_DEVICE_INFO: struct.pack("<HIH", 100, 6, 100) + text("microsoft.com: 1.0;") + b"\0\0"
    + numbers("H", *Operation) + numbers("H") * 4 + text("M") + text("Cam") + text("1.0") + text("SN1"),
    Operation.GET_STORAGE_IDS: numbers("I", STORAGE),
    Operation.GET_STORAGE_INFO: struct.pack("<HHHQQ", 4, 2, 0, 1 << 30, 1 << 20),
}  # fmt: skip
CHILDREN = {0xFFFFFFFF: (1, 2), 1: (3,)}
OBJECTS = {1: info("DCIM", 0x3001, 0), 2: info("a.mp4", 0xB982, len(CONTENT)), 3: info("b.mp4", 0x3000, 0xFFFFFFFF)}


class Camera:
    """Answers as PyUSB's device; `lies` so often of a thousand transfers."""

    def __init__(self, rng: random.Random, lies: int) -> None:
        self._rng, self._lies = rng, lies
        self._waiting: list[bytes] = []

    def get_active_configuration(self) -> Iterator[object]:
        bulk = [SimpleNamespace(bEndpointAddress=each, bmAttributes=2) for each in (0x01, 0x81)]
        interface = type("Interface", (list,), {"bInterfaceClass": 6, "bInterfaceSubClass": 1, "bInterfaceProtocol": 1})
        return iter([interface(bulk)])

    def reset(self) -> None:
        self._waiting.clear()

    def write(self, _endpoint: int, data: bytes, _timeout: int) -> int:
        _length, _kind, code, number = struct.unpack_from("<IHHI", data)
        parameters = struct.unpack_from(f"<{(len(data) - 12) // 4}I", data, 12)
        answer = self._answer(code, parameters)
        if answer is not None:
            self._waiting.append(struct.pack("<IHHI", 12 + len(answer), 2, code, number) + answer)
        self._waiting.append(struct.pack("<IHHI", 12, 3, 0x2001, number))
        return len(data)

    def _answer(self, code: int, parameters: tuple[int, ...]) -> bytes | None:
        match code:
            case Operation.GET_OBJECT_HANDLES:
                return numbers("I", *CHILDREN.get(parameters[2], ()))
            case Operation.GET_OBJECT_INFO:
                return OBJECTS.get(parameters[0], b"")
            case Operation.GET_OBJECT_PROP_VALUE:
                return struct.pack("<Q", len(CONTENT))
            case Operation.GET_OBJECT:
                return CONTENT
            case Operation.GET_PARTIAL_OBJECT:
                return CONTENT[parameters[1] :][: parameters[2]]
            case Operation.GET_PARTIAL_OBJECT_64:
                return CONTENT[parameters[1] | parameters[2] << 32 :][: parameters[3]]
        return ANSWERS.get(Operation(code))

    def read(self, _endpoint: int, into: "array.array[int]", _timeout: int) -> int:
        if not self._waiting:
            raise usb.core.USBTimeoutError("timed out", errno=110)
        transfer = self._waiting.pop(0)
        if self._rng.randrange(1000) < self._lies:
            transfer = self._lie(bytearray(transfer))
        part = transfer[: len(into)]
        memoryview(into)[: len(part)] = part
        return len(part)

    def _lie(self, transfer: bytearray) -> bytes:
        rng = self._rng
        place = rng.randrange(len(transfer)) if transfer else 0
        match rng.randrange(6):
            case 0 if transfer:
                transfer[place] ^= 1 << rng.randrange(8)
            case 1 if len(transfer) >= 4:
                at = rng.randrange(len(transfer) - 3) if rng.random() < 0.5 else 0
                transfer[at : at + 4] = struct.pack("<I", rng.choice(EDGES))
            case 2:
                del transfer[place:]
            case 3:
                self._waiting.insert(0, bytes(transfer[place:]))
                del transfer[place:]
            case 4:
                self._waiting.insert(0, bytes(transfer))
            case _:
                return rng.randbytes(rng.choice((0, 1, 12, 64, 600)))
        return bytes(transfer)


def a_session(rng: random.Random) -> None:
    camera = Camera(rng, rng.choice((5, 50, 300)))
    options = {"identity": rng.choice(("bus", "camera"))}
    with patch.multiple(mtp, opened=lambda _source: camera, reset=Camera.reset, release=lambda _camera: None):
        session = mtp.MtpDriver(options).open(UsbSource(-1))
        session.identify()
        session.fullness()
        for found in list(session.list()):
            assert found.path.raw
            if isinstance(found, Recording):
                assert found.size >= 0
                session.read_at(found, rng.randrange(3000), rng.randrange(5000))
        session.close()


def a_device(rng: random.Random) -> None:
    raw = bytearray(rng.choice(SAMPLES).raw)
    for _number in range(rng.randrange(1, 4)):
        raw[rng.randrange(len(raw))] = rng.choice((0, 1, 2, 4, 5, 9, 255, rng.randrange(256)))
    device, configurations = described(bytes(raw[: rng.choice((len(raw), rng.randrange(len(raw) + 1)))]))
    assert device.bNumConfigurations == len(configurations) > 0


def read(rng: random.Random) -> str:
    try:
        a_device(rng) if rng.random() < 0.2 else a_session(rng)
    except (DriverError, OSError) as error:
        return type(error).__name__
    return "understood"


def fuzz(cases: int, seed: int) -> course.Tally:
    """Run so many cases; see `course.run`."""
    return course.run(lambda rng: lambda: [read(rng)], cases, seed)


if __name__ == "__main__":
    course.main(__doc__, fuzz)

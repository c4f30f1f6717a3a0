"""Fuzz what unlocks a camera in ASCII: `python tests/fuzz/fuzz_ambarella.py --cases 1000000 [--seed N]`.

A case is a camera that answers a session as a sound one would, with a few lies in its answers: bits, pieces left out,
doubled or cut off, padding, noise, or a fault of the bus in place of one.

What must hold: nothing but `DriverError` comes out, and no fault of the code's own in its place; the id is asked for
once, however often the session is asked again, and never of what does not answer the greeting; what gave none is not
told to come back; no case takes more than a second, and the process does not grow.
"""

import array
import errno
import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from unittest.mock import patch

import usb.core

from dockd.driver import UsbSource
from dockd.driver.abilities import set_clock
from dockd.errors import DriverError
from drivers import ambarella
from tests.fuzz import course

CREDENTIAL = "12345678"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FAULTS = (errno.ETIMEDOUT, errno.ENODEV, errno.EPIPE, errno.ESHUTDOWN, errno.EPROTO, errno.EOVERFLOW, errno.EIO)
PIECES = (b";", b"#", b"@", b"\0", b"OK", b"ERR", b"Gdv", b"Ver;OK", b"%s", b"../", b"\n", b"\x1b[2J", b"9" * 70)


class Camera:
    """Answers as PyUSB's device; `lies` so often of a thousand answers."""

    def __init__(self, rng: random.Random, lies: int) -> None:
        self._rng, self._lies = rng, lies
        self._waiting: list[bytes] = []
        self.said: list[str] = []

    def get_active_configuration(self) -> Iterator[object]:
        pipes = [SimpleNamespace(bEndpointAddress=each, bmAttributes=2) for each in (0x01, 0x81)]
        return iter([type("Interface", (list,), {"bInterfaceClass": 0xFF})(pipes)])

    def write(self, _endpoint: int, data: bytes, _timeout: int) -> int:
        self._perhaps_fail()
        name = data.decode("ascii").removeprefix("@").split(";")[0]
        self.said.append(name)
        self._waiting.append(f"{name};{'X81A2207' if name == 'Gdv' else 'OK'}".encode())
        return len(data)

    def read(self, _endpoint: int, into: "array.array[int]", _timeout: int) -> int:
        self._perhaps_fail()
        if not self._waiting:
            raise usb.core.USBTimeoutError("timed out", errno=errno.ETIMEDOUT)
        answer = self._waiting.pop(0)
        if self._rng.randrange(1000) < self._lies:
            answer = self._lie(bytearray(answer))
        part = answer[: len(into)]
        memoryview(into)[: len(part)] = part
        return len(part)

    def _perhaps_fail(self) -> None:
        if self._rng.randrange(4000) < self._lies:
            raise usb.core.USBError("failed", errno=self._rng.choice(FAULTS))

    def _lie(self, answer: bytearray) -> bytes:
        rng = self._rng
        place = rng.randrange(len(answer)) if answer else 0
        match rng.randrange(6):
            case 0 if answer:
                answer[place] ^= 1 << rng.randrange(8)
            case 1:
                answer[place:place] = rng.choice(PIECES)
            case 2:
                del answer[place:]
            case 3:
                self._waiting += [bytes(answer)] * rng.choice((1, 100))
            case 4:
                answer += bytes(rng.choice((1, 56, 504, 600)))
            case _:
                return rng.randbytes(rng.choice((0, 1, 12, 64, 600)))
        return bytes(answer)


def unlock(rng: random.Random) -> list[str]:
    """Ask everything of one camera, and go on after a fault as nobody should."""
    camera = Camera(rng, rng.choice((0, 50, 300)))
    ends = []

    def ask(what: Callable[[], object]) -> None:
        try:
            what()
        except DriverError as error:
            assert isinstance(error.__cause__, OSError | DriverError | None), "a fault of the code, not of the camera"
            ends.append(type(error).__name__)

    def asked() -> None:
        session = ambarella.AmbarellaUnlocker({}).open(UsbSource(-1), CREDENTIAL)
        assert camera.said == ["Ver"]
        for each in (session.identify, partial(set_clock, session, NOON), session.identify, session.unlock):
            ask(each)
        session.close()

    with patch.multiple(ambarella, opened=lambda _source: camera, release=lambda _camera: None):
        ask(asked)
    assert camera.said.count("Gdv") <= 1 and camera.said.count("ATH") <= camera.said.count("Gdv")
    return ends or ["unlocked"]


def fuzz(cases: int, seed: int) -> course.Tally:
    """Run so many cases; see `course.run`."""
    return course.run(lambda rng: lambda: unlock(rng), cases, seed)


if __name__ == "__main__":
    course.main(__doc__, fuzz)

"""A locked camera with the ASCII protocol, in this process: a device of the `usbip` package that a test commands."""

from collections.abc import Callable

import usbip
from usbip.function import Interface

from dockd.driver import UsbSource
from dockd.driver.unlocking import LockedSession
from dockd.testing.unlocking import UnlockScene
from drivers.ambarella import AmbarellaUnlocker
from tests.drivers.loopback import Loopback

IDENTITY = "X81A2207"
CREDENTIAL = "12345678"


class Responder(Interface):
    """`answers` has what it says to a command in place of what it would; `said` has every command."""

    bulk_out = usbip.Out(1)
    bulk_in = usbip.In(1)

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.answers: dict[str, bytes] = {}
        self.before: Callable[[str], None] = lambda _name: None
        self.is_told = False

    def on_out(self, _endpoint: object, data: bytes) -> None:
        command = data.decode("ascii")
        self.said.append(command)
        name, _length, argument, end = command.removeprefix("@").split(";")
        assert end == "#"
        self.before(name)
        self.bulk_in.write(self.answers.get(name) or self._answer(name, argument))

    def _answer(self, name: str, argument: str) -> bytes:
        if name in ("Gdv", "ATH") and argument != CREDENTIAL:
            return f"{name};ERR".encode()
        self.is_told = self.is_told or name == "ATH"
        return f"{name};{IDENTITY if name == 'Gdv' else 'OK'}".encode()


class AmbarellaCamera(UnlockScene):
    """The device, and what opens it."""

    unlocker = AmbarellaUnlocker
    identity, credential, wrong_credential = IDENTITY, CREDENTIAL, "00000000"
    source = UsbSource(-1)

    def __init__(self) -> None:
        self.responder = Responder()
        device = usbip.USBDevice(0x4255, 0x0001, product="Camera", manufacturer="Maker", serial="0123")
        device.add(self.responder)
        self.bus = Loopback(device)

    def open(self, credential: str = CREDENTIAL) -> LockedSession:
        return self.unlocker({}).open(self.source, credential)

    def credentials_seen(self) -> list[str]:
        commands = (each.removeprefix("@").split(";") for each in self.responder.said)
        return [fields[2] for fields in commands if fields[0] in ("Gdv", "ATH")]

    def is_told(self) -> bool:
        return self.responder.is_told

    def leave_when_told(self) -> None:
        def before(name: str) -> None:
            self.bus.gone = name == "ATH"

        self.responder.before = before

    def pull_out(self) -> None:
        self.bus.gone = True

    def answer_nonsense(self) -> None:
        self.responder.answers = dict.fromkeys(("Ver", "Gdv", "ATH"), b"\xff\x00;#@;;")

    def close(self) -> None:
        self.bus.close()

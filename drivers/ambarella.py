"""Locked cameras with a chip of Ambarella, which take commands in ASCII on two bulk endpoints of a vendor's interface.

Several makers sell such cameras under their names. Neither they nor Ambarella publish the protocol: what is spoken here
is what a public program of others says to one (docs/drivers.md names it). A command is `@NAME;LENGTH;ARGUMENT;#`.

What a refused credential looks like nobody has told. So no answer to it but an id counts as taken, and after any fault
in between it is not sent again: a camera may count the wrong ones.
"""

import array
import errno
import re
from datetime import datetime
from typing import Any, ClassVar

from dockd.driver import Ability, SourceKind, UsbSource
from dockd.driver.abilities import CameraTime
from dockd.driver.unlocking import LockedSession, Unlocker
from dockd.driver.usb import opened, release
from dockd.errors import CameraDenied, CameraProtocol, CameraUnsupported
from dockd.i18n import _

TIMEOUT_MS = 5000
MAX_ANSWER = 512

_VENDOR, _BULK, _IN = 0xFF, 2, 0x80
_CREDENTIAL = re.compile(r"[0-9A-Za-z]{8}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REFUSALS = {"ERR", "ERROR", "FAIL", "FAILED", "NG", "NO", "NOK", "DENY", "DENIED"}
_NAMES = {"Ver", "Gdv", "Sdt", "Stm", "ATH"}
_MAX_LEFT_OVER = 4
_LEFT = {errno.ENODEV, errno.ESHUTDOWN}
_NOBODY = "00000000"
"""What the first command has in the place of a credential."""


class AmbarellaSession(LockedSession):
    """One camera. It is asked who it is once: that takes the credential."""

    def __init__(self, source: UsbSource, credential: str) -> None:
        super().__init__()
        self._credential = credential
        self._identity = ""
        self._was_sent = False
        self._device = opened(source)
        try:
            self._out, self._in = _pipes(self._device)
            self._greet()
        except BaseException:
            release(self._device)
            raise

    def _greet(self) -> None:
        said = self._asked("Ver", 8, _NOBODY)
        if "OK" not in said:
            raise CameraProtocol(_("the camera does not speak this protocol"))

    def _identify(self) -> str:
        if not self._identity:
            said = self._let_in("Gdv")
            if len(said) != 1 or said[0].upper() in {"OK", *_REFUSALS} or not _ID.fullmatch(said[0]):
                raise CameraDenied(_("the camera does not answer its credential with an id"))
            self._identity = said[0]
        return self._identity

    def _unlock(self) -> None:
        self._identify()
        try:
            said = self._asked("ATH", 8, self._credential)
        except OSError as error:
            # It may be on its way already: whether it comes back is what counts.
            if error.errno in {errno.ETIMEDOUT, errno.EPIPE, errno.EPROTO, *_LEFT}:
                return
            raise
        if any(each.upper() in _REFUSALS for each in said):
            raise CameraDenied(_("the camera refuses to show its card"))

    def tell_time(self) -> CameraTime:
        raise CameraUnsupported(_("this camera takes the time and does not tell it"))

    def take_time(self, now: datetime) -> None:
        for name, length, argument in (("Sdt", 8, f"{now:%Y%m%d}"), ("Stm", 6, f"{now:%H%M%S}00")):
            if any(each.upper() in _REFUSALS for each in self._asked(name, length, argument)):
                raise CameraUnsupported(_("the camera does not take the time"))

    def close(self) -> None:
        release(self._device)

    def _let_in(self, name: str) -> list[str]:
        """Send the credential for the first time; whatever fails from here on, it is not sent once more."""
        if self._was_sent:
            raise CameraDenied(_("the camera was given its credential already"))
        self._was_sent = True
        try:
            return self._asked(name, 8, self._credential)
        except CameraProtocol as fault:
            raise CameraDenied(fault.message) from fault
        except OSError as error:
            if error.errno in _LEFT:
                raise
            raise CameraDenied(_("the camera does not answer its credential with an id")) from error

    def _asked(self, name: str, length: int, argument: str) -> list[str]:
        """Give a command, and the fields of the answer without the command's own name.

        A worker that waited in vain before this one leaves an answer behind, which comes first.
        """
        command = f"@{name};{length};{argument};#".encode("ascii")
        self._device.write(self._out, command, TIMEOUT_MS)
        for _number in range(_MAX_LEFT_OVER):
            fields = self._heard()
            if fields[0] == name:
                return fields[1:]
            if fields[0] not in _NAMES:
                return fields
        raise CameraProtocol(_("the camera answers what it was not asked"))

    def _heard(self) -> list[str]:
        answer = array.array("B", bytes(MAX_ANSWER))
        size = self._device.read(self._in, answer, TIMEOUT_MS)
        return _fields(answer[:size].tobytes())


def _fields(answer: bytes) -> list[str]:
    """Take an answer apart, into one field at least; raises `CameraProtocol` for what is no line of ASCII."""
    line = answer.strip(b"\0\r\n ").decode("ascii", "replace")
    fields = [each for each in line.removeprefix("@").removesuffix("#").split(";") if each]
    if not fields or not line.isascii() or not line.isprintable():
        raise CameraProtocol(_("the camera answers what is no text"))
    return fields


def _pipes(device: Any) -> tuple[int, int]:
    """Give the bulk endpoints of the vendor's interface; raises `CameraProtocol` if there is none that has two."""
    for interface in device.get_active_configuration():
        if interface.bInterfaceClass != _VENDOR:
            continue
        bulk = [each.bEndpointAddress for each in interface if each.bmAttributes & 3 == _BULK]
        out, into = [each for each in bulk if not each & _IN], [each for each in bulk if each & _IN]
        if len(out) == len(into) == 1:
            return out[0], into[0]
    raise CameraProtocol(_("the camera has no interface of this protocol"))


class AmbarellaUnlocker(Unlocker):
    """The credential has eight letters or digits."""

    name: ClassVar[str] = "ambarella"
    version: ClassVar[str] = "1"
    source: ClassVar[SourceKind] = SourceKind.USB
    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.UNLOCK, Ability.CLOCK})
    usb_ids: ClassVar[frozenset[str]] = frozenset({"4255:0001"})

    def _open(self, source: UsbSource, credential: str) -> LockedSession:
        if not _CREDENTIAL.fullmatch(credential):
            raise CameraUnsupported(
                _("the credential of this camera has eight letters or digits, and another was given"),
                advice=_("Correct the credential that the model names: docs/usb.md."),
            )
        return AmbarellaSession(source, credential)

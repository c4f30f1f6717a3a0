"""Unlocks cameras through their vendor's shared library with the C interface of GA/T 947, part 4 ("ZFY").

The library finds and opens the camera by itself, and is code of others that may hang, abort or write anywhere: it ends
this process and nothing else. No password is sent a second time once it may have been wrong, because nobody says after
how many a camera locks itself.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from dockd.driver import Ability, NodeSource, SourceKind
from dockd.driver.abilities import CameraState, CameraTime
from dockd.driver.places import wrong_option
from dockd.driver.unlocking import LockedSession, Unlocker
from dockd.errors import CameraBusy, CameraDenied, CameraGone, CameraProtocol, CameraUnsupported, DriverError
from dockd.i18n import _
from drivers.gat947.info import INFO_BYTES, Info, percent_of, text_of
from drivers.gat947.library import Call, Code, Memory, VendorLibrary, number_memory

MAX_PASSWORD = 15
"""Characters: some libraries copy it into `char[16]`."""

IDENTITIES = ("serial", "model-serial")
_MAX_ID_CODE = 8
_NEEDED = (Call.INIT, Call.INFO, Call.STORAGE)


class Password:
    """The one password of a session, which no call gets any more once one may have refused it."""

    def __init__(self, text: str) -> None:
        self._text = text.encode("ascii")
        self._is_right = False
        self._refused: CameraDenied | None = None

    def memory(self) -> Memory:
        """Give it to a call, padded with zeros; raises what it was refused with."""
        if self._refused is not None:
            raise self._refused
        return Memory(self._text)

    def accepted(self) -> None:
        self._is_right = True

    def may_be_wrong(self, code: int) -> bool:
        """Whether a call with it may have failed because of it: none has succeeded yet, and no other reason is told."""
        return not self._is_right and code not in (Code.TIME_NOT_SET, Code.NO_STORAGE)

    def refused(self, message: str) -> CameraDenied:
        self._refused = CameraDenied(
            message,
            advice=_(
                "It is not sent again. Correct the credential of this model (docs/usb.md), then put the camera in anew."
            ),
        )
        return self._refused


class Gat947Session(LockedSession):
    """One camera, behind its vendor's library."""

    def __init__(self, library: VendorLibrary, source: NodeSource, credential: str, options: Mapping[str, str]) -> None:
        super().__init__()
        self._library, self._node, self._options = library, source.path, options
        self._password = Password(credential)
        self._known: Info | None = None
        self._is_open = False
        self._call(Call.INIT, Memory(options.get("id_code", "").encode("ascii")))
        self._is_open = True

    def _identify(self) -> str:
        serial = self._info().serial
        if self._options.get("identity") != "model-serial":
            return serial
        code = Memory()
        self._call(Call.CODE, code)
        model = text_of(code.content)
        if model is None:
            raise CameraProtocol(_("the camera states no code of its model"))
        return f"{model}-{serial}"

    def _unlock(self) -> None:
        # It may have left the bus before it answered, which the library takes for a fault.
        with contextlib.suppress(CameraGone):
            self._call_with_password(Call.STORAGE)

    def tell_state(self) -> CameraState:
        """Give the officer's number, and the battery's charge where the library has that call and it makes sense."""
        return CameraState(battery_percent=self._percent(), officer=self._info().officer)

    def tell_time(self) -> CameraTime:
        """Refuse: the standard has no call for it."""
        raise CameraUnsupported(_("cameras of GA/T 947 do not tell the time"))

    def take_time(self, now: datetime) -> None:
        """Have the library set it: to this computer's time by itself, in the zone of `now` if it asks the C library."""
        with _zone_of(now):
            self._call_with_password(Call.TIME)

    def close(self) -> None:
        """Let go of it, unless it was told to come back: the library would look for a camera that has left."""
        if not self._is_open:
            return
        self._is_open = False
        if not self._is_told and self._library.has(Call.END):
            with contextlib.suppress(DriverError):
                self._library.call(Call.END)

    def _info(self) -> Info:
        if self._known is None:
            filled = Memory()
            self._call_with_password(Call.INFO, filled)
            self._known = Info.of(filled.content, self._options.get("info_bytes", INFO_BYTES[0]))
        return self._known

    def _percent(self) -> int | None:
        self._info()
        if not self._library.has(Call.BATTERY):
            return None
        battery = number_memory()
        try:
            self._call_with_password(Call.BATTERY, battery)
        except (CameraBusy, CameraProtocol):
            self._library.must_be_sound()
            return None
        return percent_of(battery.number)

    def _call_with_password(self, name: str, *handed: Memory) -> None:
        self._call(name, *handed, self._password.memory(), with_password=True)
        self._password.accepted()

    def _call(self, name: str, *handed: Memory, with_password: bool = False) -> None:
        is_done, code = self._library.call(name, *handed)
        if is_done:
            return
        if code == Code.PASSWORD_WRONG:
            raise self._password.refused(_("the camera refused the password"))
        if not os.path.exists(self._node):
            raise CameraGone(_("the camera has left the bus"))
        if with_password and self._password.may_be_wrong(code):
            raise self._password.refused(
                _("{call} failed with the code {code}: the password may be wrong").format(call=name, code=code)
            )
        raise _fault(name, code)


@contextlib.contextmanager
def _zone_of(moment: datetime) -> Iterator[None]:
    """Have the C library of this process count in the zone of a moment."""
    before = os.environ.get("TZ")
    offset = moment.utcoffset() or timedelta()
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    # POSIX counts to the west.
    os.environ["TZ"] = f"DOCK{'+' if offset < timedelta() else '-'}{hours:02}:{minutes:02}"
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def _fault(name: str, code: int) -> DriverError:
    if code == Code.NOT_CONNECTED:
        return CameraBusy(
            _("the library does not reach the camera ({call})").format(call=name),
            advice=_("Is it the library for this camera, and may it open it? See docs/drivers.md."),
        )
    if code == Code.NO_STORAGE:
        return CameraBusy(
            _("the camera does not come back as a card"), advice=_("Is it recording, or is its card missing?")
        )
    return CameraProtocol(_("{call} failed with the code {code}").format(call=name, code=code))


class Gat947Unlocker(Unlocker):
    """Tells a camera to come back as a card. Its serial number is its identity, with its model in front if wanted."""

    name: ClassVar[str] = "gat947"
    version: ClassVar[str] = "1"
    source: ClassVar[SourceKind] = SourceKind.NODE
    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.UNLOCK, Ability.CLOCK, Ability.STATE})
    option_names: ClassVar[frozenset[str]] = frozenset({"library", "info_bytes", "identity", "id_code"})

    def __init__(self, options: Mapping[str, str]) -> None:
        super().__init__(options)
        self._check("library", os.path.isabs(options.get("library", "")), _("It is the whole path of a file."))
        for name, choices in (("info_bytes", INFO_BYTES), ("identity", IDENTITIES)):
            is_one = options.get(name, choices[0]) in choices
            self._check(name, is_one, _("It is one of: {names}.").format(names=", ".join(choices)))
        code = options.get("id_code", "")
        is_code = code.isascii() and code.isprintable() and len(code) <= _MAX_ID_CODE
        self._check("id_code", is_code, _("It has at most {n} characters.").format(n=_MAX_ID_CODE))

    def _open(self, source: NodeSource, credential: str) -> LockedSession:
        if len(credential) > MAX_PASSWORD:
            raise CameraUnsupported(
                _("a password of GA/T 947 has at most {n} characters").format(n=MAX_PASSWORD),
                advice=_("Correct the credential of this model: docs/usb.md."),
            )
        is_by_model = self.options.get("identity") == "model-serial"
        library = VendorLibrary(Path(self.options["library"]), (*_NEEDED, *([Call.CODE] if is_by_model else [])))
        return Gat947Session(library, source, credential, self.options)

    def _check(self, option: str, is_right: bool, advice: str) -> None:
        if not is_right:
            raise wrong_option(self.name, self.options, option, advice)

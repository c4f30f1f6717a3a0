"""What some cameras can do besides being listed, read and cleared: small protocols that a session has or has not.

A session, of a driver or of an unlocker, defines the methods; dockd calls the functions here, which keep the contract
for them: nothing but `DriverError` comes out, `CameraUnsupported` for a camera that turns out not to have it. The class
names in its `abilities` what its cameras may have.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from dockd.driver import Session, only_driver_errors
from dockd.driver.unlocking import LockedSession
from dockd.errors import CameraProtocol, CameraUnsupported
from dockd.i18n import _

MAX_SAID = 64

AnySession = Session | LockedSession


@dataclass(frozen=True, slots=True)
class CameraTime:
    """What a camera's clock shows. `moment` has a zone only if the camera tells one; `said` is what it told."""

    moment: datetime
    said: str

    def ahead_ms(self, utc_offset_seconds: int, asked: float, answered: float) -> int:
        """Give by how many milliseconds it is ahead of a clock that was read before and after it was asked.

        One that tells no zone is taken to be so many seconds ahead of UTC.
        """
        offset = 0 if self.moment.tzinfo else utc_offset_seconds
        at = self.moment if self.moment.tzinfo else self.moment.replace(tzinfo=UTC)
        return round((at.timestamp() - offset - (asked + answered) / 2) * 1000)


@dataclass(frozen=True, slots=True)
class CameraState:
    """What a camera says of itself, each None if it does not.

    `battery_percent` from 0 to 100, `firmware` its version, `officer` the number of whom it was handed to.
    """

    battery_percent: int | None = None
    firmware: str | None = None
    officer: str | None = None


@runtime_checkable
class HasState(Protocol):
    """A session that can ask its camera how it is (`Ability.STATE`)."""

    def tell_state(self) -> CameraState:
        """Give what it says; nonsense as None."""


@runtime_checkable
class HasClock(Protocol):
    """A session that can ask its camera for the time, and set it (`Ability.CLOCK`)."""

    def tell_time(self) -> CameraTime:
        """Give what its clock shows now."""

    def take_time(self, now: datetime) -> None:
        """Set it to show `now`, which is aware and in the zone that the clock is to show."""


@only_driver_errors
def read_clock(session: AnySession) -> CameraTime:
    """Ask a camera for the time."""
    told: object = _clock_of(session).tell_time()
    if not isinstance(told, CameraTime) or type(told.moment) is not datetime or type(told.said) is not str:
        raise CameraProtocol(_("the camera tells no time"))
    if not told.said.isascii() or not told.said.isprintable() or len(told.said) > MAX_SAID:
        raise CameraProtocol(_("the camera tells the time in a text that makes no sense"))
    return told


@only_driver_errors
def read_state(session: AnySession) -> CameraState:
    """Ask a camera how it is."""
    if not isinstance(session, HasState):
        raise CameraUnsupported(_("this driver cannot ask the camera how it is"))
    session.must_hold()
    told: object = session.tell_state()
    if not isinstance(told, CameraState) or not all(map(_is_said, (told.firmware, told.officer))):
        raise CameraProtocol(_("the camera says of itself what makes no sense"))
    percent: object = told.battery_percent
    if percent is not None and (type(percent) is not int or not 0 <= percent <= 100):
        raise CameraProtocol(_("the camera says of itself what makes no sense"))
    return told


def _is_said(text: object) -> bool:
    return text is None or (type(text) is str and 0 < len(text) <= MAX_SAID and text.isprintable())


@only_driver_errors
def set_clock(session: AnySession, now: datetime) -> None:
    """Have a camera show another time."""
    _clock_of(session).take_time(now)


def _clock_of(session: AnySession) -> HasClock:
    if not isinstance(session, HasClock):
        raise CameraUnsupported(_("this driver cannot ask for the time"))
    session.must_hold()
    return session

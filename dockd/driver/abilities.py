"""What some cameras can do besides being listed, read and cleared: small protocols that a session has or has not.

A driver's session defines the methods; dockd calls the functions here, which keep the contract for them: nothing but
`DriverError` comes out, `CameraUnsupported` for a camera that turns out not to have it. A driver names in its
`abilities` what its cameras may have.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from dockd.driver import Session, only_driver_errors
from dockd.errors import CameraProtocol, CameraUnsupported
from dockd.i18n import _

MAX_SAID = 64


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


@runtime_checkable
class HasClock(Protocol):
    """A session that can ask its camera for the time, and set it (`Ability.CLOCK`)."""

    def tell_time(self) -> CameraTime:
        """Give what its clock shows now."""

    def take_time(self, now: datetime) -> None:
        """Set it to show `now`, which is aware and in the zone that the clock is to show."""


@only_driver_errors
def read_clock(session: Session) -> CameraTime:
    """Ask a camera for the time."""
    told: object = _clock_of(session).tell_time()
    if not isinstance(told, CameraTime) or type(told.moment) is not datetime or type(told.said) is not str:
        raise CameraProtocol(_("the camera tells no time"))
    if not told.said.isascii() or not told.said.isprintable() or len(told.said) > MAX_SAID:
        raise CameraProtocol(_("the camera tells the time in a text that makes no sense"))
    return told


@only_driver_errors
def set_clock(session: Session, now: datetime) -> None:
    """Have a camera show another time."""
    _clock_of(session).take_time(now)


def _clock_of(session: Session) -> HasClock:
    if not isinstance(session, HasClock):
        raise CameraUnsupported(_("this driver cannot ask for the time"))
    session.must_hold()
    return session

"""The clock of a docked camera: how far it is off is entered first, and only then is it set, if it is to be.

Nothing is set by a dock whose own clock nobody answers for, or on a camera that could not say before what its clock
shows, unless the fleet file says so: how far it was off is evidence for every recording that it has made.
"""

from datetime import UTC
from typing import Protocol

import structlog

from dockd.clock import Clock, zone_of
from dockd.docking.messages import ClockRead
from dockd.docking.registry import Registry
from dockd.errors import CameraGone, CameraUnsupported, DriverError
from dockd.events import Event
from dockd.model import ClockRules
from dockd.register.kinds import CameraClockRead, CameraClockSet

CLOSE_ENOUGH_MS = 2000
"""A clock that is off by less is left alone: cameras tell whole seconds, and the bus takes its time."""


class ClockedCamera(Protocol):
    """A camera that may be asked for the time; every call raises a `DriverError` where it is not to be had."""

    async def read_clock(self, utc_offset_seconds: int) -> ClockRead: ...

    async def set_clock(self, utc_offset_seconds: int) -> None: ...


class ClockBook:
    """Enters and logs what is found and done."""

    def __init__(self, bay: str, camera_id: str, registry: Registry) -> None:
        self._registry = registry
        self._log = structlog.get_logger().bind(bay=bay, camera=camera_id)
        self._camera = {"bay": bay, "camera_id": camera_id}

    async def clock_read(self, said: str | None, offset_ms: int | None, code: str | None) -> None:
        whole = None if offset_ms is None else str(offset_ms)
        await self._registry.camera_clock(CameraClockRead(**self._camera, said=said, offset_ms=whole, code=code))
        self._log.info(Event.CAMERA_CLOCK_READ, said=said, offset_ms=offset_ms, code=code)

    async def clock_set(self, offset_ms: int | None, utc_offset_seconds: int) -> None:
        whole = None if offset_ms is None else str(offset_ms)
        facts = CameraClockSet(**self._camera, offset_ms=whole, utc_offset_seconds=str(utc_offset_seconds))
        await self._registry.camera_clock(facts)
        self._log.info(Event.CAMERA_CLOCK_SET, offset_ms=offset_ms)


async def tend(camera: ClockedCamera, rules: ClockRules, clock: Clock, book: ClockBook) -> int | None:
    """Enter how far the camera's clock is off; if it is to be, set it, and enter how far it is off then.

    Gives by how many milliseconds it was ahead before, None if it could not be read. Raises for the camera's end.
    """
    utc_offset = _utc_offset_seconds(rules, clock)
    offset = await _read(camera, utc_offset, book)
    if _is_to_be_set(rules, clock, offset):
        await book.clock_set(offset, utc_offset)
        await _read(camera, utc_offset, book, by_setting=True)
    return offset


async def _read(camera: ClockedCamera, utc_offset: int, book: ClockBook, *, by_setting: bool = False) -> int | None:
    """Enter how far the clock is off, or why that cannot be told; a camera without one is passed over."""
    try:
        if by_setting:
            await camera.set_clock(utc_offset)
        read = await camera.read_clock(utc_offset)
    except CameraGone:
        raise
    except DriverError as fault:
        if by_setting or not isinstance(fault, CameraUnsupported):
            await book.clock_read(None, None, fault.code)
        return None
    await book.clock_read(read.said, read.offset_ms, None)
    return read.offset_ms


def _is_to_be_set(rules: ClockRules, clock: Clock, offset_ms: int | None) -> bool:
    if rules.when == "never" or not clock.trusted():
        return False
    return rules.when == "always" if offset_ms is None else abs(offset_ms) > CLOSE_ENOUGH_MS


def _utc_offset_seconds(rules: ClockRules, clock: Clock) -> int:
    """Give what a clock that shows the time of this zone is ahead of UTC now."""
    zone = UTC if rules.zone == "utc" else zone_of(clock.zone())
    offset = clock.now().astimezone(zone).utcoffset()
    return round(offset.total_seconds()) if offset is not None else 0

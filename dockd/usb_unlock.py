"""The bays in which a camera is being unlocked: from when it is put in until it is back as what can be read.

Another device that comes to the port meanwhile is that other device, and arrives as such.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog

from dockd.admit import OnPort, refuse_crashed, refuse_not_back, refuse_unlocked
from dockd.clock import Clock
from dockd.detect.bays import Bays, arrival
from dockd.detect.udev import BusDevice
from dockd.detect.usb_policy import UsbModel
from dockd.errors import DockdError, NetworkError, RegisterError, TriesUnknown, unexpected
from dockd.events import Event
from dockd.model import Arrival, Refused
from dockd.unlock import LockedModel, Locksmith, looks_like
from dockd.usb_access import UsbAccess

TRY_AGAIN_SECONDS = 30
"""How often a camera that waits for the register or another part of the dock, or for a route to go, is tried again."""

AccessTo = Callable[[Arrival, UsbModel], UsbAccess]


@dataclass(frozen=True, slots=True)
class LockedArrival:
    """A locked camera is in this bay, and is being unlocked; `fault` is what keeps it from that for now."""

    arrival: Arrival
    fault: DockdError | None = None


Told = Arrival | Refused | LockedArrival


@dataclass(slots=True)
class _Visit:
    """A locked camera, from when it is put in. Once it was told to come back as `camera_id`, that is until `until`.

    `is_announced`: it has, and was told of.
    """

    arrival: Arrival
    model: LockedModel
    key: tuple[str, int]
    task: "asyncio.Task[None] | None" = None
    camera_id: str = ""
    until: float | None = None
    is_announced: bool = False
    refused: bool = False


class Unlockings:
    """All of them. `look_soon` asks for another look at the bus."""

    def __init__(
        self, locksmith: Locksmith, bays: Bays, clock: Clock, access_to: AccessTo, look_soon: Callable[[], None]
    ) -> None:
        self._locksmith = locksmith
        self._bays = bays
        self._clock = clock
        self._access_to = access_to
        self._look_soon = look_soon
        self._visits: dict[str, _Visit] = {}
        self._told: list[Told] = []

    def is_locked_model(self, bay: str) -> bool:
        """Whether what stands there would be locked again without its power."""
        return bay in self._visits

    def arrived(self, bay: str, device: BusDevice) -> list[Told]:
        """Say what it is that has settled: a camera, one that is unlocked first, or one that has come back."""
        visit, arrived = self._visits.get(bay), arrival(bay, device)
        if visit is not None:
            # Announced once more, what stands there locked is being unlocked, or was refused.
            return [] if device.key == visit.key else self._announced(visit, device)
        model = self._locksmith.model_of(device.descriptors)
        if model is not None:
            visit = self._visits[bay] = _Visit(arrived, model, device.key)
            if refused := self._locksmith.refuse(arrived, device.key):
                visit.refused = True
                return [refused]
            visit.task = asyncio.create_task(self._unlock(visit))
            visit.task.add_done_callback(partial(self._ended, visit))
            return [LockedArrival(arrived)]
        if self._locksmith.came_unlocked(arrived):
            return [refuse_unlocked(arrived)]
        return [arrived]

    def gone(self, bay: str, now: float) -> list[Told]:
        """Say what follows from it that a camera has left: one that was expected back did not come."""
        visit = self._visits.pop(bay, None)
        if visit is None:
            return []
        if visit.task is not None and not visit.task.done():
            visit.task.cancel()
        if visit.until is None or visit.is_announced or visit.refused:
            return []
        return [_not_back(visit, "another" if now < visit.until else "nothing")]

    def take(self, now: float) -> list[Told]:
        """Give what has come of the unlockings since this was asked last; to be told before what has left meanwhile."""
        told, self._told = self._told, []
        for bay, visit in self._visits.items():
            device = self._bays.current(bay)
            never_left = device is not None and device.key == visit.key
            if never_left and visit.until is not None and now >= visit.until and not visit.refused:
                visit.refused = True
                told.append(_not_back(visit, "itself"))
        return told

    def stop(self) -> None:
        for visit in self._visits.values():
            if visit.task is not None:
                visit.task.cancel()

    def _announced(self, visit: _Visit, device: BusDevice) -> list[Told]:
        """Announce a camera that has come back by the id that it said before, once nobody has it open any more."""
        if visit.refused or (visit.task is not None and not visit.task.done()):
            return []
        visit.is_announced = True
        # If it goes from here on, it is gone.
        self._bays.expect(visit.arrival.bay, self._clock.monotonic())
        on_bus = arrival(visit.arrival.bay, device)
        return [replace(on_bus, claimed_id=visit.camera_id, known_by=visit.model.known_by)]

    async def _unlock(self, visit: _Visit) -> None:
        access = self._access_to(visit.arrival, visit.model.look)
        expect = partial(self._expect, visit)
        refused = None
        while True:
            try:
                refused = await self._locksmith.unlock(visit.arrival, visit.key, visit.model, access, expect)
                break
            except (RegisterError, NetworkError, TriesUnknown) as fault:
                self._tell(LockedArrival(visit.arrival, fault))
                await asyncio.sleep(TRY_AGAIN_SECONDS)
        if refused is not None:
            visit.refused = True
            self._tell(refused)

    def _ended(self, visit: _Visit, task: "asyncio.Task[None]") -> None:
        """Have a camera announced that was back before whoever unlocked it had let go of it."""
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            # A programmer's mistake leaves this camera locked, and nothing else.
            structlog.get_logger().error(
                Event.DOCKING_CRASHED, bay=visit.arrival.bay, camera=visit.arrival.claimed_id, exc_info=error
            )
            visit.refused = True
        if self._visits.get(visit.arrival.bay) is not visit:
            return
        if error is not None:
            self._told.append(refuse_crashed(visit.arrival, unexpected(error)))
        else:
            self._bays.again(visit.arrival.bay)
        self._look_soon()

    def _tell(self, told: Told) -> None:
        self._told.append(told)
        self._look_soon()

    def _expect(self, visit: _Visit, camera_id: str, seconds: float) -> None:
        now, bay = self._clock.monotonic(), visit.arrival.bay
        visit.camera_id = camera_id
        visit.until = now + seconds if seconds else None
        self._bays.expect(bay, now + seconds, partial(_is_back, visit) if seconds else None)
        asyncio.get_running_loop().call_later(seconds, self._look_soon)


def _not_back(visit: _Visit, there: OnPort) -> Refused:
    return refuse_not_back(visit.arrival, visit.camera_id, visit.model.within_seconds, there)


def _is_back(visit: _Visit, device: BusDevice) -> bool:
    """Whether a device on the port of a camera that was unlocked is what that comes back as."""
    claimed_id = arrival(visit.arrival.bay, device).claimed_id
    is_same = visit.model.known_by != "serial" or claimed_id == visit.camera_id
    return is_same and looks_like(device.descriptors, visit.model.back)

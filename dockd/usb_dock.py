"""The bays on the USB ports of this machine: what is found on the bus, admitted by others, opened for a docking.

Between `detect`, which sees the bus and may change nothing, and `bus`, which may change it and sees nothing. Each
request to the bus helper that comes of a look is a task of its own: a device that hangs holds up no other bay.
"""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Sequence
from typing import Any

import structlog

from dockd.admit import FindModel, refuse_stray
from dockd.bus.client import Bus
from dockd.clock import Clock
from dockd.detect.bays import Bays, Changes, arrival
from dockd.detect.folders import Departure, DockTrouble
from dockd.detect.udev import BusDevice, BusWatch
from dockd.detect.usb_policy import UsbModel
from dockd.errors import BayUnsteady, BusUnguarded, BusUnreachable, DockUnreachable
from dockd.events import Event
from dockd.i18n import _
from dockd.model import Admitted, Arrival, Counts, Refused, Rung, WhenDone
from dockd.unlock import Locksmith
from dockd.usb_access import UsbAccess
from dockd.usb_unlock import LockedArrival, Unlockings

NAME = "usb"
HELPER = "bus helper"
RULES = "usb rules"

HANGING_SECONDS = 30
WAIT_AFTER_HANGING_SECONDS = 600
"""How long a device that holds up the bus helper is not asked about again."""

Happening = Arrival | Departure | Refused | LockedArrival | DockTrouble


class UsbDock:
    """All bays on USB. `switching` are those whose hub really cuts the power of a port.

    `looked` is told after each look at the bus, `count` what came into which bay by which name.
    """

    def __init__(
        self,
        bays: Bays,
        watch: BusWatch,
        bus: Bus,
        *,
        find_model: FindModel,
        switching: Collection[str],
        charge_wait_seconds: float,
        locksmith: Locksmith,
        clock: Clock,
        looked: Callable[[], None],
        count: Callable[[str, str, Counts], None],
    ) -> None:
        self._bays = bays
        self._watch = watch
        self._bus = bus
        self._find_model = find_model
        self._switching = switching
        self._charge_wait_seconds = charge_wait_seconds
        self._clock = clock
        self._looked = looked
        self._count = count
        self._unlockings = Unlockings(locksmith, bays, clock, self._access_to, watch.look_soon)
        self._next_look = asyncio.Event()
        self._taken_in = 0
        self._trouble: DockUnreachable | None = None
        self._helper_trouble: BusUnreachable | None = None
        self._helper_said: BusUnreachable | None = None
        self._has_looked = False
        self._is_unguarded = False
        self._alarm: asyncio.TimerHandle | None = None
        self._under_way: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._not_before: dict[tuple[str, int], float] = {}
        self._lent: list[BusDevice] = []
        self._owed: dict[tuple[str, int], float] = {}

    async def happenings(self) -> AsyncIterator[Happening]:
        """Yield what comes and goes, for ever."""
        try:
            async for look in self._watch.looks():
                for happening in self._troubles(look) if isinstance(look, DockUnreachable) else self._take_in(look):
                    yield happening
                self._looked()
                self._taken_in = self._watch.begun
                self._next_look.set()
                self._next_look = asyncio.Event()
        finally:
            self._unlockings.stop()
            for task in self._under_way.values():
                task.cancel()

    def access(self, admitted: Admitted) -> UsbAccess:
        camera = admitted.camera
        return self._access_to(admitted.arrival, self._find_model(camera), camera.when_done)

    def _access_to(self, arrived: Arrival, model: UsbModel | None, when_done: WhenDone = "stay") -> UsbAccess:
        return UsbAccess(self, self._bays, self._bus, self._clock, arrived, model, when_done)

    def rungs(self, bay: str, retry_delays_seconds: Sequence[float]) -> Sequence[Rung]:
        """Give the ladder of a bay: from what costs little to what takes the camera's power away.

        That only where the hub switches power: on another, the kernel may not see again a camera that has never left.
        Nor of one that was unlocked: it would come back locked, and its docking would begin anew, for ever.
        """
        switches = bay in self._switching and not self._unlockings.is_locked_model(bay)
        power_cycle = [Rung("power-cycle")] if switches else []
        rungs = [*(Rung("retry", seconds) for seconds in retry_delays_seconds), Rung("replug"), *power_cycle]
        if self._charge_wait_seconds:
            rungs += [Rung("charge", self._charge_wait_seconds), *power_cycle]
        return rungs

    def over(self, bay: str, *, until_gone: bool = False) -> None:
        """The docking in this bay is over; `until_gone`: it was refused, and is not to be authorised."""
        if until_gone:
            self._bays.admit(bay, admitted=False)
            self._watch.look_soon()

    def again(self, bay: str) -> None:
        """Announce what stands in this bay once more."""
        self._bays.again(bay)
        self._watch.look_soon()

    async def look_again(self) -> None:
        """Wait until the bus was looked at from here on; raises `DockUnreachable` if it cannot be."""
        # One look may be under way, and may have begun before what is asked about.
        begun = self._watch.begun
        while self._taken_in <= begun:
            self._watch.look_soon()
            await self._next_look.wait()
        if self._trouble is not None:
            raise self._trouble

    async def switch_off(self, hub: str, port: int, seconds: float) -> None:
        """Switch a port off, and on again after so many seconds, whatever happens to whoever asked."""
        # Owed whatever comes of it: a request that fails may have happened all the same, and a bay must not stay dead.
        # Not due before it has ended: the helper may do the later of two requests first.
        self._owed[(hub, port)] = float("inf")
        try:
            await self._bus.switch_port(hub, port, False)
        finally:
            self._owed[(hub, port)] = self._clock.monotonic() + seconds
            asyncio.get_running_loop().call_later(seconds, self._watch.look_soon)

    async def lend(self, device: BusDevice) -> None:
        """Lend the device file of a camera, once nothing else is lent; raises OSError or `BusUnreachable`."""
        await self.take_back()
        self._lent.append(device)
        await self._bus.lend(device.name_on_bus, device.device_number, True)

    async def take_back(self) -> None:
        """Take back whatever may be lent; raises what the bus helper says of the first that cannot be."""
        while self._lent:
            device = self._lent[-1]
            try:
                await self._bus.lend(device.name_on_bus, device.device_number, False)
            except (OSError, BusUnreachable) as error:
                # Of one that has left the bus the file has gone, too.
                if not isinstance(error, OSError) or error.errno not in (errno.ENOENT, errno.ENODEV):
                    structlog.get_logger().warning(Event.BUS_FAILED, port=device.port, message=str(error))
                    raise
            self._lent.pop()

    def _switch_on_what_is_due(self, now: float) -> None:
        for (hub, port), due in self._owed.items():
            if now >= due:
                self._begin((hub, port), hub, self._switch_on(hub, port))

    async def _switch_on(self, hub: str, port: int) -> None:
        try:
            await self._bus.switch_port(hub, port, True)
        except OSError as error:
            # Of a hub that has gone, or a kernel that switches no ports, nothing is off.
            if error.errno not in (errno.ENOENT, errno.EOPNOTSUPP):
                raise
        self._owed.pop((hub, port), None)

    def _troubles(self, error: DockUnreachable) -> list[Happening]:
        """Say once that the bus cannot be looked at; its cameras are not held to be gone for that."""
        is_news = self._trouble is None
        self._trouble = error
        return [DockTrouble(NAME, error)] if is_news else []

    def _take_in(self, devices: tuple[BusDevice, ...]) -> list[Happening]:
        now = self._clock.monotonic()
        changes = self._bays.look(now, devices)
        if not self._has_looked:
            self._has_looked = True
            # A dockd that was killed may have left ports off or a camera lent, and its settings may have been others.
            self._owed |= dict.fromkeys(self._bays.empty_ports(devices), now)
            self._lent += [each for each in devices if not each.is_root]
        self._switch_on_what_is_due(now)
        self._correct(changes)
        self._set_alarm(self._bays.next_due(now))
        happenings: list[Happening] = [DockTrouble(NAME, None)] if self._trouble else []
        self._trouble = None
        if self._bays.unguarded(devices) != self._is_unguarded:
            self._is_unguarded = not self._is_unguarded
            happenings.append(DockTrouble(RULES, _unguarded() if self._is_unguarded else None))
        if (self._helper_trouble is None) != (self._helper_said is None):
            self._helper_said = self._helper_trouble
            happenings.append(DockTrouble(HELPER, self._helper_said))
        happenings += self._unlockings.take(now)
        for name in changes.gone:
            happenings += [Departure(name), *self._unlockings.gone(name, now)]
        happenings += [refuse_stray(arrival(each.port, each)) for each in changes.strays]
        for bay, device in changes.arrived:
            happenings += self._unlockings.arrived(bay, device)
        for each in changes.connected:
            claimed_id = arrival(each.bay, each.device).claimed_id
            self._count(each.bay, claimed_id, Counts(connects=1, resets=int(each.is_reset)))
        happenings += [DockTrouble(_contact(bay), _unsteady()) for bay in changes.unsteady]
        happenings += [DockTrouble(_contact(bay), None) for bay in changes.steady]
        return happenings

    def _set_alarm(self, seconds: float | None) -> None:
        """Look again when something is due although nothing happens on the bus."""
        if self._alarm is not None:
            self._alarm.cancel()
        look_soon = self._watch.look_soon
        self._alarm = None if seconds is None else asyncio.get_running_loop().call_later(seconds, look_soon)

    def _correct(self, changes: Changes) -> None:
        for device in changes.authorise:
            self._begin(device.key, device.port, self._bus.authorise(device.name_on_bus, device.device_number, True))
        for device in changes.deauthorise:
            self._begin(device.key, device.port, self._bus.authorise(device.name_on_bus, device.device_number, False))

    def _begin(self, key: tuple[str, int], port: str, request: Coroutine[Any, Any, None]) -> None:
        if key in self._under_way or self._clock.monotonic() < self._not_before.get(key, 0):
            request.close()
            return
        task = self._under_way[key] = asyncio.create_task(self._do(key, port, request))
        task.add_done_callback(lambda _task: self._under_way.pop(key, None))

    async def _do(self, key: tuple[str, int], port: str, request: Coroutine[Any, Any, None]) -> None:
        begun = self._clock.monotonic()
        try:
            await request
        except (OSError, BusUnreachable) as error:
            # What is not as it should be is tried again at the next look, as long as it is there; but one that hangs
            # in the helper would fill it up, request by request.
            if self._clock.monotonic() - begun > HANGING_SECONDS:
                self._not_before[key] = self._clock.monotonic() + WAIT_AFTER_HANGING_SECONDS
            self._helper_trouble = error if isinstance(error, BusUnreachable) else None
            structlog.get_logger().warning(Event.BUS_FAILED, port=port, message=str(error))
        else:
            self._helper_trouble = None
            self._watch.look_soon()


def _unguarded() -> BusUnguarded:
    return BusUnguarded(
        _("the kernel authorises what is plugged into a bay before dockd has judged it"),
        advice=_("Install systemd/60-dockd.rules; see docs/service.md."),
    )


def _contact(bay: str) -> str:
    return f"contact of {bay}"


def _unsteady() -> BayUnsteady:
    return BayUnsteady(
        _("a camera comes and goes in this bay"),
        advice=_(
            "Take it out and put it in again; clean the contacts. `dockd status` tells a bad bay from a bad camera."
        ),
    )

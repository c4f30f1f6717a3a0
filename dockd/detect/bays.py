"""Which device stands in which bay, and since when? Decided from looks at the bus and a clock, without touching either.

Whatever stands in a bay, or where nothing should, is kept unauthorised until it has been admitted; only hubs on the way
to bays, and what hangs on host ports, are authorised without a question.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from dockd.detect.udev import BusDevice
from dockd.model import Arrival, RecordingPath

_USB = re.compile(r"-usbv[0-9]-")

Returns = Callable[[BusDevice], bool]
"""Tells whether a device is the one that is expected back."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What each port is for: `bays` gives the bay by the port, `host` are those of keyboard and the like."""

    bays: Mapping[str, str]
    host: Collection[str] = ()

    def is_root(self, port: str) -> bool:
        """Whether this is a controller's own hub, which is behind no port."""
        return _USB.search(port) is None

    def is_of_host(self, port: str) -> bool:
        return any(_is_behind(port, each) for each in self.host)

    def is_on_the_way(self, port: str) -> bool:
        """Whether a hub belongs here: bays, or host ports, lie behind it."""
        return any(_is_behind(each, port) for each in (*self.bays, *self.host) if each != port)


def _is_behind(port: str, hub: str) -> bool:
    return port == hub or port.startswith(f"{hub}.")


@dataclass(frozen=True, slots=True)
class Connect:
    """A device came into a bay. `is_reset`: it had left it a moment before, without having been told to."""

    bay: str
    device: BusDevice
    is_reset: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """What came of one look.

    `connected` came into a bay, and may never settle; `arrived` have settled in one, with its name; `strays` stand
    where no bay is; `gone` are names of bays, or the ports of strays. `unsteady` are bays whose contact comes and goes,
    `steady` those where a camera has stayed after all.
    `authorise` and `deauthorise` are devices that are not as they should be.
    """

    connected: tuple[Connect, ...]
    arrived: tuple[tuple[str, BusDevice], ...]
    strays: tuple[BusDevice, ...]
    gone: tuple[str, ...]
    unsteady: tuple[str, ...]
    steady: tuple[str, ...]
    authorise: tuple[BusDevice, ...]
    deauthorise: tuple[BusDevice, ...]


@dataclass(slots=True)
class _Occupant:
    """A device in a bay. `known`: it was announced, whether or not it is to be once more.

    `expected_until`: until then it may be away; what comes back is the same, or is `anew`, or is another device, of
    which `returns` tells whether it is this camera all the same.
    """

    device: BusDevice
    since: float
    announced: bool = False
    known: bool = False
    admitted: bool = False
    expected_until: float = float("-inf")
    anew: bool = False
    away: bool = False
    returns: Returns | None = None

    def is_expected(self, device: BusDevice) -> bool:
        if self.returns is not None:
            return self.returns(device)
        return not self.anew and _claims(device) == _claims(self.device)


@dataclass(slots=True)
class _Contact:
    """When devices came into a bay lately, and which one left last; `told` that it is unsteady."""

    times: list[float] = field(default_factory=list)
    told: bool = False
    left: BusDevice | None = None
    left_at: float = float("-inf")


def arrival(bay: str, device: BusDevice) -> Arrival:
    """Announce a device by its serial number."""
    serial = printable(device.serial)
    return Arrival(bay, serial, device.sys_path, device.descriptors, serial=serial)


def printable(claimed: str) -> str:
    """Write what a device calls itself in printable ASCII: it chooses every character of it."""
    return RecordingPath(claimed.encode("utf-8", "backslashreplace")).text


class Bays:
    """The bays on the USB ports of this machine. Times in seconds of any monotonic clock."""

    UNSTEADY_CONNECTS = 3
    UNSTEADY_SECONDS = 10.0

    def __init__(self, ports: Ports, settle_seconds: float, is_hub: Callable[[bytes], bool]) -> None:
        self._ports = ports
        self._settle_seconds = settle_seconds
        self._is_hub = is_hub
        self._occupants: dict[str, _Occupant] = {}
        self._contacts: dict[str, _Contact] = {}
        self._strays: dict[str, _Occupant] = {}

    def look(self, now: float, devices: Iterable[BusDevice]) -> Changes:
        """Take in the bus as it is now."""
        in_bays: dict[str, BusDevice] = {}
        strays: dict[str, BusDevice] = {}
        authorise: list[BusDevice] = []
        for device in devices:
            port = device.port
            if self._ports.is_root(port):
                continue
            bay = self._ports.bays.get(port)
            if bay is not None and bay not in in_bays:
                in_bays[bay] = device
            elif self._ports.is_of_host(port) or (self._ports.is_on_the_way(port) and self._is_hub(device.descriptors)):
                authorise += [] if device.authorized else [device]
            else:
                strays[port] = device
        self._let_move(now, in_bays)
        gone = [*self._leave(now, in_bays), *self._take_leave_of_strays(strays)]
        new_strays = [*self._stray(now, strays)]
        connected = [*self._enter(now, in_bays)]
        arrived = [*self._arrive(now)]
        return Changes(
            connected=tuple(connected),
            arrived=tuple(arrived),
            strays=tuple(new_strays),
            gone=tuple(gone),
            unsteady=tuple(each.bay for each in connected if self._becomes_unsteady(each.bay)),
            steady=tuple(bay for bay, _device in arrived if self._becomes_steady(bay)),
            authorise=tuple(authorise),
            deauthorise=(*(each for each in strays.values() if each.authorized), *self._not_admitted()),
        )

    def current(self, bay: str) -> BusDevice | None:
        """Give what stands in a bay now, None also while it is expected back."""
        occupant = self._occupants.get(bay)
        return None if occupant is None or occupant.away else occupant.device

    def empty_ports(self, devices: Iterable[BusDevice]) -> Iterator[tuple[str, int]]:
        """Give hub and port, by their names on the bus, of every port of a bay on which nothing stands."""
        hubs: dict[str, list[str]] = {}
        for device in devices:
            hubs.setdefault(device.port, []).append(device.name_on_bus)
        for port in self._ports.bays:
            controller, _colon, chain = port.rpartition(":")
            above, dot, number = chain.rpartition(".")
            hub = f"{controller}:{above}" if dot else controller.removesuffix("-0")
            if port not in hubs:
                yield from ((name, int(number)) for name in hubs.get(hub, []))

    def unguarded(self, devices: Iterable[BusDevice]) -> bool:
        """Whether anything that comes to a bay is authorised by the kernel itself."""
        open_roots = [each.port for each in devices if each.is_open and self._ports.is_root(each.port)]
        return any(port.startswith(f"{root}-") for port in self._ports.bays for root in open_roots)

    def admit(self, bay: str, *, admitted: bool) -> None:
        """From now on what stands in the bay may be authorised, or may not."""
        if bay in self._occupants:
            self._occupants[bay].admitted = admitted

    def again(self, bay: str) -> None:
        """Announce what stands in the bay once more."""
        if bay in self._occupants:
            self._occupants[bay].announced = False

    def expect(self, bay: str, until: float, returns: Returns | None = None) -> None:
        """Until then the camera in this bay may leave the bus: if the same one comes back it was never gone.

        `returns` knows it again if it comes back as another device, which is then announced like any that settles.
        """
        if bay in self._occupants:
            self._occupants[bay].expected_until = until
            self._occupants[bay].anew = False
            self._occupants[bay].returns = returns

    def hold(self, bay: str, until: float) -> None:
        """Until then the bay counts as taken although its port is off; whatever comes to it then arrives anew."""
        if bay in self._occupants:
            self._occupants[bay].expected_until = until
            self._occupants[bay].anew = True
            self._occupants[bay].returns = None

    def next_due(self, now: float) -> float | None:
        """Give in how many seconds something changes though nothing happens on the bus; None if nothing does."""
        waiting = [*self._occupants.values(), *self._strays.values()]
        due = [each.since + self._settle_seconds - now for each in waiting if not each.announced]
        due += [each.expected_until - now for each in self._occupants.values() if each.away]
        # What is overdue waits for something else than the clock.
        return min((each for each in due if each > 0), default=None)

    def _let_move(self, now: float, in_bays: Mapping[str, BusDevice]) -> None:
        """Expect nothing any more of a camera that is away from its bay and stands in another.

        Not of one that is to come back as another device: locked cameras of a model may all make the same claims.
        """
        for bay, occupant in self._occupants.items():
            elsewhere = (device for other, device in in_bays.items() if other != bay)
            may_move = occupant.away and occupant.returns is None
            if may_move and any(_claims(device) == _claims(occupant.device) for device in elsewhere):
                occupant.expected_until = now

    def _take_leave_of_strays(self, strays: Mapping[str, BusDevice]) -> Iterator[str]:
        for port, occupant in list(self._strays.items()):
            if port not in strays:
                del self._strays[port]
                if occupant.known:
                    yield port

    def _stray(self, now: float, strays: Mapping[str, BusDevice]) -> Iterator[BusDevice]:
        """Tell what has stayed where nothing belongs; what comes and goes there must not fill the register."""
        for port, device in strays.items():
            before = self._strays.get(port)
            if before is None or not _same(before.device, device):
                self._strays[port] = _Occupant(device, now, known=before is not None and before.known)
            elif now - before.since >= self._settle_seconds and not before.announced:
                before.announced = before.known = True
                yield device

    def _leave(self, now: float, in_bays: Mapping[str, BusDevice]) -> Iterator[str]:
        for bay, occupant in list(self._occupants.items()):
            device = in_bays.get(bay)
            if device is not None and device.key == occupant.device.key:
                occupant.device = device
            elif now < occupant.expected_until and (device is None or occupant.is_expected(device)):
                if device is not None and occupant.returns is not None:
                    occupant = self._occupants[bay] = _Occupant(
                        device, now, known=True, expected_until=occupant.expected_until, returns=occupant.returns
                    )
                occupant.away = device is None
                occupant.device = device or occupant.device
            else:
                del self._occupants[bay]
                contact = self._contacts[bay]
                # What was away was expected to be: that it comes back is no fault of the contact.
                contact.left, contact.left_at = None if occupant.away else occupant.device, now
                if occupant.known:
                    yield bay

    def _enter(self, now: float, in_bays: Mapping[str, BusDevice]) -> Iterator[Connect]:
        for bay, device in in_bays.items():
            if bay not in self._occupants:
                self._occupants[bay] = _Occupant(device, now)
                contact = self._contacts.setdefault(bay, _Contact())
                contact.times = [each for each in contact.times if now - each < self.UNSTEADY_SECONDS] + [now]
                is_same = contact.left is not None and _claims(contact.left) == _claims(device)
                yield Connect(bay, device, is_same and now - contact.left_at < self.UNSTEADY_SECONDS)

    def _becomes_steady(self, bay: str) -> bool:
        contact = self._contacts[bay]
        was_told, contact.told = contact.told, False
        return was_told

    def _becomes_unsteady(self, bay: str) -> bool:
        """Tell it once, until a device stays."""
        contact = self._contacts[bay]
        if len(contact.times) < self.UNSTEADY_CONNECTS or contact.told:
            return False
        contact.told = True
        return True

    def _arrive(self, now: float) -> Iterator[tuple[str, BusDevice]]:
        for bay, occupant in self._occupants.items():
            settled = now - occupant.since >= self._settle_seconds
            # What is authorised and not admitted is not what it was judged by; it is turned off first.
            is_there = settled and not occupant.away
            if is_there and not occupant.announced and (occupant.admitted or not occupant.device.authorized):
                occupant.announced = occupant.known = True
                yield bay, occupant.device

    def _not_admitted(self) -> Iterator[BusDevice]:
        for occupant in self._occupants.values():
            if occupant.device.authorized and not occupant.admitted and not occupant.away:
                yield occupant.device


def _same(before: BusDevice | None, now: BusDevice) -> bool:
    return before is not None and before.key == now.key


def _claims(device: BusDevice) -> tuple[str, str, bytes]:
    return device.serial, device.vendor_product, device.descriptors

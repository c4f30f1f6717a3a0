"""The way to one camera on USB: authorised once it is judged, compared with what was judged, then mounted."""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from dockd.bus.client import Bus
from dockd.clock import Clock
from dockd.descriptor import Descriptor
from dockd.detect.bays import Bays, arrival, printable
from dockd.detect.udev import BusDevice, Disk
from dockd.detect.usb_descriptors import parse
from dockd.detect.usb_policy import Judged, UsbModel, difference, judge
from dockd.driver import SourceKind
from dockd.errors import (
    BusUnreachable,
    CameraBusy,
    CameraDenied,
    CameraError,
    CameraGone,
    CameraMedia,
    CameraUnsupported,
    IdentityMismatch,
)
from dockd.i18n import _
from dockd.model import Arrival, WhenDone

FILESYSTEMS = ("vfat", "exfat")
"""What is mounted; any other would hand a camera's bytes to a far larger part of the kernel."""

APPEAR_SECONDS = 30
"""How long a camera may take from its authorisation to its disk."""

READY_SECONDS = 10
"""How long a disk without a filesystem may take until it shows one."""

CONFIGURE_SECONDS = 3

LEAVING_SECONDS = 2
"""So much later than its first failed read a camera that was pulled out may leave the bus."""

BOOT_SECONDS = 60
"""How long a camera may take from its power to the bus."""

POWER_OFF_SECONDS = 10

PORT_OFF_SECONDS = 3600
"""How long a port stays off for a camera that wants it so; then what stands there arrives anew."""

_KINDS: dict[int, type[CameraError]] = {
    errno.ENODEV: CameraGone,
    errno.ENOENT: CameraGone,
    errno.ENXIO: CameraGone,
    errno.ESHUTDOWN: CameraGone,
    errno.EBUSY: CameraBusy,
    errno.EROFS: CameraDenied,
    errno.EACCES: CameraDenied,
    errno.EPERM: CameraDenied,
}


class Looker(Protocol):
    """Who looks at the bus."""

    async def look_again(self) -> None: ...

    async def switch_off(self, hub: str, port: int, seconds: float) -> None: ...

    async def lend(self, device: BusDevice) -> None: ...

    async def take_back(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Medium:
    """The one filesystem of a camera: `node` as the kernel calls it now; `uuid` tells this card from another."""

    node: str
    filesystem: str
    uuid: str
    label: str


class UsbAccess:
    """One docking's way to its camera, or that of who unlocks it. `model` is what it was admitted as."""

    def __init__(
        self,
        looker: Looker,
        bays: Bays,
        bus: Bus,
        clock: Clock,
        arrived: Arrival,
        model: UsbModel | None,
        when_done: WhenDone = "stay",
    ) -> None:
        self._looker = looker
        self._bays = bays
        self._bus = bus
        self._clock = clock
        self._bay = arrived.bay
        self._when_done = when_done
        self._descriptors = arrived.descriptors or b""
        self._model = model
        self._medium: _Medium | None = None
        self._on_bus = arrived.serial
        self._label = arrived.claimed_id if arrived.known_by == "label" else None
        self._key: tuple[str, int] | None = None
        self._errors = ""

    async def open(self, kind: SourceKind, *, writable: bool) -> Descriptor:
        """Authorise the camera, if it is not. What the kernel made of it must be what was judged. Then open it."""
        if self._label is not None and kind is not SourceKind.DIRECTORY:
            raise CameraUnsupported(
                _("the camera is to be known by the label of its card, and its driver mounts none"),
                advice=_("Choose another known_by for its model."),
            )
        await self._configure()
        return await self._mount(writable) if kind is SourceKind.DIRECTORY else await self._open()

    async def lend(self) -> str:
        await self._configure()
        device = self._device()
        async with _as_faults():
            await self._looker.lend(device)
        return device.device_file

    async def take_back(self) -> None:
        # One that cannot be taken back now is, before anything else is lent; what failed is said by who asked the bus.
        with suppress(OSError, BusUnreachable):
            await self._looker.take_back()

    async def _configure(self) -> None:
        device = self._device()
        self._bays.admit(self._bay, admitted=True)
        if not device.authorized:
            async with _as_faults():
                await self._bus.authorise(device.name_on_bus, device.device_number, True)
        # Always: what failed since the last look must not count as having failed from here on.
        await self._looker.look_again()
        await self._until(lambda now: bool(now.configuration), APPEAR_SECONDS, _("it does not configure"))
        await self._compare()

    async def _open(self) -> Descriptor:
        device = self._device()
        self._errors = _errors(device)
        async with _as_faults():
            return await self._bus.open(device.name_on_bus, device.device_number)

    async def _mount(self, writable: bool) -> Descriptor:
        """Mount the camera's one filesystem where nobody else sees it: its disk must appear, and hold one of ours."""
        device = await self._ready()
        medium = _medium(device.disks)
        if self._label not in (None, medium.label):
            raise IdentityMismatch(
                _("announced as {claimed}, the camera's card is labelled {label}").format(
                    claimed=self._label, label=medium.label or _("nothing")
                )
            )
        if self._medium is not None and self._medium.uuid != medium.uuid:
            raise CameraGone(_("another card is in the camera than before"))
        self._medium, self._errors = medium, _errors(device)
        async with _as_faults():
            name, number = device.name_on_bus, device.device_number
            return await self._bus.mount(name, number, medium.node, medium.filesystem, writable)

    async def settle(self) -> None:
        device = self._device()
        if self._medium is not None:
            async with _as_faults():
                await self._bus.flush(device.name_on_bus, device.device_number, self._medium.node)

    async def must_be_there(self) -> None:
        """Also of a card that could not be read meanwhile nothing is believed: FAT lists what it can, without an error.

        (`fat__get_entry` in fs/fat/dir.c skips a block of a directory that it cannot read.)
        """
        self._device()
        await self._looker.look_again()
        end = self._clock.monotonic() + LEAVING_SECONDS
        while _errors(self._device()) != self._errors:
            if self._clock.monotonic() >= end:
                raise CameraMedia(_("the card could not be read while it was listed"))
            await self._looker.look_again()

    async def replug(self) -> None:
        device = self._device()
        async with _as_faults():
            await self._bus.authorise(device.name_on_bus, device.device_number, False)
        await self._looker.look_again()

    async def power_cycle(self) -> None:
        device = self._device()
        hub, port = device.hub_port
        self._bays.expect(self._bay, self._clock.monotonic() + POWER_OFF_SECONDS + 2 * BOOT_SECONDS)
        async with _as_faults(unsupported=(errno.ENOENT, errno.EOPNOTSUPP)):
            await self._looker.switch_off(hub, port, POWER_OFF_SECONDS)
        await asyncio.sleep(POWER_OFF_SECONDS)
        self._key = None
        await self._until(lambda now: now.key != device.key, BOOT_SECONDS, _("it did not come back"))
        # It is back: if it goes from here on, it is gone.
        self._bays.expect(self._bay, self._clock.monotonic())

    async def leave(self) -> None:
        device = self._device()
        async with _as_faults():
            if self._when_done == "eject" and self._medium is not None:
                await self._bus.eject(device.name_on_bus, device.device_number, self._medium.node)
            elif self._when_done == "port-off":
                # Held before it is off: a look in between must not take the camera for gone.
                self._bays.hold(self._bay, self._clock.monotonic() + PORT_OFF_SECONDS + BOOT_SECONDS)
                await self._looker.switch_off(*device.hub_port, PORT_OFF_SECONDS)
            else:
                await self._bus.keep_powered(device.name_on_bus, device.device_number)

    def _device(self) -> BusDevice:
        """Give the very device that this docking is about; `CameraGone` also if it went and came back meanwhile."""
        device = self._bays.current(self._bay)
        if device is None or arrival(self._bay, device).claimed_id != self._on_bus:
            raise CameraGone(_("the camera is no longer on the bus"))
        self._key = self._key or device.key
        if device.key != self._key:
            raise CameraGone(_("the camera left the bus and came back"))
        return device

    async def _until(self, is_so: Callable[[BusDevice], bool], seconds: float, otherwise: str) -> BusDevice:
        end = self._clock.monotonic() + seconds
        while True:
            device = self._bays.current(self._bay)
            if device is not None and is_so(device):
                return self._device()
            if self._clock.monotonic() >= end:
                raise CameraGone(otherwise) if device is None else CameraMedia(otherwise)
            await self._looker.look_again()

    async def _ready(self) -> BusDevice:
        """Wait for the camera's disk; one that shows nothing to mount may still be getting ready."""
        device = await self._until(lambda now: _is_known(now.disks), APPEAR_SECONDS, _("it shows no disk"))
        end = self._clock.monotonic() + READY_SECONDS
        while not any(each.filesystem in FILESYSTEMS for each in device.disks) and self._clock.monotonic() < end:
            await self._looker.look_again()
            device = self._device()
        return await self._until(lambda now: _is_known(now.disks), APPEAR_SECONDS, _("it shows no disk"))

    async def _compare(self) -> None:
        """Refuse a device that is no longer what was judged, now that the kernel has configured it.

        The kernel says which configuration is active a moment before all of its interfaces are there.
        """
        judged = judge(parse(self._descriptors), self._model) if self._model else None
        if not isinstance(judged, Judged):
            raise IdentityMismatch(_("the device was never judged"))
        end = self._clock.monotonic() + CONFIGURE_SECONDS
        while True:
            device = self._device()
            refusal = difference(judged, device.descriptors, device.configuration, device.interfaces)
            if refusal is None:
                return
            if self._clock.monotonic() >= end:
                raise IdentityMismatch(refusal.reason)
            await self._looker.look_again()


def _errors(device: BusDevice) -> str:
    return " ".join(each.errors for each in device.disks)


def _is_known(disks: tuple[Disk, ...]) -> bool:
    """Whether there is a disk with something in it, and udev has looked at every one."""
    return any(each.size for each in disks) and all(each.filesystem is not None for each in disks)


def _medium(disks: tuple[Disk, ...]) -> _Medium:
    found = [each for each in disks if each.filesystem in FILESYSTEMS]
    if len(found) == 1:
        disk = found[0]
        return _Medium(disk.node.removeprefix("/dev/"), disk.filesystem or "", disk.uuid, printable(disk.label))
    if found:
        raise CameraUnsupported(_("the camera shows {n} filesystems, not one").format(n=len(found)))
    names = ", ".join(sorted({each.filesystem for each in disks if each.filesystem}))
    if not names:
        # So it looks too if the card could not be read when udev did: that is worth the rungs of the ladder.
        raise CameraMedia(
            _("the camera's card shows no filesystem"),
            advice=_("Look in the camera whether it shows its recordings. Only a card without any is to be formatted."),
        )
    raise CameraUnsupported(
        _("the camera's filesystem is {name}, and only {known} are mounted").format(
            name=names, known=", ".join(FILESYSTEMS)
        ),
        advice=_("Format the card in the camera itself, once what it holds is saved by other means."),
    )


@asynccontextmanager
async def _as_faults(unsupported: tuple[int, ...] = ()) -> AsyncIterator[None]:
    """Say what the bus helper could not do in terms of the camera."""
    try:
        yield
    except OSError as error:
        kind = _KINDS.get(error.errno or 0, CameraMedia)
        if error.errno in unsupported:
            kind = CameraUnsupported
        raise kind(error.strerror or str(error)) from error

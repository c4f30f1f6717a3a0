"""The docks of a site, built from its settings, and what each of them tells: passed on to the bays' attendance."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import structlog

from dockd.attend import Attendance, Rules
from dockd.bus.client import Bus
from dockd.clock import Clock
from dockd.detect.bays import Bays, Ports
from dockd.detect.folders import Departure, DockTrouble, FolderDock
from dockd.detect.udev import BusWatch
from dockd.detect.usb_descriptors import ClassCode, parse
from dockd.detect.usb_policy import UsbModel, is_hub
from dockd.docking.locked_camera import Workers
from dockd.docking.registry import Registry
from dockd.errors import CountersError, DescriptorsInvalid, DockUnreachable
from dockd.events import Event
from dockd.model import Arrival, FleetCamera, Refused
from dockd.ops import credentials
from dockd.ops.counters import Counters
from dockd.ops.heartbeat import Looks
from dockd.ops.lights import Lights
from dockd.ops.status import Board, Light
from dockd.settings.fleet import Look
from dockd.settings.models import Bay, Settings
from dockd.unlock import LockedModel, Locksmith, Means
from dockd.unlock_tries import Tries
from dockd.usb_dock import NAME as USB
from dockd.usb_dock import UsbDock
from dockd.usb_unlock import LockedArrival
from dockd.volume import Volume

_BUS_DEADLINE_SECONDS = 60
"""How long a device may hold up one request of ours; longer than the kernel's own patience with a disk (30 s)."""

_DEADLINE_OF_A_LOOK_SECONDS = 30


def build(
    settings: Settings,
    bus: Bus | None,
    rules: Rules,
    registry: Registry,
    clock: Clock,
    looks: Looks,
    stack: AsyncExitStack,
) -> list[FolderDock | UsbDock]:
    """Build every dock; what they hold is let go by the stack."""
    docks: list[FolderDock | UsbDock] = [*_folder_docks(settings, clock, looks, stack)]
    if settings.site.bays and bus is not None:
        tries = Tries(settings.site.unlock_tries_path, clock)
        tries.load()
        locksmith = Locksmith(_locked_models(settings, rules.drivers), _means(rules), tries, registry, clock)
        docks.append(_usb_dock(settings, bus, rules, locksmith, looks, stack, clock))
    return docks


def ask_at(bus: Path | None) -> Bus | None:
    """Give the way to ask the bus helper on this socket, if there is one."""
    return Bus(bus, _BUS_DEADLINE_SECONDS) if bus else None


def follow_lights(settings: Settings, bus: Bus | None, board: Board, stack: AsyncExitStack) -> list[asyncio.Task[None]]:
    """Let the lights of the bays follow the board; gives the tasks that do. The stack switches them off."""
    if not settings.site.bays or bus is None:
        return []
    leds = {name: _leds(bay) for name, bay in settings.site.bays.items()}
    lights = Lights(leds, bus.light, settings.site.usb.light_command, board)
    board.on_light = lights.show
    stack.push_async_callback(lights.stop)
    return [asyncio.create_task(lights.follow())]


async def open_counters(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Counters:
    """Go on counting where the last run ended. The stack keeps what was counted since, after all that still counts."""
    site = settings.site
    volume = Volume("counters", site.ingest.volume_deadline_seconds, CountersError)
    stack.callback(volume.close)
    counters = Counters(site.counters_path, site.dock_id, settings.fleet.cameras.keys(), volume)
    await counters.load(clock.now())
    stack.push_async_callback(counters.keep)
    return counters


def _leds(bay: Bay) -> dict[Light, str]:
    named = {Light.BUSY: bay.leds.busy, Light.GREEN: bay.leds.green, Light.RED: bay.leds.red}
    return {light: name for light, name in named.items() if name is not None}


def expect_looks(settings: Settings, looks: Looks) -> None:
    """Say how often each dock must be looked at: twice as rarely as it is meant, and within its deadline."""
    deadline = settings.site.ingest.volume_deadline_seconds
    for name, dock in settings.site.folder_docks.items():
        # Its look may have to wait until a camera is opened there.
        looks.expect(f"dock {name}", 2 * (dock.rescan_seconds + deadline))
    if settings.site.bays:
        looks.expect(USB, 2 * (settings.site.usb.rescan_seconds + _DEADLINE_OF_A_LOOK_SECONDS))


def _folder_docks(settings: Settings, clock: Clock, looks: Looks, stack: AsyncExitStack) -> list[FolderDock]:
    docks: list[FolderDock] = []
    for name, configured in settings.site.folder_docks.items():
        volume = Volume(f"dock {name}", settings.site.ingest.volume_deadline_seconds, DockUnreachable)
        stack.callback(volume.close)
        docks.append(
            FolderDock(
                name,
                configured.path,
                settle_seconds=configured.settle_seconds,
                rescan_seconds=configured.rescan_seconds,
                clock=clock,
                volume=volume,
                looked=partial(looks.seen, f"dock {name}"),
            )
        )
    return docks


def _usb_dock(
    settings: Settings,
    bus: Bus,
    rules: Rules,
    locksmith: Locksmith,
    looks: Looks,
    stack: AsyncExitStack,
    clock: Clock,
) -> UsbDock:
    usb = settings.site.usb
    volume = Volume(USB, _DEADLINE_OF_A_LOOK_SECONDS, DockUnreachable)
    stack.callback(volume.close)
    bays = {port: name for name, bay in settings.site.bays.items() for port in bay.ports}
    return UsbDock(
        Bays(Ports(bays, usb.host_ports), usb.settle_seconds, _is_hub),
        BusWatch(usb.rescan_seconds, volume),
        bus,
        find_model=rules.find_model,
        switching=frozenset(name for name, bay in settings.site.bays.items() if bay.switches_power),
        charge_wait_seconds=usb.charge_wait_seconds,
        locksmith=locksmith,
        clock=clock,
        looked=partial(looks.seen, USB),
        count=rules.count,
    )


def _is_hub(descriptors: bytes) -> bool:
    try:
        return is_hub(parse(descriptors))
    except DescriptorsInvalid:
        return False


def find_model(settings: Settings, camera: FleetCamera) -> UsbModel | None:
    """Give what a camera must look like on the bus; None if its fleet file names no model for it."""
    model = settings.fleet.models.get(camera.model or "")
    if model is None:
        return None
    return _look(model)


def _look(shown: Look) -> UsbModel:
    vendor, product = (int(part, 16) for part in shown.vendor_product.split(":"))
    interfaces = tuple(_class_code(text) for text in shown.interfaces)
    return UsbModel(vendor, product, interfaces, _class_code(shown.device_class))


def _locked_models(settings: Settings, drivers: Mapping[str, str]) -> list[LockedModel]:
    return [
        LockedModel(
            name=name,
            look=_look(model.unlock),
            back=_look(model),
            known_by=model.unlock.known_by,
            within_seconds=model.unlock.within_seconds,
            unlocker=model.unlock.driver,
            unlocker_reference=drivers[model.unlock.driver],
            options=model.unlock.options,
            credential=model.unlock.credential,
        )
        for name, model in settings.fleet.models.items()
        if model.unlock is not None
    ]


def _means(rules: Rules) -> Means:
    return Means(
        find_camera=rules.find_camera,
        refuse_network=rules.refuse_network,
        read_credential=credentials.read,
        workers=Workers(rules.workers, rules.vendor_workers),
        silence_seconds=rules.silence_seconds,
        retry_delays_seconds=rules.retry_delays_seconds,
    )


def _class_code(text: str) -> ClassCode:
    return ClassCode(*(int(part, 16) for part in text.split(":")))


async def watch(dock: FolderDock | UsbDock, attendance: Attendance, board: Board) -> None:
    """Pass on what happens in one dock, for ever."""
    log = structlog.get_logger()
    async for happening in dock.happenings():
        match happening:
            case Arrival():
                attendance.arrived(happening, dock)
            case Refused():
                attendance.refused(happening, dock)
            case LockedArrival(arrival, fault):
                attendance.unlocking(arrival, fault, dock)
            case Departure(bay):
                attendance.departed(bay)
            case DockTrouble(name, None):
                log.info(Event.DOCK_RECOVERED, dock=name)
                board.trouble(f"dock {name}", None)
            case DockTrouble(name, error) if error is not None:
                log.error(Event.DOCK_TROUBLE, dock=name, code=error.code, message=error.message)
                board.trouble(f"dock {name}", error)

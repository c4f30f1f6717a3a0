"""The composition root: the only place that builds a dock from its settings. Below it there are plain values only."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

import structlog

from dockd import catalogue, software
from dockd.attend import Attendance, Rules
from dockd.clock import AnsweredClock, Clock, SystemClock, WatchedClock
from dockd.custody.witnesses import Witnesses
from dockd.daemon.deeds import Parts, look_at_clock
from dockd.daemon.docks import ask_at, build, expect_looks, find_model, follow_lights, open_counters, watch
from dockd.daemon.office import expected, know_wearers, open_desk, open_witnesses
from dockd.docking.registry import Registry
from dockd.docking.shelf import TRAIL, TRAIL_ON_ROTATING_DISK, Shelf, Shelves, Signer
from dockd.docking.unit_worker import WorkerUnits
from dockd.errors import ConfigError, DockdError, PartitionStuck, RegisterError
from dockd.events import Event
from dockd.i18n import _
from dockd.ops.counters import Counters
from dockd.ops.heartbeat import Heartbeat, Looks, beat
from dockd.ops.isolation import PLAIN_SUBPROCESSES, UNITS
from dockd.ops.notify import ServiceManager
from dockd.ops.routes import refuse_routes
from dockd.ops.status import Board
from dockd.register.journal import Journal
from dockd.register.mirror import Mirror
from dockd.register.note import SigningKey
from dockd.settings.models import Settings
from dockd.store.medium import is_rotating
from dockd.store.partition import open_partition
from dockd.volume import Volume

CHECK_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Sockets:
    """Where the parts of dockd that systemd starts are reached; None: not at all, and nothing stands in for it."""

    bus: Path | None = None
    workers: Path | None = None
    vendor_workers: Path | None = None
    clock: Path | None = None


async def run(settings: Settings, sockets: Sockets) -> None:
    """Serve until SIGTERM or SIGINT; raises a `DockdError` if the dock cannot be put into service."""
    # A lease on an object that somebody opens for writing is broken by SIGIO, which would end the process.
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    manager = ServiceManager.take_from(os.environ)
    clock, watching = await _clock(sockets.clock)
    async with in_service(settings, clock, manager, sockets) as tasks:
        tasks += watching
        tasks.append(asyncio.create_task(_until(stop)))
        ended, _pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()  # a watch that ended by itself did so by an error, which must not stay silent


async def _clock(path: Path | None) -> tuple[Clock, list[asyncio.Task[None]]]:
    """Give the clock, and what keeps knowing whether it is synchronised."""
    if path is None:
        return SystemClock(), []
    clock = WatchedClock(path)
    await asyncio.to_thread(clock.ask)
    return clock, [asyncio.create_task(_repeat(partial(asyncio.to_thread, clock.ask)))]


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


@asynccontextmanager
async def in_service(
    settings: Settings, machine_clock: Clock, manager: ServiceManager, sockets: Sockets
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Put a dock into service for the time of the block; gives the tasks that watch, none of which may end before.

    The order matters: the register and the partitions are open and recovered before any camera is looked for.
    """
    site, clock = settings.site, AnsweredClock(machine_clock)
    routes_allowed = site.network.allow_route_for_trial
    isolation = UNITS if sockets.workers else PLAIN_SUBPROCESSES
    if site.bays and sockets.bus is None:
        raise ConfigError(
            _("bays on USB are served with the bus helper only"),
            advice=_("Start dockd by its unit, or with --bus; see docs/service.md."),
        )
    board = Board(site.dock_id, version("dockd"), isolation.as_dict(), routes_allowed)
    log = structlog.get_logger()
    log.info(Event.SERVICE_STARTED, version=board.version, dock_id=site.dock_id, isolation=board.isolation["workers"])
    looks = Looks(clock)
    heartbeat = Heartbeat(manager, looks, board, clock)
    async with AsyncExitStack() as stack:
        stack.callback(manager.close)
        bus = ask_at(sockets.bus)
        tasks = [*follow_lights(settings, bus, board, stack), asyncio.create_task(beat(heartbeat))]
        stack.push_async_callback(_end, tasks)
        refuse_network = _network_rule(routes_allowed)
        refuse_network()
        key = SigningKey.load(site.key_path, site.dock_id)
        registry = await _open_register(settings, key, clock, stack)
        shelves = await _open_shelves(settings, key, stack)
        counters = await open_counters(settings, clock, stack)
        tasks.append(asyncio.create_task(counters.follow()))
        rules = _rules(settings, refuse_network, _worker_units(sockets, stack), counters)
        attendance = Attendance(rules, registry, shelves, board, clock, looks)
        await registry.started(software(), {Path(name).name: sha for name, sha in settings.sources.items()})
        know_wearers(settings, registry, clock)
        witnesses = await open_witnesses(settings, key, registry, shelves, board, stack)
        stack.push_async_exit(partial(_stopped, registry, witnesses))
        tasks.append(asyncio.create_task(witnesses.follow()))
        await attendance.recover()
        parts = Parts(board, registry, witnesses, shelves, counters, clock)
        await open_desk(settings, key, parts, stack)
        stack.push_async_callback(attendance.stop)
        _expect_looks(settings, looks, registry, shelves)
        docks = build(settings, bus, rules, registry, clock, looks, stack)
        watches = [asyncio.create_task(watch(dock, attendance, board)) for dock in docks]
        watches += [asyncio.create_task(_repeat(check)) for check in attendance.checks()]
        watches.append(asyncio.create_task(_repeat(partial(look_at_clock, clock, registry))))
        tasks += watches
        stack.push_async_callback(_end, watches)
        stack.callback(manager.stopping)
        heartbeat.ready()
        log.info(
            Event.SERVICE_READY,
            entries=registry.size,
            partitions=sorted(site.partitions),
            docks=sorted([*site.folder_docks, *site.bays]),
        )
        yield tasks


def _network_rule(routes_allowed: bool) -> Callable[[], None]:
    """Give what refuses a host with a route; for trials what refuses nothing, loudly."""
    if not routes_allowed:
        return refuse_routes
    message = _("a route of this host would not be noticed: network.allow_route_for_trial is set")
    structlog.get_logger().warning(Event.NETWORK_ALLOWED, message=message)
    return lambda: None


def _expect_looks(settings: Settings, looks: Looks, registry: Registry, shelves: Shelves) -> None:
    """Say what must be looked at: twice as rarely as it is meant, and a call may use up the time of its volume."""
    deadline = settings.site.ingest.volume_deadline_seconds
    looks.expect("network", 2 * CHECK_SECONDS)
    looks.expect("register", 2 * CHECK_SECONDS + deadline, registry.is_answering)
    for shelf in shelves:
        looks.expect(f"partition {shelf.name}", 2 * CHECK_SECONDS + deadline, shelf.is_answering)
    expect_looks(settings, looks)


def _worker_units(sockets: Sockets, stack: AsyncExitStack) -> tuple[WorkerUnits | None, WorkerUnits | None]:
    """Give the workers that systemd starts, with one in reserve, and those for vendors' libraries; None: no socket."""
    vendors = WorkerUnits(sockets.vendor_workers, reserve=False) if sockets.vendor_workers else None
    if sockets.workers is None:
        return None, vendors
    workers = WorkerUnits(sockets.workers)
    workers.prepare()
    stack.callback(workers.close)
    return workers, vendors


def _rules(
    settings: Settings,
    refuse_network: Callable[[], None],
    units: tuple[WorkerUnits | None, WorkerUnits | None],
    counters: Counters,
) -> Rules:
    ingest = settings.site.ingest
    return Rules(
        dock_id=settings.site.dock_id,
        after_ingest=ingest.after_ingest,
        silence_seconds=ingest.worker_silence_seconds,
        retry_delays_seconds=ingest.retry_delays_seconds,
        find_camera=settings.camera,
        find_model=partial(find_model, settings),
        drivers={name: driver.reference for name, driver in catalogue.installed().items()},
        refuse_network=refuse_network,
        read_at_once=ingest.read_at_once,
        workers=units[0],
        vendor_workers=units[1],
        count=counters.count,
        expect=partial(expected, settings),
    )


async def _open_register(settings: Settings, key: SigningKey, clock: Clock, stack: AsyncExitStack) -> Registry:
    site = settings.site
    volume = Volume("register", site.ingest.volume_deadline_seconds, RegisterError)
    stack.callback(volume.close)

    def opened() -> tuple[Mirror, Journal]:
        mirror = Mirror.open(site.register_.mirror, site.dock_id)
        return mirror, Journal.open(site.register_path, key=key, dock_id=site.dock_id, clock=clock, mirror=mirror)

    mirror, journal = await volume.run(opened)
    stack.push_async_callback(_close, volume, mirror.close)
    stack.push_async_callback(_close, volume, journal.close)
    return Registry(journal, volume)


async def _close(volume: Volume, close: Callable[[], None]) -> None:
    """Close what a volume's thread uses, on that thread: a call may be under way. One that hangs is left open."""
    with contextlib.suppress(DockdError):
        await volume.run(close)


async def _open_shelves(settings: Settings, key: SigningKey, stack: AsyncExitStack) -> Shelves:
    signer = Signer(key.verifier.text, key.sign, key.verifier.verify)
    shelves: dict[str, Shelf] = {}
    for name, configured in settings.site.partitions.items():
        volume = Volume(f"partition {name}", settings.site.ingest.volume_deadline_seconds, PartitionStuck)
        stack.callback(volume.close)

        partition = await volume.run(
            partial(
                open_partition,
                configured.path,
                name,
                settings.site.dock_id,
                configured.reserve_bytes,
                configured.recipients,
            )
        )
        stack.push_async_callback(_close, volume, partition.close)
        usual = TRAIL_ON_ROTATING_DISK if is_rotating(partition.root) else TRAIL
        shelves[name] = Shelf(partition, volume, signer, configured.proof_trail_bytes or usual)
    return Shelves(shelves)


async def _repeat(check: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await check()
        except Exception as error:
            # Looking must not be what stops the bays; what it stumbled over is said each time.
            structlog.get_logger().error(Event.CHECK_CRASHED, exc_info=error)
        await asyncio.sleep(CHECK_SECONDS)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _stopped(
    registry: Registry,
    witnesses: Witnesses,
    kind: type[BaseException] | None,
    _error: BaseException | None,
    _trace: TracebackType | None,
) -> None:
    """Enter the stop, unless it is a fault that ends the service: a start without a stop is what then shows."""
    if kind is not None:
        return
    with contextlib.suppress(RegisterError):
        await registry.stopped(_("stopped by the system"))
        await witnesses.bring()
    structlog.get_logger().info(Event.SERVICE_STOPPED, reason="stopped by the system")

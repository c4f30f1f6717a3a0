"""What surrounds the register: its witnesses, the desk at which people ask for it, the clock that dates its entries."""

from contextlib import AsyncExitStack
from functools import partial

import structlog

from dockd.clock import Clock
from dockd.custody.camera_check import Expected
from dockd.custody.wearers import Standing, Wearers
from dockd.custody.witnesses import InFolder, Witness, Witnesses
from dockd.daemon.deeds import Known, Parts
from dockd.daemon.desk import Desk
from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelves
from dockd.errors import WitnessUnreachable
from dockd.events import Event
from dockd.ops.control import ControlServer
from dockd.ops.rights import Operator
from dockd.ops.status import Board
from dockd.register.note import SigningKey, Verifier
from dockd.settings.models import Settings
from dockd.volume import Volume

_WITNESS_SECONDS = 10
"""Less than systemd gives a start: a stick that hangs keeps no dock from serving."""


async def open_witnesses(
    settings: Settings, key: SigningKey, registry: Registry, shelves: Shelves, board: Board, stack: AsyncExitStack
) -> Witnesses:
    """Have every partition keep the newest checkpoint, and one more place if it is configured; compare with them."""
    places = [Witness(f"partition {shelf.name}", shelf.in_root, shelf.check) for shelf in shelves]
    path = settings.site.register_.witness
    if path is not None:
        volume = Volume("witness", _WITNESS_SECONDS, WitnessUnreachable)
        stack.callback(volume.close)
        places.append(Witness(str(path), InFolder(path, volume).run))
    witnesses = Witnesses(places, key.verifier, registry, board)
    await witnesses.compare()
    registry.on_checkpoint = partial(_signed, witnesses)
    return witnesses


def _signed(witnesses: Witnesses, note: str) -> None:
    structlog.get_logger().info(Event.CHECKPOINT_SIGNED, note=note.splitlines())
    witnesses.signed(note)


def know_wearers(settings: Settings, registry: Registry, clock: Clock) -> None:
    """Have each entry of a recording say who wore its camera."""
    standing = {
        camera_id: [Standing(each.wearer, each.since, each.until) for each in camera.wearers]
        for camera_id, camera in settings.fleet.cameras.items()
    }
    registry.judge = Wearers(standing, registry, clock).judge


def expected(settings: Settings, camera_id: str) -> Expected:
    """Give what the recordings of a camera should be like."""
    check = settings.check(camera_id)
    return Expected(
        resolution=check.resolution,
        bitrate_kbps_min=check.bitrate_kbps_min,
        bitrate_kbps_max=check.bitrate_kbps_max,
        needs_position=check.position == "required",
        clock_offset_seconds=check.clock_offset_seconds,
        gap_seconds=check.gap_seconds,
        segment_seconds=check.segment_seconds,
        consecutive_numbers=check.numbers == "consecutive",
    )


async def open_desk(settings: Settings, key: SigningKey, parts: Parts, stack: AsyncExitStack) -> None:
    """Answer on the control socket, and go on with a pruning that was interrupted."""
    site = settings.site
    operators = {account: Operator(each.person, each.role) for account, each in site.operators.items()}
    cosigners = tuple(Verifier.parse(each) for each in site.register_.cosigners)
    desk = Desk(Known(operators, key.verifier, cosigners, settings.fleet.cameras), parts)
    stack.push_async_callback(desk.stop)
    desk.finish_pruning()
    control = ControlServer(site.control_path, desk.answers())
    await control.start()
    stack.push_async_callback(control.stop)

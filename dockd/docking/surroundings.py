"""What a docking needs of the dock around it, and what it tells of where it stands."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from dockd.clock import Clock
from dockd.docking.access import CameraAccess
from dockd.docking.broken_off import Waiting
from dockd.docking.recover import Recovery
from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelves
from dockd.docking.turns import Turns
from dockd.docking.unit_worker import WorkerUnits
from dockd.model import Listed, RecordingPath, Sealed


@dataclass(frozen=True, slots=True)
class Phase:
    """Where a docking stands, for people who look on. `done` and `size` in bytes of the recording in hand."""

    step: str
    recording: RecordingPath | None = None
    done: int = 0
    size: int = 0
    position: int = 0
    count: int = 0


def _tell_nobody(_seen: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a docking needs of its dock; the last seven are its own.

    `driver_reference` names the module and class of the camera's driver. `workers` gives units of systemd, None where
    workers are subprocesses. `refuse_network` raises `NetworkError` while this host has a route. `waiting` has what
    waits for cameras that were pulled out, `turns` when which camera may be read.
    """

    dock_id: str
    clock: Clock
    shelves: Shelves
    registry: Registry
    recovery: Recovery
    silence_seconds: float
    workers: WorkerUnits | None
    refuse_network: Callable[[], None]
    waiting: Waiting
    turns: Turns
    driver_reference: str
    access: CameraAccess
    departed: asyncio.Event
    on_phase: Callable[[Phase], None]
    on_clock: Callable[[int], None] = _tell_nobody
    on_listed: Callable[[Listed], None] = _tell_nobody
    on_collected: Callable[[Sealed], None] = _tell_nobody
    """Is told of each recording once it is registered."""

"""What a docked camera says of itself, where its driver can ask: it is entered, and nothing follows from it."""

from typing import Protocol

import structlog

from dockd.docking.messages import StateRead
from dockd.docking.registry import Registry
from dockd.errors import CameraGone, CameraUnsupported, DriverError
from dockd.events import Event
from dockd.register.kinds import CameraState


class StatedCamera(Protocol):
    """A camera that may be asked how it is; every call raises a `DriverError` where that is not to be had."""

    async def read_state(self) -> StateRead: ...


async def enter_state(camera: StatedCamera, bay: str, camera_id: str, registry: Registry) -> None:
    """Enter battery, firmware and officer, as far as the camera tells them. Raises for the camera's end."""
    log = structlog.get_logger().bind(bay=bay, camera=camera_id)
    try:
        told = await camera.read_state()
    except (CameraGone, CameraUnsupported) as fault:
        if isinstance(fault, CameraGone):
            raise
        return
    except DriverError as fault:
        log.info(Event.CAMERA_STATE, battery_percent=None, firmware=None, officer=None, code=fault.code)
        return
    facts = CameraState(
        bay=bay,
        camera_id=camera_id,
        battery_percent=told.battery_percent,
        firmware=told.firmware,
        officer=told.officer,
    )
    await registry.camera_state(facts)
    log.info(
        Event.CAMERA_STATE,
        battery_percent=told.battery_percent,
        firmware=told.firmware,
        officer=told.officer,
        code=None,
    )

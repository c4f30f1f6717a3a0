"""Admission: is it ours? Decided from data alone, before anything is opened."""

from collections.abc import Callable, Collection

from dockd.i18n import _
from dockd.model import Admitted, Arrival, FleetCamera, Refused

UNKNOWN_CAMERA = "unknown_camera"
DRIVER_MISSING = "driver_missing"
IDENTITY_MISMATCH = "identity_mismatch"

FindCamera = Callable[[str], FleetCamera | None]


def admit(arrival: Arrival, find_camera: FindCamera, drivers: Collection[str]) -> Admitted | Refused:
    """Admit an arrival only if the fleet file names it, to the letter, and its driver is installed."""
    camera = find_camera(arrival.claimed_id)
    if camera is None:
        reason = _("no camera of this fleet is called {claimed_id}").format(claimed_id=arrival.claimed_id)
        return Refused(arrival, UNKNOWN_CAMERA, reason)
    if camera.driver not in drivers:
        return Refused(arrival, DRIVER_MISSING, _("the driver {name} is not installed").format(name=camera.driver))
    return Admitted(arrival, camera)


def refuse_identity(admitted: Admitted, reason: str) -> Refused:
    """Refuse after all: opened, the camera said that it is another than the one it was announced as."""
    return Refused(admitted.arrival, IDENTITY_MISMATCH, reason)

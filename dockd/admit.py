"""Admission: is it ours, and is it the only one that says so? Decided from data alone, before anything is opened."""

from collections.abc import Callable, Collection, Iterator

from dockd.i18n import _
from dockd.model import Admitted, Arrival, FleetCamera, Refused

UNKNOWN_CAMERA = "unknown_camera"
DUPLICATE_CAMERA = "duplicate_camera"
DRIVER_MISSING = "driver_missing"
IDENTITY_MISMATCH = "identity_mismatch"

FindCamera = Callable[[str], FleetCamera | None]


def admit(
    arrival: Arrival, find_camera: FindCamera, drivers: Collection[str], present: Collection[Arrival]
) -> Admitted | Refused:
    """Admit an arrival only if the fleet file names it, to the letter, its driver is installed, and it has no twin.

    `present` are the cameras that are in the bays now, served, refused or done with; one in the bay of the arrival
    itself is the one that it takes the place of.
    """
    camera = find_camera(arrival.claimed_id)
    if camera is None:
        reason = _("no camera of this fleet is called {claimed_id}").format(claimed_id=arrival.claimed_id)
        return Refused(arrival, UNKNOWN_CAMERA, reason)
    if _twins(arrival, present):
        return _refuse_twin(arrival, present)
    if camera.driver not in drivers:
        return Refused(arrival, DRIVER_MISSING, _("the driver {name} is not installed").format(name=camera.driver))
    return Admitted(arrival, camera)


def refuse_twins(arrival: Arrival, present: Collection[Arrival]) -> Iterator[Refused]:
    """Refuse after all what is present and claims to be the camera that has arrived: a serial is only a claim."""
    for twin in _twins(arrival, present):
        yield _refuse_twin(twin, [arrival, *present])


def refuse_identity(admitted: Admitted, reason: str) -> Refused:
    """Refuse after all: opened, the camera said that it is another than the one it was announced as."""
    return Refused(admitted.arrival, IDENTITY_MISMATCH, reason)


def advice(refused: Refused) -> str:
    """Tell a technician what to do about a refusal; may be empty."""
    if refused.code == DUPLICATE_CAMERA:
        return _(
            "Take every one of them out and find out which is ours; look for a cloned card in the others. "
            "None is served before it was taken out."
        )
    if refused.code == IDENTITY_MISMATCH:
        return _("Check which camera stands in this bay, and its entry in the fleet file.")
    return ""


def _twins(arrival: Arrival, present: Collection[Arrival]) -> list[Arrival]:
    return [each for each in present if each.claimed_id == arrival.claimed_id and each.bay != arrival.bay]


def _refuse_twin(arrival: Arrival, present: Collection[Arrival]) -> Refused:
    bays = ", ".join(sorted(twin.bay for twin in _twins(arrival, present)))
    reason = _("what stands in {bays} claims to be {claimed_id} as well").format(
        bays=bays, claimed_id=arrival.claimed_id
    )
    return Refused(arrival, DUPLICATE_CAMERA, reason)

"""Admission: is it ours, and is it the only one that says so? Decided from data alone, before anything is opened.

What looks like no camera of its model is refused by itself: it is no twin of the one whose serial number it claims.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Literal

from dockd.detect.usb_descriptors import parse
from dockd.detect.usb_policy import UsbFault, UsbModel, UsbRefusal, judge
from dockd.errors import CameraError, CredentialRefused, DescriptorsInvalid
from dockd.i18n import _
from dockd.model import Admitted, Arrival, FleetCamera, Refused

UNKNOWN_CAMERA = "unknown_camera"
DUPLICATE_CAMERA = "duplicate_camera"
DRIVER_MISSING = "driver_missing"
IDENTITY_MISMATCH = "identity_mismatch"
NO_BAY = "no_bay"
WRONG_DOCK = "wrong_dock"
MALFORMED = "usb_malformed"

UNLOCK_DENIED = "unlock_denied"
UNLOCK_FAILED = "unlock_failed"
NOT_BACK = "not_back"
CAME_UNLOCKED = "came_unlocked"

STILL_LOCKED = frozenset({UNLOCK_DENIED, UNLOCK_FAILED, NOT_BACK, CAME_UNLOCKED})
"""Codes of cameras that were not unlocked, or did not come back: none of them can be read, wherever it claims to be."""

IMPOSTORS = frozenset({UNKNOWN_CAMERA, NO_BAY, WRONG_DOCK, MALFORMED, *UsbFault})
"""Codes of what is refused for what it is: it counts as no camera, whatever it claims to be."""

OnPort = Literal["nothing", "itself", "another"]

FindCamera = Callable[[str], FleetCamera | None]
FindModel = Callable[[FleetCamera], UsbModel | None]
"""Give what a camera must look like on a bus; None if it is none for a bus."""


def admit(
    arrival: Arrival,
    find_camera: FindCamera,
    find_model: FindModel,
    drivers: Collection[str],
    present: Collection[Arrival],
) -> Admitted | Refused:
    """Admit an arrival only if the fleet file names it, to the letter, and it looks as its model does on the bus.

    And only if its driver is installed, and it has no twin. `present` are the cameras that are in the bays now, served,
    refused or done with, but for `IMPOSTORS`; one in the bay of the arrival itself is the one that it takes the place
    of.
    """
    camera = find_camera(arrival.claimed_id)
    if camera is None:
        reason = _("no camera of this fleet is called {claimed_id}").format(
            claimed_id=arrival.claimed_id or _("nothing")
        )
        return Refused(arrival, UNKNOWN_CAMERA, reason)
    if impostor := _judge(arrival, find_model(camera)):
        return impostor
    if _twins(arrival, present):
        return _refuse_twin(arrival, present)
    if camera.driver not in drivers:
        return Refused(arrival, DRIVER_MISSING, _("the driver {name} is not installed").format(name=camera.driver))
    return Admitted(arrival, camera)


def refuse_stray(arrival: Arrival) -> Refused:
    """Refuse what stands on a port that is neither a bay nor one of the host."""
    return Refused(arrival, NO_BAY, _("nothing belongs on this port: {port}").format(port=arrival.bay))


def refuse_twins(arrival: Arrival, present: Collection[Arrival]) -> Iterator[Refused]:
    """Refuse after all what is present and claims to be the camera that has arrived: a serial is only a claim."""
    for twin in _twins(arrival, present):
        yield _refuse_twin(twin, [arrival, *present])


def refuse_identity(admitted: Admitted, reason: str) -> Refused:
    """Refuse after all: opened, the camera said that it is another than the one it was announced as."""
    return Refused(admitted.arrival, IDENTITY_MISMATCH, reason)


def refuse_other_model(arrival: Arrival, identity: str, model: str) -> Refused:
    """Refuse a locked camera that says that it is one which is none of the fleet's, or is of another model."""
    reason = _("the fleet file has no camera {camera} of the model {model}").format(camera=identity, model=model)
    return Refused(replace(arrival, claimed_id=identity), UNKNOWN_CAMERA, reason)


def refuse_locked(arrival: Arrival, fault: CameraError) -> Refused:
    """Refuse a camera that could not be unlocked."""
    return Refused(arrival, UNLOCK_DENIED if isinstance(fault, CredentialRefused) else UNLOCK_FAILED, fault.message)


def refuse_again(arrival: Arrival, tries: int) -> Refused:
    """Refuse a camera that was asked again and again and never said who it is: it is not given the credential again."""
    reason = _("the camera was asked {n} times within an hour, and never said who it is").format(n=tries)
    return Refused(arrival, UNLOCK_DENIED, reason)


def refuse_asked(arrival: Arrival) -> Refused:
    """Refuse a camera that was asked before dockd started anew: it is not given the credential again."""
    reason = _("the camera was asked since it was put in, before dockd started anew, and did not say who it is")
    return Refused(arrival, UNLOCK_DENIED, reason)


def refuse_crashed(arrival: Arrival, reason: str) -> Refused:
    """Refuse a camera that could not be unlocked by a fault of dockd itself."""
    return Refused(arrival, UNLOCK_FAILED, reason)


def refuse_unlocked(arrival: Arrival) -> Refused:
    """Refuse a camera that nobody here has unlocked, so that nobody knows which one it is."""
    reason = _("the camera was unlocked before it came, and does not say on its bus which one it is")
    return Refused(arrival, CAME_UNLOCKED, reason)


def refuse_not_back(arrival: Arrival, camera_id: str, seconds: float, there: OnPort) -> Refused:
    """Refuse a camera that was unlocked and is not what it was to come back as: what is on its port instead?"""
    reasons: dict[OnPort, str] = {
        "nothing": _("the camera was unlocked and did not come back within {n} s"),
        "itself": _("the camera was unlocked and did not leave the bus within {n} s"),
        "another": _("the camera was unlocked, and another device came to its port"),
    }
    return Refused(replace(arrival, claimed_id=camera_id), NOT_BACK, reasons[there].format(n=round(seconds)))


def advice(refused: Refused) -> str:
    """Tell a technician what to do about a refusal; may be empty."""
    if refused.code == DUPLICATE_CAMERA:
        return _(
            "Take every one of them out and find out which is ours; look for a cloned card in the others. "
            "None is served before it was taken out."
        )
    if refused.code == IDENTITY_MISMATCH:
        return _("Check which camera stands in this bay, and its entry in the fleet file.")
    if refused.code == UNLOCK_DENIED:
        return _(
            "Check the credential of this model (docs/usb.md) before the camera is put in again: it may lock itself for"
            " good after wrong ones."
        )
    if refused.code in STILL_LOCKED:
        return _("Take it out and put it in again. If that does not help, see docs/usb.md.")
    if refused.code == NO_BAY:
        return _("Take it out, or name the port in the configuration: as a bay, or under usb.host_ports.")
    if refused.code in IMPOSTORS - {UNKNOWN_CAMERA}:
        return _(
            "Compare with `dockd probe` and the camera's model in the fleet file. If it is not ours, keep it away."
        )
    return ""


def _judge(arrival: Arrival, model: UsbModel | None) -> Refused | None:
    if arrival.descriptors is None:
        if model is None:
            return None
        return Refused(arrival, WRONG_DOCK, _("a camera of this name is served on USB only"))
    if model is None:
        return Refused(arrival, WRONG_DOCK, _("the fleet file names no model for this camera"))
    try:
        verdict = judge(parse(arrival.descriptors), model)
    except DescriptorsInvalid as error:
        return Refused(arrival, MALFORMED, error.message)
    return Refused(arrival, verdict.code, verdict.reason) if isinstance(verdict, UsbRefusal) else None


def _twins(arrival: Arrival, present: Collection[Arrival]) -> list[Arrival]:
    return [each for each in present if each.claimed_id == arrival.claimed_id and each.bay != arrival.bay]


def _refuse_twin(arrival: Arrival, present: Collection[Arrival]) -> Refused:
    bays = ", ".join(sorted(twin.bay for twin in _twins(arrival, present)))
    reason = _("what stands in {bays} claims to be {claimed_id} as well").format(
        bays=bays, claimed_id=arrival.claimed_id
    )
    return Refused(arrival, DUPLICATE_CAMERA, reason)

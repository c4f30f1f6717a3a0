"""The decision about a device on USB, from the descriptors of real ones."""

from dataclasses import replace

import pytest

from dockd.admit import IMPOSTORS, admit, advice, refuse_stray
from dockd.model import Admitted, Arrival, FleetCamera
from tests.detect.test_usb_samples import HUB, STICK, SUPER_SPEED, VENDOR_MODE

CAMERA = FleetCamera("BWC1", "mass-storage", "pm", model="bwc-300")
DRIVERS = ("mass-storage",)


def there(descriptors, bay="b1", claimed_id="BWC1"):
    return Arrival(bay, claimed_id, "/sys/devices/x", descriptors)


def decide(arrival, present=(), model=STICK.model, camera=CAMERA):
    find = {camera.camera_id: camera}.get
    return admit(arrival, find, lambda _camera: model, DRIVERS, present)


def code(arrival, **others):
    decision = decide(arrival, **others)
    return None if isinstance(decision, Admitted) else decision.code


def test_a_camera_that_is_to_the_letter_what_its_model_is_is_admitted():
    assert decide(there(STICK.raw)) == Admitted(there(STICK.raw), CAMERA)


@pytest.mark.parametrize(
    ("descriptors", "wanted"),
    [
        (HUB.raw, "usb_hub"),
        (VENDOR_MODE.raw, "usb_product"),
        (STICK.raw[:-1], "usb_malformed"),
        (b"", "usb_malformed"),
        (bytes(70_000), "usb_malformed"),
    ],
)
def test_a_device_that_only_claims_to_be_a_camera_is_refused_with_advice(descriptors, wanted):
    refused = decide(there(descriptors))
    assert refused.code == wanted and refused.reason
    assert "dockd probe" in advice(refused)


def test_an_interface_more_or_less_than_its_model_has_is_refused():
    more = replace(STICK.model, interfaces=(*STICK.model.interfaces, *STICK.model.interfaces))
    assert code(there(STICK.raw), model=more) == "usb_interface_missing"
    assert code(there(STICK.raw), model=replace(STICK.model, interfaces=())) == "usb_interface_extra"


def test_a_camera_without_a_model_is_not_served_on_usb_and_one_with_a_model_only_there():
    assert code(there(STICK.raw), model=None) == "wrong_dock"
    assert code(there(None)) == "wrong_dock"


def test_nobody_asks_what_a_stranger_looks_like():
    assert code(there(b"", claimed_id="STRANGER")) == "unknown_camera"
    refused = decide(there(b"", claimed_id=""))
    assert refused.reason == "no camera of this fleet is called nothing"


def test_two_that_both_look_like_the_camera_are_twins():
    assert code(there(SUPER_SPEED.raw, "b2"), present=[there(SUPER_SPEED.raw)], model=SUPER_SPEED.model) == (
        "duplicate_camera"
    )


def test_what_looks_like_no_camera_is_refused_for_that_although_it_claims_the_id_of_one_that_is_there():
    """Else a keyboard with the right serial number could have every camera refused."""
    refused = decide(there(HUB.raw, "b2"), present=[there(STICK.raw)])
    assert refused.code == "usb_hub"
    assert refused.code in IMPOSTORS and "duplicate_camera" not in IMPOSTORS


def test_what_stands_on_a_port_without_a_bay_is_refused_by_its_port():
    refused = refuse_stray(there(STICK.raw, "pci-0000:00:14.0-usbv2-0:5"))
    assert (refused.code, refused.reason) == ("no_bay", "nothing belongs on this port: pci-0000:00:14.0-usbv2-0:5")
    assert "host_ports" in advice(refused)

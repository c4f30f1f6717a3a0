"""The decision alone, from data."""

import pytest

from dockd.admit import admit, advice, refuse_twins
from dockd.model import Admitted, Arrival, FleetCamera

CAMERA = FleetCamera("BWC1", "folder", "pm")
DRIVERS = ("folder",)


def there(bay, claimed_id="BWC1"):
    return Arrival(bay, claimed_id, f"/{bay}")


def find(camera_id):
    return CAMERA if camera_id == "BWC1" else None


def no_model(_camera):
    return None


def code(arrival, present, drivers=DRIVERS):
    decision = admit(arrival, find, no_model, drivers, present)
    return None if isinstance(decision, Admitted) else decision.code


def test_a_camera_of_the_fleet_is_admitted_beside_others():
    assert admit(there("a"), find, no_model, DRIVERS, [there("b", "BWC2")]) == Admitted(there("a"), CAMERA)


def test_a_camera_that_is_plugged_again_in_its_own_bay_is_no_twin_of_itself():
    assert code(there("a"), [there("a")]) is None


def test_two_that_claim_one_id_are_both_refused_each_with_the_bay_of_the_other_and_advice():
    first, second = there("a"), there("b")
    refused = admit(second, find, no_model, DRIVERS, [first])
    [turned_out] = refuse_twins(second, [first])
    assert (refused.arrival, turned_out.arrival) == (second, first)
    assert refused.reason == "what stands in a claims to be BWC1 as well"
    assert turned_out.reason == "what stands in b claims to be BWC1 as well"
    assert "cloned card" in advice(refused) and advice(turned_out) == advice(refused)


def test_each_of_three_is_told_the_bays_of_the_others():
    present = [there("c"), there("x", "BWC2"), there("a")]
    assert "in a, c claims" in admit(there("b"), find, no_model, DRIVERS, present).reason
    reasons = {refused.arrival.bay: refused.reason for refused in refuse_twins(there("b"), present)}
    assert reasons.keys() == {"a", "c"}
    assert "in b, c claims" in reasons["a"] and "in a, b claims" in reasons["c"]


@pytest.mark.parametrize("camera_id", ["STRANGER", "bwc1", ""])
def test_strangers_that_claim_one_id_are_strangers(camera_id):
    assert code(there("a", camera_id), [there("b", camera_id)]) == "unknown_camera"


def test_a_twin_is_worse_than_a_driver_that_is_missing():
    assert code(there("a"), [there("b")], drivers=()) == "duplicate_camera"
    assert code(there("a"), [], drivers=()) == "driver_missing"

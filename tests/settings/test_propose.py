"""What is proposed for the devices that are plugged in can be read by the real settings, whatever those claim."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dockd.settings.problems import InvalidSettings
from dockd.settings.propose import Plugged, propose
from dockd.settings.shape import Parsed, parse

CONFIG = Path(__file__).parents[2] / "config"
PORT = "pci-0000:00:14.0-usbv2-0:1."
DISK = ("00:00:00", ("08:06:50",))
HOSTILE = 'x"]}\n\r\u2028\x85\x1b[2J\u202e: {a: *b} # \ud800'


def camera(
    number: int, serial: str, name: str = "ACME BodyCam 4", looks: tuple[str, tuple[str, ...]] = DISK
) -> Plugged:
    return Plugged(f"{PORT}{number}", "46f4:0001", serial, name, *looks)


def without(text: str, *keys: str) -> str:
    """Leave out these keys of a file, each with the indented lines below it."""
    for key in keys:
        text, times = re.subn(rf"^{key}:.*\n(?:(?: +.*)?\n)*", "", text, flags=re.MULTILINE)
        assert times == 1, key
    return text


def merged(folder: Path, proposal: str) -> Parsed:
    """Put the two halves into the files of the example, as a technician would, and read them."""
    bays, fleet = re.split(r"\n(?=# For fleet.yaml)", proposal)
    for name, keys, half in (("dockd.yaml", ["bays"], bays), ("fleet.yaml", ["models", "cameras"], fleet)):
        example = without((CONFIG / name).read_text(), *keys)
        (folder / name).write_text(f"{example}\n{half}", encoding="utf-8")
    return parse(folder / "dockd.yaml")


def test_bays_models_and_cameras_are_proposed_as_the_settings_have_them(tmp_path: Path) -> None:
    video = ("ef:02:01", ("0e:01:00", "0e:02:00"))
    devices = [camera(1, "BWC1"), camera(2, "BWC2"), camera(3, "00012345", looks=video)]
    proposal = propose(devices, ["mass-storage", "folder"])
    settings = merged(tmp_path, proposal).settings
    assert {name: bay.ports for name, bay in settings.site.bays.items()} == {
        f"b{number}": (f"{PORT}{number}",) for number in (1, 2, 3)
    }
    one, two = settings.fleet.models.values()
    assert (one.vendor_product, one.device_class, one.interfaces) == ("46f4:0001", *DISK)
    assert (two.device_class, two.interfaces) == video
    assert {name: each.model for name, each in settings.fleet.cameras.items()} == {
        "BWC1": "usb-46f4-0001",
        "BWC2": "usb-46f4-0001",
        "00012345": "usb-46f4-0001-2",
    }
    assert "# Installed drivers: folder, mass-storage" in proposal
    assert f"# {PORT}1: 46f4:0001 ACME BodyCam 4, serial number BWC1" in proposal


LOCKED = Plugged(f"{PORT}1", "4255:0001", "BWC1", "Amba", "00:00:00", ("ff:00:00",), unlockers=("ambarella",))


def test_what_a_locked_camera_shows_goes_below_unlock_and_what_it_comes_back_as_is_asked_for(tmp_path: Path) -> None:
    again = replace(LOCKED, port=f"{PORT}2")
    proposal = propose([LOCKED, again, camera(3, "BWC2")], ["ambarella", "mass-storage"])
    with pytest.raises(InvalidSettings) as asked:
        merged(tmp_path, proposal)
    model = "models.usb-4255-0001"
    asks = [f"{model}.vendor_product", f"{model}.interfaces[0]", f"{model}.unlock.known_by"]
    assert [each.key for each in asked.value.problems] == asks
    read = yaml.safe_load(proposal)
    assert list(read["cameras"]) == ["BWC2"]
    assert read["models"]["usb-4255-0001"] == {
        "vendor_product": "choose",
        "interfaces": ["choose"],
        "unlock": {
            "vendor_product": "4255:0001",
            "interfaces": ["ff:00:00"],
            "device_class": "00:00:00",
            "driver": "ambarella",
            "known_by": "choose",
        },
    }
    assert proposal.count("its camera_id is what it states once it is asked") == 2


def test_it_is_a_model_once_what_it_comes_back_as_is_filled_in(tmp_path: Path) -> None:
    proposal = propose([LOCKED], ["ambarella"])
    filled = proposal.replace("vendor_product: choose", 'vendor_product: "4255:1000"')
    filled = filled.replace("[choose]", '["08:06:50"]').replace("known_by: choose", "known_by: label")
    [model] = merged(tmp_path, filled).settings.fleet.models.values()
    assert model.vendor_product == "4255:1000"
    assert model.unlock is not None
    assert (model.unlock.vendor_product, model.unlock.driver) == ("4255:0001", "ambarella")


def test_which_driver_unlocks_it_is_asked_for_where_more_than_one_may(tmp_path: Path) -> None:
    read = yaml.safe_load(propose([replace(LOCKED, unlockers=("ambarella", "other"))], []))
    assert read["models"]["usb-4255-0001"]["unlock"]["driver"] == "choose"


def test_a_machine_without_devices_gets_a_proposal_all_the_same(tmp_path: Path) -> None:
    settings = merged(tmp_path, propose([], [])).settings
    assert not settings.site.bays and not settings.fleet.models and not settings.fleet.cameras


@pytest.mark.parametrize("serial", ["", "BWC 1", "../1", "a" * 65, "no: yes", HOSTILE])
def test_a_serial_number_that_is_no_camera_id_is_told_in_a_comment(tmp_path: Path, serial: str) -> None:
    proposal = propose([camera(1, serial), camera(2, "BWC2")], [])
    settings = merged(tmp_path, proposal).settings
    assert (list(settings.fleet.cameras), len(settings.site.bays)) == (["BWC2"], 2)
    assert proposal.count("its serial number has not the form of a camera_id") == 1


@pytest.mark.parametrize("serial", ["no", "1e3", "0x10", "2026-11-22", "null", "010"])
def test_a_serial_number_that_yaml_would_read_as_something_else_is_quoted(tmp_path: Path, serial: str) -> None:
    assert list(merged(tmp_path, propose([camera(1, serial)], [])).settings.fleet.cameras) == [serial]


def test_cameras_with_one_serial_number_are_none_of_them_proposed(tmp_path: Path) -> None:
    proposal = propose([camera(1, "BWC1"), camera(2, "bwc1"), camera(3, "BWC2")], [])
    assert list(merged(tmp_path, proposal).settings.fleet.cameras) == ["BWC2"]
    assert proposal.count("another one claims the same serial number") == 2


def test_what_no_model_can_allow_has_a_bay_and_its_reason(tmp_path: Path) -> None:
    broken = Plugged(f"{PORT}1", "46f4:0001", "BWC1", "", fault="malformed: it ends\nearly")
    many = camera(2, "BWC2", looks=("00:00:00", ("08:06:50",) * 33))
    proposal = propose([broken, many], [])
    settings = merged(tmp_path, proposal).settings
    assert len(settings.site.bays) == 2 and not settings.fleet.models and not settings.fleet.cameras
    assert "malformed: it ends\\nearly" in proposal


def test_a_place_that_no_bay_may_have_is_none(tmp_path: Path) -> None:
    odd = Plugged(HOSTILE, "46f4:0001", "BWC1", "", *DISK)
    proposal = propose([odd], [])
    assert not merged(tmp_path, proposal).settings.site.bays
    assert "# no bay: " in proposal


TEXT = st.text() | st.sampled_from([HOSTILE, "BWC1", "bwc1", "~", "\n- x"])
LOOKS = st.tuples(st.sampled_from(["00:00:00", "ff:ff:ff", HOSTILE]), st.lists(st.sampled_from(["08:06:50", "x"])))


@given(st.lists(st.tuples(st.integers(1, 9), TEXT, TEXT, TEXT, LOOKS), unique_by=lambda each: each[0]))
def test_whatever_devices_claim_the_proposal_is_yaml_of_its_own_three_keys(
    claims: list[tuple[int, str, str, str, tuple[str, list[str]]]],
) -> None:
    devices = [
        Plugged(f"{PORT}{number}", ids, serial, name, kind, tuple(interfaces), unlockers=("x",) * (number % 3))
        for number, ids, serial, name, (kind, interfaces) in claims
    ]
    proposal = propose(devices, ["folder"])
    assert proposal.isascii() and proposal.replace("\n", "").isprintable()
    read = yaml.safe_load(proposal)
    assert list(read) == ["bays", "models", "cameras"]
    assert len(read["bays"]) == len(devices)
    assert all(each["model"] in read["models"] for each in read["cameras"].values())

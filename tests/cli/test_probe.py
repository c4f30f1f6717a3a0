"""`dockd probe` tells what stands on the bus, however it describes itself, and touches nothing."""

import json
from dataclasses import replace
from types import MappingProxyType

import pytest
from click.testing import CliRunner

from dockd.catalogue import Look
from dockd.cli import probe as command
from dockd.daemon.docks import find_model
from dockd.detect.udev import BusDevice, Disk
from dockd.detect.usb_descriptors import parse
from dockd.detect.usb_policy import Judged, is_hub, judge
from tests.detect.test_usb_samples import BAD_USB, HUB, SAMPLES, STICK
from tests.settings.test_propose import merged

CAMERA = BusDevice(
    port="pci-0000:00:14.0-usbv2-0:1.3",
    sys_path="/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.3",
    device_number=7,
    vendor_product="46f4:0001",
    serial="BWC0000001",
    name="ACME BodyCam 4",
    authorized=True,
    descriptors=STICK.raw,
    disks=(Disk("/dev/sdb", 32_000_000_000), Disk("/dev/sdb1", 31_999_000_000)),
)


ASKED = object()
DECLARED = Look("1", usb_ids=["238b", "46f4:0001"], maker="Hytera", needs="the [red]protocol[/red]")
READS = Look("1", "usb", ["clear"], usb_ids=["46f4"])


@pytest.fixture
def probe(monkeypatch):
    def run(*devices, words=("--json",), error=None, looks=MappingProxyType({})):
        def enumerate_bus():
            if error is not None:
                raise error
            return devices

        monkeypatch.setattr(command, "enumerate_bus", enumerate_bus)
        if looks is not ASKED:
            monkeypatch.setattr(command, "look_at", lambda entries: looks)
        return CliRunner(env={"COLUMNS": "200"}).invoke(command.probe, list(words))

    return run


def test_a_camera_is_told_by_its_port_its_claims_its_interfaces_and_its_disks(probe):
    [told] = json.loads(probe(CAMERA).output)
    assert (told["port"], told["vendor_product"], told["serial"]) == (CAMERA.port, "46f4:0001", "BWC0000001")
    assert (told["kind"], told["interfaces"], told["fault"]) == ("device", ["mass storage (08:06:50)"], None)
    assert [disk["node"] for disk in told["disks"]] == ["/dev/sdb", "/dev/sdb1"]
    shown = probe(CAMERA, words=()).output
    for word in (CAMERA.port, "BWC0000001", "mass storage (08:06:50)", "/dev/sdb, 32000 MB"):
        assert word in shown


def test_a_hub_is_called_a_hub_and_a_keyboard_in_a_stick_is_named(probe):
    hub, bad = json.loads(probe(replace(CAMERA, descriptors=HUB.raw), replace(CAMERA, descriptors=BAD_USB.raw)).output)
    assert (hub["kind"], bad["kind"]) == ("hub", "device")
    assert any("HID" in interface for interface in bad["interfaces"])


@pytest.mark.parametrize("descriptors", [b"", b"\0" * 18, STICK.raw[:-1], STICK.raw + b"\0"])
def test_a_device_that_describes_itself_badly_is_shown_with_what_is_wrong(probe, descriptors):
    [told] = json.loads(probe(replace(CAMERA, descriptors=descriptors)).output)
    assert (told["kind"], told["interfaces"]) == ("malformed", [])
    assert "malformed" in told["fault"]
    assert "malformed" in probe(replace(CAMERA, descriptors=descriptors), words=()).output


def test_what_a_device_claims_cannot_command_a_terminal(probe):
    hostile = replace(CAMERA, serial="\x1b[2J\u202egood\n[red]", name="[bold]\x07caf\u00e9")
    for words in ((), ("--json",)):
        output = probe(hostile, words=words).output
        assert output.isascii() or not words
        assert not {"\x1b", "\u202e", "\x07"} & set(output)
        assert "%1B[2J" in output and "[red]" in output


def test_a_machine_without_usb_is_told_so(probe):
    done = probe(words=())
    assert (done.exit_code, "nothing on the USB bus" in " ".join(done.output.split())) == (0, True)


def test_a_bus_that_cannot_be_read_is_a_fault_with_its_reason(probe):
    done = probe(error=OSError(5, "Input/output error"))
    assert "Input/output error" in done.exception.message


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_the_yaml_that_is_proposed_admits_the_very_device_that_is_plugged_in(probe, tmp_path, sample):
    vendor_product = "{:04x}:{:04x}".format(*sample.ids)
    device = replace(CAMERA, vendor_product=vendor_product, descriptors=sample.raw)
    output = probe(device, replace(CAMERA, port=f"{CAMERA.port}.9", descriptors=HUB.raw), words=("--yaml",)).output
    settings = merged(tmp_path, output).settings
    if is_hub(parse(sample.raw)):
        assert not settings.site.bays and not settings.fleet.cameras
        return
    assert settings.site.bays["b1"].ports == (CAMERA.port,)
    camera = settings.camera(CAMERA.serial)
    assert isinstance(judge(parse(sample.raw), find_model(settings, camera)), Judged)
    assert ("HID (03:01:01)" in output) == (sample is BAD_USB)


def test_a_device_that_cannot_be_judged_is_proposed_as_no_model(probe, tmp_path):
    output = probe(replace(CAMERA, descriptors=b"\0" * 18), words=("--yaml",)).output
    assert not merged(tmp_path, output).settings.fleet.models
    assert "malformed" in output


def test_yaml_and_json_at_once_are_refused(probe):
    assert probe(CAMERA, words=("--yaml", "--json")).exit_code == 2


@pytest.mark.parametrize(
    ("ids", "says"),
    [("46f4:0001", "looks like a camera of Hytera, and no"), ("238b:0a11", "looks like a device of Hytera; if it is")],
)
def test_a_device_whose_id_a_declared_driver_knows_is_told_with_what_is_missing(probe, tmp_path, ids, says):
    device, looks = replace(CAMERA, vendor_product=ids), {"hytera": DECLARED}
    [told] = json.loads(probe(device, looks=looks).output)
    [known] = told["known_by"]
    assert (known["driver"], known["declared_only"]) == ("hytera", True)
    assert says in known["says"] and "Ask Hytera for the [red]protocol[/red]." in known["says"]
    assert f"{CAMERA.port}: {known['says']}" in " ".join(probe(device, looks=looks, words=()).output.split())
    as_yaml = probe(device, looks=looks, words=("--yaml",)).output
    assert f"# {known['says']}" in as_yaml
    assert merged(tmp_path, as_yaml).settings.site.bays["b1"].ports == (CAMERA.port,)


def test_a_device_that_only_shows_what_a_driver_reads_is_told_with_that_driver(probe):
    looks = {"cards": Look("1", "directory", ["clear"], usb_ids=["08:06:50"]), "other": Look("1", usb_ids=["06:01:01"])}
    [told] = json.loads(probe(CAMERA, looks=looks).output)
    assert [(each["driver"], each["abilities"]) for each in told["known_by"]] == [("cards", ["clear"])]


def test_a_locked_camera_is_told_with_who_unlocks_it_and_where_that_is_said(probe):
    looks = {"opens": Look("1", "usb", ["clock", "unlock"], usb_ids=["46f4:0001"])}
    [told] = json.loads(probe(CAMERA, looks=looks).output)
    assert "unlock it (can: clock, unlock)" in told["known_by"][0]["says"]
    assert "`unlock` of its model" in probe(CAMERA, looks=looks, words=("--yaml",)).output


def test_a_device_that_a_driver_can_read_is_told_with_that_driver(probe):
    [told] = json.loads(probe(replace(CAMERA, vendor_product="46f4:0002"), looks={"reads": READS}).output)
    assert told["known_by"] == [
        {
            "driver": "reads",
            "declared_only": False,
            "abilities": ["clear"],
            "says": "the driver reads may be able to read it (can: clear)",
        }
    ]


def test_a_hub_is_known_by_nobody_and_what_is_not_known_says_nothing(probe):
    devices = replace(CAMERA, descriptors=HUB.raw), CAMERA, replace(CAMERA, vendor_product="46f5:0001")
    told = json.loads(probe(*devices, looks={"hytera": DECLARED}).output)
    assert [[known["driver"] for known in each["known_by"]] for each in told] == [[], ["hytera"], []]


def test_no_driver_is_loaded_for_hubs(probe, monkeypatch):
    monkeypatch.setattr(command, "look_at", lambda entries: pytest.fail("a driver was loaded"))
    assert json.loads(probe(replace(CAMERA, descriptors=HUB.raw), looks=ASKED).output)[0]["kind"] == "hub"


def test_the_installed_drivers_are_asked(probe):
    [told] = json.loads(probe(replace(CAMERA, vendor_product="238b:9999"), looks=ASKED).output)
    assert [known["driver"] for known in told["known_by"]] == ["hytera"]

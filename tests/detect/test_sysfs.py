"""What a look reads of the bus, from a tree as sysfs has it, and what it does not read again."""

import shutil
from types import SimpleNamespace

import pytest

from dockd.detect import udev
from dockd.detect.udev import enumerate_bus

ROOT = "pci0000:00/0000:00:10.0/usb3"
PORT = "pci-0000:00:10.0-usb-0:1"
DEVICE = {
    "devnum": "5",
    "authorized": "0",
    "idVendor": "46f4",
    "idProduct": "0001",
    "serial": "BWC1",
    "manufacturer": "ACME",
    "product": "Cam",
}
INTERFACE = {
    "bInterfaceNumber": "00",
    "bAlternateSetting": " 0",
    "bInterfaceClass": "08",
    "bInterfaceSubClass": "06",
    "bInterfaceProtocol": "50",
}


class Tree:
    """A tree of sysfs. `properties` is what udev knows of each path."""

    def __init__(self, folder):
        self.devices, self.links, self.blocks = folder / "devices", folder / "bus", folder / "block"
        for each in (self.devices, self.links, self.blocks):
            each.mkdir()
        self.properties = {}

    def add(self, name, at, attributes, descriptors=b"\x12\x01"):
        path = self.devices / at
        path.mkdir(parents=True)
        for attribute, text in attributes.items():
            (path / attribute).write_text(f"{text}\n")
        (path / "descriptors").write_bytes(descriptors)
        (self.links / name).symlink_to(path)
        return path

    def add_disk(self, name, above):
        path = above / "3-1:1.0/host0/target0:0:0/0:0:0:0/block" / name
        path.mkdir(parents=True)
        for attribute, text in INTERFACE.items():
            (above / "3-1:1.0" / attribute).write_text(f"{text}\n")
        (path / "size").write_text("2048\n")
        (path.parent.parent / "ioerr_cnt").write_text("0x0\n")
        (path.parent.parent / "state").write_text("running\n")
        (path / "device").symlink_to(path.parent.parent)
        (self.blocks / name).symlink_to(path)
        return path

    def from_udev(self, path):
        return SimpleNamespace(
            properties=self.properties.get(path, {}),
            sys_path=path,
            device_node=f"/dev/{path.rpartition('/')[2]}",
            device_type="disk",
            is_initialized=True,
        )


@pytest.fixture
def tree(tmp_path, monkeypatch):
    made = Tree(tmp_path)
    monkeypatch.setattr(udev, "_DEVICES", made.links)
    monkeypatch.setattr(udev, "_BLOCKS", made.blocks)
    monkeypatch.setattr(udev, "_from_udev", made.from_udev)
    root = made.add("usb3", ROOT, {"devnum": "1", "authorized": "1", "authorized_default": "0", "version": " 3.00"})
    made.properties[str(root)] = {"ID_PATH": "pci-0000:00:10.0"}
    made.camera = made.add("3-1", f"{ROOT}/3-1", DEVICE)
    made.properties[str(made.camera)] = {"ID_PATH": PORT}
    return made


def camera(known=None):
    [found] = [each for each in enumerate_bus(known) if each.name_on_bus == "3-1"]
    return found


def test_a_device_is_read_with_its_place_and_its_disks_and_no_other_disk(tree):
    tree.add_disk("sda", tree.camera)
    (tree.devices / "virtual/block/loop0").mkdir(parents=True)
    (tree.blocks / "loop0").symlink_to(tree.devices / "virtual/block/loop0")
    found = camera()
    assert (found.port, found.device_number, found.vendor_product) == ("pci-0000:00:10.0-usbv3-0:1", 5, "46f4:0001")
    assert (found.serial, found.name, found.authorized, found.descriptors) == ("BWC1", "ACME Cam", False, b"\x12\x01")
    assert [(disk.node, disk.size, disk.errors) for disk in found.disks] == [("/dev/sda", 2048 * 512, "0x0 running")]
    [root] = [each for each in enumerate_bus() if each.name_on_bus == "usb3"]
    assert (root.port, root.is_open, root.disks) == ("pci-0000:00:10.0-usbv3", False, ())


def test_the_strings_of_a_device_that_stays_are_not_read_again(tree):
    """To read one takes the device's lock, which a device that hangs may hold."""
    known = {}
    camera(known)
    (tree.camera / "serial").write_text("BWC2\n")
    assert camera(known).serial == "BWC1"
    (tree.camera / "devnum").write_text("6\n")
    assert camera(known).serial == "BWC2"


def test_descriptors_are_read_anew_once_the_device_was_authorised(tree):
    """Some kernels ask the device once more then, and what it says must be compared with what was judged."""
    known = {}
    camera(known)
    (tree.camera / "descriptors").write_bytes(b"\x12\x02")
    assert camera(known).descriptors == b"\x12\x01"
    (tree.camera / "authorized").write_text("1\n")
    assert camera(known).descriptors == b"\x12\x02"


def test_a_place_that_udev_does_not_know_yet_is_asked_for_again(tree):
    known, place = {}, tree.properties.pop(str(tree.camera))
    assert camera(known).port == ""
    tree.properties[str(tree.camera)] = place
    assert camera(known).port == "pci-0000:00:10.0-usbv3-0:1"


def test_what_goes_while_it_is_looked_at_is_left_out_and_forgotten(tree):
    known = {}
    camera(known)
    shutil.rmtree(tree.camera)
    assert [each.name_on_bus for each in enumerate_bus(known)] == ["usb3"]
    assert [path for path, _number in known] == [str(tree.devices / ROOT)]


def test_a_kernel_without_usb_has_an_empty_bus(tree):
    shutil.rmtree(tree.links)
    assert enumerate_bus() == ()

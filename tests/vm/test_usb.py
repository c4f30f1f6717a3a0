"""The bus of the virtual dock: what is plugged on the host appears in the guest with its serial and its port."""

import hashlib
from pathlib import Path

import pytest

from tests.vm import sticks
from tests.vm.dock import Dock, clips, pack

SERIAL = "BWC0000001"
PARTITION = f"/dev/disk/by-id/usb-QEMU_QEMU_HARDDISK_{SERIAL}-0:0-part1"


def properties(dock: Dock, device: str) -> dict[str, str]:
    lines = dock.do(f"udevadm info --query=property {device}").splitlines()
    return dict(line.split("=", 1) for line in lines)


def camera(dock: Dock, filesystem: str) -> Path:
    if filesystem == "exfat":
        return sticks.exfat(dock.folder / "camera.img", 64)
    tree = dock.folder / "tree"
    (tree / "DCIM").mkdir(parents=True)
    for name, content in clips().items():
        (tree / "DCIM" / name).write_bytes(content)
    return sticks.fat32(dock.folder / "camera.img", 64, tree)


@pytest.mark.parametrize(("filesystem", "kind"), [("fat32", "vfat"), ("exfat", "exfat")])
def test_a_camera_that_is_plugged_in_shows_its_serial_port_and_files_until_it_is_pulled(
    dock: Dock, filesystem: str, kind: str
):
    node = {"driver": "file", "filename": str(camera(dock, filesystem))}
    with dock.machine.plugged("camera", node, SERIAL, port="3"):
        dock.do(f"udevadm wait --timeout=30 {PARTITION}")
        seen = properties(dock, PARTITION)
        assert seen["ID_SERIAL_SHORT"] == SERIAL
        assert seen["ID_PATH"].endswith("-usb-0:3:1.0-scsi-0:0:0:0")
        assert seen["ID_USB_DRIVER"] == "usb-storage"
        assert seen["ID_FS_TYPE"] == kind
        dock.do(f"mount -t {kind} {PARTITION} /mnt")
        if kind == "exfat":
            dock.do("mkdir /mnt/DCIM && tar -x --no-same-owner -C /mnt/DCIM", pack(clips()))
        sums = dict(reversed(line.split()) for line in dock.do("cd /mnt/DCIM && sha256sum *").splitlines())
        assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in clips().items()}
        dock.do("umount /mnt")
    dock.do(f"udevadm wait --timeout=30 --removed {PARTITION}")

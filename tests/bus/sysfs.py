"""A sysfs and a /dev of a test's own: plain files where the kernel has attributes, real device files for disks."""

import os
from pathlib import Path

DEVICE, NUMBER = "1-2", 7
HUB = "1-1"
BEHIND = "1-1.3"


class Sysfs:
    """A root hub, a camera `1-2` on it with the disk `sda`, and a hub `1-1` with the camera `1-1.3` behind it."""

    def __init__(self, root: Path) -> None:
        self.path, self.dev = root / "sys", root / "dev"
        self.dev.mkdir()
        for place in ("bus/usb/devices", "class/block", "class/leds"):
            (self.path / place).mkdir(parents=True)
        self.bus = self.path / "devices/pci0000:00/usb1"
        self.device = self._usb(self.bus / DEVICE, NUMBER)
        self.hub = self._usb(self.bus / HUB, 3)
        self.behind = self._usb(self.hub / BEHIND, 4)
        self.disk(self.device, "sda")
        self.disk(self.behind, "sdb")

    def _usb(self, directory: Path, number: int) -> Path:
        (directory / "power").mkdir(parents=True)
        values = {"busnum": "1", "devnum": str(number), "dev": "189:0", "authorized": "?", "power/control": "auto"}
        for name, value in values.items():
            (directory / name).write_text(value + "\n")
        (directory / f"{directory.name}:1.0").mkdir()
        self._link("bus/usb/devices", directory)
        self._link("bus/usb/devices", directory / f"{directory.name}:1.0")
        return directory

    def _link(self, place: str, directory: Path) -> None:
        link = self.path / place / directory.name
        link.symlink_to(os.path.relpath(directory, link.parent))

    def disk(self, device: Path, name: str) -> None:
        """Show a disk with one partition that no device file stands for."""
        disk = device / f"{device.name}:1.0/host0/block" / name
        for directory, number in ((disk, "8:0"), (disk / f"{name}1", "8:1")):
            directory.mkdir(parents=True)
            (directory / "dev").write_text(number + "\n")
            self._link("class/block", directory)

    def file(self, node: str, number: int) -> None:
        """Make a device file, and have sysfs say its number."""
        os.mknod(self.dev / node, 0o600 | 0o060000, number)
        (self.path / "class/block" / node / "dev").write_text(f"{os.major(number)}:{os.minor(number)}\n")

    def usb_file(self, device: Path, number: int) -> Path:
        """Make the device file of a USB device, and have sysfs say its number."""
        file = self.dev / f"bus/usb/001/{int((device / 'devnum').read_text()):03}"
        file.parent.mkdir(parents=True, exist_ok=True)
        os.mknod(file, 0o600 | 0o020000, number)
        (device / "dev").write_text(f"{os.major(number)}:{os.minor(number)}\n")
        return file

    def port(self, interface: str, port: str) -> Path:
        """Show a port of a hub; `interface` is the hub's, and is made if the hub is not one of the above."""
        directory = self.path / "bus/usb/devices" / interface
        if not directory.exists():
            (self.bus / interface).mkdir()
            self._link("bus/usb/devices", self.bus / interface)
        (directory / port).mkdir()
        (directory / port / "disable").write_text("?\n")
        return directory / port / "disable"

    def light(self, name: str, brightest: int) -> Path:
        directory = self.bus / "leds" / name
        directory.mkdir(parents=True)
        (directory / "max_brightness").write_text(f"{brightest}\n")
        (directory / "brightness").write_text("?\n")
        self._link("class/leds", directory)
        return directory / "brightness"

    def contents(self) -> dict[str, str]:
        """Give every attribute, to see that none was changed."""
        files = (path for path in self.path.rglob("*") if path.is_file() and not path.is_symlink())
        return {str(path): path.read_text() for path in files}

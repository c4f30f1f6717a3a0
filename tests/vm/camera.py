"""A camera on the USB bus of the virtual dock: a card with files, faults that a test switches on, and a plug."""

from pathlib import Path

from tests.integration.site import Original
from tests.vm.faultdisk import FaultDisk
from tests.vm.machine import Machine
from tests.vm.sticks import Card, Files, originals


class Camera:
    """Its `disk` is the card as the bus sees it: switch faults on before or while it is plugged in."""

    def __init__(self, machine: Machine, serial: str, card: Card, files: Files) -> None:
        self._machine = machine
        self.serial, self.card, self._files = serial, card, files
        self.name = card.image.stem
        self.disk = FaultDisk(card.image)
        self._plugged = False

    def plug(self, port: str, read_only: bool = False) -> None:
        """Plug it into a port, such as `layout.BAYS["b1"]`. `read_only`: the card has its switch set, and says so."""
        self._machine.plug_disk(self.name, self.disk, self.serial, port, read_only)
        self._plugged = True

    def unplug(self) -> None:
        """Pull it out, whatever goes on, hanging or not; it keeps what was written, and faults are over."""
        self._machine.unplug_disk(self.name, self.disk)
        self._plugged = False
        self.disk.write_through()

    def files(self) -> Files:
        """Read what is on the card; it must be unplugged."""
        assert not self._plugged, "it is in use"
        return self.card.files()

    def recordings(self) -> list[str]:
        """List the recordings that are left on it; it must be unplugged."""
        return sorted(path for path in self.files() if path.lower().endswith(".mp4"))

    def bring(self, folder: Path) -> list[Original]:
        """Copy out what is on the card, for `promises`; the machine must be off, or the camera unplugged."""
        self.disk.write_through()
        return originals(self.serial, folder / self.name, self.card.files(), self._files)

    def close(self) -> None:
        """Let go of the image; the machine must be off, or the camera unplugged."""
        self.disk.close()

"""An MTP camera on the USB bus of the virtual dock: QEMU shows a folder of the host as one."""

import os
import shutil
from pathlib import Path

from dockd.model import Recording, RecordingPath
from tests.integration.site import Original
from tests.vm.machine import Machine

_RECORDED_AT = 1_790_000_000


class MtpCamera:
    """Its files lie in `folder`, and are erased there as the dock erases them."""

    name = "mtp"

    def __init__(self, machine: Machine, folder: Path, contents: dict[str, bytes], serial: str) -> None:
        self._machine = machine
        self.serial = serial
        self.folder = folder
        self._contents = contents
        (folder / "DCIM").mkdir(parents=True)
        for number, (name, content) in enumerate(contents.items()):
            path = folder / "DCIM" / name
            path.write_bytes(content)
            os.utime(path, (_RECORDED_AT + number, _RECORDED_AT + number))

    def plug(self, port: str) -> None:
        self._machine.plug("usb-mtp", self.name, port, rootdir=str(self.folder), readonly=False, serial=self.serial)

    def unplug(self) -> None:
        self._machine.unplug(self.name)

    def recordings(self) -> list[str]:
        return sorted(os.listdir(self.folder / "DCIM"))

    def bring(self, folder: Path) -> list[Original]:
        """Copy out what is on it, for `promises`."""
        own = folder / self.name
        shutil.copytree(self.folder, own)
        return [
            Original(
                self.serial,
                own / "DCIM" / name,
                Recording(RecordingPath(f"DCIM/{name}".encode()), len(content), (_RECORDED_AT + number) * 10**9),
                content,
            )
            for number, (name, content) in enumerate(self._contents.items())
        ]

    def close(self) -> None:
        """Nothing of it is open here."""

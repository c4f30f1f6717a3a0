"""The dock of a test: resumed as it was baked, with its cameras, and brought out of the machine to be audited."""

import io
import json
import random
import shlex
import sqlite3
import struct
import subprocess
import tarfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockd.model import Recording, RecordingPath
from dockd.register.mirror import line_of
from dockd.register.note import SigningKey, Verifier
from dockd.register.verify import open_readonly
from dockd.seal.recipients import Identity
from tests.integration.site import DOCK_ID, MEDIA, Original
from tests.vm import bake, layout
from tests.vm.camera import Camera
from tests.vm.faultdisk import FaultDisk
from tests.vm.image import image
from tests.vm.journal import DEADLINE_SECONDS, Journal
from tests.vm.machine import Machine, copy_out, overlay, sparse_copy
from tests.vm.mtp_camera import MtpCamera
from tests.vm.sticks import Card
from tests.vm.vendor_camera import VendorCamera

Contents = dict[str, bytes]
"""What is on a camera: the bytes of each recording by its name."""

MIB = 1 << 20
CONTROLLER = f"/sys/devices/pci0000:00/0000:00:{layout.BUS_ADDRESS:02x}.0"
"""Of the USB bus, as the guest's kernel shows it."""
_RECORDED_AT = 1_790_000_000
_TIMES = range(_RECORDED_AT, _RECORDED_AT + 10**6, 2)

_ASK_STATUS = f"""
import socket
with socket.socket(socket.AF_UNIX) as link:
    link.connect("{layout.RUNTIME}/control.sock")
    link.sendall(b'{{"ask": "status"}}\\n')
    print(link.makefile().readline())
"""


def clips() -> Contents:
    """Give the genuine MP4s."""
    return {path.name: path.read_bytes() for path in sorted(MEDIA.glob("*.mp4"))}


def recordings(number: int, size: int, rng: random.Random) -> Contents:
    """Make recordings that differ: a genuine MP4 each, and a `free` box behind it (ISO/IEC 14496-12 8.1.2)."""
    genuine = list(clips().values())
    made = {}
    for each in range(number):
        clip = genuine[each % len(genuine)]
        free = size - len(clip)
        made[f"VID_{each:04}.mp4"] = clip + struct.pack(">I4s", free, b"free") + rng.randbytes(free - 8)
    return made


def pack(files: Contents) -> bytes:
    """Make a tar archive of files that were changed one second after the other."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for seconds, (name, content) in enumerate(files.items(), _RECORDED_AT):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), seconds
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@dataclass(frozen=True)
class Brought:
    """What an outsider holds of a dock that is stopped: a copy of it, and the CSU's keys (see `promises`)."""

    folder: Path
    identities: dict[str, Identity]
    originals: list[Original]

    @property
    def register(self) -> Path:
        return self._place(layout.STATE) / "register.db"

    @property
    def verifier(self) -> Verifier:
        return SigningKey.load(self._place(layout.STATE) / "dock.key", DOCK_ID).verifier

    @property
    def mirror(self) -> Path:
        return self._place(layout.MIRROR)

    def partition(self, name: str) -> Path:
        return self._place(layout.store(name))

    def under_way(self) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(f"file:{self.register}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT recording_id, state FROM intent").fetchall()

    def mirror_agrees(self) -> bool:
        """Whether the second medium has every entry of the register, in its order, and nothing else."""
        with open_readonly(self.register) as reader:
            lines = b"".join(line_of(row) for row in reader.rows())
        return lines == b"".join(path.read_bytes() for path in sorted(self._place(layout.MIRROR).glob("*.jsonl")))

    def close(self) -> None:
        """Nothing of it runs."""

    def _place(self, path: str) -> Path:
        return self.folder / path.lstrip("/")


class Dock:
    """Its disks and its machine; use as a context manager, at whose end nothing of it is left."""

    def __init__(self, folder: Path, baked: Path) -> None:
        self.folder = folder
        self.identities = bake.identities(baked)
        self.disks = {name: FaultDisk(sparse_copy(baked / f"{name}.img", folder / name)) for name in layout.DISKS_MIB}
        root = overlay(baked / "root.qcow2", folder / "root.qcow2")
        self.machine = Machine(folder, image(), root, self.disks)
        self.cameras: list[Camera | MtpCamera | VendorCamera] = []
        self._docked: list[tuple[str, Recording, bytes]] = []
        self._state = baked / "state"

    def __enter__(self) -> "Dock":
        self.machine.resume(self._state)
        return self

    def __exit__(self, *_error: object) -> None:
        self.machine.power_cut()
        for each in [*self.cameras, *self.disks.values()]:
            each.close()

    @property
    def journal(self) -> Journal:
        return self.machine.journal

    def do(self, command: str, stdin: bytes = b"") -> str:
        """Run a command in the guest, as root, that must succeed."""
        return self.machine.agent.do(command, stdin)

    def arrives(self, camera_id: str, contents: Contents) -> None:
        """Have the dock's own disk show a camera, all at once, and durably."""
        arriving, docked = (shlex.quote(f"{layout.CAMERAS}/{name}") for name in (f"arriving/{camera_id}", "dock/"))
        for number, (name, content) in enumerate(contents.items()):
            recording = Recording(RecordingPath(name.encode()), len(content), (_RECORDED_AT + number) * 10**9)
            self._docked.append((camera_id, recording, content))
        files = {**contents, "camera_id.txt": f"{camera_id}\n".encode()}
        packed = pack({f"{camera_id}/{name}": content for name, content in files.items()})
        self.do(f"tar -x -C {layout.CAMERAS}/arriving", packed)
        # A dock's own disk has no owners: everybody may do everything, and so may a worker, whose user is its own.
        self.do(f"chown -R {layout.ACCOUNT}: {arriving} && chmod -R a+rwX {arriving}")
        self.do(f"sync && mv {arriving} {docked} && sync")

    def camera(self, serial: str, contents: Contents, filesystem: str = "fat32", partitioned: bool = True) -> Camera:
        """Make a camera for the USB bus, with recordings below DCIM; it is not plugged in yet."""
        image = self.folder / f"card{len(self.cameras)}.img"
        files = {
            f"DCIM/100BWC/{name}": (each, when) for when, (name, each) in zip(_TIMES, contents.items(), strict=False)
        }
        mib = 48 + sum(map(len, contents.values())) // MIB
        camera = Camera(self.machine, serial, Card(image, filesystem, partitioned).make(mib, files), files)
        self.cameras.append(camera)
        return camera

    def mtp_camera(self, contents: Contents, serial: str = layout.MTP_CAMERA) -> MtpCamera:
        """Make a camera that speaks MTP, with recordings below DCIM; it is not plugged in yet."""
        camera = MtpCamera(self.machine, self.folder / "mtp", contents, serial)
        self.cameras.append(camera)
        return camera

    def vendor_camera(self, serial: str, contents: Contents) -> VendorCamera:
        """Make a camera that has to be unlocked, whose card is labelled by its serial; it is not plugged in yet."""
        files = {f"DCIM/{name}": (each, when) for when, (name, each) in zip(_TIMES, contents.items(), strict=False)}
        card = Card(self.folder / f"{serial}.img", "fat32", label=serial).make(40, files)
        camera = VendorCamera(self.machine.agent, serial, card, files)
        self.cameras.append(camera)
        return camera

    def status(self) -> dict[str, Any]:
        """Ask dockd what `dockd status` shows, without the many seconds that a command of its own takes to start."""
        return dict(json.loads(self.do("python3 -", _ASK_STATUS.encode()))["ok"])

    def troubles(self) -> dict[str, str]:
        return {each["subject"]: each["code"] for each in self.status()["troubles"]}

    def bay(self, camera_id: str) -> dict[str, Any]:
        (found,) = (each for each in self.status()["bays"] if each["claimed_id"] == camera_id)
        return dict(found)

    def wait_reading(self, camera_id: str) -> None:
        """Wait until the first of a camera's recordings is being read."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not self.bay(camera_id)["done"]:
            assert time.monotonic() < deadline, f"{camera_id} is not read: {self.bay(camera_id)}"

    def interfaces(self, port: str, controller: str = CONTROLLER) -> list[str]:
        """List the interfaces that the kernel made of what stands on a port of a controller, not of a hub."""
        return self.do(f"ls -d {controller}/usb*/*-{port}/*:*.* 2>/dev/null || true").split()

    def cut_power(self, rng: random.Random) -> int:
        """Cut it at once; each disk loses what it had not flushed, or a random part of that. Gives how many blocks."""
        self.machine.power_cut()
        return sum(disk.cut(rng, keep=rng.choice([0, 0.5])) for disk in self.disks.values())

    def bring(self) -> Brought:
        """Stop the service, switch the machine off, and copy everything out of the disks and the cameras."""
        self.do("systemctl stop dockd.service && sync")
        # Frozen, a volume is whole on its disk: nothing waits in a journal that only a kernel could replay.
        self.do(f"for place in {' '.join(layout.VOLUMES.values())}; do fsfreeze --freeze $place; done")
        self.machine.power_cut()
        for name in layout.VOLUMES:
            self.disks[name].write_through()
        return self._copied_out()

    def bring_as_it_lies(self) -> Brought:
        """Copy everything out after a power cut, once each volume's journal is played back as its kernel would."""
        for name in layout.VOLUMES:
            done = subprocess.run(["e2fsck", "-f", "-y", self.disks[name].image], capture_output=True, text=True)
            assert done.returncode in (0, 1), done.stdout
        return self._copied_out()

    def _copied_out(self) -> Brought:
        folder = self.folder / "brought"
        for name, place in layout.VOLUMES.items():
            copy_out(self.disks[name].image, folder / place.lstrip("/"))
        docked = folder / layout.CAMERAS.lstrip("/") / "dock"
        originals = [
            Original(camera, docked / camera / recording.path.text, recording, content)
            for camera, recording, content in self._docked
        ]
        for camera in self.cameras:
            originals += camera.bring(folder / "usb")
        return Brought(folder, self.identities, originals)

"""One virtual machine: a dock's computer, with its disks, a USB bus to plug cameras into, and no network device."""

import json
import os
import shlex
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.vm import layout
from tests.vm.agent import Agent
from tests.vm.faultdisk import FaultDisk
from tests.vm.journal import Journal
from tests.vm.qmp import QMP

BOOT_SECONDS = 300
SAVE_SECONDS = 60
MEMORY_MIB = 640
PROCESSORS = 2
"""For what boots, alone. `bake` saves it with one of them off: two machines side by side do more than two in one."""

_KERNEL_LINE = (
    "root=/dev/vda rw console=ttyS0 quiet loglevel=4 mitigations=off random.trust_cpu=on systemd.show_status=0 audit=0 "
    "tsc=reliable no_timer_check nokaslr norandmaps cryptomgr.notests"
)
_BARE = ["-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35,sata=off,smbus=off,vmport=off"]
# Without what QEMU emulates slowly: with AVX it encrypts and hashes at a third of the speed.
_BARE += ["-cpu", "qemu64"]
_UNLIMITED = 1 << 40
_ON_ERROR = {"rerror": "report", "werror": "report"}


class Machine:
    """Off until it is booted or resumed; use as a context manager, at whose end the power is cut."""

    def __init__(self, folder: Path, system: Path, root: Path, disks: dict[str, FaultDisk]) -> None:
        self._folder = folder
        self._system = system
        self.root = root
        self.disks = disks
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: list[QMP | Agent | Journal] = []
        self.console = folder / "console.log"

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_error: object) -> None:
        self.power_cut()

    @property
    def is_on(self) -> bool:
        return self._process is not None

    def boot(self) -> None:
        """Switch the power on, and wait until the system takes commands."""
        self._start()
        self.agent.ready(BOOT_SECONDS)

    def resume(self, state: Path) -> None:
        """Go on where `save` stopped; the disks must be as they were then."""
        self._start("-incoming", "defer")
        self._watch_migration()
        self.monitor.do("migrate-incoming", uri=f"exec:cat {shlex.quote(str(state))}")
        self.monitor.wait_event("MIGRATION", SAVE_SECONDS, status="completed")
        self.monitor.do("cont")
        self.agent.ready(BOOT_SECONDS)
        self.agent.set_clock()

    def save(self, state: Path) -> None:
        """Write what is in memory to a file, and end; disks and state then belong together."""
        self.agent.do("sync; echo 3 >/proc/sys/vm/drop_caches")
        self._watch_migration()
        self.monitor.do("stop")
        self.monitor.do("migrate", uri=f"exec:cat >{shlex.quote(str(state))}")
        self.monitor.wait_event("MIGRATION", SAVE_SECONDS, status="completed")
        self.monitor.do("quit")
        self._end()
        for disk in self.disks.values():
            disk.write_through()

    def power_cut(self) -> None:
        """Kill it: what it had not yet given to its disks is gone. What they do then is theirs (`FaultDisk.cut`)."""
        if (process := self._process) is not None:
            process.kill()
            self._end()
            if process.returncode != -signal.SIGKILL:
                log = (self._folder / "qemu.log").read_text(errors="replace")
                print(f"QEMU had ended before, with exit code {process.returncode}: {log[-2000:]}")

    def plug(self, driver: str, name: str, port: str, **properties: Any) -> None:
        """Plug one of QEMU's USB devices into a port: `1`, or `7.1` behind a hub."""
        self.monitor.do("device_add", driver=driver, id=name, bus="bus.0", port=port, **properties)

    def plug_disk(self, name: str, disk: FaultDisk, serial: str, port: str, read_only: bool = False) -> None:
        """Plug in a USB disk."""
        with disk.plug() as end:
            self.monitor.do("getfd", descriptor=end.fileno(), fdname=name)
        server = {"type": "fd", "str": name}
        self.monitor.do("blockdev-add", node_name=name, driver="nbd", server=server, read_only=read_only)
        self.plug("usb-storage", name, port, drive=name, serial=serial, removable=True, **_ON_ERROR)

    def unplug(self, name: str) -> None:
        """Pull a device out, whatever the guest is doing with it."""
        self.monitor.do("device_del", id=name)
        self.monitor.wait_event("DEVICE_DELETED", device=name)

    def unplug_disk(self, name: str, disk: FaultDisk) -> None:
        """Pull a disk out, even one that does not answer."""
        self.monitor.ask("device_del", id=name)
        # QEMU waits in there for what the disk still owes; the guest is not told of it any more.
        disk.give_up()
        self.monitor.answer("device_del")
        self.monitor.wait_event("DEVICE_DELETED", device=name)
        self.monitor.do("blockdev-del", node_name=name)

    def _start(self, *more: str) -> None:
        with ExitStack() as theirs:
            inherited = {name: theirs.enter_context(disk.plug()) for name, disk in self.disks.items()}
            ours = {}
            for name in ("monitor", "agent", "journal"):
                ours[name], end = socket.socketpair()
                inherited[name] = theirs.enter_context(end)
            numbers = {name: end.fileno() for name, end in inherited.items()}
            with (self._folder / "qemu.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [*self._command(numbers), *more],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=list(numbers.values()),
                )
        self.agent, self.journal = Agent(ours["agent"]), Journal(ours["journal"])
        self._lines = [self.agent, self.journal]
        self.monitor = QMP(ours["monitor"])
        self._lines.append(self.monitor)

    def _end(self) -> None:
        assert self._process is not None
        self._process.wait(SAVE_SECONDS)
        self._process = None
        for each in self._lines:
            each.close()

    def _watch_migration(self) -> None:
        self.monitor.do("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
        self.monitor.do("migrate-set-parameters", max_bandwidth=_UNLIMITED)

    def _command(self, numbers: dict[str, int]) -> list[str]:
        # It ends with these tests, however they end.
        command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", *_BARE]
        # Without KVM wherever it runs: what passes here passes there, and in the same time.
        command += ["-accel", "tcg,thread=multi,tb-size=256", "-smp", str(PROCESSORS), "-m", str(MEMORY_MIB)]
        command += ["-kernel", f"{self._system}/vmlinuz", "-initrd", f"{self._system}/initrd", "-append", _KERNEL_LINE]
        command += ["-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng"]
        command += ["-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console"]
        command += ["-chardev", f"socket,id=monitor,fd={numbers['monitor']}", "-mon", "chardev=monitor,mode=control"]
        command += ["-device", "virtio-serial-pci"]
        for name in ("agent", "journal"):
            command += ["-chardev", f"socket,id={name},fd={numbers[name]}"]
            command += ["-device", f"virtserialport,chardev={name},name=dockd.{name}"]
        file = {"driver": "file", "filename": str(self.root)}
        command += _disk("root", {"driver": "qcow2", "file": file})
        for name in self.disks:
            command += _disk(name, {"driver": "nbd", "server": {"type": "fd", "str": str(numbers[name])}})
        return command + _bus()


def _disk(name: str, node: dict[str, Any]) -> list[str]:
    device = {"driver": "virtio-blk-pci", "drive": name, "serial": name, **_ON_ERROR}
    return ["-blockdev", json.dumps({**node, "node-name": name}), "-device", json.dumps(device)]


def _bus() -> list[str]:
    """Give one controller, with eight ports that each take USB 2 and USB 3, and on two of them a hub."""
    controller = f"qemu-xhci,id=bus,p2=8,p3=8,addr={layout.BUS_ADDRESS:#x}"
    hub = f"usb-hub,id=hub,bus=bus.0,port={layout.HUB}"
    switched = f"usb-hub,id=switched,bus=bus.0,port={layout.SWITCHED_HUB},port-power=on"
    return ["-device", controller, "-device", hub, "-device", switched]


def overlay(base: Path, image: Path) -> Path:
    """Make an image that holds only what becomes different from `base`."""
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", os.fspath(base), os.fspath(image)]
    subprocess.run(command, check=True)
    return image


def copy_out(image: Path, folder: Path) -> None:
    """Copy everything that is on an ext4 volume, with its modes and times. Without root, its owners become ours."""
    folder.mkdir(parents=True)
    done = subprocess.run(["debugfs", "-R", f"rdump / {folder}", image], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def sparse_copy(source: Path, target: Path) -> Path:
    subprocess.run(["cp", "--reflink=auto", "--sparse=always", source, target], check=True)
    return target

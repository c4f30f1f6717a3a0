"""A dock as a technician leaves it: installed without network, set up, running; saved so that each test resumes it."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from dockd.seal.recipients import Identity
from tests.vm import cache, layout, sticks, wheels
from tests.vm.agent import Agent
from tests.vm.faultdisk import FaultDisk
from tests.vm.image import image
from tests.vm.machine import Machine, overlay

UNIT_FILES = cache.ROOT / "systemd"
INSTALL_SECONDS = 400

_HARNESS = ("bake.py", "layout.py", "machine.py")
_DROP_INS = "/etc/systemd/system/dockd.service.d"
_ID = "/dev/disk/by-id/usb-QEMU_QEMU_HARDDISK_WHEELS-0:0-part1"


def baked() -> Path:
    """Give the folder with `root.qcow2`, the disks, the `state` of the running machine and the CSU's keys."""
    qemu = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True).stdout
    goes_in = [*wheels.sources(), *cache.files("systemd", *(f"tests/vm/{name}" for name in _HARNESS))]
    stamp = cache.stamp([qemu, image().name, wheels.wheelhouse().name], goes_in)
    return cache.made("baked", stamp, _bake)


def identities(folder: Path) -> dict[str, Identity]:
    """Read the CSU's private keys, which are nowhere in the guest."""
    return {name: Identity.parse(text) for name, text in json.loads((folder / "csu.json").read_text()).items()}


def _bake(folder: Path) -> None:
    keys = {name: Identity.generate() for name in layout.PARTITIONS}
    (folder / "csu.json").write_text(json.dumps({name: key.text for name, key in keys.items()}))
    system = image()
    root = overlay(system / "root.qcow2", folder / "root.qcow2")
    disks = {name: FaultDisk(_formatted(folder / f"{name}.img", name, mib)) for name, mib in layout.DISKS_MIB.items()}
    with tempfile.TemporaryDirectory(dir=folder) as scratch, Machine(Path(scratch), system, root, disks) as machine:
        machine.boot()
        stick = sticks.fat32(Path(scratch) / "wheels.img", 128, _to_carry(Path(scratch)))
        node = {"driver": "file", "filename": str(stick)}
        with machine.plugged("wheels", node, "WHEELS", "1"):
            _install(machine.agent)
        _set_up(machine.agent, keys)
        machine.agent.do("systemctl enable --now dockd.service")
        machine.journal.wait_for("service.ready")
        machine.save(folder / "state")
    for disk in disks.values():
        disk.close()


def _formatted(path: Path, label: str, mib: int) -> Path:
    with path.open("wb") as file:
        file.truncate(mib << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-E", "lazy_itable_init=0", path], check=True)
    return path


def _to_carry(scratch: Path) -> Path:
    """Put on the stick what a technician would bring along."""
    tree = scratch / "stick"
    shutil.copytree(wheels.wheelhouse(), tree / "wheelhouse")
    shutil.copy(wheels.PINS, tree)
    shutil.copytree(UNIT_FILES, tree / "systemd")
    wheels.build(tree / "wheelhouse")
    return tree


def _install(agent: Agent) -> None:
    # Debian's own pip, which then is not on the dock: nothing is installed there later.
    pip = (
        "PYTHONPATH=$(echo /usr/share/python-wheels/pip-*.whl) /opt/dockd/bin/python -m pip --quiet install --no-index"
    )
    agent.do(f"udevadm wait --timeout=60 {_ID} && mount -o ro {_ID} /mnt")
    agent.do("python3 -m venv --without-pip /opt/dockd")
    agent.do(f"{pip} --require-hashes --find-links /mnt/wheelhouse -r /mnt/{wheels.PINS.name}", seconds=INSTALL_SECONDS)
    agent.do(f"{pip} --no-deps /mnt/wheelhouse/dockd-*.whl", seconds=INSTALL_SECONDS)
    agent.do("install -D -m 0644 /mnt/systemd/dockd.sysusers /etc/sysusers.d/dockd.conf && systemd-sysusers")
    agent.do("install -m 0644 /mnt/systemd/dockd.service /etc/systemd/system/ && umount /mnt")


def _set_up(agent: Agent, keys: dict[str, Identity]) -> None:
    agent.put(layout.CONFIG, layout.site_yaml(keys))
    agent.put(layout.FLEET, layout.fleet_yaml())
    own = [layout.STATE, layout.MIRROR, f"{layout.CAMERAS}/dock", f"{layout.CAMERAS}/arriving"]
    own += [layout.store(name) for name in keys]
    agent.do(f"install -d -m 0750 -o {layout.ACCOUNT} -g {layout.ACCOUNT} {' '.join(own)}")
    agent.do(f"fallocate -l 256M {layout.SWAP} && chmod 600 {layout.SWAP} && mkswap -q {layout.SWAP}")
    agent.do(f"echo '{layout.SWAP} none swap sw 0 0' >>/etc/fstab && swapon {layout.SWAP}")
    for words in ("init", *(f"init-partition {name}" for name in keys)):
        agent.do(f"runuser -u {layout.ACCOUNT} -- {layout.PROGRAM} {words}")
    agent.do(f"install -d {_DROP_INS} && {layout.PROGRAM} service-paths >{_DROP_INS}/paths.conf")
    agent.do("systemctl daemon-reload")

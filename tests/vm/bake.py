"""A dock as a technician leaves it: installed without network, set up, running; saved so that each test resumes it."""

import json
import subprocess
import tempfile
from pathlib import Path

from dockd import founding
from dockd.cli import service_paths
from dockd.seal.recipients import Identity
from dockd.settings.load import load
from dockd.settings.shape import parse
from tests.vm import cache, layout
from tests.vm.agent import Agent
from tests.vm.faultdisk import FaultDisk
from tests.vm.image import image
from tests.vm.machine import Machine, overlay

_HARNESS = ("agent.py", "bake.py", "layout.py", "machine.py")
_UNIT_FILES = cache.ROOT / "systemd"
_UNITS = "/etc/systemd/system"
_PLACES = {
    ".service": _UNITS,
    ".socket": _UNITS,
    ".slice": _UNITS,
    ".rules": "/etc/udev/rules.d",
    ".sysusers": "/etc/sysusers.d",
}
_DROP_INS = f"{_UNITS}/dockd.service.d"


def baked() -> Path:
    """Give the folder with `root.qcow2`, the disks, the `state` of the running machine and the CSU's keys."""
    qemu = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True).stdout
    goes_in = cache.files("systemd", *(f"tests/vm/{name}" for name in _HARNESS))
    stamp = cache.stamp([qemu, image().name], goes_in)
    return cache.made("baked", stamp, _bake)


def identities(folder: Path) -> dict[str, Identity]:
    """Read the CSU's private keys, which are nowhere in the guest."""
    return {name: Identity.parse(text) for name, text in json.loads((folder / "csu.json").read_text()).items()}


def _bake(folder: Path) -> None:
    keys = {name: Identity.generate() for name in layout.PARTITIONS}
    (folder / "csu.json").write_text(json.dumps({name: key.text for name, key in keys.items()}))
    system = image()
    root = overlay(system / "root.qcow2", folder / "root.qcow2")
    with tempfile.TemporaryDirectory(dir=folder) as founded:
        _found(Path(founded), keys)
        disks = {
            name: FaultDisk(_formatted(folder / f"{name}.img", name, mib, Path(founded) / name))
            for name, mib in layout.DISKS_MIB.items()
        }
    with tempfile.TemporaryDirectory(dir=folder) as scratch, Machine(Path(scratch), system, root, disks) as machine:
        machine.boot()
        _install_units(machine.agent)
        _set_up(machine.agent, keys, Path(scratch))
        _start(machine)
        machine.agent.do("echo 0 >/sys/devices/system/cpu/cpu1/online")
        machine.save(folder / "state")
    for disk in disks.values():
        disk.close()


def _found(folder: Path, keys: dict[str, Identity]) -> None:
    """Do what `dockd init` and `dockd init-partition` do, for each disk in a folder: in the guest it takes a minute."""
    for name in layout.DISKS_MIB:
        (folder / name).mkdir()
    site = json.loads(layout.site_yaml(keys))
    site["state_dir"] = str(folder / "state")
    mirror = str(folder / "mirror" / Path(layout.MIRROR).name)
    site["register"] = {"mirror": mirror, "mirror_on_same_filesystem": True, "mirror_on_root_filesystem": True}
    for name, partition in site["partitions"].items():
        partition |= {"path": str(folder / name / Path(layout.store(name)).name), "on_root_filesystem": True}
    config = folder / "dockd.yaml"
    config.write_text(json.dumps(site))
    (folder / "fleet.yaml").write_bytes(layout.fleet_yaml())
    settings = load(config, before_init=True)
    founding.found_dock(settings)
    assert list(founding.found_partitions(settings, list(keys)))


def _formatted(path: Path, label: str, mib: int, content: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(mib << 20)
    subprocess.run(
        ["mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-E", "lazy_itable_init=0", "-d", content, path], check=True
    )
    return path


def _install_units(agent: Agent) -> None:
    """Put every file of `systemd/` where docs/service.md says."""
    for path in _UNIT_FILES.iterdir():
        agent.put(f"{_PLACES[path.suffix]}/{path.name.replace('.sysusers', '.conf')}", path.read_bytes())
    agent.do("systemd-sysusers")


def _set_up(agent: Agent, keys: dict[str, Identity], scratch: Path) -> None:
    for path, text in ((layout.CONFIG, layout.site_yaml(keys)), (layout.FLEET, layout.fleet_yaml())):
        (scratch / Path(path).name).write_bytes(text)
        agent.put(path, text)
    # What `dockd service-paths` prints: said here, because each start of dockd takes its time without KVM.
    drop_in = service_paths.drop_in(parse(scratch / Path(layout.CONFIG).name).settings.site)
    agent.put(f"{_DROP_INS}/paths.conf", drop_in.encode())
    agent.put(f"/etc/credstore/{layout.LOCKED_MODEL}", f"{layout.CREDENTIAL}\n".encode(), mode="0600")
    agent.put(f"{_DROP_INS}/credentials.conf", f"[Service]\nLoadCredential={layout.LOCKED_MODEL}\n".encode())
    own = [layout.STATE, layout.MIRROR, f"{layout.CAMERAS}/dock", f"{layout.CAMERAS}/arriving"]
    own += [layout.store(name) for name in keys]
    agent.do(f"install -d -m 0750 -o {layout.ACCOUNT} -g {layout.ACCOUNT} {' '.join(own)}")
    agent.do(f"fallocate -l 256M {layout.SWAP} && chmod 600 {layout.SWAP} && mkswap -q {layout.SWAP}")
    agent.do(f"echo '{layout.SWAP} none swap sw 0 0' >>/etc/fstab && swapon {layout.SWAP}")
    agent.do(f"chown -R {layout.ACCOUNT}: {' '.join(own)}")


def _start(machine: Machine) -> None:
    enabled = [path.name for path in _UNIT_FILES.iterdir() if "[Install]" in path.read_text()]
    machine.agent.do(f"systemctl daemon-reload && systemctl enable --now {' '.join(sorted(enabled))}")
    machine.agent.do("udevadm control --reload && udevadm trigger --action=add --subsystem-match=usb && udevadm settle")
    machine.journal.wait_for("service.ready")
    # What starts beside dockd would otherwise go on starting in every test.
    helper, worker = "systemctl show --value --property=MainPID dockd-bus.service", "pgrep -f 'dockd[.]worker_process'"
    for processes in (helper, worker):
        machine.agent.do(f"until grep -qs skb_wait $(printf '/proc/%s/wchan ' $({processes})); do sleep 1; done")

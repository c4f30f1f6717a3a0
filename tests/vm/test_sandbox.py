"""What the units cannot do, tried from inside: each one's file as it is shipped, with a probe in the place of dockd."""

import json
import random
import re
from pathlib import Path

from tests.integration.promises import assert_all_cleared, entries
from tests.vm import cache, layout, probe
from tests.vm.dock import MIB, Dock, recordings
from tests.vm.faultdisk import reads

PROBE = "/usr/local/lib/probe.py"
UNITS = Path("/run/systemd/system")
SAID = "/run/probe.json"

SLOW_BYTES_A_SECOND = 60_000
"""A recording takes minutes then, and each read of it less than guest and dockd wait."""

PROBES = {
    "dockd-worker@.service": "probe-worker@7-4711-990.service",
    "dockd-vendor@.service": "probe-vendor@7-4711-990.service",
    "dockd-bus.service": "probe-bus.service",
    "dockd-clock.service": "probe-clock.service",
    "dockd.service": "probe.service",
}
"""What the probe is called in the place of each unit."""

ASK = f"""
import json, socket
asking = socket.socket(socket.AF_UNIX)
asking.connect("{layout.RUNTIME}/control.sock")
question = {{"ask": "begin", "command": "register show", "reason": "pour voir", "about": {{}}, "recipients": []}}
asking.sendall(json.dumps(question).encode() + b"\\n")
print(asking.makefile().readline())
"""

NETWORK = {"AF_INET", "AF_INET6", "AF_PACKET"}
SECRETS = {
    "/srv/pm/store",
    "/srv/rural/store",
    "/var/lib/dockd",
    "/var/lib/dockd/register.db",
    "/var/lib/dockd/dock.key",
}


def test_no_unit_reaches_what_is_not_its_own_and_a_mounted_camera_is_in_no_mount_table(dock: Dock, rng: random.Random):
    contents = recordings(1, 8 * MIB, rng)
    camera = dock.camera("BWC0000001", contents)
    place = camera.card.where(contents["VID_0000.mp4"])
    camera.disk.hang(reads(range(place.start + 2 * MIB, place.stop)))
    camera.plug(layout.BAYS["b1"])
    camera.disk.wait_hung()
    camera.disk.slow_down(SLOW_BYTES_A_SECOND)
    camera.disk.go_on()
    # It may have been the kernel that read so far, before there was a mount.
    dock.wait_reading(camera.serial)

    dock.machine.agent.put(PROBE, Path(probe.__file__).read_bytes())
    about = dock.do("systemctl show --value --property=MainPID dockd.service").strip()
    about += " " + dock.do("ls /sys/class/block | grep -E '^(vd|sd)'").replace("\n", " ")
    free = json.loads(dock.do(f"/opt/dockd/bin/python -I {PROBE} {about}"))
    assert set(free.values()) == {"done"}, "the probe itself does not work"
    mounted = dock.do("cat /proc/[0-9]*/mountinfo 2>/dev/null | grep -E '/dev/sd|vfat' || true")
    worker, vendor, helper, teller, supervisor = inside(dock, about)
    in_hand = dock.bay(camera.serial)
    assert (in_hand["light"], in_hand["position"]) == ("busy", 1)
    assert 0 < in_hand["done"] < in_hand["size"], "it was not mounted all the time"
    assert mounted == ""

    print(
        json.dumps(
            {"worker": worker, "vendor": vendor, "helper": helper, "clock": teller, "supervisor": supervisor}, indent=1
        )
    )
    assert [what for each in (worker, vendor, teller) for what, came in each.items() if came == "done"] == []
    assert {helper[what] for what in NETWORK} == {supervisor[what] for what in NETWORK} == {"EAFNOSUPPORT"}
    assert "done" not in {helper[what] for what in SECRETS}
    assert "done" not in {came for what, came in supervisor.items() if what.startswith(("/dev", "another"))}
    camera.disk.slow_down(None)
    dock.journal.wait_light("b1", "green")
    camera.unplug()
    # The unit sees which account asks it: it has no user namespace of its own.
    dock.machine.agent.put("/run/ask.py", ASK.encode())
    refused = json.loads(dock.do(f"runuser -u games -g {layout.ACCOUNT} -- python3 /run/ask.py"))
    assert refused["code"] == "control.denied"
    site = dock.bring()
    assert_all_cleared(site)
    [entry] = [each for each in entries(site) if each["kind"] == "command_refused"]
    assert (entry["account"], entry["author"]) == ("games", "(account games)")


OPEN_EACH = """
import errno, glob, json, os
def outcome(path):
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"
print(json.dumps({path: outcome(path) for path in glob.glob("/dev/bus/usb/*/*")}))
"""
LEND = """
import json, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
    link.connect("/run/dockd-bus/socket")
    request = {"do": "lend", "device": sys.argv[1], "number": int(sys.argv[2]), "on": sys.argv[3] == "on"}
    link.send(json.dumps(request).encode())
    assert json.loads(link.recv(4096)) == {"ok": True}
"""


def test_a_vendors_library_can_open_the_camera_that_is_lent_and_no_other(dock: Dock):
    serials = ("STRANGER01", "STRANGER02")
    for serial, bay in zip(serials, ("b1", "b2"), strict=True):
        dock.camera(serial, {}).plug(layout.BAYS[bay])
        dock.journal.wait_light(bay, "red")
    ours, others = (standing(dock, serial) for serial in serials)
    dock.machine.agent.put("/run/lend.py", LEND.encode())
    dock.machine.agent.put(PROBE, OPEN_EACH.encode())
    vendor = "dockd-vendor@.service"
    install(dock, vendor, PROBES[vendor], "")
    dock.do("systemctl daemon-reload")

    def lend(word: str) -> set[str]:
        name, number, _file = ours
        dock.do(f"runuser -u {layout.ACCOUNT} -- python3 -I /run/lend.py {name} {number} {word}")
        opened = probed(dock, PROBES[vendor])
        assert others[2] in opened
        return {path for path, came in opened.items() if came == "done"}

    assert lend("on") == {ours[2]}
    assert lend("off") == set()
    assert dock.do(f"stat --format='%a %u %g' {ours[2]}").split() == ["664", "0", "0"]


def standing(dock: Dock, serial: str) -> tuple[str, int, str]:
    """Give the name of a camera on the bus, its number there, and its device file."""
    place = dock.do(f"grep -lx {serial} /sys/bus/usb/devices/*/serial").strip().removesuffix("/serial")
    bus, number = (int(dock.do(f"cat {place}/{what}")) for what in ("busnum", "devnum"))
    return Path(place).name, number, f"/dev/bus/usb/{bus:03}/{number:03}"


def inside(dock: Dock, about: str) -> list[dict[str, str]]:
    """Run the probe in the sandbox of each unit, and give what it says."""
    for unit, started in PROBES.items():
        install(dock, unit, started, about)
    dock.do("systemctl daemon-reload")
    return [probed(dock, started) for started in PROBES.values()]


def install(dock: Dock, unit: str, started: str, about: str) -> None:
    """Have a unit start the probe in the place of what it starts as it is shipped."""
    text = (cache.ROOT / "systemd" / unit).read_text()
    text = re.sub(r"(?m)^(ExecStart|Type|Restart|RestartSec|StandardInput|StandardOutput)=.*\n", "", text)
    command = f"/opt/dockd/bin/python -I {PROBE} {about}"
    own = f"[Service]\nType=oneshot\nExecStart={command}\nStandardOutput=file:{SAID}\n"
    name = re.sub("@.*[.]", "@.", started)
    dock.machine.agent.put(f"{UNITS}/{name}", text.replace("[Service]\n", own, 1).encode())


def probed(dock: Dock, started: str) -> dict[str, str]:
    dock.do(f"rm -f {SAID} && systemctl start {started}")
    return dict(json.loads(dock.machine.agent.get(SAID)))

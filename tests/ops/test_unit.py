"""The units and rules that are shipped: as tight as they claim to be, and in agreement with what dockd does."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dockd.bus.helper import LENT_TO
from dockd.cli.service_paths import drop_in
from dockd.errors import ExitCode
from dockd.ops.routes import PROC_NET
from dockd.settings.shape import parse

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "systemd"
UNIT, BUS, WORKER, VENDOR, CLOCK = (
    SHIPPED / f"{name}.service" for name in ("dockd", "dockd-bus", "dockd-worker@", "dockd-vendor@", "dockd-clock")
)
RULES = SHIPPED / "60-dockd.rules"
UNITS = sorted(path for path in SHIPPED.iterdir() if path.suffix in {".service", ".socket", ".slice"})
EXPOSURE_IN_TENTHS = {UNIT: 10, WORKER: 10, VENDOR: 4, BUS: 16, CLOCK: 6}
LONGEST_USER = 31
OF_DEBIAN_13 = {"RestartSteps", "RestartMaxDelaySec"}

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def settings(unit: Path = UNIT) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def verified(unit: Path) -> list[str]:
    """Give what systemd says against a unit, without what only an older systemd or this machine lacks."""
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    known = ("is not executable", *(f"Unknown key '{name}'" for name in OF_DEBIAN_13))
    known += tuple(f"Unknown key name '{name}'" for name in OF_DEBIAN_13)
    ours = [line for line in done.stderr.splitlines() if unit.name in line]
    return [line for line in ours if not any(each in line for each in known)]


def assessed(unit: Path, tenths: int) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={tenths}", str(unit)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})


@needs_systemd
@pytest.mark.parametrize(("unit", "tenths"), EXPOSURE_IN_TENTHS.items(), ids=lambda value: getattr(value, "name", ""))
def test_the_exposure_of_a_service_is_no_more_than_it_has_to_be(unit, tenths):
    done = assessed(unit, tenths)
    assert done.returncode == 0, done.stdout[-200:]


def test_every_service_has_its_limit():
    assert {unit for unit in UNITS if unit.suffix == ".service"} == set(EXPOSURE_IN_TENTHS)


@needs_systemd
def test_everything_that_the_root_process_leaves_open_is_explained_in_its_unit():
    marked = re.findall(r"^✗ (\S+)", assessed(BUS, 100).stdout, re.MULTILINE)
    assert marked
    comments = "".join(line for line in BUS.read_text().splitlines(keepends=True) if line.startswith("#"))
    assert [name for name in marked if f"✗ {re.sub('=/.*', '=', name)}" not in comments] == []


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_every_line(tmp_path, unit):
    for each in UNITS:
        shutil.copy(each, tmp_path)
    assert verified(tmp_path / unit.name) == []
    (tmp_path / unit.name).write_text(unit.read_text().replace("Documentation=", "Documentary="))
    assert "Documentary" in verified(tmp_path / unit.name)[0]


def test_the_root_process_can_do_no_more_than_mount_disks_and_open_usb_devices():
    found = settings(BUS)
    assert found["CapabilityBoundingSet"] == ["CAP_SYS_ADMIN"]
    assert found["DevicePolicy"] == ["closed"] and found["DeviceAllow"] == ["block-sd rw", "char-usb_device rw"]
    assert found["ReadWritePaths"] == ["/sys/devices"]
    assert found["SystemCallFilter"][-1] == "fsopen fsconfig fsmount fchown"


def test_what_the_kernel_needs_for_a_card_is_loaded_before_the_root_process_starts():
    """Or DeviceAllow= allows nothing, and a mount would have to load a module."""
    for order in ("Wants", "After"):
        names = " ".join(settings(BUS)[order]).split()
        assert {f"modprobe@{module}.service" for module in ("sd_mod", "usbcore", "vfat", "exfat")} <= set(names)


@pytest.mark.parametrize("unit", [WORKER, VENDOR], ids=lambda unit: unit.name)
def test_each_worker_has_a_user_of_its_own_with_a_name_that_is_not_too_long(unit):
    """systemd up to 257 names the instance of a connection after its count, the pid and the uid of who made it."""
    [user] = settings(unit)["User"]
    longest = "4294967295-4194304-4294967294"
    assert settings(unit)["DynamicUser"] == ["yes"] and "%i" in user
    assert len(user.replace("%i", longest)) <= LONGEST_USER
    assert re.fullmatch("[a-z_][a-z0-9_-]*", user.replace("%i", longest))


def test_a_worker_has_nothing_but_what_it_is_handed():
    found = settings(WORKER)
    assert found["StandardInput"] == ["socket"] and found["StandardOutput"] == found["StandardError"] == ["journal"]
    assert found["CapabilityBoundingSet"] == [""] and found["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert "-/var/lib/dockd" in found["InaccessiblePaths"][0].split()
    assert found["LimitMEMLOCK"] == ["infinity"] and found["LimitCORE"] == ["0"]
    for shut in ("PrivateDevices", "PrivateNetwork", "PrivateUsers", "MemoryDenyWriteExecute", "NoNewPrivileges"):
        assert found[shut] == ["yes"], shut


def test_a_worker_for_a_vendors_library_differs_from_any_other_in_what_its_unit_marks():
    """It sees the device files of USB, and is in the group to which one of them is lent at a time: nothing else."""
    plain, vendor = settings(WORKER), settings(VENDOR)
    differing = {name for name in plain.keys() | vendor.keys() if plain.get(name) != vendor.get(name)}
    assert differing - {"Description", "User", "RuntimeMaxSec"} == {
        "SupplementaryGroups",
        "PrivateDevices",
        "DeviceAllow",
        "RestrictAddressFamilies",
    }
    assert (vendor["SupplementaryGroups"], vendor["DeviceAllow"]) == ([LENT_TO], ["char-usb_device rw"])
    assert vendor["DevicePolicy"] == ["closed"] and vendor["RestrictAddressFamilies"] == ["AF_UNIX AF_NETLINK"]
    assert settings(BUS)["SupplementaryGroups"] == [LENT_TO]
    assert f"g {LENT_TO} -" in (SHIPPED / "dockd.sysusers").read_text().splitlines()


def test_no_worker_reaches_the_sockets_of_the_others():
    for unit in (WORKER, VENDOR):
        [shut] = settings(unit)["InaccessiblePaths"]
        places = {Path(settings(each)["ListenSequentialPacket"][0]).parent for each in SHIPPED.glob("*.socket")}
        assert {f"-{place}" for place in places} <= set(shut.split()), unit.name


def test_only_the_supervisor_may_ask_for_root_or_for_a_worker():
    bus = settings(SHIPPED / "dockd-bus.socket")
    assert (bus["SocketUser"], bus["SocketGroup"], bus["SocketMode"]) == (["root"], ["dockd"], ["0660"])
    for name in ("dockd-worker", "dockd-vendor"):
        workers = settings(SHIPPED / f"{name}.socket")
        assert (workers["SocketUser"], workers["SocketMode"]) == (["dockd"], ["0600"])
        assert workers["Accept"] == ["yes"] and int(workers["MaxConnections"][0]) > 0


def test_the_supervisor_sees_who_asks_it_and_cannot_set_the_clock():
    found = settings()
    assert "PrivateUsers" not in found and found["ProtectClock"] == ["yes"]
    assert not any("adjtime" in each for each in found["SystemCallFilter"])
    assert settings(CLOCK)["CapabilityBoundingSet"] == [""]


def test_the_supervisor_asks_where_the_sockets_are():
    [command] = settings()["ExecStart"]
    options = {"--bus": "bus", "--workers": "worker", "--vendor-workers": "vendor", "--clock": "clock"}
    for option, name in ((option, f"dockd-{name}") for option, name in options.items()):
        [place] = settings(SHIPPED / f"{name}.socket")["ListenSequentialPacket"]
        assert f"{option} {place}" in command
        assert f"{name}.socket" in settings()["Wants"][0] and f"{name}.socket" in settings()["After"][0]


RULE = re.compile(r'(?:[A-Z]+(?:\{\w+\})?(?:==|!=|\+?=)"[^"]*"(?:, |$))+')


def rules() -> list[str]:
    return [line for line in RULES.read_text().splitlines() if line and not line.startswith("#")]


def test_every_rule_of_udev_is_one():
    assert [line for line in rules() if not RULE.fullmatch(line)] == []
    assert RULE.fullmatch('SUBSYSTEM="usb" ENV{X}="1"') is None


def test_udev_understands_every_rule():
    udevadm = shutil.which("udevadm")
    if not udevadm or subprocess.run([udevadm, "verify", "--help"], capture_output=True).returncode:
        pytest.skip("needs a udevadm that knows verify: systemd 254")
    done = subprocess.run([udevadm, "verify", "--resolve-names=never", str(RULES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_device_comes_alive_on_a_root_hub_before_it_is_judged():
    [rule] = [line for line in rules() if "authorized_default" in line]
    assert {'ACTION=="add"', 'SUBSYSTEM=="usb"', 'KERNEL=="usb[0-9]*"', 'ATTR{authorized_default}="0"'} <= set(
        rule.split(", ")
    )


def test_nobody_else_asks_a_camera_anything():
    everything = "\n".join(rules())
    for flag in ("UDISKS_IGNORE", "MTP_NO_PROBE", "ID_MM_DEVICE_IGNORE"):
        assert f'ENV{{{flag}}}="1"' in everything


def test_the_page_says_how_everything_that_is_shipped_is_installed():
    page = (ROOT / "docs" / "service.md").read_text()
    assert [path.name for path in SHIPPED.iterdir() if f"systemd/{path.name}" not in page] == []


def test_what_needs_a_person_is_not_tried_again_and_everything_else_is():
    [codes] = settings()["RestartPreventExitStatus"]
    final = {ExitCode.FAILED_CHECK, ExitCode.USAGE, ExitCode.CONFIG, ExitCode.ALREADY_RUNNING}
    assert {int(code) for code in codes.split()} == set(final)


def test_it_keeps_what_dockd_relies_on():
    """Routes and udev show in the host's network only; the boot's id goes into every entry."""
    found = settings()
    assert not found.keys() & {"PrivateNetwork", "ProcSubset"}
    assert found["RestrictAddressFamilies"] == ["AF_UNIX AF_NETLINK"] and found["IPAddressDeny"] == ["any"]
    assert settings(CLOCK)["SystemCallFilter"][-1] == "clock_adjtime" and "ProtectClock" not in settings(CLOCK)
    assert PROC_NET.is_dir()


def test_the_places_of_a_site_are_made_writable_whatever_they_are_called(tmp_path):
    config = tmp_path / "dockd.yaml"
    example = (ROOT / "config" / "dockd.yaml").read_text()
    config.write_text(example.replace("path: /mnt/dock", """path: '/mnt/a "dock" of 5 %\\'"""))
    shutil.copy(ROOT / "config" / "fleet.yaml", tmp_path)
    text = drop_in(parse(config).settings.site)
    assert text.splitlines() == [
        "[Service]",
        'ReadWritePaths="-/mnt/a \\"dock\\" of 5 %%\\\\"',
        'ReadWritePaths="-/mnt/mirror/dockd"',
        'ReadWritePaths="-/mnt/witness/dockd"',
        'ReadWritePaths="-/run/dockd"',
        'ReadWritePaths="-/srv/csu/police-municipale"',
        'ReadWritePaths="-/var/lib/dockd"',
    ]
    if shutil.which("systemd-analyze"):
        (tmp_path / "paths.service").write_text(f"[Unit]\nDescription=x\n{text}Type=oneshot\nExecStart=/bin/true\n")
        assert verified(tmp_path / "paths.service") == []


def test_the_page_shows_the_drop_in_of_the_example():
    text = drop_in(parse(ROOT / "config" / "dockd.yaml").settings.site)
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    assert indented in (ROOT / "docs" / "service.md").read_text()

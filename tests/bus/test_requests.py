"""What the root process does, and above all what it does not do, for whom and to what."""

import asyncio
import errno
import grp
import json
import os
import pwd
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.bus import helper as module
from dockd.bus.client import Bus
from tests.architecture.tree import ROOT
from tests.bus.running import DEADLINE_SECONDS, RunningHelper
from tests.bus.sysfs import BEHIND, DEVICE, HUB, NUMBER, Sysfs

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can make device files")

AUTHORISE = {"do": "authorise", "device": DEVICE, "number": NUMBER, "on": True}
MOUNT = {"do": "mount", "device": DEVICE, "number": NUMBER, "node": "sda1", "filesystem": "vfat", "writable": False}
PORT = {"do": "port", "hub": HUB, "port": 3, "on": True}
LEND = {"do": "lend", "device": DEVICE, "number": NUMBER, "on": True}
LIGHT = {"do": "light", "name": "dock:green:1", "on": True}


def bus(helper: RunningHelper, seconds: float = DEADLINE_SECONDS) -> Bus:
    return Bus(helper.path, seconds)


def refusal(helper: RunningHelper, request: object) -> object:
    answer = helper.ask(json.dumps(request).encode())
    assert answer.keys() == {"errno", "message"}
    return answer["errno"]


@pytest.mark.parametrize(("on", "written"), [(True, "1"), (False, "0")])
def test_a_device_is_authorised_and_deauthorised(helper: RunningHelper, sysfs: Sysfs, on: bool, written: str) -> None:
    asyncio.run(bus(helper).authorise(DEVICE, NUMBER, on))
    assert (sysfs.device / "authorized").read_text() == written


def test_a_device_is_kept_from_being_suspended(helper: RunningHelper, sysfs: Sysfs) -> None:
    asyncio.run(bus(helper).keep_powered(BEHIND, 4))
    assert (sysfs.behind / "power/control").read_text() == "on"


@pytest.mark.parametrize(("on", "written"), [(True, "0"), (False, "1")])
def test_both_halves_of_a_port_are_switched(helper: RunningHelper, sysfs: Sysfs, on: bool, written: str) -> None:
    slow = sysfs.port("1-1:1.0", "1-1-port3")
    fast = sysfs.port("2-1:1.0", "2-1-port3")
    (slow.parent / "peer").symlink_to(fast.parent)
    asyncio.run(bus(helper).switch_port(HUB, 3, on))
    assert (slow.read_text(), fast.read_text()) == (written, written)


def test_a_port_of_a_root_hub_without_another_half_is_switched(helper: RunningHelper, sysfs: Sysfs) -> None:
    only = sysfs.port("1-0:1.0", "usb1-port4")
    asyncio.run(bus(helper).switch_port("usb1", 4, False))
    assert only.read_text() == "1"


@pytest.mark.parametrize(("on", "written"), [(True, "255"), (False, "0")])
def test_a_light_is_as_bright_as_it_can_be_or_out(helper: RunningHelper, sysfs: Sysfs, on: bool, written: str) -> None:
    light = sysfs.light("dock:green:1", 255)
    asyncio.run(bus(helper).light("dock:green:1", on))
    assert light.read_text() == written


def test_another_device_on_the_same_port_is_not_touched(helper: RunningHelper, sysfs: Sysfs) -> None:
    before = sysfs.contents()
    for request in (AUTHORISE, MOUNT, {"do": "keep_powered", "device": DEVICE, "number": NUMBER}):
        assert refusal(helper, {**request, "number": NUMBER + 1}) == errno.ENODEV
    assert sysfs.contents() == before


def test_a_device_that_has_gone_is_said_to_be_gone(helper: RunningHelper) -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(bus(helper).authorise("1-9", NUMBER, True))


def test_a_link_in_place_of_an_attribute_is_not_followed(helper: RunningHelper, sysfs: Sysfs, place: Path) -> None:
    (place / "elsewhere").write_text("?")
    (sysfs.device / "authorized").unlink()
    (sysfs.device / "authorized").symlink_to(place / "elsewhere")
    assert refusal(helper, AUTHORISE) == errno.ELOOP
    assert (place / "elsewhere").read_text() == "?"


def test_a_disk_of_another_device_is_not_opened(helper: RunningHelper) -> None:
    assert refusal(helper, {**MOUNT, "node": "sdb1"}) == errno.EPERM


def test_a_disk_behind_a_hub_is_not_a_disk_of_the_hub(helper: RunningHelper, sysfs: Sysfs) -> None:
    assert refusal(helper, {**MOUNT, "device": HUB, "number": 3, "node": "sdb1"}) == errno.EPERM


def test_a_file_that_is_no_device_file_is_refused(helper: RunningHelper, sysfs: Sysfs) -> None:
    (sysfs.dev / "sda").write_text("")
    assert refusal(helper, MOUNT) == errno.EPERM


def test_a_link_in_place_of_a_device_file_is_not_followed(helper: RunningHelper, sysfs: Sysfs) -> None:
    (sysfs.dev / "sda").symlink_to("/dev/null")
    assert refusal(helper, MOUNT) == errno.ELOOP


@pytest.mark.parametrize(
    "request_",
    [
        {},
        [],
        "authorise",
        None,
        {"do": "reboot"},
        {"do": ["authorise"]},
        {key: value for key, value in AUTHORISE.items() if key != "number"},
        {**AUTHORISE, "why": "because"},
        {**AUTHORISE, "on": 1},
        {**AUTHORISE, "on": "yes"},
        {**AUTHORISE, "number": True},
        {**AUTHORISE, "number": 7.0},
        {**AUTHORISE, "number": "7"},
        {**AUTHORISE, "number": 0},
        {**AUTHORISE, "number": 10**300},
        {**AUTHORISE, "device": 12},
        {**AUTHORISE, "device": ""},
        {**AUTHORISE, "device": "1-2\n"},
        {**AUTHORISE, "device": "1-2/../1-1"},
        {**AUTHORISE, "device": "1-2:1.0"},
        {**AUTHORISE, "device": "usb1"},
        {**AUTHORISE, "device": "1-٢"},
        {**AUTHORISE, "device": "1-1.1.1.1.1.1.1"},
        {**MOUNT, "filesystem": "ext3"},
        {**MOUNT, "filesystem": "vfat,exfat"},
        {**MOUNT, "filesystem": ""},
        {**MOUNT, "node": "loop0"},
        {**MOUNT, "node": "sda0"},
        {**MOUNT, "node": "../sda"},
        {**MOUNT, "node": "/dev/sda"},
        {**MOUNT, "node": "sda1\0"},
        {**MOUNT, "options": "dev"},
        {**PORT, "hub": "usb1:1.0"},
        {**PORT, "hub": "usb"},
        {**PORT, "port": 128},
        {**PORT, "port": -1},
        {"do": "open", "device": DEVICE, "number": NUMBER, "node": "sda"},
        {**LEND, "on": 1},
        {**LEND, "group": "dockd"},
        {**LIGHT, "name": ".."},
        {**LIGHT, "name": "a/b"},
        {**LIGHT, "name": "a" * 65},
        {**LIGHT, "name": None},
    ],
)
def test_what_is_not_exactly_a_request_is_refused(helper: RunningHelper, sysfs: Sysfs, request_: object) -> None:
    before = sysfs.contents()
    assert refusal(helper, request_) == errno.EINVAL
    assert sysfs.contents() == before


@pytest.mark.parametrize("packet", [b"\xff", b"[" * 4096, b" " * 4097, json.dumps(AUTHORISE).encode() + b" " * 4096])
def test_a_packet_that_is_no_json_or_too_long_is_refused(helper: RunningHelper, packet: bytes) -> None:
    assert helper.ask(packet)["errno"] == errno.EINVAL


@pytest.fixture(scope="module")
def enduring() -> Iterator[tuple[RunningHelper, Sysfs]]:
    with tempfile.TemporaryDirectory() as name:
        sysfs = Sysfs(Path(name))
        helper = RunningHelper(Path(name) / "socket", sysfs.path, sysfs.dev)
        yield helper, sysfs
        helper.close()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([DEVICE, "sda1", "vfat"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
REQUESTS = st.builds(
    lambda request, change: {**request, **change},
    st.sampled_from([AUTHORISE, MOUNT, PORT, LEND, LIGHT]),
    st.dictionaries(
        st.sampled_from(["do", "device", "number", "hub", "node", "port", "name", "x"]), VALUES, min_size=1
    ),
)


@given(st.binary(min_size=1, max_size=5000) | (REQUESTS | VALUES).map(lambda value: json.dumps(value).encode()))
def test_no_packet_stops_it_or_leaves_anything_open(enduring: tuple[RunningHelper, Sysfs], packet: bytes) -> None:
    helper, _sysfs = enduring
    open_before = helper.descriptors()
    answer = helper.ask(packet)
    assert answer == {"ok": True} or answer.keys() == {"errno", "message"}
    helper.wait_for_descriptors(open_before)


def test_somebody_else_is_cut_off_unheard_and_named(place: Path, sysfs: Sysfs) -> None:
    before = sysfs.contents()
    helper = RunningHelper(place / "socket", sysfs.path, sysfs.dev, uid=os.getuid() + 1)
    try:
        with helper.connect() as stranger:
            assert stranger.recv(4096) == b""
        assert f"process {os.getpid()} of user {os.getuid()}" in helper.wait_for("refused")
        assert sysfs.contents() == before
    finally:
        helper.close()


def test_a_client_that_says_nothing_is_cut_off(place: Path, sysfs: Sysfs) -> None:
    helper = RunningHelper(place / "socket", sysfs.path, sysfs.dev, silence=0.2)
    try:
        open_before = helper.descriptors()
        with helper.connect() as silent:
            assert silent.recv(4096) == b""
        helper.wait_for_descriptors(open_before)
    finally:
        helper.close()


def hang(sysfs: Sysfs) -> Path:
    """Let every request to authorise the camera hang: nobody can open a pipe for writing that nobody reads."""
    attribute = sysfs.device / "authorized"
    attribute.unlink()
    os.mkfifo(attribute)
    return attribute


def heal(hanging: Path) -> int:
    return os.open(hanging, os.O_RDONLY | os.O_NONBLOCK)


def test_a_device_that_hangs_holds_up_its_own_request_only(helper: RunningHelper, sysfs: Sysfs) -> None:
    hanging = hang(sysfs)
    with helper.send(json.dumps(AUTHORISE).encode()) as waiting, helper.connect():
        asyncio.run(bus(helper).keep_powered(BEHIND, 4))
        healed = heal(hanging)
        assert json.loads(waiting.recv(4096)) == {"ok": True}
        os.close(healed)


def test_no_more_than_so_many_requests_run_at_once(helper: RunningHelper, sysfs: Sysfs) -> None:
    hanging = hang(sysfs)
    waiting = [helper.send(json.dumps(AUTHORISE).encode()) for _ in range(module.MAX_AT_ONCE)]
    with helper.connect() as one_more:
        assert one_more.recv(4096) == b""
    healed = heal(hanging)
    for each in waiting:
        with each:
            assert json.loads(each.recv(4096)) == {"ok": True}
            assert each.recv(4096) == b""
    os.close(healed)
    asyncio.run(bus(helper).keep_powered(BEHIND, 4))


def test_a_client_that_is_gone_before_its_answer_harms_nobody(helper: RunningHelper, sysfs: Sysfs) -> None:
    open_before = helper.descriptors()
    hanging = hang(sysfs)
    helper.send(json.dumps(AUTHORISE).encode()).close()
    asyncio.run(bus(helper).keep_powered(BEHIND, 4))
    healed = heal(hanging)
    helper.wait_for("is gone")
    os.close(healed)
    helper.wait_for_descriptors(open_before)


@needs_root
def test_a_device_file_with_another_number_is_refused(helper: RunningHelper, sysfs: Sysfs) -> None:
    sysfs.file("sda", os.makedev(7, 0))
    (sysfs.path / "class/block/sda/dev").write_text("7:1\n")
    assert refusal(helper, MOUNT) in (errno.EPERM, errno.ENXIO)


@needs_root
def test_a_character_device_is_no_disk(helper: RunningHelper, sysfs: Sysfs) -> None:
    os.mknod(sysfs.dev / "sda", 0o600 | 0o020000, os.makedev(1, 3))
    (sysfs.path / "class/block/sda/dev").write_text("1:3\n")
    assert refusal(helper, MOUNT) == errno.EPERM


NULL = os.makedev(1, 3)
OPEN = {"do": "open", "device": DEVICE, "number": NUMBER}


@needs_root
def test_the_device_file_of_a_camera_is_opened_to_be_written_and_nothing_else_is(
    helper: RunningHelper, sysfs: Sysfs
) -> None:
    sysfs.usb_file(sysfs.device, NULL)
    file = asyncio.run(bus(helper).open(DEVICE, NUMBER))
    assert os.fstat(file.fileno()).st_rdev == NULL
    assert os.write(file.fileno(), b"to the camera") == 13
    file.close()


@needs_root
def test_a_device_file_that_is_not_of_this_device_is_not_opened(helper: RunningHelper, sysfs: Sysfs) -> None:
    file = sysfs.usb_file(sysfs.device, NULL)
    (sysfs.device / "dev").write_text("189:6\n")
    assert refusal(helper, OPEN) == errno.EPERM
    assert refusal(helper, {**OPEN, "number": NUMBER + 1}) == errno.ENODEV
    file.unlink()
    file.symlink_to("/dev/null")
    assert refusal(helper, OPEN) == errno.ELOOP


def rights(file: Path) -> tuple[str, int, int]:
    status = file.stat()
    return oct(status.st_mode & 0o7777), status.st_uid, status.st_gid


@needs_root
def test_the_device_file_of_a_camera_is_lent_to_a_group_and_taken_back(helper: RunningHelper, sysfs: Sysfs) -> None:
    file = sysfs.usb_file(sysfs.device, NULL)
    asyncio.run(bus(helper).lend(DEVICE, NUMBER, True))
    assert rights(file) == ("0o660", 0, grp.getgrnam("nogroup").gr_gid)
    asyncio.run(bus(helper).lend(DEVICE, NUMBER, False))
    assert rights(file) == ("0o664", 0, 0)


@needs_root
def test_a_device_file_that_is_not_of_this_device_is_not_lent(helper: RunningHelper, sysfs: Sysfs) -> None:
    file = sysfs.usb_file(sysfs.device, NULL)
    before = rights(file)
    assert refusal(helper, {**LEND, "number": NUMBER + 1}) == errno.ENODEV
    (sysfs.device / "dev").write_text("189:6\n")
    assert refusal(helper, LEND) == errno.EPERM
    assert rights(file) == before


START = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.execve(sys.executable, [sys.executable, "-P", "-m", "dockd.bus.helper", "--for", sys.argv[2]], dict(os.environ))
"""


def test_it_takes_the_socket_of_systemd_and_looks_the_user_up_by_name(place: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(place / "socket"))
        listener.listen()
        name = pwd.getpwuid(os.getuid()).pw_name
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(listener.fileno()), name],
            env={**os.environ, "LISTEN_FDS": "1", "PYTHONPATH": str(ROOT)},
            pass_fds=[listener.fileno()],
            stderr=subprocess.DEVNULL,
        )
    try:
        with pytest.raises(FileNotFoundError):
            asyncio.run(Bus(place / "socket", DEADLINE_SECONDS).authorise("125-125", 127, True))
    finally:
        process.kill()
        process.wait()


def test_without_a_socket_or_a_user_it_does_not_run() -> None:
    command = [sys.executable, "-P", "-m", "dockd.bus.helper"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for arguments in ([], ["--for", "root"]):
        done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True)
        assert done.returncode == 1 and "dockd-bus.service" in done.stderr


def test_an_auditor_reads_under_three_hundred_lines_and_nothing_else() -> None:
    path = ROOT / "dockd/bus/helper.py"
    assert path.read_text().count("\n") < 300
    program = "import sys; sys.path.insert(0, sys.argv[1]); import dockd.bus.helper; print(*sys.modules)"
    command = [sys.executable, "-I", "-c", program, str(ROOT)]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in names if name.startswith("dockd")} == {"dockd", "dockd.bus", "dockd.bus.helper"}
    plain = {name.partition(".")[0] for name in names} - {"dockd", "__main__", "sitecustomize"}
    ours = {name for name in plain if name not in sys.stdlib_module_names and not name.startswith("_")}
    assert ours == set()

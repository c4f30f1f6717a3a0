"""What dockd leaves on its disks: nothing of a recording in the clear, and no key that opens one."""

import random
import subprocess
from pathlib import Path

from dockd.seal.header import parse_header, unwrap
from tests.integration.promises import assert_all_cleared, entries
from tests.vm import layout
from tests.vm.dock import Brought, Dock, recordings
from tests.vm.leaks import WINDOW, found_in, windows

MIB = 1 << 20
WINDOWS = 300

# Takes memory until the kernel has swapped out this much of everybody's, and then holds it.
SQUEEZE_MIB = 60
SQUEEZE = f"""
import os, signal, socket
def swapped():
    fields = dict(line.split(":") for line in open("/proc/meminfo"))
    return (int(fields["SwapTotal"].split()[0]) - int(fields["SwapFree"].split()[0])) // 1024
held = []
while swapped() < {SQUEEZE_MIB}:
    held.append(os.urandom(1 << 20))
link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
link.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
signal.pause()
"""


def test_no_window_of_a_recording_and_no_key_lies_on_any_disk_of_the_dock_swap_included(
    dock: Dock, rng: random.Random, tmp_path: Path
):
    contents, on_usb = recordings(2, 4 * MIB, rng), recordings(3, 4 * MIB, rng)
    camera = dock.camera("BWC0000001", on_usb)
    squeeze(dock)
    camera.plug(layout.BAYS["b1"])
    dock.arrives("BWC1", contents)
    dock.journal.wait_light("BWC1", "green")
    dock.journal.wait_light("b1", "green")
    assert swapped_mib(dock) >= SQUEEZE_MIB // 2, "the kernel had no need of the swap: nothing was tried"
    brought = dock.bring()

    assert_all_cleared(brought)
    originals = [*contents.values(), *on_usb.values()]
    secrets = {window for content in originals for window in windows(content, WINDOWS, rng)}
    secrets |= keys(brought)
    for image in disks(dock):
        assert found_in(image, secrets) == set(), image.name


def squeeze(dock: Dock) -> None:
    dock.do("sysctl -q vm.swappiness=200")
    dock.do('systemd-run --quiet --unit=squeeze --property=Type=notify python3 -c "$(cat)"', SQUEEZE.encode())


def swapped_mib(dock: Dock) -> int:
    total, free = (int(line.split()[1]) for line in dock.do("grep -E '^Swap(Total|Free)' /proc/meminfo").splitlines())
    return (total - free) // 1024


def keys(brought: Brought) -> set[bytes]:
    """Give the CSU's private keys, as bytes and as text, and the file key of every object."""
    found: set[bytes] = set()
    for identity in brought.identities.values():
        found |= {identity.secret, identity.text.encode()}
    for entry in entries(brought):
        if entry["kind"] == "collected":
            header = parse_header((brought.partition(entry["partition"]) / entry["object_path"]).read_bytes())
            found.add(unwrap(header, brought.identities[entry["partition"]]))
    return found


def disks(dock: Dock) -> list[Path]:
    """Write every disk but the cameras' as the raw bytes that it has."""
    raw = dock.folder / "root.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", dock.machine.root, raw], check=True)
    for disk in dock.disks.values():
        disk.write_through()
    return [raw, *(disk.image for name, disk in dock.disks.items() if name != "cameras")]


def test_a_window_is_found_wherever_it_lies(rng: random.Random, tmp_path: Path):
    content = rng.randbytes(1 << 20)
    secrets = windows(content, 20, rng)
    block = 16 << 20
    for place in (0, 3, block - 5, block - WINDOW, block + 1, 2 * block - 1):
        image = tmp_path / "image"
        secret = rng.choice(sorted(secrets))
        with image.open("wb") as file:
            file.seek(place)
            file.write(secret)
            file.truncate(3 * block)
        assert found_in(image, secrets) == {secret}
        with image.open("r+b") as file:
            file.seek(place + 40)
            file.write(b"\0")
        assert found_in(image, secrets) == set()

"""Real mounts of a real block device: who sees them, how long they last, and what may be written.

ext4 on a loop device stands in for a card, since a kernel for tests may know neither vfat nor exfat.
"""

import asyncio
import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockd.bus.client import Bus
from tests.bus.running import DEADLINE_SECONDS, RunningHelper
from tests.bus.sysfs import DEVICE, NUMBER, Sysfs

SECTOR = 512
FIRST_SECTOR = 2048
IMAGE_BYTES = 32 * 1024 * 1024


class Card:
    """A disk `sda` with a partition `sda1`, which holds DCIM/clip.mp4 and a link out of it."""

    def __init__(self, place: Path, sysfs: Sysfs) -> None:
        content, part, image = place / "content", place / "part", place / "image"
        (content / "DCIM").mkdir(parents=True)
        (content / "DCIM/clip.mp4").write_bytes(b"moving pictures")
        (content / "DCIM/out").symlink_to("/etc/hostname")
        make = ["mke2fs", "-q", "-t", "ext4", "-d", str(content), str(part)]
        subprocess.run([*make, str((IMAGE_BYTES - FIRST_SECTOR * SECTOR) // 1024)], check=True)
        image.write_bytes(bytes(FIRST_SECTOR * SECTOR) + part.read_bytes())
        found = subprocess.run(["losetup", "--find", "--show", str(image)], capture_output=True, text=True)
        if found.returncode:
            pytest.skip(f"no loop device: {found.stderr}")
        self.loop = Path(found.stdout.strip())
        self.block = Path("/sys/class/block") / self.loop.name
        self.nodes = {"sda": self.block, "sda1": self.block / f"{self.loop.name}p1"}
        # By hand, for not every kernel reads partition tables.
        sectors = part.stat().st_size // SECTOR
        try:
            subprocess.run(["addpart", str(self.loop), "1", str(FIRST_SECTOR), str(sectors)], check=True)
            for node, shown in self.nodes.items():
                major, _colon, minor = (shown / "dev").read_text().partition(":")
                sysfs.file(node, os.makedev(int(major), int(minor)))
        except (subprocess.CalledProcessError, FileNotFoundError):
            self.close()
            pytest.skip("loop devices have no partitions here")

    def is_read_only(self) -> tuple[bool, ...]:
        return tuple((shown / "ro").read_text() == "1\n" for shown in self.nodes.values())

    def spoil(self) -> None:
        with self.loop.open("r+b") as disk:
            disk.seek(FIRST_SECTOR * SECTOR)
            disk.write(bytes(1024 * 1024))
            disk.flush()
            os.fsync(disk.fileno())

    def close(self) -> None:
        if self.nodes["sda1"].exists():
            subprocess.run(["delpart", str(self.loop), "1"], check=True)
        # The kernel remembers it for whatever this loop device is used for next.
        subprocess.run(["blockdev", "--setrw", str(self.loop)], check=True)
        subprocess.run(["losetup", "--detach", str(self.loop)], check=True)


@pytest.fixture
def card(place: Path, sysfs: Sysfs) -> Iterator[Card]:
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    if absent := [tool for tool in ("losetup", "blockdev", "addpart", "delpart", "mke2fs") if not shutil.which(tool)]:
        pytest.skip(f"{absent} are needed")
    card = Card(place, sysfs)
    yield card
    card.close()


@pytest.fixture
def bus(helper: RunningHelper) -> Bus:
    return Bus(helper.path, DEADLINE_SECONDS)


async def mount(bus: Bus, writable: bool = False, node: str = "sda1") -> int:
    descriptor = await bus.mount(DEVICE, NUMBER, node, "ext4", writable)
    fd = os.dup(descriptor.fileno())
    descriptor.close()
    return fd


def test_what_is_mounted_can_be_read_but_not_written_and_nobody_else_sees_it(
    card: Card, bus: Bus, helper: RunningHelper
) -> None:
    open_before = helper.descriptors()
    root = asyncio.run(mount(bus))
    assert sorted(os.listdir(root)) == ["DCIM", "lost+found"]
    clip = os.open("DCIM/clip.mp4", os.O_RDONLY, dir_fd=root)
    assert os.read(clip, 100) == b"moving pictures"
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        os.open("DCIM/out", os.O_RDONLY, dir_fd=root)
    with pytest.raises(OSError, match=os.strerror(errno.EROFS)):
        os.open("DCIM/more.mp4", os.O_WRONLY | os.O_CREAT, dir_fd=root)
    assert card.is_read_only() == (True, True)
    assert card.loop.name not in Path("/proc/self/mountinfo").read_text()
    helper.wait_for_descriptors(open_before)
    os.close(root)
    os.close(clip)


def test_a_new_mount_waits_until_the_last_descriptor_of_the_one_before_is_closed(
    card: Card, bus: Bus, helper: RunningHelper
) -> None:
    async def both() -> None:
        root = await mount(bus)
        clip = os.open("DCIM/clip.mp4", os.O_RDONLY, dir_fd=root)
        os.close(root)
        again = asyncio.create_task(mount(bus))
        await asyncio.to_thread(helper.wait_for, f"'errno': {errno.EBUSY}")
        assert not again.done()
        os.close(clip)
        os.close(await again)

    asyncio.run(both())


@pytest.mark.parametrize("writable", [False, True])
def test_a_disk_that_stays_mounted_is_busy_at_the_deadline(card: Card, helper: RunningHelper, writable: bool) -> None:
    impatient = Bus(helper.path, 0.5)
    root = asyncio.run(mount(impatient))
    for ask in (
        impatient.mount(DEVICE, NUMBER, "sda1", "ext4", writable),
        impatient.flush(DEVICE, NUMBER, "sda1"),
        impatient.eject(DEVICE, NUMBER, "sda1"),
    ):
        with pytest.raises(OSError) as raised:
            asyncio.run(ask)
        assert raised.value.errno == errno.EBUSY
    os.close(root)


def test_what_is_cleared_through_a_writable_mount_is_gone_from_a_fresh_one(card: Card, bus: Bus) -> None:
    root = asyncio.run(mount(bus, writable=True))
    assert card.is_read_only() == (False, False)
    folder = os.open("DCIM", os.O_RDONLY, dir_fd=root)
    os.unlink("clip.mp4", dir_fd=folder)
    os.fsync(folder)
    os.close(folder)
    os.close(root)
    asyncio.run(bus.flush(DEVICE, NUMBER, "sda1"))
    assert card.is_read_only() == (True, True)
    root = asyncio.run(mount(bus))
    assert os.listdir(f"/proc/self/fd/{root}/DCIM") == ["out"]
    os.close(root)


@pytest.mark.parametrize("writable", [False, True])
def test_a_mount_that_fails_leaves_nothing_open_and_nothing_writable(
    card: Card, bus: Bus, helper: RunningHelper, writable: bool
) -> None:
    card.spoil()
    open_before = helper.descriptors()
    with pytest.raises(OSError) as raised:
        asyncio.run(mount(bus, writable))
    assert raised.value.errno == errno.EINVAL
    assert card.is_read_only() == (True, True)
    helper.wait_for_descriptors(open_before)


def test_another_file_system_is_not_taken_for_what_it_is_not(card: Card, bus: Bus) -> None:
    with pytest.raises(OSError) as raised:
        asyncio.run(bus.mount(DEVICE, NUMBER, "sda1", "vfat", False))
    # ENODEV: this kernel has no vfat.
    assert raised.value.errno in (errno.EINVAL, errno.ENODEV)


def test_a_partition_and_its_disk_are_not_mounted_together(card: Card, helper: RunningHelper) -> None:
    impatient = Bus(helper.path, 0.5)
    root = asyncio.run(mount(impatient))
    with pytest.raises(OSError) as raised:
        asyncio.run(mount(impatient, node="sda"))
    assert raised.value.errno == errno.EBUSY
    os.close(root)


def test_a_device_that_is_exchanged_while_it_is_mounted_gets_no_mount(
    card: Card, bus: Bus, sysfs: Sysfs, helper: RunningHelper
) -> None:
    open_before = helper.descriptors()
    number = sysfs.path / "class/block/sda1/dev"
    truth = number.read_text()
    number.unlink()
    os.mkfifo(number)

    async def exchange() -> None:
        asked = asyncio.create_task(mount(bus))
        # Opens when the helper has found the right device and asks for the number of its disk.
        with await asyncio.to_thread(number.open, "w") as told:
            (sysfs.device / "devnum").write_text(f"{NUMBER + 1}\n")
            told.write(truth)
        with pytest.raises(OSError) as raised:
            await asked
        assert raised.value.errno == errno.ENODEV

    asyncio.run(exchange())
    assert card.is_read_only() == (True, True)
    helper.wait_for_descriptors(open_before)


def test_a_disk_that_knows_no_eject_says_so(card: Card, bus: Bus) -> None:
    with pytest.raises(OSError) as raised:
        asyncio.run(bus.eject(DEVICE, NUMBER, "sda1"))
    assert raised.value.errno in (errno.EINVAL, errno.ENOTTY)

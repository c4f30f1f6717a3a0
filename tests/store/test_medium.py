import errno
import os

import pytest

from dockd.errors import PartitionFull, PartitionMedia, PartitionMissing
from dockd.store.medium import (
    SLOT,
    as_partition_error,
    is_direct,
    is_rotating,
    open_direct,
    read_back_mode,
    read_past_cache,
    write_all,
)
from tests.store.shop import files_no_longer_than

SIZES = [0, 1, 511, 4095, 4096, 4097, SLOT - 1, SLOT, SLOT + 1, 2 * SLOT + 4096]
REFUSES_DIRECT = "/proc/self/status"


def direct_file(path):
    fd = open_direct(str(path), os.O_RDWR)
    if not is_direct(fd):
        os.close(fd)
        pytest.skip("the medium of the temporary directory does not take O_DIRECT")
    return fd


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["direct", "cached"])
def test_a_file_reads_back_whole(tmp_path, size, mode):
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    fd = direct_file(tmp_path / "file") if mode == "direct" else os.open(tmp_path / "file", os.O_RDONLY)
    os.fsync(fd)
    assert read_back_mode(fd) == mode
    assert b"".join(bytes(block) for block in read_past_cache(fd, size)) == content
    os.close(fd)


@pytest.mark.parametrize("mode", ["direct", "cached"])
def test_only_the_size_that_was_asked_for_is_read(tmp_path, mode):
    (tmp_path / "file").write_bytes(b"x" * 10_000)
    fd = direct_file(tmp_path / "file") if mode == "direct" else os.open(tmp_path / "file", os.O_RDONLY)
    for size in (1, 4096, 9_999):
        assert sum(map(len, read_past_cache(fd, size))) == size
    assert sum(map(len, read_past_cache(fd, 20_000))) == 10_000
    os.close(fd)


def test_a_medium_that_refuses_o_direct_is_opened_without_and_says_so():
    try:
        os.close(os.open(REFUSES_DIRECT, os.O_RDONLY | os.O_DIRECT))
    except OSError as error:
        assert error.errno == errno.EINVAL
    else:
        pytest.skip("this kernel takes O_DIRECT even for /proc")
    fd = open_direct(REFUSES_DIRECT, os.O_RDONLY)
    assert (is_direct(fd), read_back_mode(fd)) == (False, "cached")
    assert next(read_past_cache(fd, 10))
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_other_faults_of_opening_are_not_hidden_by_a_second_try(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_direct(str(tmp_path / "nowhere"), os.O_RDONLY)


def test_a_write_that_the_medium_cuts_short_is_an_error_and_not_half_a_file(tmp_path):
    with (tmp_path / "file").open("wb") as file, files_no_longer_than(50), pytest.raises(OSError):
        write_all(file.fileno(), b"x" * 51)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, PartitionFull),
        (errno.EDQUOT, PartitionFull),
        (errno.ENOENT, PartitionMissing),
        (errno.ENOTDIR, PartitionMissing),
        (errno.ESTALE, PartitionMissing),
        (errno.EIO, PartitionMedia),
        (errno.EROFS, PartitionMedia),
        (errno.EEXIST, PartitionMedia),
    ],
)
def test_each_fault_of_a_medium_has_its_class_and_an_advice(number, kind):
    error = as_partition_error(OSError(number, "words"), "placing it")
    assert type(error) is kind
    assert error.message == "placing it: words" and error.advice


@pytest.mark.parametrize(("place", "told"), [("sda", "1"), ("sda", "0"), ("sda/sda1", "1"), ("sda/sda1", "0")])
def test_whether_a_disk_rotates_is_known_of_the_disk_and_of_its_partitions(tmp_path, place, told):
    sysfs, device = tmp_path / "sys", os.stat(tmp_path).st_dev
    (sysfs / "devices" / place).mkdir(parents=True)
    (sysfs / "devices/sda/queue").mkdir()
    (sysfs / "devices/sda/queue/rotational").write_text(f"{told}\n")
    (sysfs / "dev/block").mkdir(parents=True)
    (sysfs / f"dev/block/{os.major(device)}:{os.minor(device)}").symlink_to(sysfs / "devices" / place)
    with (tmp_path / "a").open("wb") as file:
        assert is_rotating(file.fileno(), sysfs) == (told == "1")


@pytest.mark.parametrize(("place", "told"), [("block/vda", False), ("host0/target0:0:0/0:0:0:0/block/sda", True)])
def test_a_disk_of_virtio_blk_does_not_rotate_whatever_it_says_and_one_of_virtio_scsi_may(tmp_path, place, told):
    """Virtio-blk has no word for it, so that the kernel says 1 of every one; SCSI asks the disk."""
    sysfs, device = tmp_path / "sys", os.stat(tmp_path).st_dev
    queue = sysfs / "devices/pci0000:00/0000:00:02.0/virtio1" / place / "queue"
    queue.mkdir(parents=True)
    (queue / "rotational").write_text("1\n")
    (sysfs / "dev/block").mkdir(parents=True)
    (sysfs / f"dev/block/{os.major(device)}:{os.minor(device)}").symlink_to(queue.parent)
    with (tmp_path / "a").open("wb") as file:
        assert is_rotating(file.fileno(), sysfs) == told


def test_a_volume_that_is_no_disk_does_not_rotate(tmp_path):
    with (tmp_path / "a").open("wb") as file:
        assert not is_rotating(file.fileno(), tmp_path / "nothing")

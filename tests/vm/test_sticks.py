"""Cards that are made and read on the host: what is put on is there, and the filesystem's own checker is content."""

import random
import subprocess
from pathlib import Path

import pytest

from tests.vm.sticks import Card, Files

CHECKERS = {"fat32": ("fsck.vfat", "-n"), "exfat": ("fsck.exfat", "-n"), "ext4": ("e2fsck", "-fn")}


def various(rng: random.Random) -> Files:
    names = [
        "DCIM/100BWC/VID_0001.MP4",
        "DCIM/100BWC/a name longer than fifteen letters.mp4",
        "DCIM/101BWC/x.gps",
        "top",
    ]
    names += [f"DCIM/many/{number:04}.mp4" for number in range(300)]
    sizes = [1, 4096, 4097, 700_001]
    times = range(1_790_000_000, 1_790_000_000 + 2 * len(names), 2)
    contents = [rng.randbytes(sizes[number] if number < 4 else number) for number in range(len(names))]
    return {**dict(zip(names, zip(contents, times, strict=True), strict=True)), "DCIM/empty.mp4": (b"", 1_700_000_000)}


@pytest.mark.parametrize("partitioned", [True, False])
@pytest.mark.parametrize("filesystem", CHECKERS)
def test_what_is_put_on_a_card_is_read_back_and_is_sound(
    filesystem: str, partitioned: bool, tmp_path: Path, rng: random.Random
):
    files = various(rng)
    card = Card(tmp_path / "card.img", filesystem, partitioned).make(48, files)
    assert card.files() == files
    volume = tmp_path / "volume"
    volume.write_bytes(card.image.read_bytes()[card.start :])
    done = subprocess.run([*CHECKERS[filesystem], volume], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    large = files["DCIM/many/0299.mp4"][0]
    place = card.where(large)
    assert card.image.read_bytes()[place.start : place.stop] == large
    assert Card(tmp_path / "empty.img", filesystem, partitioned).make(48, {}).files() == {}

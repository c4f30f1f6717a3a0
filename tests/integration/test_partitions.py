"""Partitions on real volumes that fill up, turn read-only, go away or are exchanged: what is said, and nothing lost."""

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockd.errors import ExitCode
from dockd.store.partition import MARKER
from tests.integration.daemon import Daemon
from tests.integration.held_reads import held_at_read
from tests.integration.mounts import Mounts, fill, move_to, resize
from tests.integration.nursery import Nursery
from tests.integration.promises import assert_all_cleared, assert_promises, of_kind
from tests.integration.site import MEDIA, Site, environment

CLIPS = {name: (MEDIA / name).read_bytes() for name in ("moov-first.mp4", "fragmented.mp4")}
LONG = {"long.mp4": bytes(range(256)) * 4096 * 12}
IN_THE_MIDDLE = 6  # of the reads of a MiB each that LONG takes


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(fleet={"BWC1": "pm", "BWC2": "rural"}, retry_delays_seconds=[0])


@pytest.fixture
def mounts(site: Site) -> Iterator[Mounts]:
    made = Mounts()
    yield made
    site.close()
    made.end()


@pytest.fixture
def volume(site: Site, mounts: Mounts) -> Path:
    """A volume for the partition of BWC1, mounted in its place and, to look at it whatever happens there, beside it."""
    beside = mounts.tmpfs(site.folder / "volume")
    move_to(site, "pm", beside)
    return mounts.bind(beside, site.partition("pm"))


def start(site: Site, **rig: object) -> Daemon:
    return site.start(check_seconds=0.1, **rig).ready()


def assert_stays_full(site: Site, daemon: Daemon) -> None:
    """The camera of the partition holds everything, and the other bay does not notice."""
    assert not daemon.has("recording.cleared", camera="BWC1")
    assert all(original.on_camera() for original in site.originals if original.camera_id == "BWC1")
    site.dock_camera("BWC2", CLIPS)
    daemon.wait_green("BWC2")
    [red] = [bay for bay in site.ask("status")["bays"] if bay["light"] == "red"]
    assert (red["bay"], red["reason"] != "", red["code"][:10]) == ("accueil/BWC1", True, "partition.")


def assert_made_good(site: Site, daemon: Daemon) -> None:
    """Without a person's help beyond the mended volume: all of it safe, then cleared."""
    daemon.wait_green("BWC1")
    assert site.troubles() == {}
    assert_all_cleared(site)


def test_a_recording_that_has_no_room_is_refused_before_it_is_pulled(site: Site, volume: Path) -> None:
    resize(volume, "size=8m")
    daemon = start(site)
    site.dock_camera("BWC1", {**CLIPS, **LONG})
    done = daemon.wait_for("docking.done", camera="BWC1", outcome="failed")
    assert done["code"] == "partition.full"
    said = re.fullmatch(r"partition pm: (\d+) bytes needed, (\d+) free, 0 kept in reserve", done["message"])
    assert said
    needed, free = map(int, said.groups())
    assert free < 8 * 2**20 < len(LONG["long.mp4"]) < needed
    assert done["advice"] == "Free space on this volume, or lower reserve_gib knowingly."
    daemon.wait_red()
    assert_stays_full(site, daemon)
    resize(volume, "size=256m")
    assert_made_good(site, daemon)


def test_a_volume_that_fills_up_in_the_middle_of_a_pull_keeps_the_camera_full(site: Site, volume: Path) -> None:
    daemon = start(site)
    with held_at_read(site.dock_camera("BWC1", LONG) / "long.mp4", IN_THE_MIDDLE):
        # What was read may still be on its way to the volume; it has room for that, and not for all.
        resize(volume, "size=8m")
    done = daemon.wait_for("docking.done", camera="BWC1", outcome="failed")
    assert (done["code"], done["advice"]) == (
        "partition.full",
        "Free space on this volume, or give it a larger one.",
    )
    assert "No space left on device" in done["message"]
    daemon.wait_red()
    assert_stays_full(site, daemon)
    resize(volume, "size=256m")
    assert_made_good(site, daemon)


def test_a_volume_that_fills_up_before_the_placing_leaves_no_half_of_it(site: Site, volume: Path) -> None:
    daemon = start(site, halt=["run", "lease", "store/pm/NAMELESS"])
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_for("halted")
    filler = fill(volume)
    site.open_gate()
    done = daemon.wait_for("docking.done", camera="BWC1", outcome="failed")
    assert done["code"] == "partition.full"
    assert done["message"].startswith("placing objects/")
    assert done["message"].endswith(": No space left on device")
    daemon.wait_red()
    assert [path for path in (volume / "objects").rglob("*") if not path.is_dir()] == []
    assert_stays_full(site, daemon)
    filler.unlink()
    assert_made_good(site, daemon)


def test_a_volume_without_room_for_one_more_file_is_full_however_many_bytes_are_free(site: Site, volume: Path) -> None:
    """As with a quota of files: free bytes alone would promise too much."""
    resize(volume, "nr_inodes=2")
    daemon = start(site)
    trouble = daemon.wait_for("partition.trouble", partition="pm")
    assert (trouble["code"], trouble["message"]) == (
        "partition.full",
        "checking partition pm: No space left on device",
    )
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_red()
    assert site.troubles() == {"partition pm": "partition.full"}
    assert_stays_full(site, daemon)
    resize(volume, "nr_inodes=1000")
    daemon.wait_for("partition.recovered", partition="pm")
    assert_made_good(site, daemon)


def start_under_quota(site: Site, limit: int) -> Daemon:
    """Start a dock whose writes of so many bytes or more the kernel refuses with EDQUOT.

    As under a quota of a user, free bytes and a small probe say that all is well. A filter of seccomp(2) stands in
    for the quota, because a filesystem with one cannot be made everywhere.
    """
    program = f"""
import ctypes, errno, platform, struct, sys
number = {{"x86_64": 18, "aarch64": 67}}[platform.machine()]  # pwrite64
code = [
    (0x20, 0, 0, 0),  # the number of the call
    (0x15, 0, 3, number),
    (0x20, 0, 0, 32),  # its third argument, the bytes to write
    (0x35, 0, 1, {limit}),
    (0x06, 0, 0, 0x00050000 | errno.EDQUOT),
    (0x06, 0, 0, 0x7FFF0000),
]
steps = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in code))
filter = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(steps))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, filter, 0, 0) == 0  # PR_SET_SECCOMP
sys.argv = ["dockd", "run", "--config", {str(site.config)!r}]
import dockd.cli
dockd.cli.main()
"""

    def started(stderr: int) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", program]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=stderr, env=environment())

    daemon = Daemon(started)
    site.daemons.append(daemon)
    return daemon


def test_a_quota_that_no_free_space_tells_of_is_said_and_keeps_the_camera_full(site: Site) -> None:
    daemon = start_under_quota(site, 2**20).ready()
    site.dock_camera("BWC1", {**CLIPS, **LONG})
    done = daemon.wait_for("docking.done", camera="BWC1", outcome="failed")
    assert done["message"] == "no space left while sealing"
    assert daemon.wait_red()["reason"] == done["message"]
    assert not daemon.has("recording.cleared")
    assert all(original.on_camera() for original in site.originals)
    site.dock_camera("BWC2", CLIPS)
    daemon.wait_green("BWC2")
    assert_promises(site)

    site.start().wait_green("BWC1")
    assert_all_cleared(site)


def test_a_quota_of_the_filesystem_is_said_as_such_and_keeps_the_camera_full(site: Site, mounts: Mounts) -> None:
    if shutil.which("mkfs.btrfs") is None or shutil.which("btrfs") is None:
        pytest.skip("btrfs-progs is not installed; no other filesystem has a quota on every kernel")
    image = site.folder / "disk.img"
    with image.open("wb") as file:
        file.truncate(400 * 2**20)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True, stderr=subprocess.DEVNULL)
    disk, limited = site.folder / "disk", site.folder / "disk" / "limited"
    mounts.image("btrfs", image, disk)
    for words in (["quota", "enable", disk], ["subvolume", "create", limited], ["qgroup", "limit", "8M", limited]):
        subprocess.run(["btrfs", *words], check=True)
    move_to(site, "pm", limited)
    mounts.bind(limited, site.partition("pm"))
    daemon = start(site)
    site.dock_camera("BWC1", {**CLIPS, **LONG})
    done = daemon.wait_for("docking.done", camera="BWC1", outcome="failed")
    assert (done["code"], done["message"]) == ("partition.full", "checking partition pm: Disk quota exceeded")
    assert done["advice"]
    daemon.wait_red()
    assert_stays_full(site, daemon)
    assert_promises(site)

    subprocess.run(["btrfs", "qgroup", "limit", "300M", limited], check=True)
    site.start().wait_green("BWC1")
    assert_all_cleared(site)


def test_a_volume_that_turns_read_only_is_said_so_until_it_is_writable_again(site: Site, volume: Path) -> None:
    daemon = start(site)
    resize(site.folder / "volume", "ro")
    trouble = daemon.wait_for("partition.trouble", partition="pm")
    assert (trouble["code"], trouble["message"]) == ("partition.media", "checking partition pm: Read-only file system")
    assert trouble["advice"]
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_red()
    assert site.troubles() == {"partition pm": "partition.media"}
    assert_stays_full(site, daemon)
    resize(site.folder / "volume", "rw")
    daemon.wait_for("partition.recovered", partition="pm")
    assert_made_good(site, daemon)


def test_a_volume_that_is_read_only_at_the_start_stops_its_own_cameras_only(site: Site, volume: Path) -> None:
    resize(site.folder / "volume", "ro")
    daemon = start(site)
    daemon.wait_for("partition.trouble", partition="pm", code="partition.media")
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_red()
    assert_stays_full(site, daemon)
    resize(site.folder / "volume", "rw")
    assert_made_good(site, daemon)


def test_a_disk_that_fails_in_the_middle_of_a_pull_and_turns_read_only_keeps_the_camera_full(
    site: Site, mounts: Mounts
) -> None:
    """What ext4 does by itself after an error of its disk (errors=remount-ro)."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not installed")
    image = site.folder / "disk.img"
    with image.open("wb") as file:
        file.truncate(128 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    disk = mounts.image("ext4", image, site.folder / "disk", "loop,errors=remount-ro")
    move_to(site, "pm", disk)
    mounts.bind(disk, site.partition("pm"))
    device = Path("/sys/dev/block", f"{os.major(disk.stat().st_dev)}:{os.minor(disk.stat().st_dev)}").resolve().name
    daemon = start(site)
    with held_at_read(site.dock_camera("BWC1", LONG) / "long.mp4", IN_THE_MIDDLE):
        Path("/sys/fs/ext4", device, "trigger_fs_error").write_text("a test's error")
    done = daemon.wait_for("docking.done", camera="BWC1", outcome="failed")
    # Which of the two depends on whether it failed in a write or in the flush behind it.
    assert done["code"] in {"partition.media", "partition.flush_failed"}
    assert "Read-only file system" in done["message"]
    assert done["advice"]
    daemon.wait_red()
    assert_stays_full(site, daemon)

    site.close()
    mounts.take_away(site.partition("pm"))
    mounts.take_away(disk)
    # Checked as at any start after such an error; the exit code says that errors were corrected.
    assert subprocess.run(["e2fsck", "-f", "-y", image], capture_output=True).returncode in (0, 1)
    mounts.image("ext4", image, site.partition("pm"))
    site.start().wait_green("BWC1")
    assert_all_cleared(site)


def refused_start(site: Site) -> tuple[int | None, str]:
    """Start a dock that must not come up; gives its exit code and what it says to whoever started it."""
    daemon = site.start_installed()
    daemon.wait_end()
    return daemon.stop(), "\n".join(line["text"] for line in daemon.log if line["event"] == "not JSON")


def an_empty_volume(_site: Site, _path: Path) -> None:
    pass


def the_volume_of_another_partition(site: Site, path: Path) -> None:
    shutil.copy(site.partition("rural") / MARKER, path)


def a_volume_with_an_unreadable_marker(_site: Site, path: Path) -> None:
    (path / MARKER).write_bytes(b"\xff{")


def the_same_partition_of_another_dock(site: Site, path: Path) -> None:
    marker = json.loads((site.partition("rural") / MARKER).read_bytes())
    (path / MARKER).write_text(
        json.dumps({**marker, "partition": "pm", "dock_id": "ailleurs", "uuid": str(uuid.uuid4())})
    )


def a_volume_with_a_marker_that_would_command_a_terminal(site: Site, path: Path) -> None:
    marker = json.loads((site.partition("rural") / MARKER).read_bytes())
    (path / MARKER).write_text(json.dumps({**marker, "partition": "\x1b[2J\nall is well\u202e"}))


WRONG = {
    an_empty_volume: ("it has no marker",),
    the_volume_of_another_partition: ("its marker is that of partition", "rural"),
    a_volume_with_an_unreadable_marker: ("its marker cannot be read",),
    the_same_partition_of_another_dock: ("its marker is that of partition", "ailleurs"),
    a_volume_with_a_marker_that_would_command_a_terminal: ("its marker is that of partition", "all is well"),
}
"""Volumes that are not the right one, and what is said of each."""


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_volume_mounted_over_the_right_one_is_never_written_to(
    site: Site, mounts: Mounts, volume: Path, wrong: Callable[[Site, Path], None]
) -> None:
    daemon = start(site)
    over = mounts.tmpfs(site.folder / "over")
    wrong(site, over)
    before = sorted(os.listdir(over))
    mounts.bind(over, volume)
    trouble = daemon.wait_for("partition.trouble", partition="pm")
    assert trouble["code"] == "partition.missing"
    assert trouble["message"] == f"{volume} is no longer the volume that was opened at start"
    assert trouble["advice"]
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_red()
    assert_stays_full(site, daemon)
    assert sorted(os.listdir(over)) == before
    mounts.take_away(volume)
    daemon.wait_for("partition.recovered", partition="pm")
    assert_made_good(site, daemon)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_volume_at_the_start_is_refused_by_name_and_left_as_it_is(
    site: Site, mounts: Mounts, volume: Path, wrong: Callable[[Site, Path], None]
) -> None:
    over = mounts.tmpfs(site.folder / "over")
    wrong(site, over)
    before = {path.name: path.read_bytes() for path in over.iterdir()}
    mounts.bind(over, volume)
    site.dock_camera("BWC1", CLIPS)
    code, said = refused_start(site)
    assert code == ExitCode.PARTITION, said
    assert all(words in said for words in ("partition pm: ", *WRONG[wrong])), said
    assert all(line.isprintable() for line in said.splitlines()), said
    assert "what to do: Mount the right volume" in said
    assert {path.name: path.read_bytes() for path in over.iterdir()} == before
    assert all(original.on_camera() for original in site.originals)

    mounts.take_away(volume)
    site.start().wait_green("BWC1")
    assert_all_cleared(site)


def test_a_volume_unmounted_under_the_daemon_is_missed_and_taken_up_again_without_a_restart(
    site: Site, mounts: Mounts, volume: Path
) -> None:
    daemon = start(site)
    mounts.take_away(volume)
    trouble = daemon.wait_for("partition.trouble", partition="pm")
    assert trouble["code"] == "partition.missing"
    assert trouble["message"] == f"{volume} is no longer the volume that was opened at start"
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_red()
    assert site.troubles() == {"partition pm": "partition.missing"}
    assert_stays_full(site, daemon)
    assert list(volume.iterdir()) == [], "something was written below the bare mount point"
    mounts.bind(site.folder / "volume", volume)
    daemon.wait_for("partition.recovered", partition="pm")
    assert_made_good(site, daemon)


def test_a_volume_unmounted_in_the_middle_of_a_pull_keeps_the_camera_full(
    site: Site, mounts: Mounts, volume: Path
) -> None:
    daemon = start(site)
    with held_at_read(site.dock_camera("BWC1", LONG) / "long.mp4", IN_THE_MIDDLE):
        mounts.take_away(volume)
        daemon.wait_for("partition.trouble", partition="pm", code="partition.missing")
    done = daemon.wait_for("docking.done", camera="BWC1", outcome="failed")
    assert done["code"] == "partition.missing"
    daemon.wait_red()
    assert_stays_full(site, daemon)
    assert list(volume.iterdir()) == [], "something was written below the bare mount point"
    mounts.bind(site.folder / "volume", volume)
    assert_made_good(site, daemon)


def test_a_volume_unmounted_unnoticed_still_gets_what_was_on_its_way_to_it(
    site: Site, mounts: Mounts, volume: Path
) -> None:
    """The volume is reached by the descriptor that was opened at the start, wherever its path leads meanwhile."""
    daemon = site.start().ready()
    with held_at_read(site.dock_camera("BWC1", LONG) / "long.mp4", IN_THE_MIDDLE):
        mounts.take_away(volume)
    daemon.wait_for("docking.done", camera="BWC1")
    assert list(volume.iterdir()) == [], "something was written below the bare mount point"
    mounts.bind(site.folder / "volume", volume)
    assert_promises(site)
    assert len(of_kind(site, "collected")) == 1


def test_a_partition_that_is_not_there_at_the_start_is_refused_with_the_line_of_the_configuration(site: Site) -> None:
    away = site.partition("pm").rename(site.folder / "away")
    site.dock_camera("BWC1", CLIPS)
    code, said = refused_start(site)
    assert code == ExitCode.CONFIG
    assert "partitions.pm.path: does not exist; mount its volume, or make it with “dockd init-partition pm”" in said
    assert all(original.on_camera() for original in site.originals)
    away.rename(site.partition("pm"))
    site.start().wait_green("BWC1")
    assert_all_cleared(site)


@pytest.fixture
def neighbour(site: Site, nursery: Nursery) -> Iterator[Site]:
    """A second dock, with a register of its own, that is told to store in the same partition."""
    folder = site.folder / "neighbour"
    folder.mkdir()
    made = Site(folder, nursery, fleet={"BWC3": "pm"})
    made.partition("pm").rename(folder / "own")
    settings = json.loads(made.config.read_text())
    settings["partitions"]["pm"]["path"] = str(site.partition("pm"))
    made.config.write_text(json.dumps(settings))
    yield made
    made.close()


def test_a_second_daemon_on_the_same_partition_is_refused_and_the_first_goes_on(site: Site, neighbour: Site) -> None:
    daemon = site.start().ready()
    neighbour.dock_camera("BWC3", CLIPS)
    code, said = refused_start(neighbour)
    assert code == ExitCode.ALREADY_RUNNING, said
    assert f"another dockd holds partition pm in {site.partition('pm')}" in said
    assert "what to do: " in said
    assert all(original.on_camera() for original in neighbour.originals)
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_green("BWC1")
    assert_all_cleared(site)

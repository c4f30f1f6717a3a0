"""Names, trees and moving targets of a hostile camera: what a technician reads, and that nothing is lost by them."""

import itertools
import json
import os
import re
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dockd.errors import ExitCode
from dockd.model import RecordingPath
from tests.integration.daemon import Daemon
from tests.integration.held_reads import held_at_read
from tests.integration.promises import assert_all_cleared, entries, live, of_kind
from tests.integration.site import MEDIA, WHY, Site, dockd

CLIPS = {name: (MEDIA / name).read_bytes() for name in ("moov-first.mp4", "fragmented.mp4")}

NAMES = [
    b"\xff\xfe\x80.mp4",
    b"two\nlines.mp4",
    b"tab\tbell\x07 delete\x7f.mp4",
    b"\x1b[2J\x1b]0;green\x07.mp4",
    "\u202e4pm.live\u2066\u200f.mp4".encode(),
    "caf\u00e9 \u2028 \u0085.mp4".encode(),
    b'"quoted", \'{"event": "bay.changed"}\'.mp4',
    b"[red]green[/red].mp4",
    b"{path} %s %(x)s %2e%2e%2f.mp4",
    b"x" * 251 + b".mp4",
    b"\xff" * 251 + b".mp4",
    b"..mp4",
    b"...mp4",
    b".mp4",
    b"-rf.mp4",
    b" .mp4",
    b"a\\..\\..\\b.mp4",
    b"twin.mp4",
    b"TWIN.MP4",
    b"Twin.Mp4",
    b"camera_id.txt.mp4",
    b"..\n/x.mp4",
    b"... /..\xff/\x1b[31m/x.mp4",
    b"\xff" * 255 + b"/" + b"\n" * 255 + b"/x.mp4",
    b"/".join([b"d\n"] * 16) + b"/deep.mp4",
]
OBJECT = re.compile(r"objects/\d{4}/\d\d/\d\d/[0-9a-f]{32}\.(age|json)")
MANY = 100_000


def hostile_clips() -> dict[str, bytes]:
    """Give each hostile name a content of its own."""
    return {os.fsdecode(name): b"content of " + name for name in NAMES}


def texts(value: Any) -> Iterator[str]:
    """Yield every text, keys among them, of a value read from JSON."""
    if isinstance(value, dict):
        yield from itertools.chain(texts(list(value)), texts(list(value.values())))
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(map(texts, value))
    elif isinstance(value, str):
        yield value


def assert_harmless(*values: Any) -> None:
    """Nothing in it, on whatever screen, can begin a line, move a cursor or turn the writing round."""
    assert [text for text in texts(list(values)) if not text.isprintable()] == []


def on_screen(*arguments: str | Path, code: ExitCode = ExitCode.OK) -> str:
    """Run a command as on a wide terminal; give what it shows, line by line harmless."""
    done = dockd(*arguments)
    assert done.returncode == code, done.stderr
    assert_harmless(done.stdout.splitlines())
    return done.stdout


def left_alone(site: Site) -> list[str]:
    paths: list[str] = of_kind(site, "docking_ended")[-1]["left_alone_paths"]
    return sorted(paths)


def test_any_name_is_data_escaped_wherever_it_is_said_and_never_part_of_a_store_path(site: Site) -> None:
    daemon = site.start()
    clips = hostile_clips()
    site.dock_camera("BWC1", clips)
    done = daemon.wait_green()
    assert (done["collected"], done["cleared"], done["left_alone"]) == (len(NAMES), len(NAMES), 0)
    for event in ("recording.done", "recording.cleared"):
        said = [line["path"] for line in daemon.log if line["event"] == event]
        assert sorted(RecordingPath.parse(path).raw for path in said) == sorted(NAMES)
    assert not daemon.has("not JSON")
    assert_harmless(daemon.log)
    shown = json.loads(on_screen("register", "show", "--json", *WHY, "--config", site.config))
    on_screen("register", "show", *WHY, "--config", site.config)
    on_screen("status", "--config", site.config)
    on_screen("status", "--json", "--config", site.config)
    on_screen("register", "verify", "--config", site.config)

    assert_all_cleared(site)
    collected = [entry for entry in shown if entry["kind"] == "collected"]
    assert_harmless(collected)
    assert {RecordingPath.parse(entry["path"]).raw for entry in collected} == set(NAMES)
    root = site.partition("pm")
    found = [str(path.relative_to(root)) for path in (root / "objects").rglob("*") if not path.is_dir()]
    assert len(found) == 2 * len(NAMES)
    assert [path for path in found if not OBJECT.fullmatch(path)] == []


def test_any_name_of_a_file_left_alone_is_escaped_in_the_register_and_the_longest_fit(site: Site) -> None:
    daemon = site.start()
    camera = site.dock_camera("BWC1", {"0001.mp4": CLIPS["moov-first.mp4"]})
    daemon.wait_green()
    long = "/".join([os.fsdecode(b"\xff" * 255)] * 13)
    strays = [os.fsdecode(name) + ".txt" for name in NAMES if len(name) <= 251]
    strays += [f"{long}/{number:03}" for number in range(30)]
    for name in strays:
        (camera / name).parent.mkdir(parents=True, exist_ok=True)
        (camera / name).write_bytes(b"not a recording")
    clip = site.dock_camera("BWC1", {f"{long}/0002.mp4": CLIPS["fragmented.mp4"]})
    done = daemon.wait_green()
    assert (done["collected"], done["cleared"], done["left_alone"]) == (1, 1, len(strays))
    assert_harmless(daemon.log)
    on_screen("register", "show", *WHY, "--config", site.config)

    assert_all_cleared(site)
    named = {RecordingPath.parse(path).raw for path in left_alone(site)}
    assert named
    assert named <= {os.fsencode(name) for name in strays}
    assert_harmless(left_alone(site))
    assert all((clip / name).read_bytes() == b"not a recording" for name in strays)


def test_any_name_of_a_stranger_is_escaped_and_the_stranger_refused_and_untouched(site: Site) -> None:
    daemon = site.start(trace=True).ready()
    names = [name for name in NAMES if b"/" not in name]
    names += [b"bwc1", b"BWC1 ", b"BWC1\n", b"...", b"\xff" * 255, "BWC1\u202e".encode()]
    for name in names:
        prepared = site.folder / "prepared"
        prepared.mkdir()
        (prepared / "camera_id.txt").write_text("BWC1\n")
        (prepared / "0001.mp4").write_bytes(CLIPS["moov-first.mp4"])
        prepared.rename(site.dock / os.fsdecode(name))
        claimed = RecordingPath(name).text
        refused = daemon.wait_for("camera.refused", claimed_id=claimed, bay=f"accueil/{claimed}")
        assert refused["code"] == "unknown_camera"
        assert refused["reason"] == f"no camera of this fleet is called {claimed}"
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_green()
    assert_harmless(daemon.log)
    assert not daemon.has("not JSON")
    on_screen("status", "--config", site.config, code=ExitCode.FAILED_CHECK)
    on_screen("register", "show", *WHY, "--config", site.config)

    assert_all_cleared(site)
    for name in names:
        assert (site.dock / os.fsdecode(name) / "0001.mp4").read_bytes() == CLIPS["moov-first.mp4"]
    refusals = of_kind(site, "refused")
    assert_harmless(refusals)
    assert [RecordingPath.parse(entry["claimed_id"]).raw for entry in refusals] == names


def make_other(kind: str, path: Path, outside: Path) -> None:
    """Put something in the place of a recording that is none."""
    match kind:
        case "link":
            path.symlink_to(outside / "secret.mp4")
        case "link to a directory":
            path.symlink_to(outside)
        case "dangling link":
            path.symlink_to("nowhere.mp4")
        case "link to itself":
            path.symlink_to(path)
        case "link upwards":
            path.symlink_to("../../..")
        case "fifo":
            os.mkfifo(path)
        case "socket":
            # The path of a socket may not be long: it is bound beside its directory's descriptor.
            with socket.socket(socket.AF_UNIX) as listener:
                here = os.open(path.parent, os.O_RDONLY)
                listener.bind(f"/proc/self/fd/{here}/{path.name}")
                os.close(here)
        case "device":
            try:
                os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
            except PermissionError:
                pytest.skip("only root can make a device")
        case "directory":
            path.mkdir()


OTHER_KINDS = [
    "link",
    "link to a directory",
    "dangling link",
    "link to itself",
    "link upwards",
    "fifo",
    "socket",
    "device",
]


@pytest.fixture
def outside(site: Site) -> Path:
    """What lies beside the cameras and is none of theirs."""
    folder = site.folder / "outside"
    folder.mkdir()
    (folder / "secret.mp4").write_bytes(b"not the camera's")
    return folder


def test_what_is_only_called_a_recording_is_reported_and_left_as_it_is(site: Site, outside: Path) -> None:
    daemon = site.start()
    camera = site.dock_camera("BWC1", {"x.mp4/x.mp4/inside.mp4": CLIPS["moov-first.mp4"]})
    daemon.wait_green()
    for number, kind in enumerate(OTHER_KINDS):
        make_other(kind, camera / f"{number}.mp4", outside)
    before = {number: (camera / f"{number}.mp4").lstat() for number in range(len(OTHER_KINDS))}
    site.dock_camera("BWC1", {"x.mp4/real.mp4": CLIPS["fragmented.mp4"]})
    done = daemon.wait_green()
    assert (done["collected"], done["cleared"], done["left_alone"]) == (1, 1, len(OTHER_KINDS))
    assert_all_cleared(site)
    assert left_alone(site) == [f"{number}.mp4" for number in range(len(OTHER_KINDS))]
    assert (camera / "x.mp4" / "x.mp4").is_dir()
    assert (outside / "secret.mp4").read_bytes() == b"not the camera's"
    for number, status in before.items():
        now = (camera / f"{number}.mp4").lstat()
        assert (now.st_ino, now.st_mode, now.st_ctime_ns) == (status.st_ino, status.st_mode, status.st_ctime_ns)


@pytest.mark.timeout(300)
def test_a_hundred_thousand_stray_files_hold_up_neither_their_camera_nor_the_others(
    make_site: Callable[..., Site],
) -> None:
    site = make_site(fleet={"BWC1": "pm", "BWC2": "pm"})
    camera = site.dock_camera("BWC1", {"strays/07/found.mp4": CLIPS["moov-first.mp4"]})
    for number in range(MANY):
        folder, name = divmod(number, 1000)
        if not name:
            (camera / "strays" / f"{folder:02}").mkdir(exist_ok=True)
        os.mknod(camera / "strays" / f"{folder:02}" / f"{name:03}.txt")
    site.dock_camera("BWC2", CLIPS)
    daemon = site.start().ready()
    for camera_id in ("BWC1", "BWC2"):
        daemon.wait_for("docking.started", camera=camera_id)
    daemon.wait_green("BWC2")
    done = daemon.wait_green("BWC1")
    assert (done["collected"], done["cleared"], done["left_alone"]) == (1, 1, MANY)
    assert_all_cleared(site)
    assert sum(len(names) for _folder, _folders, names in os.walk(camera)) == MANY + 1
    assert len(left_alone(site)) <= 100


TOO_DEEP = "directories nested deeper than 16"


def dock_deep_camera(site: Site, depth: int) -> Path:
    """Dock a camera with directories nested as deep as asked for, however long that makes their path."""
    prepared = site.folder / "prepared"
    prepared.mkdir()
    here = os.open(prepared, os.O_RDONLY | os.O_DIRECTORY)
    for _level in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    (prepared / "camera_id.txt").write_text("BWC1\n")
    prepared.rename(site.dock / "BWC1")
    return site.dock / "BWC1" / "d"


def fill_in(top: Path) -> None:
    """Take a tree away that is too deep for rmtree: what hangs below its top comes up, level by level."""
    raised = top.with_name("raised")
    while top.exists():
        below = top / "d"
        if below.exists():
            below.rename(raised)
        top.rmdir()
        if raised.exists():
            raised.rename(top)


@pytest.fixture
def two_bays(make_site: Callable[..., Site]) -> Iterator[Site]:
    site = make_site(fleet={"BWC1": "pm", "BWC2": "pm"})
    yield site
    site.close()
    fill_in(site.dock / "BWC1" / "d")


@pytest.mark.parametrize("depth", [17, 3000])
def test_a_tree_too_deep_to_be_walked_is_refused_whole_with_its_reason_and_harms_nobody(
    two_bays: Site, depth: int
) -> None:
    site = two_bays
    daemon = site.start().ready()
    deep = dock_deep_camera(site, depth)
    site.dock_camera("BWC1", {"0001.mp4": CLIPS["moov-first.mp4"]})
    done = daemon.wait_for("docking.done", camera="BWC1", outcome="failed")
    assert (done["code"], done["message"]) == ("camera.protocol", TOO_DEEP)
    assert daemon.wait_red()["reason"] == TOO_DEEP
    site.dock_camera("BWC2", CLIPS)
    daemon.wait_green("BWC2")
    assert not daemon.has("not JSON"), daemon.told()
    assert TOO_DEEP in " ".join(on_screen("status", "--json", "--config", site.config, code=ExitCode(1)).split())
    assert all(original.on_camera() for original in site.originals if original.camera_id == "BWC1")

    daemon.forget()
    fill_in(deep)
    site.dock_camera("BWC1", {"0002.mp4": CLIPS["fragmented.mp4"]})
    daemon.wait_green()
    assert_all_cleared(site)


def test_a_tree_too_deep_to_be_walked_does_not_keep_the_service_from_starting(two_bays: Site) -> None:
    dock_deep_camera(two_bays, 3000)
    two_bays.dock_camera("BWC2", CLIPS)
    daemon = two_bays.start().ready()
    daemon.wait_green("BWC2")
    assert daemon.wait_for("docking.done", camera="BWC1")["message"] == TOO_DEEP
    assert not daemon.has("not JSON"), daemon.told()
    assert_all_cleared(two_bays)


@pytest.fixture
def second_in_line(site: Site) -> tuple[Daemon, Path]:
    """Stop a docking at its first recording; give the file of the second, which is listed and not yet opened."""
    daemon = site.start(halt=["worker", "ftruncate", "store/pm/NAMELESS"])
    camera = site.dock_camera("BWC1", CLIPS)
    daemon.wait_for("halted")
    [bay] = site.ask("status")["bays"]
    [second] = CLIPS.keys() - {bay["path"]}
    return daemon, camera / second


def forget_original(site: Site, file: Path) -> None:
    """The camera itself has written over this one: nobody owes it any more."""
    site.originals = [original for original in site.originals if original.file != file]


@pytest.mark.parametrize("change", ["grows", "shrinks", "is emptied"])
def test_a_recording_that_changes_between_list_and_pull_is_busy_and_then_taken_as_it_is(
    site: Site, second_in_line: tuple[Daemon, Path], change: str
) -> None:
    daemon, file = second_in_line
    content = file.read_bytes()
    forget_original(site, file)
    site.replace("BWC1", file.name, {"grows": content + b"more", "shrinks": content[:-1], "is emptied": b""}[change])
    site.open_gate()
    failed = daemon.wait_for("recording.failed")
    assert (failed["path"], failed["code"]) == (file.name, "camera.busy")
    assert failed["message"] == "the recording changed since it was listed"
    assert daemon.wait_green()["collected"] == 2
    assert_all_cleared(site)


@pytest.mark.parametrize("change", ["grows", "shrinks", "is emptied", "is rewritten"])
def test_a_recording_that_changes_while_it_is_pulled_is_busy_and_then_taken_as_it_is(site: Site, change: str) -> None:
    daemon = site.start()
    content = bytes(range(256)) * 4096 * 12
    file = site.dock_camera("BWC1", {"long.mp4": content}) / "long.mp4"
    changed = {
        "grows": content + b"more",
        "shrinks": content[: len(content) // 2 + 1],
        "is emptied": b"",
        "is rewritten": content[::-1],
    }
    with held_at_read(file, 6):
        forget_original(site, file)
        site.replace("BWC1", file.name, changed[change])
    failed = daemon.wait_for("recording.failed")
    assert (failed["path"], failed["code"]) == (file.name, "camera.busy")
    assert failed["message"] in ("the recording changed while it was read", "the recording ends before its listed size")
    assert daemon.wait_green()["collected"] == 1
    assert_all_cleared(site)


def test_a_recording_replaced_between_list_and_pull_is_taken_as_what_it_has_become(
    site: Site, second_in_line: tuple[Daemon, Path]
) -> None:
    """Of the same size and time, so that only its bytes tell."""
    daemon, file = second_in_line
    status = file.stat()
    [old] = [original for original in site.originals if original.file == file]
    new = bytes(reversed(old.content))
    forget_original(site, file)
    site.dock_camera("BWC1", {"new": new})
    (file.parent / "new").replace(file)
    os.utime(file, ns=(status.st_mtime_ns, status.st_mtime_ns))
    site.originals[-1] = type(old)("BWC1", file, old.recording, new)
    site.open_gate()
    assert daemon.wait_green()["collected"] == 2
    assert_all_cleared(site)


@pytest.mark.parametrize("kind", ["link", "fifo", "directory", "device", "nothing"])
def test_a_recording_that_becomes_something_else_between_list_and_pull_is_never_followed(
    site: Site, second_in_line: tuple[Daemon, Path], outside: Path, kind: str
) -> None:
    daemon, file = second_in_line
    forget_original(site, file)
    file.unlink()
    make_other(kind, file, outside)
    site.open_gate()
    daemon.wait_for("docking.attempt_failed")
    done = daemon.wait_green()
    assert (done["collected"], done["cleared"]) == (1, 1)
    assert done["left_alone"] == (kind not in ("directory", "nothing"))
    assert_all_cleared(site)
    assert (outside / "secret.mp4").read_bytes() == b"not the camera's"
    assert os.path.lexists(file) == (kind != "nothing")


def test_an_empty_recording_is_a_recording(site: Site) -> None:
    daemon = site.start()
    site.dock_camera("BWC1", {"empty.mp4": b"", "one.mp4": b"1"})
    assert daemon.wait_green()["collected"] == 2
    assert_all_cleared(site)
    assert sorted(entry["size"] for entry in live(entries(site))) == [0, 1]


def test_one_file_under_two_names_is_two_recordings_and_both_are_kept_before_either_is_cleared(site: Site) -> None:
    """A hard link: erasing one name changes the other, which is then looked at again before it goes."""
    daemon = site.start()
    camera = site.dock_camera("BWC1", {"0001.mp4": CLIPS["moov-first.mp4"]})
    daemon.wait_green()
    other = site.dock_camera("BWC2.out", {"a.mp4": CLIPS["fragmented.mp4"]})
    daemon.wait_for("camera.refused")
    [_first, of_stranger] = site.originals
    os.link(other / "a.mp4", camera / "b.mp4")
    os.rename(other / "a.mp4", camera / "a.mp4")
    site.originals[1:] = [
        type(of_stranger)(
            "BWC1",
            camera / name,
            type(of_stranger.recording)(
                RecordingPath(name.encode()), of_stranger.recording.size, of_stranger.recording.mtime_ns
            ),
            of_stranger.content,
        )
        for name in ("a.mp4", "b.mp4")
    ]
    daemon.wait_green()
    assert_all_cleared(site)
    assert len(of_kind(site, "collected")) == 3

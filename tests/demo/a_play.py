"""What the tests of the demonstration share: its media, an onlooker who takes notes, and ways to spoil a site."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from dockd.demo.cameras import DAMAGED, GOOD, PULLED, STRANGER, STRAY_FILE
from dockd.demo.play import Bays
from dockd.demo.site import HOME_PARTITION, OTHER_PARTITION, Site

MEDIA = Path(__file__).parents[1] / "media"

Spoil = Callable[[Site], None]


class Notes:
    """Watches, and remembers the lights that each camera's bay showed one after another, and what was said."""

    def __init__(self) -> None:
        self.lights: dict[str, list[str]] = {}
        self.said: list[str] = []

    def show(self, bays: Bays) -> None:
        for camera_id in self.lights.keys() | bays.keys():
            light = bays[camera_id]["light"] if camera_id in bays else "empty"
            seen = self.lights.setdefault(camera_id, [])
            if seen[-1:] != [light]:
                seen.append(light)

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def object_of(site: Site, path: str) -> Path:
    """Give the object of the first recording that has this path on its camera."""
    entry = next(entry for entry in site.entries() if entry.get("path") == path and entry["kind"] == "collected")
    return site.store(entry["partition"]) / entry["object_path"]


def an_object(site: Site) -> Path:
    return next(site.store(HOME_PARTITION).rglob("*.age"))


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def rewrite_the_register(site: Site, kind: str, old: str, new: str) -> None:
    """Change every entry of a kind, as somebody with the file and time would."""
    with closing(sqlite3.connect(site.path / "state" / "register.db")) as database:
        triggers = database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'payload'")
        for (name,) in triggers.fetchall():
            database.execute(f"DROP TRIGGER {name}")
        changed = database.execute(
            "UPDATE payload SET body = replace(body, ?, ?) WHERE instr(body, ?) AND instr(body, ?)",
            (old, new, f'"kind":"{kind}"', old),
        )
        assert changed.rowcount > 0
        database.commit()


def change_an_entry(site: Site) -> None:
    rewrite_the_register(site, "refused", "unknown_camera", "unknown_Camera")


def flip_a_byte_of_an_object(site: Site) -> None:
    flip_a_byte(an_object(site))


def flip_a_byte_of_the_cut_recording(site: Site) -> None:
    flip_a_byte(object_of(site, site.cameras[DAMAGED].cut))


def lose_an_object(site: Site) -> None:
    an_object(site).unlink()


def store_an_object_twice(site: Site) -> None:
    path = an_object(site)
    shutil.copy(path, path.with_stem("0" * 32))


def leave_an_object_in_the_other_partition(site: Site) -> None:
    shutil.copy(an_object(site), site.store(OTHER_PARTITION) / "stray.age")


def put_a_recording_back_on_a_camera(site: Site) -> None:
    shutil.copy(MEDIA / "moov-first.mp4", site.dock / GOOD)


def put_a_recording_back_on_the_pulled_camera(site: Site) -> None:
    shutil.copy(MEDIA / "moov-first.mp4", site.dock / PULLED / "DCIM" / "VID_0001.mp4")


def take_the_stray_file_from_its_camera(site: Site) -> None:
    (site.dock / DAMAGED / STRAY_FILE).unlink()


def change_the_stray_file(site: Site) -> None:
    (site.dock / DAMAGED / STRAY_FILE).write_text("something else\n")


def hush_up_the_stray_file(site: Site) -> None:
    rewrite_the_register(site, "docking_ended", f'"{STRAY_FILE}"', "")


def hush_up_the_broken_docking(site: Site) -> None:
    rewrite_the_register(site, "docking_ended", '"outcome":"failed"', '"outcome":"complete"')


def hush_up_the_attempt(site: Site) -> None:
    rewrite_the_register(site, "attempt_failed", PULLED, GOOD)


def take_a_recording_from_the_stranger(site: Site) -> None:
    next((site.dock / STRANGER).rglob("*.mp4")).unlink()


def change_a_recording_of_the_stranger(site: Site) -> None:
    flip_a_byte(next((site.dock / STRANGER).rglob("*.mp4")))


SPOILS: list[tuple[Spoil, str]] = [
    (flip_a_byte_of_an_object, "open every object"),
    (lose_an_object, "open every object"),
    (flip_a_byte_of_the_cut_recording, "ends in the middle"),
    (lose_an_object, "stored twice"),
    (store_an_object_twice, "stored twice"),
    (leave_an_object_in_the_other_partition, "other partition"),
    (put_a_recording_back_on_a_camera, "cameras empty"),
    (put_a_recording_back_on_the_pulled_camera, "cameras empty"),
    (take_the_stray_file_from_its_camera, "no recording reported"),
    (change_the_stray_file, "no recording reported"),
    (hush_up_the_stray_file, "no recording reported"),
    (hush_up_the_broken_docking, "broken transfer"),
    (hush_up_the_attempt, "broken transfer"),
    (take_a_recording_from_the_stranger, "not ours refused"),
    (change_a_recording_of_the_stranger, "not ours refused"),
]
"""What may be wrong, and words of the question that must then be answered with no."""

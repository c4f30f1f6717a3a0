"""The cameras of the demonstration, filled from a few genuine MP4s, and what each held before anybody touched it."""

import hashlib
import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

from dockd.errors import ConfigError
from dockd.i18n import _
from dockd.model import RecordingPath

GOOD = "BWC0000001"
DAMAGED = "BWC0000002"
PULLED = "BWC0000003"
SPARE = "BWC0000004"
STRANGER = "UNKNOWN42"
OURS = (GOOD, DAMAGED, PULLED, SPARE)

CLIPS = 3
IDENTITY_FILE = "camera_id.txt"
STRAY_FILE = "LISEZMOI.TXT"

# Enough of them that a person could pull the camera out in the middle, and not much to write.
_MANY = 12
_EACH_BYTES = 2 * 1024 * 1024
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Original:
    """A file as it was put on a camera."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera: `put_in` tells people what is on it, `cut` names its truncated recording.

    `recordings` and `others` go by their paths as the register writes them.
    """

    camera_id: str
    put_in: str
    recordings: dict[str, Original]
    others: dict[str, Original]
    cut: str = ""


def make_cameras(folder: Path, media: Path) -> dict[str, Camera]:
    """Make every camera in `folder`; the spare one is what the one to be pulled out is. Raises `ConfigError`."""
    clips = sorted(media.glob("*.mp4"))[:CLIPS]
    if len(clips) < CLIPS:
        raise ConfigError(
            _("{media} holds fewer than {n} MP4 files").format(media=media, n=CLIPS),
            advice=_("Name a folder with some: dockd demo --media FOLDER"),
        )
    made = (
        _with_clips(folder / GOOD, clips, _("{n} whole MP4s").format(n=CLIPS)),
        _damaged(folder / DAMAGED, clips[0]),
        _with_many(folder / PULLED, clips),
        _with_many(folder / SPARE, clips),
        _with_clips(folder / STRANGER, clips, _("{n} whole MP4s; it is not in fleet.yaml").format(n=CLIPS)),
    )
    return {camera.camera_id: camera for camera in made}


def files_of(folder: Path) -> dict[str, Original]:
    """Look at every file below a camera's folder as it is now."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {RecordingPath(os.fsencode(path.relative_to(folder))).text: _original(path) for path in files}


def _original(path: Path) -> Original:
    with path.open("rb") as file:
        return Original(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _with_clips(folder: Path, clips: list[Path], put_in: str) -> Camera:
    for clip in clips:
        shutil.copyfile(clip, _new(folder) / clip.name)
    return _camera(folder, put_in)


def _damaged(folder: Path, clip: Path) -> Camera:
    cut = f"{clip.stem}-cut.mp4"
    shutil.copyfile(clip, _new(folder) / clip.name)
    shutil.copyfile(clip, _new(folder) / cut)
    os.truncate(_new(folder) / cut, clip.stat().st_size // 2)
    (folder / STRAY_FILE).write_text("dockd leaves alone what it does not know.\n")
    put_in = _("a whole MP4, one that ends in the middle, and {stray}, which is none").format(stray=STRAY_FILE)
    return _camera(folder, put_in, cut)


def _with_many(folder: Path, clips: list[Path]) -> Camera:
    """Fill a camera with recordings that differ, each a clip with a `free` box behind it (ISO/IEC 14496-12 8.1.2)."""
    clip = min(clips, key=lambda path: path.stat().st_size)
    size = max(_EACH_BYTES, clip.stat().st_size + 8)
    many = max(_FEWEST, min(_MANY, _MANY * _EACH_BYTES // size))
    for number in range(1, many + 1):
        recording = _new(folder) / f"VID_{number:04}.mp4"
        shutil.copyfile(clip, recording)
        free = size - clip.stat().st_size
        with recording.open("ab") as file:
            file.write(struct.pack(">I4s", free, b"free") + bytes([number]) * (free - 8))
    return _camera(folder, _("{n} whole MP4s").format(n=many))


def _new(folder: Path) -> Path:
    (folder / "DCIM").mkdir(parents=True, exist_ok=True)
    return folder / "DCIM"


def _camera(folder: Path, put_in: str, cut: str = "") -> Camera:
    (folder / IDENTITY_FILE).write_text(f"{folder.name}\n")
    files = files_of(folder)
    recordings = {path: original for path, original in files.items() if path.startswith("DCIM/")}
    others = {path: original for path, original in files.items() if path not in recordings}
    cut_path = RecordingPath(os.fsencode(f"DCIM/{cut}")).text if cut else ""
    return Camera(folder.name, put_in, recordings, others, cut_path)

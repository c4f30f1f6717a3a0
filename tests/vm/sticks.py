"""Images of what is plugged into USB: made on the host with files on them, without root, and read back there."""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dockd.model import Recording, RecordingPath
from tests.integration.site import Original
from tests.vm.exfat import Volume

Files = dict[str, tuple[bytes, int]]
"""By its path: the content of a file, and when it was modified, in whole even seconds since 1970, as FAT keeps them."""

_START = 1 << 20
"""Where the partition begins, if there is one: as every camera's formatter aligns it."""
_SECTOR = 512
_TYPES = {"fat32": "c", "exfat": "7", "ext4": "83"}
_IN_UTC = {**os.environ, "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1"}


@dataclass(frozen=True)
class Card:
    """A medium in a file. `partitioned`: with a partition table, as cameras have it; else the volume is all of it."""

    image: Path
    filesystem: str
    partitioned: bool = True
    label: str = "BWC"

    @property
    def start(self) -> int:
        return _START if self.partitioned else 0

    def make(self, mib: int, files: Files) -> "Card":
        """Make it anew, with these files on it. FAT32 needs 34 MiB or more."""
        with self.image.open("wb") as file:
            file.truncate(mib << 20)
        if self.partitioned:
            _run("sfdisk", "--quiet", self.image, stdin=f"start={_START // _SECTOR},type={_TYPES[self.filesystem]}\n")
        {"fat32": self._make_fat32, "exfat": self._make_exfat, "ext4": self._make_ext4}[self.filesystem](files)
        return self

    def files(self) -> Files:
        """Read every file that is on it."""
        if self.filesystem == "exfat":
            with self.image.open("rb") as file:
                return Volume(file, self.start).files()
        with tempfile.TemporaryDirectory(dir=self.image.parent) as folder:
            if self.filesystem == "ext4":
                _run("debugfs", "-R", f"rdump / {folder}", f"{self.image}?offset={self.start}")
            else:
                _run("mcopy", "-s", "-m", "-n", "-i", self._volume, "::*", folder, nothing='"::*" not found')
            found = [path for path in Path(folder).rglob("*") if path.is_file()]
            return {str(each.relative_to(folder)): (each.read_bytes(), int(each.stat().st_mtime)) for each in found}

    def where(self, content: bytes) -> range:
        """Tell at which bytes of the medium a file lies that is in one piece, as all are that `make` puts on."""
        start = self.image.read_bytes().find(content)
        assert start >= 0, "it is not on this card"
        return range(start, start + len(content))

    @property
    def _volume(self) -> str:
        return f"{self.image}@@{self.start}"

    def _make_fat32(self, files: Files) -> None:
        offset = ("--offset", str(self.start // _SECTOR)) if self.start else ()
        kib = (self.image.stat().st_size - self.start) // 1024
        _run("mkfs.vfat", "-F", "32", "-I", "-n", self.label, *offset, self.image, str(kib))
        with tempfile.TemporaryDirectory(dir=self.image.parent) as folder:
            if tops := spread(Path(folder), files):
                _run("mcopy", "-s", "-m", "-i", self._volume, *tops, "::/")

    def _make_exfat(self, files: Files) -> None:
        alone = self.image.with_suffix(".volume")
        with alone.open("wb") as file:
            file.truncate(self.image.stat().st_size - self.start)
        _run("mkfs.exfat", "-L", self.label, alone)
        with alone.open("r+b") as file:
            Volume(file, 0).put(files)
        _run("dd", f"if={alone}", f"of={self.image}", "bs=1M", f"seek={self.start >> 20}", "conv=notrunc,sparse")
        alone.unlink()

    def _make_ext4(self, files: Files) -> None:
        kib = (self.image.stat().st_size - self.start) // 1024
        with tempfile.TemporaryDirectory(dir=self.image.parent) as folder:
            spread(Path(folder), files)
            _run("mke2fs", "-q", "-F", "-t", "ext4", "-E", f"offset={self.start}", "-d", folder, self.image, f"{kib}k")


def originals(camera_id: str, folder: Path, on_card: Files, made: Files) -> list[Original]:
    """Copy out what is on a card, for `promises`: what was `made` on it, with what there is now."""
    spread(folder, on_card)
    return [
        Original(camera_id, folder / path, Recording(RecordingPath(path.encode()), len(content), when * 10**9), content)
        for path, (content, when) in made.items()
        if path.lower().endswith(".mp4")
    ]


def spread(folder: Path, files: Files) -> list[Path]:
    """Write files to a folder, which is made if it is not there; give what is in it then."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, (content, modified) in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        os.utime(target, (modified, modified))
    return sorted(folder.iterdir())


def _run(*command: str | Path, stdin: str = "", nothing: str | None = None) -> None:
    """Run a program that must succeed, or end with saying that there was nothing to do."""
    done = subprocess.run([*map(str, command)], input=stdin, capture_output=True, text=True, env=_IN_UTC)
    if done.returncode and not (nothing and nothing in done.stderr):
        raise RuntimeError(f"{command[0]}: {done.stderr}")

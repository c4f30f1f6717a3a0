"""Images of what is plugged into USB: one partition on a medium, FAT32 or exFAT, made without root."""

import subprocess
from pathlib import Path

_START = 2048
"""First sector of the partition, as every camera's formatter aligns it."""
_SECTOR = 512
_MIB = 1 << 20


def fat32(image: Path, mib: int, tree: Path) -> Path:
    """Make a medium that holds the files of a folder."""
    _partitioned(image, mib, "c")
    kib = (mib * _MIB - _START * _SECTOR) // 1024
    _run("mkfs.vfat", "-F", "32", "-n", "BWC", "--offset", str(_START), image, str(kib))
    where = f"{image}@@{_START * _SECTOR}"
    _run("mcopy", "-s", "-m", "-i", where, *sorted(tree.iterdir()), "::/")
    return image


def exfat(image: Path, mib: int) -> Path:
    """Make an empty medium: only a kernel can write files there, so the guest fills it."""
    _partitioned(image, mib, "7")
    alone = image.with_suffix(".partition")
    with alone.open("wb") as file:
        file.truncate(mib * _MIB - _START * _SECTOR)
    _run("mkfs.exfat", "-L", "BWC", alone)
    _run("dd", f"if={alone}", f"of={image}", f"bs={_SECTOR}", f"seek={_START}", "conv=notrunc,sparse", "status=none")
    alone.unlink()
    return image


def _partitioned(image: Path, mib: int, kind: str) -> None:
    with image.open("wb") as file:
        file.truncate(mib * _MIB)
    _run("sfdisk", "--quiet", image, stdin=f"start={_START},type={kind}\n")


def _run(*command: str | Path, stdin: str = "") -> None:
    done = subprocess.run([*map(str, command)], input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr}")

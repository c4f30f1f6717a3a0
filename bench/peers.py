"""What a user would take instead of dockd for one file, each with its own proof that all of it has arrived.

Every stored copy is flushed and dropped from the page cache before it is checked. age, restic, borg and rclone are
Debian's; one that cannot be had is named as missing.
"""

import os
import resource
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Watch

PACKAGES = {"age": "age", "restic": "restic", "borg": "borgbackup", "rclone": "rclone"}

_DROP = (
    'drop() { find "$@" -type f -exec dd of={} oflag=nocache conv=notrunc,fdatasync count=0 status=none \\; ; }\n'
    "set -euo pipefail\n"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a whole process tree: seconds, and MiB of private memory at their peak."""

    wall: float
    cpu: float
    mib: float


@dataclass(frozen=True, slots=True)
class Peer:
    """`needs` is its program; `before` is not measured. `$SRC` is the file, `$DIR` an empty folder."""

    name: str
    needs: str
    script: str
    before: str = ""


PEERS = (
    Peer(
        "dd: write, fsync, direct read",
        "dd",
        "dd if=$SRC of=$DIR/o bs=4M oflag=direct conv=fsync status=none\n"
        "dd if=$DIR/o of=/dev/null bs=4M iflag=direct status=none",
    ),
    Peer(
        "cp; sync; 2 x sha256sum (no encryption)",
        "cp",
        "cp $SRC $DIR/o\nsync $DIR/o\nsha256sum $SRC >$DIR/a\ndrop $DIR/o\nsha256sum $DIR/o >$DIR/b",
    ),
    Peer(
        "sha256sum; age; sync; age -d | sha256sum",
        "age",
        "sha256sum $SRC >$DIR/a\nage -r $(age-keygen -y $DIR/key) -o $DIR/o.age $SRC\nsync $DIR/o.age\n"
        "drop $DIR/o.age\nage -d -i $DIR/key $DIR/o.age | sha256sum >$DIR/b",
        "age-keygen -o $DIR/key 2>/dev/null",
    ),
    Peer(
        "restic backup; check --read-data",
        "restic",
        "restic backup --quiet --no-cache --compression off $SRC\nsync -f $DIR\ndrop $DIR/r\n"
        "restic check --quiet --no-cache --read-data",
        "restic init --quiet",
    ),
    Peer(
        "borg create; check --verify-data",
        "borg",
        "borg create --compression none $DIR/r::a $SRC\nsync -f $DIR\ndrop $DIR/r\nborg check --verify-data $DIR/r",
        "borg init -e repokey-blake2 $DIR/r",
    ),
    Peer(
        "rclone copy to crypt; cryptcheck",
        "rclone",
        "rclone copy --quiet $SRC c:\nsync -f $DIR\ndrop $DIR/r\nrclone cryptcheck --quiet $(dirname $SRC) c:",
        "mkdir $DIR/r",
    ),
)


def install() -> list[str]:
    """Install what is missing where that can be done; give the programs that are missing all the same."""
    wanted = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if wanted and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *wanted], check=False)
    return [program for program in PACKAGES if shutil.which(program) is None]


def run(peer: Peer, source: Path, folder: Path) -> Cost:
    """Do it once in a folder that is made and taken away."""
    folder.mkdir()
    environment = {
        **os.environ,
        "SRC": str(source),
        "DIR": str(folder),
        "RESTIC_PASSWORD": "bench",
        "RESTIC_REPOSITORY": str(folder / "r"),
        "BORG_PASSPHRASE": "bench",
        "BORG_BASE_DIR": str(folder / "borg"),
        "RCLONE_CONFIG": str(folder / "rclone.conf"),
        "RCLONE_CONFIG_C_TYPE": "crypt",
        "RCLONE_CONFIG_C_REMOTE": str(folder / "r"),
    }
    if peer.needs == "rclone":
        told = subprocess.run(["rclone", "obscure", "bench"], capture_output=True, text=True, check=True)
        environment["RCLONE_CONFIG_C_PASSWORD"] = told.stdout.strip()
    try:
        subprocess.run(["bash", "-c", peer.before], env=environment, capture_output=True, check=True)
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        process = _shell(peer.script, environment)
        watch = Watch(process.pid)
        code = process.wait()
        wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        watch.stop()
        if code:
            raise RuntimeError(f"{peer.name} ended with {code}")
        return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, watch.tree_mib)
    finally:
        shutil.rmtree(folder)


def _shell(script: str, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["bash", "-c", _DROP + script], env=environment, stdout=subprocess.DEVNULL)

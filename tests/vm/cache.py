"""What is built once and kept: in `DOCKD_VM_DIR`, else below the user's cache directory, each with its stamp."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = 2
"""So many of a kind stay, so that work on two branches does not build everything anew each time."""

_used: dict[Path, int] = {}


def folder() -> Path:
    """Give the cache directory; it is made if it is not there."""
    own = os.environ.get("DOCKD_VM_DIR")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    place = Path(own).absolute() if own else Path(base) / "dockd-vm"
    place.mkdir(parents=True, exist_ok=True)
    return place


def stamp(texts: Iterable[str], files: Iterable[Path]) -> str:
    """Name what goes in: the texts, and the files under ROOT with their names and bytes."""
    seen = hashlib.sha256(repr(list(texts)).encode())
    for path in sorted(set(files)):
        content = path.read_bytes()
        seen.update(f"\n{path.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return seen.hexdigest()[:16]


def files(*names: str) -> list[Path]:
    """List every file of these files and folders of the repository, except what Python or a build left there."""
    places = [ROOT / name for name in names]
    found = [path for place in places for path in ([place] if place.is_file() else place.rglob("*"))]
    return [path for path in found if path.is_file() and path.suffix != ".pyc"]


def made(kind: str, stamp: str, make: Callable[[Path], None]) -> Path:
    """Give the folder of this kind and stamp; `make` fills a new one, which gets its name only once it is whole."""
    place = folder() / f"{kind}-{stamp}"
    with (folder() / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            older = sorted(folder().glob(f"{kind}-*"), key=lambda path: path.stat().st_mtime)
            for path in older[: -KEPT + 1 or None]:
                _remove_unless_used(path)
            for path in folder().glob(f"making-{kind}-*"):
                shutil.rmtree(path)  # of one that was killed
            with tempfile.TemporaryDirectory(prefix=f"making-{kind}-", dir=folder()) as making:
                new = Path(making) / kind
                new.mkdir()
                make(new)
                new.rename(place)
        os.utime(place)
        _use(place)
    return place


def _use(place: Path) -> None:
    """Keep others from removing it, as long as this process runs."""
    if place not in _used:
        _used[place] = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(_used[place], fcntl.LOCK_SH)


def _remove_unless_used(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(place)
    except BlockingIOError:
        return  # another run of the tests reads from it
    finally:
        os.close(descriptor)

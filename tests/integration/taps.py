"""Watches, and at chosen places stops or kills, a dockd process at every call that makes something durable.

Installed by the nursery before any of the program runs. What is tapped is the operating system's and SQLite's door,
never a function of dockd: a program that does the same in another order is seen to do it in another order.
"""

import errno
import fcntl
import json
import os
import re
import signal
import sqlite3
import stat
import threading
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

_NAMELESS = re.compile(r"#\d+ \(deleted\)$")
_KIND = re.compile(r'"kind":"(\w+)"')
_CHANGE = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")

_real_write = os.write

GATE = "gate"
BAD_SECTORS = "bad-sectors.json"


def tell(event: str, **fields: Any) -> None:
    """Write one line among the program's own log lines; one write, so that the order of lines is that of time."""
    _real_write(2, json.dumps({"event": event, **fields}).encode() + b"\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file that others read meanwhile: they find the old text or the new one."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.write_text(text)
    new.replace(path)


class Taps:
    """What to do at which call. `rig` is plain JSON:

    `site`: folder that targets are told relative to. `trace`: tell every call. `count`: file that gets a byte for
    each call, of whatever process; `kill_at`: die before the calls with these numbers. `halt`: [role, operation, target
    pattern] before which the first thread to get there stands still until somebody opens `GATE` in the site's folder.
    `bad_sectors`: what a worker reads fails as the file `BAD_SECTORS` there says it at that moment: by target, a list
    of [start, end, how many more reads fail or null for ever].
    """

    def __init__(self, role: str, rig: dict[str, Any]) -> None:
        self._role = role
        self._site = rig["site"].rstrip("/") + "/"
        self._trace = rig.get("trace", False)
        self._kill_at = rig.get("kill_at", ())
        self._halt = rig.get("halt")
        self._gate = Path(self._site, GATE)
        self._count = os.open(rig["count"], os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600) if "count" in rig else -1
        self._lock = threading.Lock()

    def before(self, operation: str, target: str) -> None:
        if self._halt and self._matches(operation, target) and not self._gate.exists():
            os.mkfifo(self._gate)
            tell("halted", pid=os.getpid(), operation=operation, target=target)
            # Opening a FIFO waits for its other end.
            self._gate.open("rb").close()
        if self._count >= 0:
            with self._lock:
                _real_write(self._count, b".")
                if os.fstat(self._count).st_size in self._kill_at:
                    tell("killed", role=self._role, operation=operation, target=target)
                    os.kill(os.getpid(), signal.SIGKILL)
                    signal.pause()

    def after(self, operation: str, target: str) -> None:
        if self._trace:
            tell("did", role=self._role, operation=operation, target=target)

    def _matches(self, operation: str, target: str) -> bool:
        return all(map(fnmatchcase, (self._role, operation, target), self._halt))

    def named(self, path: str) -> str:
        return _NAMELESS.sub("NAMELESS", path).removeprefix(self._site)

    def of_fd(self, fd: int) -> str:
        return self.named(os.readlink(f"/proc/self/fd/{fd}"))

    def of_path(self, path: Any, dir_fd: int | None) -> str:
        text = os.fsdecode(path)
        return f"{self.of_fd(dir_fd)}/{text}" if dir_fd is not None else self.named(text)


def install(role: str, rig: dict[str, Any]) -> None:
    """Tap this process; `role` is the dockd command that it runs."""
    if not rig.keys() & {"trace", "count", "halt", "bad_sectors"}:
        return
    taps = Taps(role, rig)
    for name in ("fsync", "fdatasync", "ftruncate", "fchmod"):
        setattr(os, name, _tapped(taps, name, getattr(os, name), lambda fd, *_rest: taps.of_fd(fd)))
    for name in ("unlink", "mkdir"):
        setattr(os, name, _tapped(taps, name, getattr(os, name), _of_path(taps)))
    os.link = _tapped(taps, "link", os.link, _of_link(taps))
    os.write = _tapped(taps, "write", os.write, _of_write(taps))
    fcntl.fcntl = _tapped(taps, "lease", fcntl.fcntl, _of_lease(taps))
    if role == "worker":
        if "bad_sectors" in rig:
            os.preadv = _failing_at_bad_sectors(taps, Path(rig["site"], BAD_SECTORS), os.preadv)
        os.preadv = _tapped(taps, "read_back", os.preadv, _of_nameless(taps))
        os.scandir = _tapped(taps, "list", os.scandir, taps.of_fd)
    sqlite3.connect = partial(sqlite3.connect, factory=_connection(taps))


def _tapped(taps: Taps, operation: str, real: Callable[..., Any], target_of: Callable[..., str]) -> Callable[..., Any]:
    def tapped(*args: Any, **kwargs: Any) -> Any:
        target = target_of(*args, **kwargs)
        if not target:
            return real(*args, **kwargs)
        taps.before(operation, target)
        result = real(*args, **kwargs)
        taps.after(operation, target)
        return result

    return tapped


def _failing_at_bad_sectors(taps: Taps, sectors: Path, real: Callable[..., int]) -> Callable[..., int]:
    """Fail as the kernel does, with EIO, where a read of a camera meets a bad sector."""
    lock = threading.Lock()

    def preadv(fd: int, buffers: list[memoryview], offset: int) -> int:
        size = sum(map(len, buffers))
        with lock:
            bad = json.loads(sectors.read_text())
            met = [
                each
                for each in bad.get(taps.of_fd(fd), [])
                if offset < each[1] and each[0] < offset + size and each[2] != 0
            ]
            for each in met:
                each[2] = each[2] and each[2] - 1
            if met:
                write_whole(sectors, json.dumps(bad))
        if not met:
            return real(fd, buffers, offset)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    return preadv


def _of_nameless(taps: Taps) -> Callable[..., str]:
    """What is read of a camera changes nothing."""

    def target(fd: int, *_rest: Any) -> str:
        name = taps.of_fd(fd)
        return name if name.endswith("NAMELESS") else ""

    return target


def _of_path(taps: Taps) -> Callable[..., str]:
    return lambda path, *_rest, dir_fd=None, **_others: taps.of_path(path, dir_fd)


def _of_link(taps: Taps) -> Callable[..., str]:
    return lambda _source, name, *, dst_dir_fd=None, **_others: taps.of_path(name, dst_dir_fd)


def _of_write(taps: Taps) -> Callable[..., str]:
    """Name the file, if it is one, and the kinds of the entries that go into it."""

    def target(fd: int, data: bytes) -> str:
        kinds = _KIND.findall(bytes(data).decode("utf-8", "replace").replace("\\", ""))
        return " ".join([taps.of_fd(fd), *kinds]) if stat.S_ISREG(os.fstat(fd).st_mode) else ""

    return target


def _of_lease(taps: Taps) -> Callable[..., str]:
    return lambda fd, command, *_rest: taps.of_fd(fd) if command == fcntl.F_SETLEASE else ""


def _connection(taps: Taps) -> type[sqlite3.Connection]:
    class Connection(sqlite3.Connection):
        """Knows, when it commits, what the transaction wrote: the kinds of entries, else the tables."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._statements: list[str] = []
            self.set_trace_callback(self._statements.append)

        def commit(self) -> None:
            written = "\n".join(self._statements)
            kinds = _KIND.findall(written)
            tables = [found[1] for each in self._statements if (found := _CHANGE.match(each))]
            what = "+".join(dict.fromkeys(kinds or tables))
            if what:
                taps.before("commit", what)
            super().commit()
            if what:
                taps.after("commit", what)
            self._statements.clear()

    return Connection

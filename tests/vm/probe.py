"""Runs in the guest, inside the sandbox of a unit of dockd: tries what may not be possible there, and prints what came
of each try, "done" or the name of an errno.

    probe.py PID NODE...        the supervisor's process, and the names of block devices
"""

import errno
import json
import os
import socket
import stat
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def open_new_node(number: int) -> None:
    """Make a device file of one's own and open it."""
    path = Path("/tmp/node")
    os.mknod(path, stat.S_IFBLK | 0o600, number)
    try:
        open_node(path)
    finally:
        path.unlink()


def open_node(path: Path) -> None:
    os.close(os.open(path, os.O_RDONLY))


def attempts(supervisor: int, nodes: list[str]) -> dict[str, Callable[[], object]]:
    tries: dict[str, Callable[[], object]] = {
        family.name: partial(socket.socket, family) for family in (socket.AF_INET, socket.AF_INET6)
    }
    tries["AF_PACKET"] = partial(socket.socket, socket.AF_PACKET, socket.SOCK_RAW)
    tries["kill"] = partial(os.kill, supervisor, 0)
    for path in (f"/proc/{supervisor}/fd", "/srv/pm/store", "/srv/rural/store", "/var/lib/dockd", "/srv/mirror/dockd"):
        tries[path] = partial(os.listdir, path)
    files = [f"/proc/{supervisor}/{name}" for name in ("mem", "environ", "maps", "status")]
    for path in (*files, "/var/lib/dockd/register.db", "/var/lib/dockd/dock.key", "/etc/dockd/fleet.yaml"):
        tries[path] = partial(open_node, Path(path))
    for name in nodes:
        major, _colon, minor = Path(f"/sys/class/block/{name}/dev").read_text().partition(":")
        tries[f"/dev/{name}"] = partial(open_node, Path("/dev") / name)
        tries[f"another {name}"] = partial(open_new_node, os.makedev(int(major), int(minor)))
    return tries


if __name__ == "__main__":
    tried = attempts(int(sys.argv[1]), sys.argv[2:])
    print(json.dumps({what: outcome(attempt) for what, attempt in tried.items()}))

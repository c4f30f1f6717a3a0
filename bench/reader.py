"""How long an append waits while somebody reads: `python -m bench.reader`.

The register has a hundred thousand entries and is served by the daemon's own desk. A reader that stops in the middle
of an answer, and one that asks for page after page, are compared with nobody, in one run.
"""

import asyncio
import json
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.synchronize import Event
from pathlib import Path

from bench.register import DOCK, collected, make, opened
from dockd.clock import AnsweredClock, SystemClock
from dockd.custody.witnesses import Witnesses
from dockd.daemon.deeds import Known, Parts
from dockd.daemon.desk import Desk
from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelves
from dockd.errors import CountersError, RegisterError
from dockd.model import Role
from dockd.ops import pages
from dockd.ops.control import ControlServer
from dockd.ops.control_client import ControlClient
from dockd.ops.counters import Counters
from dockd.ops.rights import Operator
from dockd.ops.status import Board
from dockd.register.note import SigningKey
from dockd.volume import Volume

ENTRIES = 100_000
APPENDS = 300
_PERSON: Role = "auditor"

Reader = Callable[[Path, Event, Event], None]

_PROCESSES = multiprocessing.get_context("spawn")


def main() -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("DOCKD_BENCH_DIR")) as folder:
        place = Path(folder) / "register"
        make(place, ENTRIES)
        for name, reader in (("nobody", None), ("one that stops", stops), ("one that goes on", goes_on)):
            waits = asyncio.run(appending(place, reader))
            print(f"{name} reads: an append waits {statistics.median(waits):.1f} ms, at most {max(waits):.1f} ms")


async def appending(place: Path, reader: Reader | None) -> list[float]:
    """Append while somebody reads; give how long each took, in milliseconds."""
    volume, path = Volume("register", 60, RegisterError), place / "socket"
    journal = opened(place)
    registry, board = Registry(journal, volume), Board(DOCK, "0", {})
    key = SigningKey.load(place / "dock.key", DOCK)
    counters = Counters(place / "bays.json", DOCK, (), Volume("counters", 60, CountersError))
    witnesses = Witnesses([], key.verifier, registry, board)
    parts = Parts(board, registry, witnesses, Shelves({}), counters, AnsweredClock(SystemClock()))
    known = Known({str(os.getuid()): Operator("bench", _PERSON)}, key.verifier, (), ())
    server = ControlServer(path, Desk(known, parts).answers())
    await server.start()
    reading, done = _PROCESSES.Event(), _PROCESSES.Event()
    process = _PROCESSES.Process(target=reader, args=(path, reading, done)) if reader else None
    if process:
        process.start()
        await asyncio.to_thread(reading.wait)
    waits = []
    for number in range(APPENDS):
        begun = time.perf_counter()
        await registry.commanded("bench", collected(10**9 + time.time_ns() % 10**9 + number))
        waits.append((time.perf_counter() - begun) * 1000)
    done.set()
    if process:
        await asyncio.to_thread(process.join)
    await server.stop()
    volume.close()
    journal.close()
    return waits


def stops(path: Path, reading: Event, done: Event) -> None:
    """Ask for more than the socket's buffers hold, and take nothing of it."""
    with closing(socket.socket(socket.AF_UNIX)) as asking:
        asking.connect(str(path))
        begin = {"ask": pages.BEGIN, "command": "register show", "reason": "bench", "about": {}, "recipients": []}
        asking.sendall(json.dumps(begin).encode() + b"\n")
        asking.recv(4096)
        asking.sendall(json.dumps({"ask": pages.ENTRIES, "after": -1, "limit": 500}).encode() + b"\n")
        asking.recv(1)
        reading.set()
        done.wait()


def goes_on(path: Path, reading: Event, done: Event) -> None:
    client = ControlClient(path)
    pages.begin(client, "register show", "bench", {})
    while not done.is_set():
        for _row in pages.ask_rows(client, -1):
            reading.set()
            if done.is_set():
                break
    client.close()


if __name__ == "__main__":
    main()

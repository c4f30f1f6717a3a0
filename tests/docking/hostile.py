"""Worker processes that say what they are told to, whatever they are asked."""

import asyncio
import json
import sys

from dockd.docking import worker_link

REPLAY = """
import json, socket, sys
ANSWERED = {
    "camera": b'{"type": "wants", "source": "directory"}',
    "read_clock": b'{"type": "trouble", "code": "camera.unsupported", "message": "no clock", "advice": ""}',
    "read_state": b'{"type": "trouble", "code": "camera.unsupported", "message": "says nothing", "advice": ""}',
}
def order():  # the next one that `replies` are for
    while (packet := sock.recv(1 << 20)) and (answer := ANSWERED.get(json.loads(packet)["type"])):
        sock.send(answer)
    return packet

sock = socket.socket(fileno=0)
if sys.argv[2] != "asleep":
    sock.send(b'{"type": "ready"}')
for replies in json.loads(sys.argv[1]):
    if not order():
        break
    for reply in replies:
        sock.send(reply.replace("<too long>", "x" * (128 * 1024 + 1)).encode("latin-1"))
    is_listed = any('"more": false' in reply for reply in replies)
if sys.argv[2] != "leave" or is_listed:
    order()
while sys.argv[2] != "leave" and sock.recv(1 << 20):
    pass
"""


def replaying(monkeypatch, *replies, then="stay"):
    """Let every worker answer the first order with the first of `replies`, a list of packets, and so on.

    What its driver wants, and that its camera has no clock, it says by itself.

    `then` it will "leave" or "stay", once it has listed its camera and was asked for the clock; one that is "asleep"
    does not even say that it is ready.
    """

    async def spawn(end):
        return await asyncio.create_subprocess_exec(
            sys.executable, "-ISc", REPLAY, json.dumps(replies), then, stdin=end.fileno()
        )

    monkeypatch.setattr(worker_link, "spawn", spawn)


def packet(kind, **fields):
    return json.dumps({"type": kind, **fields})


def listing(*rows, more=False, waiting=None, still_there=()):
    recordings = [{"path": path, "size": size, "mtime_ns": 0, "part_of": None} for path, size in rows]
    return packet(
        "listing",
        driver_version="1",
        recordings=recordings,
        waiting=len(rows) if waiting is None else waiting,
        others=[],
        others_count=0,
        still_there=list(still_there),
        fullness=None,
        more=more,
    )


def trouble(code):
    return packet("trouble", code=code, message="says the worker", advice="")

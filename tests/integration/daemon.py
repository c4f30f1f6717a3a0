"""A running daemon, followed by its log: every wait is for a line of it, and has a deadline."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

from tests.integration.nursery import Child

DEADLINE_SECONDS = 30

Line = dict[str, Any]


class Daemon:
    """`start` is given the descriptor for standard error and starts the process."""

    def __init__(self, start: "Callable[[int], Child | subprocess.Popen[bytes]]") -> None:
        self._pipe, theirs = os.pipe2(os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN | select.POLLHUP)
        self._rest = b""
        self._open = True
        self.log: list[Line] = []
        """Everything it said, and what its taps saw, in the order of time."""
        self._taken: set[int] = set()
        try:
            self._process = start(theirs)
        finally:
            os.close(theirs)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, event: str, **fields: Any) -> Line:
        """Wait for a line of the log that has these fields; each line is found only once."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (line := self._take(event, fields)) is None:
            assert self._open, f"the daemon ended before {event} {fields}\n{self.told()}"
            assert self._read(deadline), f"no {event} {fields} within {DEADLINE_SECONDS} s\n{self.told()}"
        return line

    def ready(self) -> "Daemon":
        self.wait_for("service.ready")
        return self

    def wait_green(self, camera_id: str = "BWC1") -> Line:
        """Wait until the bay of a camera turns green; give what its docking came to."""
        self.wait_for("bay.changed", bay=f"accueil/{camera_id}", light="green")
        return self.wait_for("docking.done", camera=camera_id, outcome="complete")

    def gets_green(self, camera_id: str = "BWC1") -> bool:
        """Wait until the bay turns green or the daemon ends; tell which."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._open and self._take("bay.changed", {"bay": f"accueil/{camera_id}", "light": "green"}) is None:
            assert self._read(deadline), f"neither green nor ended within {DEADLINE_SECONDS} s\n{self.told()}"
        if not self._open:
            self.wait_end()
        return self._open

    def wait_red(self, camera_id: str = "BWC1") -> Line:
        return self.wait_for("bay.changed", bay=f"accueil/{camera_id}", light="red")

    def listen(self, seconds: float) -> None:
        """Take in what it says for so long."""
        deadline = time.monotonic() + seconds
        while self._open and self._read(deadline):
            pass

    def forget(self) -> None:
        """Wait only for what comes from now on."""
        self._taken.update(range(len(self.log)))

    def has(self, event: str, **fields: Any) -> bool:
        return any(self._is(line, event, fields) for line in self.log)

    def wait_end(self) -> None:
        """Wait until it, and every process that has its standard error, has ended."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._open:
            assert self._read(deadline), f"it does not end\n{self.told()}"
        # Its files are closed one by one, the register's lock perhaps last: only then is the process gone.
        if isinstance(self._process, subprocess.Popen):
            self._process.wait(DEADLINE_SECONDS)
        else:
            end = select.poll()
            end.register(self._process.pidfd, select.POLLIN)
            assert end.poll(DEADLINE_SECONDS * 1000)

    def stop(self) -> int | None:
        """End it as systemd does; give its exit code if it is our child."""
        self.send(signal.SIGTERM)
        self.wait_end()
        return self._process.returncode if isinstance(self._process, subprocess.Popen) else None

    def kill(self) -> None:
        """End it with SIGKILL, and see that its workers end with it."""
        if self._pipe >= 0:
            self.send(signal.SIGKILL)
            self.wait_end()
            self._close()

    def send(self, number: signal.Signals) -> None:
        """Signal it unless it has ended."""
        if isinstance(self._process, subprocess.Popen):
            self._process.send_signal(number)
        else:
            try:
                signal.pidfd_send_signal(self._process.pidfd, number)
            except ProcessLookupError:
                return

    def told(self) -> str:
        return "\n".join(json.dumps(line) for line in self.log[-60:])

    def _close(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
            if isinstance(self._process, Child):
                os.close(self._process.pidfd)

    def _take(self, event: str, fields: Line) -> Line | None:
        for number, line in enumerate(self.log):
            if number not in self._taken and self._is(line, event, fields):
                self._taken.add(number)
                return line
        return None

    def _is(self, line: Line, event: str, fields: Line) -> bool:
        return line["event"] == event and fields.items() <= line.items()

    def _read(self, deadline: float) -> bool:
        """Take in some of the log; False once the deadline has passed."""
        left = deadline - time.monotonic()
        if left <= 0 or not self._poll.poll(left * 1000):
            return False
        block = os.read(self._pipe, 65536)
        self._open = bool(block)
        *lines, self._rest = (self._rest + block).split(b"\n")
        self.log += [_parsed(line) for line in lines]
        return True


def _parsed(line: bytes) -> Line:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {"event": "not JSON", "text": line.decode("utf-8", "replace")}

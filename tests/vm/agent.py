"""The host's side of `guest/usr/local/lib/dock_agent.py`: commands for the guest, with their exit codes."""

import base64
import shlex
import socket
import time
from dataclasses import dataclass

from tests.vm.lines import Lines

COMMAND_SECONDS = 300


@dataclass(frozen=True)
class Done:
    """What a command of the guest's shell came to."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode()


class Agent:
    def __init__(self, end: socket.socket) -> None:
        self._lines = Lines(end)
        self._id = 0

    def run(self, command: str, stdin: bytes = b"", seconds: float = COMMAND_SECONDS) -> Done:
        """Run a command in bash, as root, to its end; raises TimeoutError."""
        self._id += 1
        self._lines.send({"id": self._id, "command": command, "stdin": base64.b64encode(stdin).decode()})
        answer = self._lines.receive(seconds)
        assert answer["id"] == self._id, "the answer to another command"
        out, err = (base64.b64decode(answer[name]) for name in ("out", "err"))
        return Done(answer["code"], out, err)

    def do(self, command: str, stdin: bytes = b"", seconds: float = COMMAND_SECONDS) -> str:
        """Run a command that must succeed, and give its output."""
        done = self.run(command, stdin, seconds)
        said = f"exit code {done.code}\n{done.text}\n{done.err.decode('utf-8', 'replace')}"
        assert done.code == 0, f"{command}: {said}"
        return done.text

    def ready(self, seconds: float) -> None:
        """Wait until the guest answers; before it has booted, QEMU keeps the question."""
        self.run("true", seconds=seconds)

    def set_clock(self) -> None:
        """Set the guest's clock, which stood still while the machine was saved."""
        self.do(f"date --set=@{time.time():.3f}")

    def put(self, path: str, content: bytes, mode: str = "0644") -> None:
        place = shlex.quote(path)
        self.do(f"install -D -m {mode} /dev/stdin {place}", content)

    def get(self, path: str) -> bytes:
        return self.get_of(f"cat -- {shlex.quote(path)}")

    def get_of(self, command: str) -> bytes:
        """Run a command that must succeed, and give what it puts out, which is no text."""
        done = self.run(command)
        assert done.code == 0, done.err
        return done.out

    def close(self) -> None:
        self._lines.close()

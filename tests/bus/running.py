"""The helper as a process of its own, on a socket of the test's, and what it says on stderr."""

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.architecture.tree import ROOT

DEADLINE_SECONDS = 20

# ext4 stands in for vfat and exfat where the kernel that runs the tests has neither.
PROGRAM = """
import re, socket, sys
from pathlib import Path
root, fd, uid, sysfs, dev, silence = sys.argv[1:]
sys.path.insert(0, root)
from dockd.bus import helper
helper.SILENCE_SECONDS = float(silence)
helper._FIELDS["filesystem"] = re.compile("vfat|exfat|ext4")
helper.LENT_TO = "nogroup"
helper._OPTIONS["ext4"] = {"errors": "remount-ro"}
print("this helper is ready", file=sys.stderr, flush=True)
helper.BusHelper(int(uid), Path(sysfs), Path(dev)).serve(socket.socket(fileno=int(fd)))
"""


class RunningHelper:
    def __init__(self, path: Path, sysfs: Path, dev: Path, uid: int | None = None, silence: float = 5) -> None:
        self.path = path
        uid = os.getuid() if uid is None else uid
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(path))
            listener.listen(64)
            arguments = [str(each) for each in (ROOT, listener.fileno(), uid, sysfs, dev, silence)]
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", PROGRAM, *arguments],
                pass_fds=[listener.fileno()],
                stderr=subprocess.PIPE,
                text=True,
            )
        self._said: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._listen)
        self._reader.start()
        self.wait_for("this helper is ready\n")

    def _listen(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self._said.put(line)

    def wait_for(self, text: str) -> str:
        """Wait for a line with this in it; what is said before is passed over."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while text not in (line := self._said.get(timeout=max(0, deadline - time.monotonic()))):
            pass
        return line

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    def wait_for_descriptors(self, number: int) -> None:
        """Wait until it holds so many: an answer may arrive before what it needed is closed."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (found := self.descriptors()) != number:
            assert time.monotonic() < deadline, f"{found} descriptors are open, {number} are expected"

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(DEADLINE_SECONDS)
        connection.connect(str(self.path))
        return connection

    def send(self, packet: bytes) -> socket.socket:
        connection = self.connect()
        connection.send(packet)
        return connection

    def ask(self, packet: bytes) -> dict[str, object]:
        with self.send(packet) as connection:
            answer: dict[str, object] = json.loads(connection.recv(4096))
            return answer

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(DEADLINE_SECONDS)
        self._reader.join(DEADLINE_SECONDS)
        assert self._process.stderr
        self._process.stderr.close()

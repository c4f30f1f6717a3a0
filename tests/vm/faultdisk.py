"""A disk, of the dock or of a camera, with a volatile write cache and faults that a test switches while the guest runs.

Killing QEMU does not lose what it already gave to the host, so that alone never shows a missing flush. Here a write
lies in memory until the guest flushes; `cut` throws away what was not flushed, or a random part of it, as the cache of
a real disk may.
"""

import errno
import os
import random
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from tests.vm.nbd import FLUSH, READ, WRITE, Connection, Request

BLOCK = 4096
WAIT_SECONDS = 120

Chosen = Callable[[Request], bool]


def nothing(_request: Request) -> bool:
    return False


def everything(_request: Request) -> bool:
    return True


def changes(request: Request) -> bool:
    """Everything but reads."""
    return not request.is_read


def reads(place: range) -> Chosen:
    """Every read that touches one of these bytes."""
    return lambda request: request.is_read and request.offset < place.stop and place.start < request.end


class FaultDisk:
    """Served to QEMU over a socket pair."""

    def __init__(self, image: Path) -> None:
        self.image = image
        self._file = os.open(image, os.O_RDWR | os.O_CLOEXEC)
        self._size = os.fstat(self._file).st_size // BLOCK * BLOCK
        self._cache: dict[int, bytes] = {}
        self._lock = threading.RLock()
        self._serving: list[threading.Thread] = []
        self._fails: Chosen = nothing
        self._hangs: Chosen = nothing
        self._waiting: list[Request] = []
        self._hung = threading.Event()
        self._bytes_a_second: float | None = None
        self._let_go = threading.Event()

    def close(self) -> None:
        """Let go of the image; QEMU must be gone, or have let go of it."""
        self._let_go.set()
        self._settle()
        os.close(self._file)

    def plug(self) -> socket.socket:
        """Give the end for a QEMU; whoever takes it closes it."""
        ours, theirs = socket.socketpair()
        connection = Connection(ours, self._size, BLOCK)
        thread = threading.Thread(target=self._serve, args=(connection,), name=f"disk {self.image.name}", daemon=True)
        self._serving.append(thread)
        thread.start()
        return theirs

    def fail(self, chosen: Chosen = changes) -> None:
        """Answer EIO to these requests from now on; `fail(nothing)` heals."""
        with self._lock:
            self._fails = chosen

    def hang(self, chosen: Chosen = everything) -> None:
        """Leave these requests without an answer until `go_on`."""
        with self._lock:
            self._hung.clear()
            self._hangs = chosen

    def hang_after(self, written: int) -> None:
        """Leave every change unanswered once so many bytes more were written."""
        left = [written]

        def enough(request: Request) -> bool:
            left[0] -= request.length if request.kind == WRITE else 0
            return changes(request) and left[0] < 0

        self.hang(enough)

    def hang_after_reading(self, length: int) -> None:
        """Leave everything unanswered once so many bytes more were read."""
        left = [length]

        def enough(request: Request) -> bool:
            left[0] -= request.length if request.is_read else 0
            return left[0] < 0

        self.hang(enough)

    def slow_down(self, bytes_a_second: float | None) -> None:
        """Read and write no faster than this from now on; None: as fast as it can."""
        self._bytes_a_second = bytes_a_second

    def give_up(self) -> None:
        """Answer what hangs, and everything that comes, with EIO: as QEMU wants it of a disk that it is to let go."""
        with self._lock:
            self._fails = everything
            self.go_on()

    def wait_hung(self) -> None:
        """Wait until a request is left without an answer."""
        assert self._hung.wait(WAIT_SECONDS), f"{self.image.name} was not used within {WAIT_SECONDS} s"

    def go_on(self) -> None:
        """Answer what hangs, and everything that comes."""
        with self._lock:
            self._hangs = nothing
            waiting, self._waiting = self._waiting, []
            for request in waiting:
                self._do(request)

    def cut(self, rng: random.Random, keep: float) -> int:
        """Lose what was not flushed, but for a random share; give how many blocks were lost. QEMU must be gone."""
        self._settle()
        lost = 0
        for number, data in self._cache.items():
            if rng.random() < keep:
                os.pwrite(self._file, data, number * BLOCK)
            else:
                lost += 1
        self._cache.clear()
        return lost

    def write_through(self) -> None:
        """Have the image hold all that was written, as after a good end. QEMU must be gone."""
        self._settle()
        self._flush()

    def _settle(self) -> None:
        """Let the threads end; whatever hung was never done."""
        for thread in self._serving:
            thread.join(WAIT_SECONDS)
            assert not thread.is_alive(), "its QEMU still runs"
        self._serving.clear()
        self._waiting.clear()
        self._hangs = self._fails = nothing
        self._bytes_a_second = None

    def _serve(self, connection: Connection) -> None:
        for request in connection.requests():
            if self._bytes_a_second:
                self._let_go.wait(request.length / self._bytes_a_second)
            with self._lock:
                if self._hangs(request):
                    self._waiting.append(request)
                    self._hung.set()
                else:
                    self._do(request)

    def _do(self, request: Request) -> None:
        if self._fails(request):
            request.answer(errno.EIO, b"")
        elif request.kind == READ:
            request.answer(0, self._read(request.offset, request.length))
        else:
            if request.kind != FLUSH:
                self._write(request.offset, request.data or bytes(request.length))
            if request.durable or request.kind == FLUSH:
                self._flush()
            request.answer(0, b"")

    def _read(self, offset: int, length: int) -> bytes:
        if not self._cache:
            return os.pread(self._file, length, offset).ljust(length, b"\0")
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        blocks = b"".join(self._block(number) for number in range(first, last + 1))
        return blocks[offset - first * BLOCK :][:length]

    def _block(self, number: int) -> bytes:
        return self._cache.get(number) or os.pread(self._file, BLOCK, number * BLOCK).ljust(BLOCK, b"\0")

    def _write(self, offset: int, data: bytes) -> None:
        done = 0
        while done < len(data):
            number, start = divmod(offset + done, BLOCK)
            part = data[done : done + BLOCK - start]
            whole = part if len(part) == BLOCK else self._patched(number, start, part)
            self._cache[number] = whole
            done += len(part)

    def _patched(self, number: int, start: int, part: bytes) -> bytes:
        block = self._block(number)
        return block[:start] + part + block[start + len(part) :]

    def _flush(self) -> None:
        for number, data in self._cache.items():
            os.pwrite(self._file, data, number * BLOCK)
        self._cache.clear()

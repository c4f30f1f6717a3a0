"""A thread that makes calls one after the other, so that reading, hashing, sealing and proving overlap.

What these calls do happens outside of Python's lock (reads, writes, SHA-256, ChaCha20-Poly1305), so two lanes keep two
processors busy. Not concurrent.futures: a lane lives as long as its worker, forgets what failed once it is drained,
and can be waited for by how far it is behind.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue

Call = Callable[[], object]
Otherwise = Callable[[BaseException], object]


class Lane:
    """Calls go in from one thread only. The first that fails is told to whoever waits; those behind it are left out."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Call, Otherwise] | None] = SimpleQueue()
        self._ended: SimpleQueue[BaseException | None] = SimpleQueue()
        self._pending = 0
        self._fault: BaseException | None = None
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def do(self, call: Call, otherwise: Otherwise = lambda _fault: None) -> None:
        """Have the call made after those before it, or `otherwise` told what failed of them."""
        self._pending += 1
        self._calls.put((call, otherwise))

    def wait(self, pending: int = 0) -> None:
        """Wait until at most so many calls are not made yet; raises what the first that failed raised."""
        while self._pending > pending:
            fault = self._ended.get()
            self._pending -= 1
            if fault is not None:
                raise fault

    def drain(self) -> None:
        """Wait until nothing is under way any more, whatever fails, and forget what failed."""
        while self._pending:
            self._ended.get()
            self._pending -= 1
        self._fault = None

    def end(self) -> None:
        """Let the thread end once what it was given is done."""
        self._calls.put(None)

    def _run(self) -> None:
        while (given := self._calls.get()) is not None:
            call, otherwise = given
            fault: BaseException | None = None
            if self._fault is not None:
                otherwise(self._fault)
            else:
                try:
                    call()
                except BaseException as error:
                    self._fault = fault = error
            self._ended.put(fault)

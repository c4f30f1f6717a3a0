"""A thread for the blocking calls on one volume, so that a hung disk holds up nobody else.

A call into the kernel cannot be taken back: when one overruns its deadline the volume counts as stuck, and every
further call is refused at once until that one has come back.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from dockd.errors import DockdError
from dockd.i18n import _

T = TypeVar("T")

MakeError = Callable[[str], DockdError]


class Volume:
    """Runs calls one after the other on a thread of its own; use from one event loop."""

    def __init__(self, name: str, deadline_seconds: float, stuck: MakeError) -> None:
        self.name = name
        self._deadline = deadline_seconds
        self._stuck = stuck
        self._turn = asyncio.Lock()
        self._overdue: Future[Any] | None = None
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        # A daemon thread: a call that never returns must not keep the process from ending.
        threading.Thread(target=self._serve, name=f"volume-{name}", daemon=True).start()

    async def run(self, call: Callable[[], T], extra_seconds: float = 0) -> T:
        """Make the call on the volume's thread and give its result.

        Raises what `stuck` makes once the call takes longer than the deadline plus `extra_seconds`. The call itself
        goes on: whoever asked must be able to live with it having happened.
        """
        async with self._turn:
            if self._overdue is not None and not self._overdue.done():
                raise self._stuck(_("{name} has not answered since an earlier call").format(name=self.name))
            future: Future[T] = Future()
            self._calls.put((future, call))
            done = asyncio.wrap_future(future)
            try:
                # Not wait_for: before Python 3.12 it can lose a cancellation.
                async with asyncio.timeout(self._deadline + extra_seconds):
                    return await asyncio.shield(done)
            except TimeoutError:
                if done.done():
                    return done.result()  # it ended just now, or with a TimeoutError of its own
                self._overdue = future
                done.add_done_callback(lambda late: late.cancelled() or late.exception())
                raise self._stuck(
                    _("{name} did not answer within {n} seconds").format(
                        name=self.name, n=round(self._deadline + extra_seconds)
                    )
                ) from None

    def close(self) -> None:
        """Let the thread end once what it was given is done."""
        self._calls.put(None)

    def _serve(self) -> None:
        while (item := self._calls.get()) is not None:
            future, call = item
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)

"""A thread for the blocking calls on one volume, so that a hung disk holds up nobody else.

A call into the kernel cannot be taken back: when one overruns its deadline the volume counts as stuck, and every
further call is refused at once until that one has come back.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from dockd.errors import DockdError
from dockd.i18n import _

T = TypeVar("T")

MakeError = Callable[[str], DockdError]


@dataclass(frozen=True, slots=True)
class _Call:
    """A call on the thread. `allowed` in seconds, `until` when by the event loop's clock they are over."""

    future: "Future[Any]"
    allowed: float
    until: float


class Volume:
    """Runs calls one after the other on a thread of its own; use from one event loop."""

    def __init__(self, name: str, deadline_seconds: float, stuck: MakeError) -> None:
        self.name = name
        self._deadline = deadline_seconds
        self._stuck = stuck
        self._turn = asyncio.Lock()
        self._overdue: Future[Any] | None = None
        self._under_way: _Call | None = None
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
            if self._under_way is not None:
                # Whoever asked for it was cancelled; it is on the thread all the same, and in nobody else's time.
                await self._end_of(self._under_way)
            future: Future[T] = Future()
            allowed = self._deadline + extra_seconds
            self._under_way = _Call(future, allowed, asyncio.get_running_loop().time() + allowed)
            self._calls.put((future, call))
            await self._end_of(self._under_way)
            return future.result()

    async def _end_of(self, call: "_Call") -> None:
        """Wait until a call has ended, however; raises what `stuck` makes if it does not in its time."""
        ended = asyncio.wrap_future(call.future)
        ended.add_done_callback(lambda each: each.cancelled() or each.exception())
        # Not wait_for: before Python 3.12 it can lose a cancellation.
        await asyncio.wait([ended], timeout=max(0, call.until - asyncio.get_running_loop().time()))
        self._under_way = None
        if not ended.done():
            self._overdue = call.future
            raise self._stuck(
                _("{name} did not answer within {n} seconds").format(name=self.name, n=round(call.allowed))
            )

    def is_answering(self) -> bool:
        """Whether a call is under way that still has time: who waits for its turn waits for work, not for nothing."""
        return self._under_way is not None and asyncio.get_running_loop().time() < self._under_way.until

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

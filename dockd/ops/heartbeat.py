"""The heartbeat: it goes on only while everything that must be looked at really is looked at.

It is given from the event loop, so a hung loop gives none. A part that is at fault has been looked at and its fault
is known: that degrades the dock and stops no heartbeat. A part that nobody has looked at in its time does.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from dockd.clock import Clock
from dockd.errors import NotLookedAt
from dockd.events import Event
from dockd.i18n import _
from dockd.ops.notify import ServiceManager
from dockd.ops.status import Board

_TICK_SECONDS = 1.0
_START_SECONDS = 30
"""Asked for again each tick while the service starts: so long a start may hang."""


def _never() -> bool:
    return False


@dataclass(slots=True)
class _Part:
    within_seconds: float
    is_answering: Callable[[], bool]
    seen: float


class Looks:
    """What must be looked at, within which time, and when each was looked at last."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._parts: dict[str, _Part] = {}
        self._waiting: set[str] = set()

    def expect(self, subject: str, within_seconds: float, is_answering: Callable[[], bool] = _never) -> None:
        """From now on this must be looked at again and again.

        `is_answering` tells whether a look that waits for its turn waits for work that still has time.
        """
        self._parts[subject] = _Part(within_seconds, is_answering, self._clock.monotonic())

    def seen(self, subject: str) -> None:
        """This was looked at, whatever was found."""
        if subject in self._parts:
            self._parts[subject].seen = self._clock.monotonic()

    @contextmanager
    def at(self, subject: str) -> Iterator[None]:
        """Note a look that may take long; one that ends in an exception has seen nothing."""
        self._waiting.add(subject)
        try:
            yield
        finally:
            self._waiting.discard(subject)
        self.seen(subject)

    def overdue(self) -> list[str]:
        """Name what nobody has looked at in its time."""
        now = self._clock.monotonic()
        return [
            subject
            for subject, part in self._parts.items()
            if now - part.seen > part.within_seconds and not (subject in self._waiting and part.is_answering())
        ]


class Heartbeat:
    """Speaks to the service manager; `tick` is called every `pause_seconds` for as long as the event loop lives."""

    def __init__(self, manager: ServiceManager, looks: Looks, board: Board, clock: Clock) -> None:
        self._manager = manager
        self._looks = looks
        self._board = board
        self._clock = clock
        self._is_ready = False
        self._said = ""
        self._last_beat = float("-inf")
        self.pause_seconds = min(_TICK_SECONDS, (manager.heartbeat_seconds or 2 * _TICK_SECONDS) / 2)

    def ready(self) -> None:
        """The service is up. Everything that must be looked at is expected by now."""
        self._is_ready = True
        self._manager.ready()
        self.tick()

    def tick(self) -> None:
        """Say what is due: more time while starting, a status that has changed, a heartbeat that is deserved."""
        if not self._is_ready:
            self._manager.starting(_START_SECONDS)
            return
        overdue = self._looks.overdue()
        self._tell_overdue(overdue)
        words = self._board.in_words()
        if words != self._said:
            self._said = words
            self._manager.status(words)
        if not overdue and self._is_due():
            self._last_beat = self._clock.monotonic()
            self._manager.heartbeat()

    def _is_due(self) -> bool:
        every = self._manager.heartbeat_seconds
        # One tick early rather than late: the next chance comes only then.
        return every is not None and self._clock.monotonic() - self._last_beat > every - self.pause_seconds

    def _tell_overdue(self, overdue: list[str]) -> None:
        names = ", ".join(overdue)
        error = NotLookedAt(_("not looked at in time: {names}").format(names=names)) if overdue else None
        if self._board.trouble("heartbeat", error):
            if overdue:
                structlog.get_logger().error(Event.HEARTBEAT_WITHHELD, overdue=overdue)
            else:
                structlog.get_logger().info(Event.HEARTBEAT_RESUMED)


async def beat(heartbeat: Heartbeat) -> None:
    while True:
        heartbeat.tick()
        await asyncio.sleep(heartbeat.pause_seconds)

"""Whose turn it is to be read, recording by recording, when more cameras are docked than are read at a time."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

PASSED_OVER = 3
"""So often at most is one that waits passed over by another that came later and is more urgent."""


@dataclass(eq=False, slots=True)
class _Waiter:
    rank: int
    given: "asyncio.Future[None]"
    passed_over: int = field(default=0)


class Turns:
    """`at_once` turns, each given back by `give_back`. Used from the event loop."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: list[_Waiter] = []

    async def take(self, rank: int, no_longer: asyncio.Event) -> bool:
        """Wait for a turn: the lowest rank first, then who came first. False: `no_longer` came before it."""
        if self._free and not self._waiting:
            self._free -= 1
            return True
        waiter = _Waiter(rank, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        left = asyncio.ensure_future(no_longer.wait())
        either: list[asyncio.Future[Any]] = [waiter.given, left]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._leave(waiter)
            raise
        finally:
            left.cancel()
        if waiter.given.done():
            return True
        self._leave(waiter)
        return False

    def give_back(self) -> None:
        """Let the next one have its turn."""
        if not self._waiting:
            self._free += 1
            return
        patient = (each for each in self._waiting if each.passed_over >= PASSED_OVER)
        chosen = next(patient, None) or min(self._waiting, key=lambda each: each.rank)
        place = self._waiting.index(chosen)
        for each in self._waiting[:place]:
            each.passed_over += 1
        self._waiting.pop(place).given.set_result(None)

    def _leave(self, waiter: _Waiter) -> None:
        if waiter.given.done():
            self.give_back()
        else:
            self._waiting.remove(waiter)

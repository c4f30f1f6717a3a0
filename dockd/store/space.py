"""Space promised to recordings still being pulled, so that several cameras cannot fill the reserve together."""

from collections.abc import Iterator
from contextlib import contextmanager


class Promises:
    """Bytes promised on one partition and not yet given back. Used from the event loop only."""

    def __init__(self) -> None:
        self._total = 0

    @property
    def total(self) -> int:
        return self._total

    @contextmanager
    def promise(self, room: int) -> Iterator[None]:
        """Count `room` bytes as taken for the time of the block."""
        self._total += room
        try:
            yield
        finally:
            self._total -= room

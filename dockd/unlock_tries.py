"""Which locked cameras were handed to their unlockers, and did not say who they are since: each may have cost them a
credential, and some cameras lock themselves for good after wrong ones.

Kept in a file, so that a dockd that starts anew does not try again what stands there refused. The file is for one boot:
it belongs into the runtime directory, which is empty after the next, as device numbers then begin anew.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import ConfigDict, RootModel, ValidationError

from dockd.clock import Clock
from dockd.errors import TriesUnknown
from dockd.events import Event
from dockd.i18n import _
from dockd.register import durable

MOST = 3
SECONDS = 3600
"""So often in so long a camera is asked in one bay that never says who it is.

One that leaves the bus for a wrong credential comes again as if somebody had put it in.
"""

MAX_BYTES = 16 * 1024 * 1024

Key = tuple[str, int]
"""`BusDevice.key`: the same as long as a device is not taken out or reset."""


@dataclass(frozen=True, slots=True)
class _Try:
    """A camera that claimed `serial` in this bay was about to be asked, `at` this time of the monotonic clock."""

    bay: str
    serial: str
    sys_path: str
    device_number: int
    at: float

    @property
    def key(self) -> Key:
        return self.sys_path, self.device_number


class _File(RootModel[list[_Try]]):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Tries:
    """Those of one dock. What is told to it is in the file before it returns."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._tries: list[_Try] = []

    def load(self) -> None:
        """Go on from the file; nothing is known if it cannot be read, and that is logged."""
        try:
            with open(self._path, "rb", opener=_open) as file:
                read = _File.model_validate_json(file.read(MAX_BYTES)).root
        except FileNotFoundError:
            return
        except (OSError, ValidationError) as error:
            structlog.get_logger().warning(Event.UNLOCK_TRIES_LOST, message=str(error))
            return
        now = self._clock.monotonic()
        self._tries = [each for each in read if each.at <= now]

    def has(self, key: Key) -> bool:
        """Whether this very device was asked since it was put in, by whatever name its bay had, and did not answer."""
        return any(each.key == key for each in self._tries)

    def are_many(self, bay: str, serial: str) -> bool:
        """Whether what makes this claim in this bay was asked too often, in vain."""
        since = self._clock.monotonic() - SECONDS
        return sum(each.at > since and (each.bay, each.serial) == (bay, serial) for each in self._tries) >= MOST

    def begin(self, bay: str, serial: str, key: Key) -> None:
        """A camera is about to be asked; raises `TriesUnknown`, and then it must not be."""
        others = [each for each in self._tries if each.key != key]
        self._keep([*self._recent(others, bay), _Try(bay, serial, *key, self._clock.monotonic())])

    def answered(self, key: Key) -> None:
        """It has said who it is; raises `TriesUnknown` if that is not in the file."""
        self._keep([each for each in self._tries if each.key != key])

    def _recent(self, tries: list[_Try], bay: str) -> list[_Try]:
        """Leave out what is too old to count, unless it may still stand in another bay than this."""
        since = self._clock.monotonic() - SECONDS
        last = {each.bay: each for each in tries if each.bay != bay}
        return [each for each in tries if each.at > since or each is last.get(each.bay)]

    def _keep(self, tries: list[_Try]) -> None:
        try:
            self._path.parent.mkdir(mode=0o750, exist_ok=True)
            directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                durable.replace(directory, self._path.name, _File(tries).model_dump_json().encode(), 0o600)
            finally:
                os.close(directory)
        except OSError as error:
            wrong = _("which cameras were asked to be unlocked cannot be written down: {error}")
            raise TriesUnknown(wrong.format(error=error)) from error
        self._tries = tries


def _open(path: str, flags: int) -> int:
    # Whatever stands there, reading it must not wait.
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)

"""The public contract of an unlocker: the code that has a locked camera show its recordings.

Such a camera stands on the bus as a device of its own kind, which wants a credential and then comes back as another
device, mostly as a card. An unlocker subclasses `Unlocker` and `LockedSession` and writes the methods that begin with
an underscore. It is found in the group of the drivers, named by `unlock` of a model, and runs in a process of its own
that has ended before anything of a recording is read. Who waits for the other device, and knows it again, is dockd.

A session may have abilities of `dockd.driver.abilities`, too: many a camera tells and takes the time only while it is
locked.
"""

from abc import ABC, abstractmethod
from typing import Any

from dockd.driver.basis import AnyDriver, Source, checked_identity, only_driver_errors
from dockd.errors import CameraBusy
from dockd.i18n import _

MAX_CREDENTIAL = 64


class LockedSession(ABC):
    """An open unlocker on one locked camera. Calls come one at a time.

    `CameraDenied` out of any of them means that the credential was refused: dockd then tries nothing more. A session
    sends only the credential that it was opened with, and sends it no second time once it was refused.
    """

    def __init__(self) -> None:
        self._is_told = False

    @only_driver_errors
    def identify(self) -> str:
        """Give the identity that the camera states, 1 to 64 printable ASCII characters."""
        self.must_hold()
        return checked_identity(self._identify())

    @only_driver_errors
    def unlock(self) -> None:
        """Tell the camera to come back as what can be read; returns once it has taken that.

        That it leaves the bus instead of an answer is no fault. Every later call but `close` is refused.
        """
        self.must_hold()
        self._is_told = True
        self._unlock()

    def close(self) -> None:
        """Let go of the camera; never raises, a second call does nothing."""

    def must_hold(self) -> None:
        """Raise `CameraBusy` once the camera was told to come back."""
        if self._is_told:
            raise CameraBusy(_("the camera was told to come back as another device"))

    @abstractmethod
    def _identify(self) -> str: ...

    @abstractmethod
    def _unlock(self) -> None: ...


class Unlocker(AnyDriver):
    """Unlocks one kind of camera. It reads none: a driver does that, once the camera has come back.

    `Ability.UNLOCK` is among its abilities, and among those of no driver.
    """

    @only_driver_errors
    def open(self, source: Source, credential: str) -> LockedSession:
        """Begin to speak to the locked camera behind `source`, which is of the kind that the class asks for.

        `credential` has at most 64 printable ASCII characters, none where the model of the camera names none.
        """
        return self._open(source, credential)

    @abstractmethod
    def _open(self, source: Any, credential: str) -> LockedSession:
        """Begin to speak to the locked camera behind a source of the kind that the class asks for."""

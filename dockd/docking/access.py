"""The way to a camera in its bay, whatever the bay is: what a docking asks of the dock that found it."""

from typing import Protocol

from dockd.descriptor import Descriptor
from dockd.driver import SourceKind


class CameraAccess(Protocol):
    """One camera in its bay. Every call raises `CameraError` where it is the camera's fault, `CameraGone` above all."""

    async def open(self, kind: SourceKind, *, writable: bool) -> Descriptor:
        """Open what its driver reaches the camera through, afresh. Nothing of an earlier one may be open any more.

        `writable` is for directories. `CameraUnsupported` if this dock has nothing of that kind.
        """

    async def settle(self) -> None:
        """Bring what was erased through a writable directory, which is closed by now, onto the camera's medium."""

    async def must_be_there(self) -> None:
        """Look whether it is there, and is still the one that was opened last.

        What a camera lists, or cannot read, that was pulled out meanwhile means nothing.
        """

    async def replug(self) -> None:
        """Have the bus configure the camera anew; `CameraUnsupported` where there is no bus."""

    async def power_cycle(self) -> None:
        """Take the camera's power away and give it back; `CameraUnsupported` where that cannot be switched."""

    async def leave(self) -> None:
        """All is done, all is closed: leave the camera powered, as its model wants it."""


class LockedAccess(CameraAccess, Protocol):
    """The way to a camera that is to be unlocked, by code that opens it by itself."""

    async def lend(self) -> str:
        """Let the workers that run vendors' libraries open it; gives the path of its device file.

        Of all cameras on the bus one is lent at a time: a library takes the first that it can open.
        """

    async def take_back(self) -> None:
        """Nobody may open it any more. Never raises for a camera that has left, or was not lent."""

"""The worker's part in unlocking: an open unlocker on one locked camera, and nothing else in this process."""

from dockd.docking.messages import Identified, Locked
from dockd.driver import BY_DESCRIPTOR, Source
from dockd.driver.unlocking import LockedSession, Unlocker
from dockd.errors import OrderError


class Unlocking:
    """Serves one locked camera, from the order that names its unlocker on."""

    def __init__(self, unlocker: type[Unlocker], order: Locked) -> None:
        self._unlocker = unlocker(order.options)
        self._credential = order.credential
        self._session: LockedSession | None = None
        self.source = self._unlocker.source

    @property
    def session(self) -> LockedSession:
        if self._session is None:
            raise OrderError("no camera is open")
        return self._session

    def open(self, fd: int) -> Identified:
        """Open the camera behind the descriptor, and ask it who it is."""
        source: Source = BY_DESCRIPTOR[self.source](fd)
        self._session = self._unlocker.open(source, self._credential)
        return Identified(unlocker_version=self._unlocker.version, identity=self._session.identify())

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

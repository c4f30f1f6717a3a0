"""The worker's part in unlocking: an open unlocker on one locked camera, and nothing else in this process."""

from collections.abc import Callable

from dockd.docking.messages import Identified, Locked
from dockd.driver import BY_DESCRIPTOR, NodeSource, Source, SourceKind
from dockd.driver.unlocking import LockedSession, Unlocker
from dockd.errors import OrderError


class UnlockerAtWork:
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

    def open(self, source: Source) -> Identified:
        """Open the camera, and ask it who it is."""
        self._session = self._unlocker.open(source, self._credential)
        return Identified(unlocker_version=self._unlocker.version, identity=self._session.identify())

    def source_of(self, path: str | None, take_descriptor: Callable[[], int]) -> Source:
        """Give what leads to the camera, of the kind that the unlocker wants."""
        if self.source is not SourceKind.NODE:
            return BY_DESCRIPTOR[self.source](take_descriptor())
        if path is None:
            raise OrderError("a camera whose unlocker opens it comes with the path of its device file")
        return NodeSource(path)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

"""Docks with a disk of their own: each camera appears as a directory of a watched root.

Events of the filesystem come through watchdog and are only hints; what counts is what lies there, looked at when a
hint comes and every few seconds besides. Only folders that come and go are listened to: what happens inside them is
seen by looking, so that a camera with 100,000 files cannot fill a queue with as many events.
"""

import asyncio
import contextlib
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from dockd.clock import Clock
from dockd.descriptor import Descriptor
from dockd.detect.settling import Settling
from dockd.detect.snapshot import Snapshot
from dockd.driver import SourceKind
from dockd.errors import CameraError, CameraGone, CameraUnsupported, DockUnreachable
from dockd.i18n import _
from dockd.model import Admitted, Arrival, RecordingPath, Rung
from dockd.volume import Volume

MAX_DEPTH = 16
MAX_ENTRIES = 200_000
"""So many files and directories of one camera are looked at; a driver refuses a camera that holds more files."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MIN_PAUSE_SECONDS = 0.1
_COMING_AND_GOING = (DirCreatedEvent, DirDeletedEvent, DirMovedEvent)


@dataclass(frozen=True, slots=True)
class Departure:
    """A camera that was announced is no longer in its bay."""

    bay: str


@dataclass(frozen=True, slots=True)
class DockTrouble:
    """The dock itself cannot be looked at; None once it can again."""

    dock: str
    error: CameraError | None


class FolderDock:
    """One watched root. `happenings` never ends by itself; `over` and `again` are told by the daemon.

    `looked` is called once what a look has shown is dealt with, a dock that cannot be looked at included.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        *,
        settle_seconds: float,
        rescan_seconds: float,
        clock: Clock,
        volume: Volume,
        looked: Callable[[], None],
    ) -> None:
        self.name = name
        self._root = root
        self._settle_seconds = settle_seconds
        self._rescan_seconds = rescan_seconds
        self._clock = clock
        self._volume = volume
        self._looked = looked
        self._settling = Settling(settle_seconds)
        self._wake = asyncio.Event()
        self._trouble: str | None = None

    async def happenings(self) -> AsyncIterator[Arrival | Departure | DockTrouble]:
        """Yield what arrives and leaves. Listening begins before the first look, so nothing falls between them."""
        observer = await self._listening()
        try:
            while True:
                self._wake.clear()
                for happening in await self._look():
                    yield happening
                self._looked()
                # However busy a camera's folder is, its dock is not looked at without a rest.
                await asyncio.sleep(_MIN_PAUSE_SECONDS)
                # Not wait_for: before Python 3.12 it can lose a cancellation, and the daemon would never stop.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self._wake.wait()
        finally:
            if observer is not None:
                observer.stop()

    def over(self, bay: str, *, until_gone: bool = False) -> None:
        """The docking in this bay is over; `until_gone`: nothing in it is announced before it has left."""
        self._settling.over(self._folder(bay), until_gone=until_gone)
        self._wake.set()

    def again(self, bay: str) -> None:
        """Announce what rests in this bay once more."""
        self._settling.again(self._folder(bay))
        self._wake.set()

    def access(self, admitted: Admitted) -> "FolderAccess":
        """Give the way to the camera. How it is powered is for the dock that keeps its disk."""
        return FolderAccess(self._volume, admitted.arrival.place, partial(self._missed, admitted.arrival.bay))

    def rungs(self, _bay: str, retry_delays_seconds: Sequence[float]) -> Sequence[Rung]:
        return [Rung("retry", seconds) for seconds in retry_delays_seconds]

    def _missed(self, bay: str) -> None:
        self._settling.missed(self._folder(bay))
        self._wake.set()

    def _bay(self, name: bytes) -> str:
        return f"{self.name}/{RecordingPath(name).text}"

    def _folder(self, bay: str) -> bytes:
        return RecordingPath.parse(bay.removeprefix(f"{self.name}/")).raw

    async def _look(self) -> list[Arrival | Departure | DockTrouble]:
        try:
            folders = await self._volume.run(partial(snapshots, self._root, self._settling.unregarded()))
        except OSError as error:
            return self._in_trouble(DockUnreachable(_("{root}: {error}").format(root=self._root, error=error.strerror)))
        except DockUnreachable as error:
            return self._in_trouble(error)
        happenings: list[Arrival | Departure | DockTrouble] = []
        if self._trouble is not None:
            self._trouble = None
            happenings.append(DockTrouble(self.name, None))
        changes = self._settling.look(self._clock.monotonic(), folders)
        happenings += [Departure(self._bay(name)) for name in changes.gone]
        happenings += [self._arrival(name) for name in changes.arrived]
        return happenings

    def _arrival(self, name: bytes) -> Arrival:
        return Arrival(self._bay(name), RecordingPath(name).text, os.path.join(self._root, os.fsdecode(name)))

    def _in_trouble(self, error: DockUnreachable) -> list[Arrival | Departure | DockTrouble]:
        """Report a dock that cannot be looked at, once; its cameras are not held to be gone for that."""
        if error.message == self._trouble:
            return []
        self._trouble = error.message
        return [DockTrouble(self.name, error)]

    def _pause(self) -> float:
        """Seconds until the next look: when the next folder could be settled, else the rescan time."""
        now = self._clock.monotonic()
        due = [since + self._settle_seconds - now for since in self._settling.waiting_since()]
        return max(_MIN_PAUSE_SECONDS, min([*due, self._rescan_seconds]))

    async def _listening(self) -> BaseObserver | None:
        """Begin to listen, on the dock's own thread: its disk may hang."""
        with contextlib.suppress(DockUnreachable):
            return await self._volume.run(partial(self._listen, asyncio.get_running_loop()))
        return None

    def _listen(self, loop: asyncio.AbstractEventLoop) -> BaseObserver | None:
        observer = Observer()
        try:
            observer.schedule(_Hints(partial(self._hint, loop)), str(self._root), event_filter=[*_COMING_AND_GOING])
            observer.start()
        except OSError:
            # The root is not there, or inotify has no watches left: looking every few seconds still finds everything.
            return None
        return observer

    def _hint(self, loop: asyncio.AbstractEventLoop) -> None:
        # One that waits to be looked at is enough: it is cleared before the look that will see what happened.
        if not self._wake.is_set():
            with contextlib.suppress(RuntimeError):  # the loop may be closing
                loop.call_soon_threadsafe(self._wake.set)


class FolderAccess:
    """The way to a camera that is a directory of a dock. `DockUnreachable` where that dock does not answer.

    `missed` is told when the directory is not there: a contact that is lost for less time than lies between two looks
    would otherwise leave a failed docking, and nobody who takes the camera in once more.
    """

    def __init__(self, volume: Volume, place: str, missed: Callable[[], None]) -> None:
        self._volume = volume
        self._place = place
        self._missed = missed

    async def open(self, kind: SourceKind, *, writable: bool) -> Descriptor:
        """Open the directory; every descriptor of it can be written through, if its rights allow."""
        if kind is not SourceKind.DIRECTORY:
            raise CameraUnsupported(
                _("the driver wants a device on USB, and a folder dock has none"),
                advice=_("Give the camera another driver in the fleet file, such as folder."),
            )
        try:
            return await self._volume.run(lambda: Descriptor(os.open(self._place, _DIRECTORY)))
        except OSError as error:
            if isinstance(error, FileNotFoundError):
                self._missed()
            raise CameraGone(_("the camera's folder cannot be opened: {error}").format(error=error.strerror)) from error

    async def settle(self) -> None:
        """Leave it to the session's own flush: there is no medium of the camera's own below it."""

    async def must_be_there(self) -> None:
        directory = await self.open(SourceKind.DIRECTORY, writable=False)
        directory.close()

    async def replug(self) -> None:
        raise CameraUnsupported(_("a folder dock has no bus"))

    async def power_cycle(self) -> None:
        raise CameraUnsupported(_("a folder dock has no ports"))

    async def leave(self) -> None:
        """Leave it where it is."""


class _Hints(FileSystemEventHandler):
    """Passes on that something happened. Runs on watchdog's thread."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    def on_any_event(self, _event: FileSystemEvent) -> None:
        self._tell()


def snapshots(root: Path, unregarded: Collection[bytes] = ()) -> dict[bytes, Snapshot | None]:
    """Fingerprint every folder directly below `root`; links and files there are no cameras. Raises OSError.

    None stands for one that is `unregarded`, and was not walked.
    """
    with os.scandir(os.fsencode(root)) as entries:
        folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    return {entry.name: None if entry.name in unregarded else _snapshot(entry.path) for entry in folders}


def _snapshot(folder: bytes) -> Snapshot:
    return Snapshot(number for number in islice(_walk(folder, None, b"", 0), MAX_ENTRIES) if number is not None)


def _walk(name: bytes, parent: int | None, prefix: bytes, depth: int) -> Iterator[int | None]:
    """Fingerprint what lies in a directory, one at a time; None for a directory, which counts and is nothing by itself.

    It goes from directory to directory by descriptors: a camera may hold longer paths than the kernel takes at once.
    """
    try:
        directory = os.open(name, _DIRECTORY, dir_fd=parent)
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    own, status = os.fsencode(entry.name), entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode) and depth < MAX_DEPTH:
                        yield None
                        yield from _walk(own, directory, prefix + own + b"/", depth + 1)
                    else:
                        yield _fingerprint(prefix + own, status)
        finally:
            os.close(directory)
    except (FileNotFoundError, NotADirectoryError):
        return  # it went while being looked at; the next look will say
    except OSError as error:
        # One camera that cannot be looked at must not hide the others: its docking will say what is wrong.
        yield _number(b"%d %s" % (error.errno or 0, prefix))


def _fingerprint(path: bytes, status: os.stat_result) -> int:
    return _number(b"%d %d %s" % (status.st_size, status.st_mtime_ns, path))


def _number(text: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")

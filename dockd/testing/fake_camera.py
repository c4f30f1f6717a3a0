"""A camera in memory with faults on demand, behind the public driver interface."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from dockd.driver import Ability, DirectorySource, Driver, Found, Other, Session, SourceKind
from dockd.driver.abilities import CameraTime
from dockd.errors import CameraBusy, CameraGone, CameraMedia, CameraUnsupported
from dockd.model import Recording, RecordingPath

_mtimes = itertools.count(1_790_000_000_000_000_000, 1_000_000_000)


@dataclass
class Unreadable:
    """Bytes from `start` up to `end` that no read gets past, until so many have failed as `heals_after` says."""

    start: int
    end: int
    heals_after: int | None = None

    def stops(self, offset: int, size: int) -> bool:
        """Tell whether a read meets it, and count those that do."""
        if self.heals_after == 0 or not (offset < self.end and self.start < offset + size):
            return False
        if self.heals_after:
            self.heals_after -= 1
        return True


@dataclass
class Kept:
    """One recording in the camera's memory."""

    content: bytes
    mtime_ns: int = field(default_factory=lambda: next(_mtimes))
    unreadable: list[Unreadable] = field(default_factory=list)


@dataclass
class FakeCamera:
    """Faults: `before` is called with the name of each verb and may raise; `short` is the most bytes one read gives;
    `lies` makes erasing a promise that is not kept; `others` are files that are no recordings;
    its clock, if it has one, is ahead by `clock_ahead_seconds`."""

    identity: str = "cam-1"
    recordings: dict[bytes, Kept] = field(default_factory=dict)
    others: tuple[bytes, ...] = ()
    short: int | None = None
    lies: bool = False
    clock_ahead_seconds: float | None = None
    before: Callable[[str], None] = lambda _verb: None

    def put(self, path: bytes, content: bytes, *unreadable: Unreadable) -> None:
        self.recordings[path] = Kept(content, unreadable=list(unreadable))

    def driver(self) -> type[Driver]:
        """Give a driver that knows only this camera; the descriptor it is handed is not looked at."""
        camera = self

        class FakeDriver(Driver):
            name: ClassVar[str] = "fake"
            version: ClassVar[str] = "7"
            source: ClassVar[SourceKind] = SourceKind.DIRECTORY
            abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.CLEAR, Ability.CLOCK})

            def _open(self, source: DirectorySource) -> Session:
                camera.before("open")
                return FakeSession(camera)

        return FakeDriver


class FakeSession(Session):
    """Remembers what it listed and read, as the contract asks."""

    def __init__(self, camera: FakeCamera) -> None:
        super().__init__(frozenset({Ability.CLEAR}))
        self._camera = camera
        self._read: dict[RecordingPath, Recording] = {}

    def _identify(self) -> str:
        self._camera.before("identify")
        return self._camera.identity

    def _list(self) -> Iterator[Found]:
        self._camera.before("list")
        self._read.clear()
        for path, kept in self._camera.recordings.items():
            yield Recording(RecordingPath(path), len(kept.content), kept.mtime_ns)
        yield from (Other(RecordingPath(path)) for path in self._camera.others)

    def _read_into(self, recording: Recording, offset: int, into: memoryview) -> int:
        self._camera.before("read")
        kept = self._unchanged(recording)
        size = min(len(into), self._camera.short or len(into))
        if any([each.stops(offset, size) for each in kept.unreadable]):
            raise CameraMedia("a bad sector")
        self._read[recording.path] = recording
        part = kept.content[offset : offset + size]
        into[: len(part)] = part
        return len(part)

    def _clear(self, recording: Recording) -> None:
        self._camera.before("clear")
        self._unchanged(recording)
        if self._read.get(recording.path) != recording:
            raise CameraBusy("not as it was read")
        del self._read[recording.path]
        if not self._camera.lies:
            del self._camera.recordings[recording.path.raw]

    def tell_time(self) -> CameraTime:
        self._camera.before("tell_time")
        ahead = self._camera.clock_ahead_seconds
        if ahead is None:
            raise CameraUnsupported("no clock")
        shown = datetime.fromtimestamp(time.time() + ahead, UTC)
        return CameraTime(shown, shown.isoformat())

    def take_time(self, now: datetime) -> None:
        self._camera.before("take_time")
        self._camera.clock_ahead_seconds = now.timestamp() - time.time()

    def _let_go(self) -> None:
        self._camera.before("let_go")

    def _go_on(self, source: DirectorySource) -> None:
        self._camera.before("go_on")

    def _unchanged(self, recording: Recording) -> Kept:
        kept = self._camera.recordings.get(recording.path.raw)
        if kept is None:
            raise CameraGone("no such recording")
        if (len(kept.content), kept.mtime_ns) != (recording.size, recording.mtime_ns):
            raise CameraBusy("the recording changed")
        return kept

"""Drivers that each break the contract in one way; `test_kit` runs the kit on them, and each test must fail on one."""

import pytest

from dockd.driver import Driver, Recording, Session
from dockd.model import RecordingPath
from dockd.testing.contract import DriverContract
from dockd.testing.fake_camera import FakeCamera, FakeSession
from tests.drivers.test_fake_camera import FakeScene


class NamedLoudly(FakeSession):
    driver_name = "FAKE"


class TakesAnyOption(FakeSession):
    takes_any_option = True


class ForgetsWhoItIs(FakeSession):
    asked = 0

    def _identify(self):
        self.asked += 1
        return f"cam-{self.asked}"


class LeavesOutTheLast(FakeSession):
    def _list(self):
        *found, _last = list(super()._list()) or [None]
        yield from found


class SeesWhatIsNotThere(FakeSession):
    def _list(self):
        yield from super()._list()
        yield Recording(RecordingPath(b"ghost.mp4"), 1, 1)


class ListsEachTimeForOneSessionOnly(FakeSession):
    def __init__(self, camera):
        super().__init__(camera)
        self._is_second = hasattr(camera, "was_opened")
        camera.was_opened = True

    def _list(self):
        yield from () if self._is_second else super()._list()


class ReadsFromTheBeginning(FakeSession):
    def _read_into(self, recording, offset, into):
        return super()._read_into(recording, 0, into)


class ReadsTheFirstRecordingOnly(FakeSession):
    def _read_into(self, recording, offset, into):
        kept = self._unchanged(recording)
        first = next(iter(self._camera.recordings.values()))
        self._read[recording.path] = recording
        part = first.content[offset : min(offset + len(into), len(kept.content))]
        into[: len(part)] = part
        return len(part)


class RefusesWhatIsEmpty(FakeSession):
    def _read_into(self, recording, offset, into):
        if not recording.size:
            raise ValueError("nothing to read")
        return super()._read_into(recording, offset, into)


class ComparesNothing(FakeSession):
    """Whatever has the path is the recording."""

    def _unchanged(self, recording):
        return self._camera.recordings[recording.path.raw]


class GivesZerosForWhatIsGone(FakeSession):
    def _read_into(self, recording, offset, into):
        if recording.path.raw in self._camera.recordings:
            return super()._read_into(recording, offset, into)
        into[:] = bytes(len(into))
        return len(into)


class ClosesOnce(FakeSession):
    is_closed = False

    def close(self):
        assert not self.is_closed
        self.is_closed = True


class ClearsAll(FakeSession):
    def _clear(self, recording):
        super()._clear(recording)
        self._camera.recordings.clear()


class ClearsNothing(FakeSession):
    def _clear(self, recording):
        self._unchanged(recording)


class ClearsWhatItHasNotRead(FakeSession):
    def _clear(self, recording):
        self._unchanged(recording)
        del self._camera.recordings[recording.path.raw]


class ClearsWhatHasChanged(FakeSession):
    def _clear(self, recording):
        if recording.path in self._read:
            del self._camera.recordings[recording.path.raw]


class RemembersOverListings(FakeSession):
    def _list(self):
        read = dict(self._read)
        yield from super()._list()
        self._read.update(read)


class RemembersOverSessions(FakeSession):
    def __init__(self, camera):
        super().__init__(camera)
        if hasattr(camera, "read_by_all"):
            self._read = camera.read_by_all
        camera.read_by_all = self._read

    def _list(self):
        for each in list(super()._list()):
            self._read.setdefault(each.path, each)
            yield each


class ForgetsWhenItLetsGo(FakeSession):
    def _let_go(self):
        self._read.clear()


class ComesBackAsAnother(FakeSession):
    def _go_on(self, source):
        self._camera.identity = "cam-2"


class BelievesAllWasReadWhenItGoesOn(FakeSession):
    def _go_on(self, source):
        for path, kept in self._camera.recordings.items():
            each = Recording(RecordingPath(path), len(kept.content), kept.mtime_ns)
            self._read.setdefault(each.path, each)


class AnswersAfterItLetGo(FakeSession):
    def _must_hold(self):
        pass


class ErasesWhenItLetsGo(FakeSession):
    def _let_go(self):
        for path in list(self._read):
            self._camera.recordings.pop(path.raw, None)


class GoesOnWithWhatItHolds(FakeSession):
    def go_on(self, source):
        self._holds = True


class GoesOnInTheMiddleOfAListing(FakeSession):
    def list(self):
        return self._list()


def driver_of(session: type[FakeSession], camera: FakeCamera) -> type[Driver]:
    class Wrong(camera.driver()):
        name = getattr(session, "driver_name", "fake")

        def __init__(self, options):
            super().__init__({} if getattr(session, "takes_any_option", False) else options)

        def _open(self, source) -> Session:
            return session(camera)

    return Wrong


def tests_of(session: type[FakeSession]) -> type[DriverContract]:
    class Tests(DriverContract):
        @pytest.fixture
        def scene(self):
            scene = FakeScene()
            scene.driver = driver_of(session, scene.camera)
            return scene

    return Tests


globals().update({f"Test{each.__name__}": tests_of(each) for each in FakeSession.__subclasses__()})

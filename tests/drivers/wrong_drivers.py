"""Drivers that each break the contract in one way. `fails` are the tests of the kit that each was made for."""

import pytest

from dockd.driver import Driver, Recording, Session
from dockd.model import RecordingPath
from dockd.testing.contract import DriverContract
from dockd.testing.fake_camera import FakeCamera, FakeSession
from tests.drivers.test_fake_camera import FakeScene


class NamedLoudly(FakeSession):
    fails = ("test_the_class_says_what_it_is",)
    driver_name = "FAKE"


class TakesAnyOption(FakeSession):
    fails = ("test_an_unknown_option_is_refused_by_name",)
    takes_any_option = True


class ForgetsWhoItIs(FakeSession):
    fails = ("test_the_camera_is_identified_again_and_again",)
    asked = 0

    def _identify(self):
        self.asked += 1
        return f"cam-{self.asked}"


class LeavesOutTheLast(FakeSession):
    fails = ("test_a_listing_is_complete_and_repeatable",)

    def _list(self):
        *found, _last = list(super()._list()) or [None]
        yield from found


class SeesWhatIsNotThere(FakeSession):
    fails = ("test_an_empty_camera_lists_nothing",)

    def _list(self):
        yield from super()._list()
        yield Recording(RecordingPath(b"ghost.mp4"), 1, 1)


class ListsEachTimeForOneSessionOnly(FakeSession):
    fails = ("test_a_new_session_lists_the_same",)

    def __init__(self, camera):
        super().__init__(camera)
        self._is_second = hasattr(camera, "was_opened")
        camera.was_opened = True

    def _list(self):
        yield from () if self._is_second else super()._list()


class ReadsFromTheBeginning(FakeSession):
    fails = ("test_a_read_gives_exactly_what_was_asked_for",)

    def _read_into(self, recording, offset, into):
        return super()._read_into(recording, 0, into)


class ReadsTheFirstRecordingOnly(FakeSession):
    fails = ("test_reads_in_any_order_and_of_several_recordings_do_not_mix",)

    def _read_into(self, recording, offset, into):
        kept = self._unchanged(recording)
        first = next(iter(self._camera.recordings.values()))
        self._read[recording.path] = recording
        part = first.content[offset : min(offset + len(into), len(kept.content))]
        into[: len(part)] = part
        return len(part)


class CannotTellWhetherItReadsParts(FakeSession):
    fails = ("test_whether_parts_can_be_read_is_answered_the_same_each_time",)

    def _reads_parts(self, recording):
        raise RuntimeError


class TellsOtherwiseInTheMiddleOfARecording(FakeSession):
    fails = ("test_whether_parts_can_be_read_is_answered_the_same_each_time",)

    def _reads_parts(self, recording):
        return recording.path not in self._read


class TellsOtherwiseOnceItWentOn(FakeSession):
    fails = ("test_whether_parts_can_be_read_is_answered_the_same_each_time",)
    reads_any = True

    def _reads_parts(self, recording):
        return self.reads_any

    def _go_on(self, source):
        self.reads_any = False


class RefusesWhatIsEmpty(FakeSession):
    fails = ("test_an_empty_recording_reads_as_nothing",)

    def _read_into(self, recording, offset, into):
        if not recording.size:
            raise ValueError("nothing to read")
        return super()._read_into(recording, offset, into)


class ComparesNothing(FakeSession):
    """Whatever has the path is the recording."""

    fails = (
        "test_a_recording_that_changes_its_size_is_busy",
        "test_a_recording_that_was_changed_since_it_was_listed_is_busy",
    )

    def _unchanged(self, recording):
        return self._camera.recordings[recording.path.raw]


class GivesZerosForWhatIsGone(FakeSession):
    fails = (
        "test_a_recording_that_is_gone_is_a_camera_fault",
        "test_a_recording_that_was_never_there_is_a_camera_fault",
    )

    def _read_into(self, recording, offset, into):
        if recording.path.raw in self._camera.recordings:
            return super()._read_into(recording, offset, into)
        into[:] = bytes(len(into))
        return len(into)


class ClosesOnce(FakeSession):
    fails = ("test_a_session_can_be_closed_twice",)
    is_closed = False

    def close(self):
        assert not self.is_closed
        self.is_closed = True


class ClearsAll(FakeSession):
    fails = ("test_clearing_removes_exactly_one",)

    def _clear(self, recording):
        super()._clear(recording)
        self._camera.recordings.clear()


class ClearsNothing(FakeSession):
    fails = (
        "test_all_can_be_cleared_one_after_the_other",
        "test_clearing_what_is_not_there_is_never_a_silent_success",
        "test_what_was_cleared_is_gone_and_not_cleared_again",
    )

    def _clear(self, recording):
        self._unchanged(recording)


class ClearsWhatItHasNotRead(FakeSession):
    fails = ("test_what_was_not_read_is_not_cleared",)

    def _clear(self, recording):
        self._unchanged(recording)
        del self._camera.recordings[recording.path.raw]


class ClearsWhatHasChanged(FakeSession):
    fails = (
        "test_what_has_grown_or_shrunk_since_it_was_read_is_not_cleared",
        "test_what_was_recorded_anew_since_it_was_read_is_not_cleared",
        "test_what_changed_is_refused_after_the_camera_was_let_go",
    )

    def _clear(self, recording):
        if recording.path in self._read:
            del self._camera.recordings[recording.path.raw]


class RemembersOverListings(FakeSession):
    fails = ("test_a_new_listing_forgets_what_was_read",)

    def _list(self):
        read = dict(self._read)
        yield from super()._list()
        self._read.update(read)


class RemembersOverSessions(FakeSession):
    fails = ("test_a_new_session_does_not_clear_what_only_an_earlier_one_has_read",)

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
    fails = ("test_what_was_read_is_cleared_after_the_camera_was_let_go",)

    def _let_go(self):
        self._read.clear()


class ComesBackAsAnother(FakeSession):
    fails = ("test_a_camera_that_was_let_go_is_read_on_as_before",)

    def _go_on(self, source):
        self._camera.identity = "cam-2"


class BelievesAllWasReadWhenItGoesOn(FakeSession):
    fails = ("test_what_was_not_read_is_not_cleared_after_the_camera_was_let_go",)

    def _go_on(self, source):
        for path, kept in self._camera.recordings.items():
            each = Recording(RecordingPath(path), len(kept.content), kept.mtime_ns)
            self._read.setdefault(each.path, each)


class AnswersAfterItLetGo(FakeSession):
    fails = ("test_a_camera_that_was_let_go_answers_to_nothing",)

    def must_hold(self):
        pass


class TellsOfPartsAfterItLetGo(FakeSession):
    fails = ("test_a_camera_that_was_let_go_answers_to_nothing",)

    def reads_parts(self, recording):
        return True


class ErasesWhenItLetsGo(FakeSession):
    fails = ("test_a_camera_can_be_let_go_twice_and_closed_then",)

    def _let_go(self):
        for path in list(self._read):
            self._camera.recordings.pop(path.raw, None)


class GoesOnWithWhatItHolds(FakeSession):
    fails = ("test_only_a_camera_that_was_let_go_is_gone_on_with",)

    def go_on(self, source):
        self._holds = True


class GoesOnInTheMiddleOfAListing(FakeSession):
    fails = ("test_a_listing_does_not_go_on_where_it_was_broken_off",)

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


WRONG = [each for each in FakeSession.__subclasses__() if each.__module__ == __name__]

globals().update({f"Test{each.__name__}": tests_of(each) for each in WRONG})

"""What every driver must keep. A driver's tests inherit `DriverContract` and give it a `Scene`: a camera to play with.

Every test opens sessions through the public interface only, so the same suite fits any kind of camera.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import pytest

from dockd.driver import Ability, DirectorySource, Driver, Other, Session
from dockd.errors import CameraBusy, CameraGone, CameraUnsupported, DriverError
from dockd.model import Recording, RecordingPath


class Scene(ABC):
    """A camera under the test's control. Paths are such as the driver lists them."""

    identity: str | None
    driver: type[Driver]
    source: DirectorySource

    def open(self) -> Session:
        return self.driver({}).open(self.source)

    @abstractmethod
    def mounted_anew(self) -> DirectorySource:
        """Give the same camera behind another source, as after a fresh mount."""

    @abstractmethod
    def put(self, path: bytes, content: bytes) -> None:
        """Record, or record anew under the same path with another mtime."""

    @abstractmethod
    def remove(self, path: bytes) -> None: ...

    @abstractmethod
    def resize(self, path: bytes, size: int) -> None:
        """Let a recording shrink or grow, at this moment."""

    @abstractmethod
    def holds(self) -> set[bytes]:
        """Paths of all recordings on the camera now, looked at without the driver."""


FIRST, SECOND, THIRD = b"DCIM/100/a.mp4", b"DCIM/100/b.mp4", b"DCIM/101/a.mp4"
CONTENT = bytes(range(256)) * 40


def listed_by(session: Session) -> list[Recording]:
    """Give the recordings that a session lists, in the order of their paths."""
    return sorted((each for each in session.list() if isinstance(each, Recording)), key=lambda each: each.path)


def others_of(session: Session) -> list[bytes]:
    return sorted(each.path.raw for each in session.list() if isinstance(each, Other))


def gone_on(scene: Scene, session: Session) -> Session:
    """Let the camera go, and go on with it behind a fresh source."""
    session.let_go()
    session.go_on(scene.mounted_anew())
    return session


def read_whole(session: Session, recording: Recording) -> bytes:
    return session.read_at(recording, 0, recording.size)


class DriverContract:
    """Inherit it, and define the fixture `scene`."""

    @pytest.fixture
    def filled(self, scene: Scene) -> Scene:
        for number, path in enumerate((FIRST, SECOND, THIRD)):
            scene.put(path, CONTENT[number:])
        return scene

    @pytest.fixture
    def session(self, filled: Scene) -> Iterator[Session]:
        session = filled.open()
        yield session
        session.close()

    @pytest.fixture
    def listed(self, session: Session) -> dict[bytes, Recording]:
        return {recording.path.raw: recording for recording in listed_by(session)}

    def test_the_class_says_what_it_is(self, scene: Scene) -> None:
        driver = scene.driver
        assert driver.name and driver.name.islower() and driver.version
        assert driver.abilities <= set(Ability)
        assert all(isinstance(name, str) for name in driver.option_names)

    def test_an_unknown_option_is_refused_by_name(self, scene: Scene) -> None:
        with pytest.raises(CameraUnsupported, match="no_such_option"):
            scene.driver({"no_such_option": "1"})

    def test_the_camera_is_identified_again_and_again(self, scene: Scene) -> None:
        session = scene.open()
        assert [session.identify(), session.identify()] == [scene.identity] * 2
        session.close()

    def test_a_listing_is_complete_and_repeatable(self, filled: Scene, session: Session) -> None:
        first, second = listed_by(session), listed_by(session)
        assert first == second
        assert [(each.path.raw, each.size) for each in first] == [
            (path, len(CONTENT) - number) for number, path in enumerate((FIRST, SECOND, THIRD))
        ]
        assert {each.path.raw for each in first} == filled.holds()

    def test_an_empty_camera_lists_nothing(self, scene: Scene) -> None:
        session = scene.open()
        assert listed_by(session) == []
        session.close()

    def test_a_new_session_lists_the_same(self, filled: Scene, session: Session) -> None:
        other = filled.open()
        assert listed_by(other) == listed_by(session)
        other.close()

    @pytest.mark.parametrize("offset", [0, 1, 4095, 4096, 10_000, len(CONTENT) - 1])
    @pytest.mark.parametrize("size", [0, 1, 4096, len(CONTENT) * 2])
    def test_a_read_gives_exactly_what_was_asked_for(
        self, session: Session, listed: dict[bytes, Recording], offset: int, size: int
    ) -> None:
        assert session.read_at(listed[FIRST], offset, size) == CONTENT[offset : offset + size]

    def test_reads_in_any_order_and_of_several_recordings_do_not_mix(
        self, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        for path, start in ((FIRST, 5000), (THIRD, 0), (SECOND, 7), (FIRST, 0), (THIRD, 9000)):
            shift = (FIRST, SECOND, THIRD).index(path)
            assert session.read_at(listed[path], start, 100) == CONTENT[shift:][start : start + 100]

    def test_whether_parts_can_be_read_is_answered_the_same_each_time(
        self, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        def told() -> list[bool]:
            return [session.reads_parts(each) for each in listed.values()]

        first = told()
        session.read_at(listed[FIRST], 5000, 100)
        assert told() == first
        gone_on(filled, session)
        assert told() == first

    def test_an_empty_recording_reads_as_nothing(self, scene: Scene) -> None:
        scene.put(FIRST, b"")
        session = scene.open()
        [recording] = listed_by(session)
        assert session.read_at(recording, 0, 1000) == b""
        session.clear(recording) if Ability.CLEAR in scene.driver.abilities else None
        session.close()

    @pytest.mark.parametrize("size", [0, 1, len(CONTENT) - 1, len(CONTENT) + 1, len(CONTENT) * 3])
    def test_a_recording_that_changes_its_size_is_busy(
        self, filled: Scene, session: Session, listed: dict[bytes, Recording], size: int
    ) -> None:
        assert session.read_at(listed[FIRST], 0, 1) == CONTENT[:1]
        filled.resize(FIRST, size)
        with pytest.raises(CameraBusy):
            read_whole(session, listed[FIRST])

    def test_a_recording_that_was_changed_since_it_was_listed_is_busy(
        self, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        filled.put(SECOND, CONTENT[1:])
        with pytest.raises(CameraBusy):
            read_whole(session, listed[SECOND])

    def test_a_recording_that_is_gone_is_a_camera_fault(
        self, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        filled.remove(SECOND)
        with pytest.raises((CameraGone, CameraBusy)):
            read_whole(session, listed[SECOND])

    def test_a_recording_that_was_never_there_is_a_camera_fault(self, session: Session) -> None:
        with pytest.raises(DriverError):
            session.read_at(Recording(RecordingPath(b"no/such.mp4"), 10, 0), 0, 10)

    def test_a_session_can_be_closed_twice(self, filled: Scene) -> None:
        session = filled.open()
        listed_by(session)
        session.close()
        session.close()
        assert len(listed_by(filled.open())) == 3

    @pytest.fixture
    def can_clear(self, scene: Scene) -> None:
        if Ability.CLEAR not in scene.driver.abilities:
            pytest.skip("this driver cannot clear")

    def test_clearing_removes_exactly_one(
        self, can_clear: None, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        read_whole(session, listed[SECOND])
        session.clear(listed[SECOND])
        assert filled.holds() == {FIRST, THIRD}
        assert {each.path.raw for each in listed_by(session)} == {FIRST, THIRD}

    def test_all_can_be_cleared_one_after_the_other(
        self, can_clear: None, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        for recording in listed.values():
            read_whole(session, recording)
        for recording in listed.values():
            session.clear(recording)
        assert filled.holds() == set()
        assert listed_by(session) == []

    def test_what_was_not_read_is_not_cleared(
        self, can_clear: None, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        read_whole(session, listed[FIRST])
        with pytest.raises(DriverError):
            session.clear(listed[SECOND])
        assert filled.holds() == {FIRST, SECOND, THIRD}

    @pytest.mark.parametrize("size", [0, len(CONTENT) - 1, len(CONTENT) + 1])
    def test_what_has_grown_or_shrunk_since_it_was_read_is_not_cleared(
        self, can_clear: None, filled: Scene, session: Session, listed: dict[bytes, Recording], size: int
    ) -> None:
        read_whole(session, listed[FIRST])
        filled.resize(FIRST, size)
        with pytest.raises(CameraBusy):
            session.clear(listed[FIRST])
        assert filled.holds() == {FIRST, SECOND, THIRD}

    def test_what_was_recorded_anew_since_it_was_read_is_not_cleared(
        self, can_clear: None, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        read_whole(session, listed[FIRST])
        filled.put(FIRST, CONTENT)
        with pytest.raises(CameraBusy):
            session.clear(listed[FIRST])
        assert filled.holds() == {FIRST, SECOND, THIRD}

    def test_clearing_what_is_not_there_is_never_a_silent_success(
        self, can_clear: None, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        read_whole(session, listed[FIRST])
        filled.remove(FIRST)
        with pytest.raises(DriverError):
            session.clear(listed[FIRST])
        read_whole(session, listed[SECOND])
        session.clear(listed[SECOND])
        with pytest.raises(DriverError):
            session.clear(listed[SECOND])
        assert filled.holds() == {THIRD}

    def test_a_new_listing_forgets_what_was_read(
        self, can_clear: None, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        read_whole(session, listed[FIRST])
        listed_by(session)
        with pytest.raises(DriverError):
            session.clear(listed[FIRST])
        assert filled.holds() == {FIRST, SECOND, THIRD}

    def test_a_new_session_does_not_clear_what_only_an_earlier_one_has_read(
        self, can_clear: None, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        read_whole(session, listed[FIRST])
        other = filled.open()
        listed_by(other)
        with pytest.raises(DriverError):
            other.clear(listed[FIRST])
        other.close()
        assert filled.holds() == {FIRST, SECOND, THIRD}

    @pytest.mark.parametrize("times", [1, 3])
    def test_what_was_read_is_cleared_after_the_camera_was_let_go(
        self, can_clear: None, filled: Scene, session: Session, listed: dict[bytes, Recording], times: int
    ) -> None:
        read_whole(session, listed[FIRST])
        read_whole(session, listed[SECOND])
        for _time in range(times):
            gone_on(filled, session)
        session.clear(listed[FIRST])
        gone_on(filled, session).clear(listed[SECOND])
        assert {each.path.raw for each in listed_by(gone_on(filled, session))} == filled.holds() == {THIRD}

    def test_a_camera_that_was_let_go_is_read_on_as_before(
        self, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        assert session.read_at(listed[FIRST], 0, 100) == CONTENT[:100]
        gone_on(filled, session)
        assert session.read_at(listed[FIRST], 100, 9000) == CONTENT[100:9100]
        assert session.identify() == filled.identity
        assert read_whole(session, listed[THIRD]) == CONTENT[2:]

    def test_what_was_not_read_is_not_cleared_after_the_camera_was_let_go(
        self, can_clear: None, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        read_whole(session, listed[FIRST])
        with pytest.raises(DriverError):
            gone_on(filled, session).clear(listed[SECOND])
        assert filled.holds() == {FIRST, SECOND, THIRD}

    @pytest.mark.parametrize("change", ["grown", "shrunk", "recorded anew"])
    @pytest.mark.parametrize("when", ["before it is let go", "while it is let go", "after it went on"])
    def test_what_changed_is_refused_after_the_camera_was_let_go(
        self, can_clear: None, filled: Scene, session: Session, listed: dict[bytes, Recording], change: str, when: str
    ) -> None:
        def change_it() -> None:
            if change == "recorded anew":
                filled.put(FIRST, CONTENT)
            else:
                filled.resize(FIRST, len(CONTENT) + (1 if change == "grown" else -1))

        read_whole(session, listed[FIRST])
        if when == "before it is let go":
            change_it()
        session.let_go()
        if when == "while it is let go":
            change_it()
        session.go_on(filled.mounted_anew())
        if when == "after it went on":
            change_it()
        with pytest.raises(CameraBusy):
            read_whole(session, listed[FIRST])
        with pytest.raises(CameraBusy):
            session.clear(listed[FIRST])
        assert filled.holds() == {FIRST, SECOND, THIRD}

    def test_what_was_cleared_is_gone_and_not_cleared_again(
        self, can_clear: None, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        read_whole(session, listed[FIRST])
        session.clear(listed[FIRST])
        gone_on(filled, session)
        with pytest.raises(DriverError):
            session.clear(listed[FIRST])
        with pytest.raises(DriverError):
            read_whole(session, listed[FIRST])
        assert {each.path.raw for each in listed_by(session)} == {SECOND, THIRD}

    def test_a_camera_that_was_let_go_answers_to_nothing(
        self, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        read_whole(session, listed[FIRST])
        session.let_go()
        for refused in (
            session.identify,
            lambda: listed_by(session),
            lambda: read_whole(session, listed[FIRST]),
            lambda: session.read_at(listed[FIRST], 0, 0),
            lambda: session.reads_parts(listed[FIRST]),
            lambda: session.clear(listed[FIRST]),
        ):
            with pytest.raises(DriverError):
                refused()
        assert filled.holds() == {FIRST, SECOND, THIRD}

    def test_a_camera_can_be_let_go_twice_and_closed_then(
        self, filled: Scene, session: Session, listed: dict[bytes, Recording]
    ) -> None:
        read_whole(session, listed[FIRST])
        session.let_go()
        session.let_go()
        session.close()
        assert filled.holds() == {FIRST, SECOND, THIRD}

    def test_only_a_camera_that_was_let_go_is_gone_on_with(self, filled: Scene, session: Session) -> None:
        with pytest.raises(DriverError):
            session.go_on(filled.source)

    def test_a_listing_does_not_go_on_where_it_was_broken_off(self, filled: Scene, session: Session) -> None:
        """It would look as if it were complete."""
        broken_off = session.list()
        next(broken_off)
        gone_on(filled, session)
        with pytest.raises(DriverError):
            next(broken_off)
        also_broken_off = session.list()
        next(also_broken_off)
        assert len(listed_by(session)) == 3
        with pytest.raises(DriverError):
            next(also_broken_off)

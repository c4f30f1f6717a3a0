"""What every unlocker must keep. Its tests inherit `UnlockContract` and give it an `UnlockScene`: a locked camera.

A scene that cannot do something with its camera skips the test that asks for it, with the reason (`pytest.skip`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest

from dockd.driver import Ability
from dockd.driver.abilities import CameraState, CameraTime, read_clock, read_state, set_clock
from dockd.driver.unlocking import LockedSession, Unlocker
from dockd.errors import CameraBusy, CameraDenied, CameraGone, CameraUnsupported, DriverError

NOW = datetime(2026, 11, 22, 12, 34, 56, tzinfo=UTC)


class UnlockScene(ABC):
    """A locked camera under the test's control. Both credentials have a form that it can have; one is wrong."""

    unlocker: type[Unlocker]
    identity: str
    credential: str
    wrong_credential: str

    @abstractmethod
    def open(self, credential: str) -> LockedSession:
        """Open the camera with what the unlocker takes to reach it."""

    @abstractmethod
    def credentials_seen(self) -> list[str]:
        """Give every credential that the camera was given, in their order."""

    @abstractmethod
    def is_told(self) -> bool:
        """Whether the camera was told to come back."""

    @abstractmethod
    def leave_when_told(self) -> None:
        """From now on, told to come back, it leaves before it answers."""

    @abstractmethod
    def pull_out(self) -> None: ...

    @abstractmethod
    def answer_nonsense(self) -> None:
        """From now on it answers with what makes no sense."""


@contextmanager
def closing(session: LockedSession) -> Iterator[LockedSession]:
    try:
        yield session
    finally:
        session.close()


def ask_for_more(session: LockedSession) -> None:
    """Ask for its clock and its state, and set the clock: it may refuse each."""
    for ask in (lambda: read_clock(session), lambda: set_clock(session, NOW), lambda: read_state(session)):
        with suppress(DriverError):
            ask()


class UnlockContract:
    """Inherit it, and define the fixture `scene`."""

    @pytest.fixture
    def session(self, scene: UnlockScene) -> Iterator[LockedSession]:
        with closing(scene.open(scene.credential)) as session:
            yield session

    def test_the_class_says_what_it_is(self, scene: UnlockScene) -> None:
        unlocker = scene.unlocker
        assert unlocker.name and unlocker.name.islower() and unlocker.version
        assert Ability.UNLOCK in unlocker.abilities and Ability.CLEAR not in unlocker.abilities
        assert all(isinstance(name, str) for name in unlocker.option_names)

    def test_an_unknown_option_is_refused_by_name(self, scene: UnlockScene) -> None:
        with pytest.raises(CameraUnsupported, match="no_such_option"):
            scene.unlocker({"no_such_option": "1"})

    def test_the_camera_says_again_and_again_who_it_is(self, scene: UnlockScene, session: LockedSession) -> None:
        assert [session.identify(), session.identify()] == [scene.identity] * 2

    def test_to_be_asked_who_it_is_does_not_unlock_it(self, scene: UnlockScene, session: LockedSession) -> None:
        session.identify()
        assert not scene.is_told()

    def test_it_is_told_to_come_back(self, scene: UnlockScene, session: LockedSession) -> None:
        session.unlock()
        assert scene.is_told()

    def test_no_other_credential_is_sent_than_the_one_that_is_given(
        self, scene: UnlockScene, session: LockedSession
    ) -> None:
        session.identify()
        session.unlock()
        assert set(scene.credentials_seen()) <= {scene.credential}

    @pytest.mark.parametrize("first", ["identify", "unlock"])
    def test_a_refused_credential_is_said_to_be_and_sent_once(self, scene: UnlockScene, first: str) -> None:
        # It may be sent, and refused, as soon as the camera is opened.
        with suppress(CameraDenied), closing(scene.open(scene.wrong_credential)) as session:
            with pytest.raises(CameraDenied):
                getattr(session, first)()
            ask_for_more(session)
            for ask in (session.identify, session.unlock):
                # One that was asked to unlock may say that it was: it is busy then, and sends nothing either.
                with pytest.raises((CameraDenied, CameraBusy) if first == "unlock" else CameraDenied):
                    ask()
        assert scene.credentials_seen() == [scene.wrong_credential]
        assert not scene.is_told()

    def test_no_fault_tells_the_credential(self, scene: UnlockScene) -> None:
        with pytest.raises(CameraDenied) as fault, closing(scene.open(scene.wrong_credential)) as session:
            session.identify()
        assert scene.wrong_credential not in str(fault.value)

    def test_a_camera_that_is_only_opened_and_closed_is_not_told(self, scene: UnlockScene) -> None:
        session = scene.open(scene.credential)
        session.close()
        session.close()
        assert not scene.is_told()

    def test_once_it_is_told_nothing_more_is_asked_of_it(self, session: LockedSession) -> None:
        session.unlock()
        for ask in (session.identify, session.unlock):
            with pytest.raises(CameraBusy):
                ask()

    def test_once_it_is_told_its_clock_and_its_state_are_no_longer_asked_for(
        self, scene: UnlockScene, session: LockedSession
    ) -> None:
        session.unlock()
        with pytest.raises(CameraBusy if Ability.CLOCK in scene.unlocker.abilities else CameraUnsupported):
            set_clock(session, NOW)
        with pytest.raises(CameraBusy if Ability.CLOCK in scene.unlocker.abilities else CameraUnsupported):
            read_clock(session)
        with pytest.raises(CameraBusy if Ability.STATE in scene.unlocker.abilities else CameraUnsupported):
            read_state(session)

    def test_that_it_leaves_in_place_of_an_answer_is_no_fault(self, scene: UnlockScene, session: LockedSession) -> None:
        session.identify()
        scene.leave_when_told()
        session.unlock()

    def test_a_camera_that_was_pulled_out_is_gone(self, scene: UnlockScene, session: LockedSession) -> None:
        scene.pull_out()
        with pytest.raises(CameraGone):
            session.identify()

    def test_of_whatever_it_answers_only_driver_errors_come_out(
        self, scene: UnlockScene, session: LockedSession
    ) -> None:
        scene.answer_nonsense()
        with pytest.raises(DriverError):
            session.identify()
        ask_for_more(session)
        with suppress(DriverError):
            session.unlock()

    def test_it_is_closed_twice_without_a_fault_also_when_it_is_gone(self, scene: UnlockScene) -> None:
        session = scene.open(scene.credential)
        session.identify()
        session.close()
        scene.pull_out()
        session.close()

    def test_a_clock_is_set_and_told_or_said_not_to_be_told(self, scene: UnlockScene, session: LockedSession) -> None:
        if Ability.CLOCK not in scene.unlocker.abilities:
            with pytest.raises(CameraUnsupported):
                set_clock(session, NOW)
            return
        with suppress(CameraUnsupported):
            assert isinstance(read_clock(session), CameraTime)
        set_clock(session, NOW)

    def test_what_it_says_of_itself_makes_sense(self, scene: UnlockScene, session: LockedSession) -> None:
        if Ability.STATE not in scene.unlocker.abilities:
            with pytest.raises(CameraUnsupported):
                read_state(session)
        else:
            assert isinstance(read_state(session), CameraState)

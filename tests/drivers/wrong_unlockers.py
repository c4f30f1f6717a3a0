"""Unlockers that each break the contract in one way. `fails` are the tests of the kit that each was made for."""

import contextlib

import pytest

from dockd.driver import Ability
from dockd.driver.abilities import CameraTime
from dockd.driver.unlocking import LockedSession
from dockd.errors import CameraDenied
from dockd.testing.unlocking import UnlockContract
from tests.drivers.test_fake_lock import FakeLockScene
from tests.usb.a_lock import ALockedSession


class NamedLoudly(ALockedSession):
    fails = ("test_the_class_says_what_it_is",)

    @staticmethod
    def spoil(unlocker):
        unlocker.name = "FAKE"


class TakesAnyOption(ALockedSession):
    fails = ("test_an_unknown_option_is_refused_by_name",)

    @staticmethod
    def spoil(unlocker):
        unlocker.__init__ = lambda self, options: None


class ForgetsWhoItIs(ALockedSession):
    fails = ("test_the_camera_says_again_and_again_who_it_is",)
    asked = 0

    def _identify(self):
        self.asked += 1
        return f"{super()._identify()}-{self.asked}"


class UnlocksToAsk(ALockedSession):
    fails = ("test_to_be_asked_who_it_is_does_not_unlock_it",)

    def _identify(self):
        self._unlock()
        return super()._identify()


class OnlyPromises(ALockedSession):
    fails = ("test_it_is_told_to_come_back",)

    def _unlock(self):
        pass


class HasAMasterKey(ALockedSession):
    fails = ("test_no_other_credential_is_sent_than_the_one_that_is_given",)

    def _identify(self):
        self._lock.seen.append("888888")
        return super()._identify()


class TriesAgain(ALockedSession):
    fails = ("test_a_refused_credential_is_said_to_be_and_sent_once",)

    def _let_in(self):
        self._was_sent = False
        super()._let_in()


class TriesTheUsualOnes(ALockedSession):
    fails = ("test_a_refused_credential_is_said_to_be_and_sent_once",)

    def _let_in(self):
        for each in (self._credential, "000000"):
            self._credential = each
            with contextlib.suppress(CameraDenied):
                self._was_sent = False
                return super()._let_in()


class TakesARefusalForAFault(ALockedSession):
    fails = ("test_a_refused_credential_is_said_to_be_and_sent_once",)

    def _let_in(self):
        try:
            super()._let_in()
        except CameraDenied as fault:
            raise RuntimeError("no") from fault


class TriesAgainToUnlock(ALockedSession):
    fails = ("test_a_refused_credential_is_said_to_be_and_sent_once",)

    def _unlock(self):
        self._was_sent = False
        super()._unlock()


class TriesAgainForTheTime(ALockedSession):
    fails = ("test_a_refused_credential_is_said_to_be_and_sent_once",)

    def take_time(self, now):
        self._was_sent = False
        self._let_in()


class TellsWhatWasRefused(ALockedSession):
    fails = ("test_no_fault_tells_the_credential",)

    def _let_in(self):
        try:
            super()._let_in()
        except CameraDenied as fault:
            raise CameraDenied(f"refused: {self._credential}") from fault


class UnlocksToLetGo(ALockedSession):
    fails = ("test_a_camera_that_is_only_opened_and_closed_is_not_told",)

    def close(self):
        self._unlock()
        super().close()


class AsksOnAndOn(ALockedSession):
    fails = (
        "test_once_it_is_told_nothing_more_is_asked_of_it",
        "test_once_it_is_told_its_clock_and_its_state_are_no_longer_asked_for",
    )

    def must_hold(self):
        pass


class WantsAnAnswer(ALockedSession):
    fails = ("test_that_it_leaves_in_place_of_an_answer_is_no_fault",)

    def _unlock(self):
        self._let_in()
        self._lock.asked("unlock")


class KnowsByHeart(ALockedSession):
    fails = ("test_a_camera_that_was_pulled_out_is_gone", "test_of_whatever_it_answers_only_driver_errors_come_out")

    def _identify(self):
        self._let_in()
        return self._lock.identity


class LetsEverythingOut(ALockedSession):
    fails = ("test_of_whatever_it_answers_only_driver_errors_come_out",)

    def identify(self):
        return self._identify()


class LetsOutWhatItMeetsWhenItUnlocks(ALockedSession):
    fails = ("test_of_whatever_it_answers_only_driver_errors_come_out",)

    def unlock(self):
        self._unlock()


class ClosesWithAFault(ALockedSession):
    fails = ("test_it_is_closed_twice_without_a_fault_also_when_it_is_gone",)

    def close(self):
        self._lock.asked("close")


class TellsNoTime(ALockedSession):
    fails = ("test_a_clock_is_set_and_told_or_said_not_to_be_told",)

    def tell_time(self):
        return "noon"


class CannotBeSet(ALockedSession):
    fails = ("test_a_clock_is_set_and_told_or_said_not_to_be_told",)

    def take_time(self, now):
        raise CameraDenied("no")


class SetsAClockThatItDoesNotHave(ALockedSession):
    fails = ("test_a_clock_is_set_and_told_or_said_not_to_be_told",)

    @staticmethod
    def spoil(unlocker):
        unlocker.abilities = frozenset({Ability.UNLOCK, Ability.STATE})


class SaysWhatMakesNoSense(ALockedSession):
    fails = ("test_what_it_says_of_itself_makes_sense",)

    def tell_state(self):
        return CameraTime


WRONG = [each for each in ALockedSession.__subclasses__() if each.__module__ == __name__]


def scene_of(wrong: type[LockedSession]) -> FakeLockScene:
    scene = FakeLockScene(wrong)
    getattr(wrong, "spoil", lambda _unlocker: None)(scene.unlocker)
    return scene


def tests_of(wrong: type[LockedSession]) -> type:
    return type(f"Test{wrong.__name__}", (UnlockContract,), {"scene": pytest.fixture(lambda _self: scene_of(wrong))})


globals().update({f"Test{each.__name__}": tests_of(each) for each in WRONG})

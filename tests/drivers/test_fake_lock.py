"""The suite for unlockers passes on one that keeps the contract."""

import pytest

from dockd.driver import UsbSource
from dockd.errors import CameraGone
from dockd.testing.unlocking import UnlockContract, UnlockScene
from tests.usb.a_lock import ALock


class FakeLockScene(UnlockScene):
    """The camera of `a_lock`; `session` is the class that speaks to it."""

    identity, credential, wrong_credential = "BWC1", "000000", "111111"

    def __init__(self, session=None):
        self.lock = ALock()
        self.unlocker = self.lock.unlocker(session)

    def open(self, credential):
        return self.unlocker({}).open(UsbSource(-1), credential)

    def credentials_seen(self):
        return self.lock.seen

    def is_told(self):
        return "unlock" in self.lock.did

    def leave_when_told(self):
        self._raise("unlock", ConnectionResetError("gone instead"))

    def pull_out(self):
        for verb in ("identify", "close"):
            self._raise(verb, CameraGone("pulled out"))

    def answer_nonsense(self):
        for verb in ("identify", "unlock", "tell_state", "tell_time", "take_time"):
            self._raise(verb, UnicodeError("no text"))

    def _raise(self, verb, error):
        earlier = self.lock.before

        def before(asked):
            if asked == verb:
                raise error
            earlier(asked)

        self.lock.before = before


@pytest.fixture
def scene():
    return FakeLockScene()


class TestFakeLockKeepsTheContract(UnlockContract):
    pass

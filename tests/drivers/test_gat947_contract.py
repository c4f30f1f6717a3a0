"""The unlocker of GA/T 947 keeps the contract, whichever way its library tells what came of a call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dockd.driver.unlocking import LockedSession
from dockd.testing.unlocking import UnlockContract, UnlockScene
from drivers.gat947 import Gat947Unlocker
from tests.drivers.gat947.vendor import PASSWORD, SERIAL, VendorCamera, needs_compiler

pytestmark = needs_compiler


class VendorScene(UnlockScene):
    """A camera behind one of the vendors' libraries."""

    unlocker = Gat947Unlocker
    identity, credential, wrong_credential = SERIAL, PASSWORD, "654321"

    def __init__(self, camera: VendorCamera, library: str) -> None:
        self._camera = camera
        self._library = library

    def open(self, credential: str) -> LockedSession:
        return self._camera.open(self._library, credential)

    def credentials_seen(self) -> list[str]:
        return [words[1] for each in self._camera.calls if len(words := each.split()) > 1]

    def is_told(self) -> bool:
        return self._camera.is_told

    def leave_when_told(self) -> None:
        (self._camera.folder / "leaves").touch()

    def pull_out(self) -> None:
        self._camera.node.unlink()

    def answer_nonsense(self) -> None:
        (self._camera.folder / "nonsense").touch()


@pytest.fixture(params=["plain", "terminated", "no_codes"])
def scene(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorScene]:
    yield VendorScene(VendorCamera(tmp_path, monkeypatch), request.param)


class TestGat947KeepsTheContract(UnlockContract):
    pass

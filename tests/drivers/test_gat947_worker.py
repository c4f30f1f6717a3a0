"""A vendor's library that misbehaves ends the process that it is loaded into, or is told apart there: nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dockd.docking.messages import CameraHere, Identified, Locked, Unlock, Unlocked, Wants
from dockd.docking.worker_link import WorkerLink
from dockd.driver import SourceKind
from dockd.errors import CameraDenied, CameraProtocol, WorkerFailed
from tests.drivers.gat947.vendor import PASSWORD, SERIAL, VendorCamera, compiled, needs_compiler

pytestmark = needs_compiler

LONG, SHORT = 60.0, 0.3


class Supervisor:
    """One unlocking, in the real worker process."""

    def __init__(self, library: Path, camera: VendorCamera) -> None:
        self._library, self._camera = library, camera
        self.link = WorkerLink(LONG, lambda _progress: None)

    async def load(self, credential: str = PASSWORD) -> None:
        await self.link.start()
        order = Locked(
            unlocker="gat947",
            unlocker_reference="drivers.gat947:Gat947Unlocker",
            options={"library": str(self._library)},
            credential=credential,
        )
        assert (await self.link.call(order, Wants)).source is SourceKind.NODE

    async def identify(self) -> str:
        return (await self.link.call(CameraHere(path=self._camera.source.path), Identified)).identity

    async def unlock(self) -> None:
        await self.link.call(Unlock(), Unlocked)

    def lose_patience(self) -> None:
        """From now on wait no longer than nothing takes that answers at all."""
        self.link._silence_seconds = SHORT


@asynccontextmanager
async def unlocking(library: str | Path, camera: VendorCamera) -> AsyncIterator[Supervisor]:
    """Have a worker load a library; it has ended in the end, whatever that did."""
    supervisor = Supervisor(library if isinstance(library, Path) else compiled(library), camera)
    try:
        await supervisor.load()
        process = supervisor.link._process
        yield supervisor
    finally:
        await supervisor.link.kill()
    assert process.returncode is not None  # type: ignore[union-attr]


@pytest.fixture
def camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VendorCamera:
    return VendorCamera(tmp_path, monkeypatch)


def test_a_locked_camera_is_unlocked_in_a_worker_that_then_ends_by_itself(camera: VendorCamera) -> None:
    async def tell() -> None:
        async with unlocking("terminated", camera) as supervisor:
            assert await supervisor.identify() == SERIAL
            await supervisor.unlock()
            process = supervisor.link._process
            await supervisor.link.finish()
            assert await process.wait() == 0  # type: ignore[union-attr]

    asyncio.run(tell())
    assert camera.is_told


def test_a_wrong_password_is_told_as_such(camera: VendorCamera) -> None:
    async def tell() -> None:
        supervisor = Supervisor(compiled("terminated"), camera)
        try:
            await supervisor.load("654321")
            await supervisor.identify()
        finally:
            await supervisor.link.kill()

    with pytest.raises(CameraDenied):
        asyncio.run(tell())


@pytest.mark.parametrize("library", ["aborts", "crashes", "exits", "smashes"])
def test_a_library_that_ends_its_process_ends_no_other(camera: VendorCamera, library: str) -> None:
    async def tell() -> None:
        async with unlocking("plain", camera) as sound, unlocking(library, camera) as other:
            with pytest.raises(WorkerFailed, match="gone"):
                await other.identify()
                await other.unlock()
            assert await sound.identify() == SERIAL
            await sound.unlock()

    asyncio.run(tell())
    assert camera.is_told


def test_a_library_that_was_not_copied_as_a_whole_ends_no_other_process(camera: VendorCamera) -> None:
    library = camera.folder / "half.so"
    whole = compiled("plain").read_bytes()
    library.write_bytes(whole[: len(whole) // 2])

    async def tell() -> None:
        async with unlocking(library, camera) as supervisor:
            await supervisor.identify()

    with pytest.raises(WorkerFailed, match="gone"):
        asyncio.run(tell())


def test_a_library_that_never_answers_is_killed_with_its_process(camera: VendorCamera) -> None:
    async def tell() -> None:
        async with unlocking("plain", camera) as sound, unlocking("hangs", camera) as other:
            await other.identify()
            other.lose_patience()
            with pytest.raises(WorkerFailed, match="no further"):
                await other.unlock()
            await sound.identify()
            await sound.unlock()

    asyncio.run(tell())
    assert camera.is_told


def test_a_library_that_is_busy_for_ever_is_killed_with_its_process(camera: VendorCamera) -> None:
    async def tell() -> None:
        async with unlocking("spins", camera) as supervisor:
            supervisor.lose_patience()
            await supervisor.identify()

    with pytest.raises(WorkerFailed, match="no further"):
        asyncio.run(tell())


def test_a_library_that_does_not_let_its_camera_go_is_killed_with_its_process(camera: VendorCamera) -> None:
    async def tell() -> None:
        async with unlocking("hangs_at_end", camera) as supervisor:
            await supervisor.identify()
            supervisor.lose_patience()
            await supervisor.link.finish()

    asyncio.run(tell())
    assert camera.calls[-1] == "UnInit_Device"


def test_a_library_that_writes_past_its_memory_is_told_apart_and_nothing_is_unlocked(camera: VendorCamera) -> None:
    async def tell() -> None:
        async with unlocking("writes_past", camera) as supervisor:
            for asked in (supervisor.identify, supervisor.unlock):
                with pytest.raises(CameraProtocol, match="past the memory"):
                    await asked()

    asyncio.run(tell())
    assert not camera.is_told


def test_a_worker_that_is_not_told_where_the_camera_is_ends(camera: VendorCamera) -> None:
    async def tell() -> None:
        async with unlocking("plain", camera) as supervisor:
            await supervisor.link.call(CameraHere(), Identified)

    with pytest.raises(WorkerFailed, match="gone"):
        asyncio.run(tell())

import pytest

from dockd.driver import DirectorySource
from dockd.testing.contract import DriverContract, Scene
from dockd.testing.fake_camera import FakeCamera


class FakeScene(Scene):
    identity = "cam-1"
    source = DirectorySource(-1)

    def __init__(self, **faults):
        self.camera = FakeCamera(**faults)
        self.driver = self.camera.driver()

    def mounted_anew(self):
        return self.source

    def put(self, path, content):
        self.camera.put(path, content)

    def remove(self, path):
        del self.camera.recordings[path]

    def resize(self, path, size):
        kept = self.camera.recordings[path]
        kept.content = kept.content[:size].ljust(size, b"\0")

    def holds(self):
        return set(self.camera.recordings)


class TestFakeCamera(DriverContract):
    @pytest.fixture
    def scene(self):
        return FakeScene()


class TestFakeCameraWithShortReads(DriverContract):
    @pytest.fixture
    def scene(self):
        return FakeScene(short=1000)

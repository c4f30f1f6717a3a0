"""What every driver must keep, and what is Vigie's own."""

import pytest
from dockd_vigie import VigieDriver

from dockd.errors import CameraProtocol
from dockd.testing.contract import FIRST, listed_by, others_of
from dockd.testing.directory import DirectoryContract, DirectoryScene


class VigieScene(DirectoryScene):
    identity = "VG-0042"
    driver = VigieDriver

    def __init__(self, root):
        super().__init__(root)
        self.say(b"MODEL=V3\r\nSERIAL=VG-0042\r\n")

    def say(self, about):
        with open(self.at(b"DEVICE.TXT"), "wb") as file:
            file.write(about)


@pytest.fixture
def scene(tmp_path):
    scene = VigieScene(tmp_path / "camera")
    yield scene
    scene.close()


class TestVigie(DirectoryContract):
    """Every test of the kit, on the fixture `scene`."""


@pytest.mark.parametrize("cache", [b"CACHE", b"Cache"])
def test_what_lies_in_the_cache_is_no_recording(scene, cache):
    scene.put(FIRST, b"recording")
    scene.put(cache + b"/preview.mp4", b"preview")
    session = scene.open()
    assert [each.path.raw for each in listed_by(session)] == [FIRST]
    assert others_of(session) == [cache + b"/preview.mp4"]
    session.close()


@pytest.mark.parametrize("about", [b"", b"MODEL=V3\n", b"SERIAL=\n", b"SERIAL=\r\n", b"XSERIAL=1\n"])
def test_a_camera_that_states_no_serial_is_not_identified(scene, about):
    scene.say(about)
    session = scene.open()
    with pytest.raises(CameraProtocol):
        session.identify()
    session.close()

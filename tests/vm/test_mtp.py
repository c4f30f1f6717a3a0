"""A camera that speaks MTP, on the real bus: taken in through its opened device file, cleared, and pulled out."""

import hashlib
import json
import random

import pytest

from tests.integration.promises import assert_all_cleared, of_kind
from tests.vm import layout
from tests.vm.dock import MIB, Dock, recordings
from tests.vm.long import only_when_long

NUMBER = 3
GIB = 1 << 30
LARGE = 5 * GIB
LARGE_SECONDS = 1800

STRANGER = "STRANGER01"
READ_ALL = """
import hashlib, json, os, sys
from pathlib import Path
from dockd.driver import UsbSource
from drivers.mtp import MtpDriver
serials = Path("/sys/bus/usb/devices").glob("*/serial")
[device] = [each.parent for each in serials if each.read_text().strip() == sys.argv[1]]
(device / "authorized").write_text("1")
numbers = [int((device / name).read_text()) for name in ("busnum", "devnum")]
fd = os.open("/dev/bus/usb/%03d/%03d" % tuple(numbers), os.O_RDWR)
session = MtpDriver({}).open(UsbSource(fd))
[recording] = list(session.list())
digest, block, done = hashlib.sha256(), memoryview(bytearray(1 << 20)), 0
while done < recording.size:
    got = session.read_into(recording, done, block)
    digest.update(block[:got])
    done += got
session.close()
print(json.dumps([recording.size, done, digest.hexdigest()]))
"""


def test_it_is_taken_in_and_cleared_and_completed_after_it_was_pulled_out(dock: Dock, rng: random.Random):
    camera = dock.mtp_camera(recordings(NUMBER, 4 * MIB, rng))
    camera.plug(layout.BAYS["b1"])
    dock.journal.wait_for("recording.done", camera=camera.serial)
    camera.unplug()
    done = dock.journal.wait_for("docking.done", camera=camera.serial)
    assert (done["outcome"], done["code"]) == ("failed", "camera.gone")
    assert len(camera.recordings()) == NUMBER

    camera.plug(layout.BAYS["b2"])
    dock.journal.wait_light("b2", "green")
    done = dock.journal.wait_for("docking.done", camera=camera.serial, outcome="complete")
    assert done["cleared"] == NUMBER
    assert camera.recordings() == []
    camera.unplug()
    brought = dock.bring()
    assert_all_cleared(brought)
    assert brought.mirror_agrees()
    assert len(of_kind(brought, "collected")) == NUMBER


@only_when_long
@pytest.mark.timeout(LARGE_SECONDS)
def test_a_recording_of_5_gib_is_read_to_its_last_byte(dock: Dock, rng: random.Random):
    """Without a partition, which would have to be as large: what is read is compared with what the host has.

    dockd refuses the camera, and is stopped then; the driver reads it in its place.
    """
    camera = dock.mtp_camera({"large.mp4": b""}, STRANGER)
    path = camera.folder / "DCIM" / "large.mp4"
    with path.open("r+b") as file:
        file.truncate(LARGE)
        for place in (0, 4 * GIB - 1, LARGE - MIB):
            file.seek(place)
            file.write(rng.randbytes(MIB))
    with path.open("rb") as file:
        expected = hashlib.file_digest(file, "sha256").hexdigest()
    camera.plug(layout.BAYS["b1"])
    dock.journal.wait_for("camera.refused", claimed_id=STRANGER)
    dock.do("systemctl stop dockd.service")
    told = dock.machine.agent.do(f"/opt/dockd/bin/python - {STRANGER}", READ_ALL.encode(), seconds=LARGE_SECONDS)
    assert json.loads(told) == [LARGE, LARGE, expected]

"""What the story asks for when a recording has parts; everything else about it is shown by the simulation."""

import pytest

from dockd.docking import commands as c
from dockd.docking.story import attempt
from dockd.errors import CameraBusy, CameraMedia, ProofFailed
from dockd.model import (
    Admitted,
    Arrival,
    FleetCamera,
    Listed,
    Mp4Report,
    Proven,
    Recording,
    RecordingPath,
    Registered,
    Sealed,
    Stored,
)

ADMITTED = Admitted(Arrival("b1", "BWC1", "/sys/x"), FleetCamera("BWC1", "mass-storage", "pm"))
CLIP, OTHER = Recording(RecordingPath(b"a.mp4"), 9, 1), Recording(RecordingPath(b"b.mp4"), 9, 2)
SIDECAR = Recording(RecordingPath(b"a.gps"), 9, 1, part_of=CLIP.path)


def listed(*recordings):
    return Listed(ADMITTED, "1", recordings, len(recordings))


def told(batches, failing, fault):
    """Tell one attempt; gives what was cleared and how it ended."""
    pages = iter([*(listed(*batch) for batch in batches), listed()])
    cleared = []

    def answer(command):
        match command:
            case c.OpenCamera() | c.ListAgain():
                return next(pages)
            case c.Pull(recording):
                if recording == failing:
                    raise fault
                return Proven(Sealed(recording, "0" * 64, 9, Mp4Report("ok", ())), "1" * 64, "direct")
            case c.Place(proven):
                return Stored(proven, "2" * 32, "pm", "objects/x")
            case c.Enter(stored):
                return Registered(stored.proven.sealed.recording, "2" * 32, "0" * 64, 1)
            case c.Clear(registered):
                cleared.append(registered.recording)
            case c.Find() | c.UnderWay():
                return ()
        return False

    story = attempt(ADMITTED, "clear", salvage=False)
    command = next(story)
    try:
        while True:
            try:
                result = answer(command)
            except type(fault) as error:
                command = story.throw(error)
            else:
                command = story.send(result)
    except StopIteration:
        return cleared, None
    except type(fault) as error:
        return cleared, error


@pytest.mark.parametrize("batches", [[[SIDECAR, CLIP, OTHER]], [[SIDECAR], [CLIP, OTHER]]])
@pytest.mark.parametrize("fault", [CameraBusy("x"), CameraMedia("x"), ProofFailed("x")])
def test_a_recording_whose_sidecar_failed_stays_with_it_on_the_camera_and_all_others_are_cleared(batches, fault):
    assert told(batches, SIDECAR, fault) == ([OTHER], fault)


def test_a_sidecar_is_cleared_although_its_recording_failed():
    fault = CameraMedia("x")
    assert told([[SIDECAR, CLIP, OTHER]], CLIP, fault) == ([SIDECAR, OTHER], fault)


def test_without_a_fault_everything_is_cleared():
    assert told([[SIDECAR, CLIP, OTHER]], None, CameraMedia("x")) == ([SIDECAR, CLIP, OTHER], None)

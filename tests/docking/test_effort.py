import pytest

from dockd.docking.commands import EndWorker, EnterFailure, Find, HashOnCamera, ListAgain, Pull, Salvage, ask
from dockd.docking.effort import counted
from dockd.errors import CameraGone, CameraMedia, PartitionFull, RegisterError
from dockd.model import Counts, Gap, Mp4Report, Proven, Recording, RecordingPath, Sealed

RECORDING = Recording(RecordingPath(b"1.mp4"), 7_000, 1)
FAULT = CameraMedia("a bad sector")


def told(*steps):
    """Tell a story of these commands, a fault for one being thrown into it; give what is counted and how it ended.

    The last step may be an error that ends it, or what it gives.
    """
    *commands, ending = steps
    counts = []

    def story():
        for command, fault in commands:
            try:
                answer = yield from ask(command)
            except CameraMedia as caught:
                assert caught is fault
            else:
                assert (answer, fault) == ("answer", None)
        if isinstance(ending, Exception):
            raise ending
        return ending

    listened = counted(story(), counts.append)
    asked = []
    try:
        command = next(listened)
        while True:
            asked.append(command)
            fault = dict((id(each), fault) for each, fault in commands)[id(command)]
            command = listened.throw(fault) if fault else listened.send("answer")
    except StopIteration as end:
        result = end.value
    except Exception as error:
        result = error
    assert asked == [command for command, _fault in commands]
    return sum(counts, Counts()), result


def test_of_a_salvage_only_what_could_be_read_is_counted():
    proven = Proven(Sealed(RECORDING, "a" * 64, 1, Mp4Report("ok", ()), (Gap(4096, 2904),)), "b" * 64, "direct")
    counts = []
    listened = counted(ask(Salvage(RECORDING)), counts.append)
    next(listened)
    with pytest.raises(StopIteration):
        listened.send(proven)
    assert sum(counts, Counts()) == Counts(dockings=1, bytes=4096)


def test_every_command_and_answer_passes_and_what_was_read_from_the_camera_is_counted():
    counts, result = told((Find("BWC1", RECORDING), None), (HashOnCamera(RECORDING), None), (Pull(RECORDING), None), 5)
    assert (counts, result) == (Counts(dockings=1, bytes=14_000), 5)


def test_what_could_not_be_read_is_not_counted_as_read():
    assert told((Pull(RECORDING), FAULT), (ListAgain(), None), None) == (Counts(dockings=1), None)


def test_attempts_that_failed_on_the_cameras_side_are_errors_and_one_recording_is_no_attempt():
    steps = [(EnterFailure(FAULT, None), None), (EnterFailure(FAULT, RECORDING), None), (EndWorker(), None)]
    assert told(*steps, None) == (Counts(dockings=1, errors=1), None)
    gone = CameraGone("pulled out")
    assert told(*steps, gone) == (Counts(dockings=1, failed=1, errors=1), gone)


@pytest.mark.parametrize("fault", [PartitionFull("full"), RegisterError("ill")])
def test_a_fault_of_the_dock_itself_fails_neither_bay_nor_camera(fault):
    assert told((ListAgain(), None), fault) == (Counts(dockings=1), fault)


def test_a_docking_that_is_stopped_is_no_docking_that_ended():
    counts = []

    def story():
        yield from ask(ListAgain())

    listened = counted(story(), counts.append)
    next(listened)
    listened.close()
    assert counts == []

import pytest

from dockd.docking.commands import EndWorker, EnterFailure, LeavePowered, ListAgain, Summary, TakeRung, ask
from dockd.docking.ladder import FINAL, climb
from dockd.errors import (
    CameraBusy,
    CameraDenied,
    CameraGone,
    CameraMedia,
    CameraSalvaged,
    CameraUnsupported,
    IdentityMismatch,
    OrderError,
    PartitionFull,
    RegisterError,
    WorkerFailed,
)
from dockd.model import Rung

RUNGS = (Rung("retry", 1.0), Rung("replug"), Rung("charge", 600.0))
END, LEAVE = EndWorker(), LeavePowered()


def taken(number, fault):
    return TakeRung(RUNGS[number], fault.code)


def climbed(outcomes, replies=None, rungs=RUNGS):
    """Climb with attempts that end as told, only the last of which may be one that salvages.

    Gives the commands asked for and how it ended.
    """
    left = iter(outcomes)
    commands = []
    salvages = []

    def attempt(*, salvage):
        assert not any(salvages), "there is only one attempt that salvages"
        salvages.append(salvage)
        outcome = next(left)
        yield from ask(ListAgain())
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    story = climb(attempt, rungs)
    try:
        command = next(story)
        while True:
            commands.append(command)
            fault = (replies or {}).get(command)
            command = story.throw(fault) if fault else story.send(None)
    except StopIteration as end:
        return commands, end.value
    except Exception as error:
        return commands, error


def failure(fault):
    return EnterFailure(fault, None)


def test_an_attempt_that_succeeds_is_the_only_one():
    assert climbed([Summary(collected=2)]) == ([ListAgain(), END, LEAVE], Summary(collected=2))


def test_every_fault_gets_a_new_worker_an_entry_and_a_longer_wait_and_the_first_cause_is_kept():
    faults = [CameraBusy("1"), CameraMedia("2"), WorkerFailed("3"), CameraGone("4")]
    commands, ended = climbed(faults)
    assert ended is faults[0]
    expected = []
    for number, fault in enumerate(faults):
        rung = [taken(number, fault)] if number < len(RUNGS) else []
        expected += [ListAgain(), END, failure(fault), *rung]
    assert commands == expected


def test_a_later_attempt_that_succeeds_makes_it_good():
    commands, ended = climbed([CameraBusy("1"), CameraBusy("2"), Summary(cleared=1)])
    assert ended == Summary(cleared=1)
    assert [each.rung for each in commands if isinstance(each, TakeRung)] == [*RUNGS[:2]]
    assert commands[-2:] == [END, LEAVE]


@pytest.mark.parametrize("kind", FINAL)
def test_what_would_only_be_answered_the_same_is_not_asked_again(kind):
    fault = kind("no")
    assert climbed([fault]) == ([ListAgain(), END, failure(fault)], fault)


def test_the_final_faults_are_these():
    assert set(FINAL) == {IdentityMismatch, CameraUnsupported, CameraDenied, CameraSalvaged}


def test_a_final_fault_after_another_still_ends_with_the_first_cause():
    first = CameraBusy("1")
    assert climbed([first, CameraDenied("2")])[1] is first


@pytest.mark.parametrize("fault", [PartitionFull("full"), RegisterError("full"), OrderError("bug")])
def test_faults_that_are_not_the_cameras_pass_through_at_once(fault):
    assert climbed([fault]) == ([ListAgain()], fault)


def test_pulled_out_while_waiting_ends_it_with_the_first_cause():
    first = CameraBusy("1")
    commands, ended = climbed([first], {taken(0, first): CameraGone("pulled out")})
    assert ended is first
    assert commands[-1] == taken(0, first)


def test_a_rung_that_this_dock_does_not_have_is_passed_over_without_another_attempt():
    first = CameraBusy("1")
    commands, ended = climbed([first, Summary()], {taken(0, first): CameraUnsupported("no bus")})
    assert commands == [ListAgain(), END, failure(first), taken(0, first), taken(1, first), ListAgain(), END, LEAVE]
    assert ended == Summary()


SALVAGED = CameraSalvaged("stored as far as it can be read")


@pytest.mark.parametrize("kind", [CameraMedia, CameraBusy, WorkerFailed])
def test_a_rung_that_fails_leads_to_the_next_and_hides_neither_the_first_cause_nor_the_salvage(kind):
    first = CameraMedia("1")
    commands, ended = climbed([first, CameraMedia("2"), CameraMedia("3")], {taken(0, first): kind("no")}, RUNGS[:2])
    assert [each.rung.kind for each in commands if isinstance(each, TakeRung)] == ["retry", "replug"]
    assert ended is first and commands.count(ListAgain()) == 3


def test_no_camera_is_left_to_charge_nor_its_power_taken_once_more_for_a_sector_that_cannot_be_read():
    faults = [CameraMedia(str(number)) for number in range(4)]
    commands, ended = climbed(faults, rungs=(*RUNGS, Rung("power-cycle")))
    assert ended is faults[0]
    assert [each.rung.kind for each in commands if isinstance(each, TakeRung)] == ["retry", "replug"]


def test_what_cannot_be_read_once_no_rung_is_left_gets_one_more_attempt_that_salvages_and_that_is_the_cause():
    faults = [CameraBusy("1"), CameraMedia("2"), CameraMedia("3"), SALVAGED]
    commands, ended = climbed(faults)
    assert ended is SALVAGED
    assert commands[-4:] == [failure(faults[2]), ListAgain(), END, failure(SALVAGED)]


def test_an_attempt_that_salvages_is_the_last_whatever_it_ends_with():
    media = CameraMedia("1")
    for last in (CameraGone("2"), CameraMedia("2"), WorkerFailed("2")):
        assert climbed([media, last], rungs=()) == (
            [ListAgain(), END, failure(media), ListAgain(), END, failure(last)],
            media,
        )
    assert climbed([media, Summary()], rungs=())[1] == Summary()


@pytest.mark.parametrize("fault", [CameraBusy("1"), CameraGone("1"), WorkerFailed("1")])
def test_only_a_medium_that_cannot_be_read_is_salvaged(fault):
    _commands, ended = climbed([CameraMedia("1"), fault], rungs=RUNGS[:1])
    assert ended.message == "1"


def test_what_was_salvaged_before_is_the_cause_at_once_and_no_rung_is_taken_for_it():
    assert climbed([SALVAGED]) == ([ListAgain(), END, failure(SALVAGED)], SALVAGED)


def test_a_camera_that_is_not_left_powered_is_not_done():
    gone = CameraGone("not there")
    commands, ended = climbed([Summary(), Summary()], {LEAVE: gone}, rungs=RUNGS[:1])
    assert ended is gone
    assert commands.count(LEAVE) == 2


def test_a_register_that_fails_to_take_the_failure_ends_it():
    first, broken = CameraBusy("1"), RegisterError("full")
    assert climbed([first], {failure(first): broken})[1] is broken


def test_without_rungs_there_is_one_attempt():
    fault = CameraBusy("1")
    assert climbed([fault], rungs=()) == ([ListAgain(), END, failure(fault)], fault)

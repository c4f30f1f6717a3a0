import pytest

from dockd.docking.commands import EndWorker, EnterFailure, ListAgain, Summary, Wait, ask
from dockd.docking.ladder import FINAL, climb
from dockd.errors import (
    CameraBusy,
    CameraDenied,
    CameraGone,
    CameraMedia,
    CameraUnsupported,
    IdentityMismatch,
    OrderError,
    PartitionFull,
    RegisterError,
    WorkerFailed,
)

DELAYS = (1.0, 5.0, 30.0)
END, WAITS = EndWorker(), [Wait(1.0), Wait(5.0), Wait(30.0)]


def climbed(outcomes, replies=None, delays=DELAYS):
    """Climb with attempts that end as told; give the commands asked for and how it ended."""
    left = iter(outcomes)
    commands = []

    def attempt():
        outcome = next(left)
        yield from ask(ListAgain())
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    story = climb(attempt, delays)
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
    assert climbed([Summary(collected=2)]) == ([ListAgain(), END], Summary(collected=2))


def test_every_fault_gets_a_new_worker_an_entry_and_a_longer_wait_and_the_first_cause_is_kept():
    faults = [CameraBusy("1"), CameraMedia("2"), WorkerFailed("3"), CameraGone("4")]
    commands, ended = climbed(faults)
    assert ended is faults[0]
    expected = []
    for number, fault in enumerate(faults):
        expected += [ListAgain(), END, failure(fault), *WAITS[number : number + 1]]
    assert commands == expected


def test_a_later_attempt_that_succeeds_makes_it_good():
    commands, ended = climbed([CameraBusy("1"), CameraBusy("2"), Summary(cleared=1)])
    assert ended == Summary(cleared=1)
    assert [each for each in commands if isinstance(each, Wait)] == WAITS[:2]


@pytest.mark.parametrize("kind", FINAL)
def test_what_would_only_be_answered_the_same_is_not_asked_again(kind):
    fault = kind("no")
    assert climbed([fault]) == ([ListAgain(), END, failure(fault)], fault)


def test_the_final_faults_are_these():
    assert set(FINAL) == {IdentityMismatch, CameraUnsupported, CameraDenied}


def test_a_final_fault_after_another_still_ends_with_the_first_cause():
    first = CameraBusy("1")
    assert climbed([first, CameraDenied("2")])[1] is first


@pytest.mark.parametrize("fault", [PartitionFull("full"), RegisterError("full"), OrderError("bug")])
def test_faults_that_are_not_the_cameras_pass_through_at_once(fault):
    assert climbed([fault]) == ([ListAgain()], fault)


def test_pulled_out_while_waiting_ends_it_with_the_first_cause():
    first = CameraBusy("1")
    commands, ended = climbed([first], {WAITS[0]: CameraGone("pulled out")})
    assert ended is first
    assert commands[-1] == WAITS[0]


def test_a_register_that_fails_to_take_the_failure_ends_it():
    first, broken = CameraBusy("1"), RegisterError("full")
    assert climbed([first], {failure(first): broken})[1] is broken


def test_without_rungs_there_is_one_attempt():
    fault = CameraBusy("1")
    assert climbed([fault], delays=()) == ([ListAgain(), END, failure(fault)], fault)

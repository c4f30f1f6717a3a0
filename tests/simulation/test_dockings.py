"""The real story and the real ladder, docked many times to a simulated camera, store and register with faults anywhere.

`DOCKD_SIMULATIONS` is the number of dockings; `DOCKD_TEST_SEED` repeats a run, and the message of a failure names
the episode. What must hold stands in `World`.
"""

import os
import random
from functools import partial

import pytest

from dockd.docking.ladder import climb
from dockd.docking.story import attempt
from dockd.errors import CameraError, DockdError
from dockd.model import Rung
from tests.simulation.world import ADMITTED, PATHS, Broken, PowerCut, World

DOCKINGS = int(os.environ.get("DOCKD_SIMULATIONS") or 20_000)
EPISODE = 8
MOST_COMMANDS = 2000
RUNGS = tuple(Rung(kind, 1.0) for kind in ("retry", "retry", "replug", "power-cycle", "charge"))


def dock(world, after_ingest):
    """One docking to its outcome: "complete", the code of its fault, or "power cut"."""
    story = climb(partial(attempt, ADMITTED, after_ingest), RUNGS)
    world.departed = world.fatal = world.failed = False
    world.keep = after_ingest == "keep"
    try:
        command = next(story)
        for _ in range(MOST_COMMANDS):
            try:
                result = world.perform(command)
            except DockdError as error:
                world.fatal = world.fatal or not isinstance(error, CameraError)
                command = story.throw(error)
            else:
                command = story.send(result)
    except StopIteration:
        if world.failed:
            raise Broken("a docking with a failed recording is called complete") from None
        return "complete"
    except DockdError as error:
        return error.code
    except PowerCut:
        story.close()
        return "power cut"
    finally:
        world.power_cut()
    raise Broken("a docking that does not end")


def meanwhile(world):
    """What happens between two dockings: a shift of work, a day, a disk that rots, a camera that lies."""
    for path in PATHS:
        if world.rng.random() < 0.4:
            world.record(path)
    world.day += world.rng.randrange(2)
    world.lies = world.rng.random() < 0.05
    if world.rng.random() < 0.2:
        world.damage()


def what_cannot_be_read_stays(world):
    """Without other faults all is cleared but what cannot be read, which is salvaged by then."""
    world.danger, world.lies = 0.0, False
    world.heal(all=False)
    unreadable = {path for path, there in world.on_camera.items() if there.unreadable}
    outcome = dock(world, "clear")
    world.check()
    if outcome != ("camera.salvaged" if unreadable else "complete"):
        raise Broken(f"with {len(unreadable)} recordings that cannot be read a docking ended with {outcome}")
    if set(world.on_camera) != unreadable:
        raise Broken("something else is on the camera than what cannot be read")
    if not all(there.recording in world.salvages for there in world.on_camera.values()):
        raise Broken("what cannot be read is not salvaged")


def in_peace(world):
    """With all faults off the next docking is complete, the camera empty, and every clearing entered."""
    world.danger, world.lies, world.peace = 0.0, False, True
    world.heal(all=True)
    left_over = set(world.unentered)
    if (outcome := dock(world, "clear")) != "complete":
        raise Broken(f"without faults a docking ended with {outcome}")
    world.check()
    if world.on_camera:
        raise Broken("without faults a recording stays on the camera")
    if world.unentered - left_over:
        raise Broken("a clearing of this very docking is in no entry")
    # A path that was used again between clearing and entry is seen to be empty only now.
    dock(world, "clear")
    if world.unentered:
        raise Broken("a clearing is in no entry")
    if world.intents:
        raise Broken("something is under way for ever")


def episode(seed, outcomes):
    world = World(random.Random(seed))
    for _ in range(EPISODE):
        meanwhile(world)
        world.danger = world.rng.choice([0.0, 0.01, 0.05, 0.2])
        outcome = dock(world, world.rng.choice(["clear", "clear", "keep"]))
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        world.check()
    what_cannot_be_read_stays(world)
    for path in PATHS:
        world.record(path)
    in_peace(world)


@pytest.mark.parametrize("part", range(4))
@pytest.mark.timeout(3600)
def test_whatever_goes_wrong_nothing_unsafe_is_cleared_and_the_next_docking_makes_it_good(seed, part):
    outcomes: dict[str, int] = {}
    for number in range(DOCKINGS // EPISODE // 4):
        name = f"{seed}/{part}/{number}"
        try:
            episode(name, outcomes)
        except BaseException as error:
            error.add_note(f"episode {name}")
            raise
    # A simulation in which hardly anything happens would prove nothing.
    assert len(outcomes) > 15 or DOCKINGS < 20_000
    assert outcomes["complete"] > sum(outcomes.values()) // 5

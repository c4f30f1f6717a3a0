"""Turns at reading: never more than allowed, the urgent before others, and nobody left out."""

import asyncio
import random

import pytest

from dockd.docking.turns import PASSED_OVER, Turns


def taking(turns, rank, gone=None):
    return asyncio.ensure_future(turns.take(rank, gone or asyncio.Event()))


async def settle(rounds=5):
    """Let everything that is due be done, a few rounds of the event loop."""
    for _round in range(rounds):
        passed = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(passed.set_result, None)
        await passed


def test_the_most_urgent_come_first_and_of_these_whoever_came_first():
    async def story():
        turns = Turns(1)
        assert await turns.take(2, asyncio.Event())
        waiting = {name: taking(turns, rank) for name, rank in (("a2", 2), ("b1", 1), ("c0", 0), ("d1", 1))}
        await settle()
        order = []
        for _turn in range(4):
            turns.give_back()
            await settle()
            [name] = [name for name, each in waiting.items() if each.done()]
            order.append(name)
            del waiting[name]
        assert order == ["c0", "b1", "d1", "a2"]

    asyncio.run(story())


def test_one_that_is_not_urgent_is_passed_over_only_so_often():
    async def story():
        turns = Turns(1)
        await turns.take(0, asyncio.Event())
        patient = taking(turns, 2)
        await settle()
        for number in range(PASSED_OVER + 1):
            urgent = taking(turns, 0)
            await settle()
            turns.give_back()
            await settle()
            assert patient.done() == (number == PASSED_OVER) != urgent.done()

    asyncio.run(story())


def test_one_that_leaves_while_it_waits_takes_no_turn_from_others():
    async def story():
        turns, gone = Turns(1), asyncio.Event()
        await turns.take(0, asyncio.Event())
        leaving, cancelled, staying = taking(turns, 0, gone), taking(turns, 0), taking(turns, 2)
        await settle()
        gone.set()
        cancelled.cancel()
        await settle()
        assert (leaving.result(), cancelled.cancelled(), staying.done()) == (False, True, False)
        turns.give_back()
        assert await staying

    asyncio.run(story())


def test_one_that_is_stopped_just_when_it_has_its_turn_gives_it_back():
    async def story():
        turns = Turns(1)
        await turns.take(0, asyncio.Event())
        stopped, other = taking(turns, 0), taking(turns, 1)
        await settle()
        turns.give_back()
        stopped.cancel()
        await settle()
        assert stopped.cancelled() and await other

    asyncio.run(story())


@pytest.mark.parametrize("at_once", [1, 3])
def test_whatever_comes_and_goes_there_are_never_more_turns_and_none_is_lost(at_once):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)

    async def one(turns, reading):
        for _recording in range(rng.randrange(1, 6)):
            gone = asyncio.Event()
            if rng.random() < 0.2:
                asyncio.get_running_loop().call_soon(gone.set)
            if not await turns.take(rng.randrange(3), gone):
                continue
            try:
                reading.append(1)
                assert len(reading) <= at_once
                await settle(rng.randrange(4))
            finally:
                reading.pop()
                turns.give_back()

    async def story():
        turns, reading = Turns(at_once), []
        tasks = [asyncio.ensure_future(one(turns, reading)) for _camera in range(60)]
        for _stop in range(20):
            rng.choice(tasks).cancel()
            await settle(1)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [each for each in ended if isinstance(each, AssertionError)] == []
        for _turn in range(at_once):
            assert await turns.take(0, asyncio.Event())
        assert not taking(turns, 0).done()

    asyncio.run(story())

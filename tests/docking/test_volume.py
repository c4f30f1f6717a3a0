import asyncio
import threading

import pytest

from dockd.errors import PartitionMedia, PartitionStuck
from dockd.volume import Volume

PROMPT, LONG = 0.05, 20.0


@pytest.fixture
def volume():
    made = Volume("disk", LONG, PartitionStuck)
    yield made
    made.close()


def test_a_call_gives_its_result_and_runs_on_the_thread_of_the_volume(volume):
    async def both():
        return await volume.run(threading.current_thread), await volume.run(threading.current_thread)

    first, second = asyncio.run(both())
    assert first is second is not threading.current_thread()
    assert first.daemon


@pytest.mark.parametrize("error", [PartitionMedia("EIO"), OSError(5, "EIO"), TimeoutError("of its own"), KeyError("x")])
def test_the_exception_of_a_call_passes_and_the_volume_goes_on(volume, error):
    def fail():
        raise error

    async def both():
        with pytest.raises(type(error)) as caught:
            await volume.run(fail)
        return caught.value, await volume.run(lambda: 7)

    raised, after = asyncio.run(both())
    assert (type(raised), raised.args, after) == (type(error), error.args, 7)


def test_an_overdue_call_is_stuck_until_it_comes_back():
    release = threading.Event()
    ran = []

    async def story():
        volume = Volume("disk", PROMPT, PartitionStuck)
        with pytest.raises(PartitionStuck, match="disk"):
            await volume.run(lambda: release.wait(LONG))
        for _ in range(3):
            with pytest.raises(PartitionStuck, match="earlier call"):
                await volume.run(lambda: ran.append("while stuck"))
        release.set()
        await asyncio.wrap_future(volume._overdue)
        assert await volume.run(lambda: "back") == "back"
        volume.close()

    asyncio.run(asyncio.wait_for(story(), LONG))
    assert ran == []


def test_an_overdue_call_that_fails_late_harms_nobody():
    release = threading.Event()

    def fail_late():
        release.wait(LONG)
        raise OSError(5, "late")

    async def story():
        volume = Volume("disk", PROMPT, PartitionStuck)
        with pytest.raises(PartitionStuck):
            await volume.run(fail_late)
        release.set()
        with pytest.raises(OSError, match="late"):
            await asyncio.wrap_future(volume._overdue)
        assert await volume.run(lambda: "back") == "back"
        volume.close()

    asyncio.run(asyncio.wait_for(story(), LONG))


def test_more_time_can_be_given_to_a_long_call():
    async def story():
        volume = Volume("disk", PROMPT, PartitionStuck)
        timer = threading.Event()
        result = await volume.run(lambda: timer.wait(PROMPT * 4), extra_seconds=LONG)
        volume.close()
        return result

    assert asyncio.run(story()) is False


def test_calls_run_one_after_the_other(volume):
    running, most = [], []

    def call():
        running.append(1)
        most.append(len(running))
        running.pop()

    async def many():
        await asyncio.gather(*(volume.run(call) for _ in range(50)))

    asyncio.run(many())
    assert most == [1] * 50


def test_one_stuck_volume_does_not_hold_up_another(volume):
    release = threading.Event()

    async def story():
        hung = Volume("hung", LONG, PartitionStuck)
        waiting = asyncio.create_task(hung.run(lambda: release.wait(LONG)))
        assert await volume.run(lambda: "meanwhile") == "meanwhile"
        assert not waiting.done()
        release.set()
        await waiting
        hung.close()

    asyncio.run(asyncio.wait_for(story(), LONG))


def test_a_call_whose_asker_was_cancelled_is_waited_for_and_in_its_own_time():
    begun, release, ran = threading.Event(), threading.Event(), []

    def long():
        begun.set()
        release.wait(LONG)
        ran.append("long")

    async def story():
        volume = Volume("disk", PROMPT, PartitionStuck)
        asker = asyncio.create_task(volume.run(long, extra_seconds=LONG))
        await asyncio.to_thread(begun.wait, LONG)
        asker.cancel()
        await asyncio.wait([asker])
        waiting = asyncio.create_task(volume.run(lambda: ran.append("next")))
        # Cancelled as well, and still the first call is not forgotten.
        await asyncio.wait([waiting], timeout=PROMPT)
        waiting.cancel()
        await asyncio.wait([waiting])
        after = asyncio.create_task(volume.run(lambda: ran.append("after")))
        assert not (await asyncio.wait([after], timeout=PROMPT * 4))[0]
        release.set()
        await after
        volume.close()

    asyncio.run(asyncio.wait_for(story(), LONG))
    assert ran == ["long", "after"]


def test_a_cancelled_call_that_never_ends_makes_the_volume_stuck():
    begun, release = threading.Event(), threading.Event()

    async def story():
        volume = Volume("disk", PROMPT, PartitionStuck)
        asker = asyncio.create_task(volume.run(lambda: (begun.set(), release.wait(LONG))))
        await asyncio.to_thread(begun.wait, LONG)
        asker.cancel()
        await asyncio.wait([asker])
        with pytest.raises(PartitionStuck, match="did not answer"):
            await volume.run(lambda: None)
        with pytest.raises(PartitionStuck, match="earlier call"):
            await volume.run(lambda: None)
        release.set()
        volume.close()

    asyncio.run(asyncio.wait_for(story(), LONG))

"""The light of a bay follows the board, whatever LEDs and programs do, and nothing waits for it."""

import asyncio
import os
import select
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import structlog

from dockd.bus.client import Bus
from dockd.errors import BusUnreachable, LightFailed
from dockd.events import Event
from dockd.ops.lights import Lights
from dockd.ops.status import BayStatus, Board, Light
from tests.bus.running import DEADLINE_SECONDS, RunningHelper
from tests.bus.sysfs import Sysfs

LEDS = {Light.BUSY: "blue", Light.GREEN: "green", Light.RED: "red"}
SHORT = 0.3


class Leds:
    """LEDs that remember what they were told, and hang or fail as a test wants."""

    def __init__(self):
        self.told = []
        self.faults = {}
        self.free = asyncio.Event()
        self.free.set()
        self.changed = asyncio.Event()

    async def switch(self, name, on):
        self.told.append((name, on))
        self.changed.set()
        await self.free.wait()
        if fault := self.faults.get(name):
            raise fault

    async def until(self, is_so):
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not is_so():
                self.changed.clear()
                await self.changed.wait()

    def lit(self):
        return {name for name, on in dict(self.told).items() if on}


class WatchedBoard(Board):
    def trouble(self, subject, fault):
        is_news = super().trouble(subject, fault)
        self.isolation["changed"].set()
        return is_news

    async def until(self, is_so):
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not is_so():
                self.isolation["changed"].clear()
                await self.isolation["changed"].wait()


@asynccontextmanager
async def shining(switch, command=(), leds=None, deadline=DEADLINE_SECONDS):
    """A board whose bays b1 and b2 have lights, as the daemon has them."""
    board = WatchedBoard("dock-7", "0", {"changed": asyncio.Event()})
    lights = Lights(leds or {"b1": LEDS, "b2": {}}, switch, command, board, deadline)
    board.on_light = lights.show
    following = asyncio.create_task(lights.follow())
    try:
        yield board
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await lights.stop()


@pytest.fixture
def program(tmp_path):
    """A program of the site that writes what it is given into a pipe, line by line, and then does what it is told."""
    return Program(tmp_path)


class Program:
    def __init__(self, folder: Path) -> None:
        self._pipe = folder / "pipe"
        os.mkfifo(self._pipe)
        # Open for writing too: no end of file between two calls of the program.
        self._fd = os.open(self._pipe, os.O_RDWR | os.O_NONBLOCK)
        self._rest = b""
        self._script = folder / "program"

    def does(self, more: str = "") -> tuple[str, ...]:
        self._script.write_text(f'#!/bin/sh\necho "$*" >{self._pipe}\n{more}\n')
        self._script.chmod(0o755)
        return (str(self._script), "an argument")

    async def said(self) -> str:
        return await asyncio.to_thread(self._line)

    def _line(self) -> str:
        while b"\n" not in self._rest:
            readable, _writable, _other = select.select([self._fd], [], [], DEADLINE_SECONDS)
            assert readable, f"the program said no more than {self._rest!r}"
            self._rest += os.read(self._fd, 65536)
        line, _newline, self._rest = self._rest.partition(b"\n")
        return line.decode()


def show(board, light, bay="b1"):
    board.show(BayStatus(bay, light, "BWC1"))


def test_each_light_of_the_board_is_the_only_led_that_shines_and_none_for_an_empty_bay_or_a_dock_that_stopped():
    async def story():
        leds = Leds()
        async with shining(leds.switch) as board:
            await leds.until(lambda: len(leds.told) == 3)
            assert leds.lit() == set()
            for light, name in LEDS.items():
                show(board, light)
                await leds.until(lambda name=name: leds.lit() == {name})
            board.remove("b1")
            await leds.until(lambda: not leds.lit())
            show(board, Light.GREEN)
            await leds.until(lambda: leds.lit() == {"green"})
        assert leds.lit() == set()
        assert not board.troubles

    asyncio.run(story())


def test_what_was_lit_goes_out_before_green_is_lit():
    async def story():
        leds = Leds()
        async with shining(leds.switch) as board:
            await leds.until(lambda: len(leds.told) == 3)
            leds.told.clear()
            show(board, Light.GREEN)
            await leds.until(lambda: len(leds.told) == 3)
            assert leds.told == [("blue", False), ("red", False), ("green", True)]

    asyncio.run(story())


def test_an_led_for_two_lights_stays_lit_between_them():
    async def story():
        leds = Leds()
        async with shining(leds.switch, leds={"b1": {Light.BUSY: "x", Light.RED: "x", Light.GREEN: "y"}}) as board:
            show(board, Light.BUSY)
            await leds.until(lambda: leds.lit() == {"x"})
            leds.told.clear()
            show(board, Light.RED)
            await leds.until(lambda: len(leds.told) == 2)
            assert leds.told == [("y", False), ("x", True)]

    asyncio.run(story())


def test_the_newest_light_wins_and_what_it_overtook_is_never_shown():
    async def story():
        leds = Leds()
        async with shining(leds.switch) as board:
            await leds.until(lambda: len(leds.told) == 3)
            leds.free.clear()
            show(board, Light.BUSY)
            await leds.until(lambda: len(leds.told) == 4)
            for _time in range(1000):
                show(board, Light.GREEN)
                board.remove("b1")
                show(board, Light.RED)
            leds.free.set()
            await leds.until(lambda: leds.lit() == {"red"})
            # Three each: at the start, what was under way, and the newest.
            assert len(leds.told) == 9
            assert ("green", True) not in leds.told

    asyncio.run(story())


def test_a_bay_whose_leds_hang_holds_up_no_other_and_says_so():
    async def story():
        leds, others = Leds(), Leds()

        async def switch(name, on):
            await (others if name.startswith("other") else leds).switch(name, on)

        leds.free.clear()
        async with shining(switch, leds={"b1": LEDS, "b2": {Light.BUSY: "other"}}, deadline=SHORT) as board:
            show(board, Light.BUSY, "b2")
            await others.until(lambda: others.lit() == {"other"})
            await board.until(lambda: "light b1" in board.troubles)
            assert "light b2" not in board.troubles
            leds.free.set()
            show(board, Light.RED)
            await leds.until(lambda: leds.lit() == {"red"})
            await board.until(lambda: not board.troubles)

    asyncio.run(story())


def test_a_light_that_fails_is_said_once_and_once_that_it_works_again():
    async def story():
        leds = Leds()
        leds.faults["blue"] = OSError(2, "No such file or directory")
        async with shining(leds.switch) as board:
            await board.until(lambda: "light b1" in board.troubles)
            show(board, Light.RED)
            await leds.until(lambda: leds.lit() == {"red"})
            show(board, Light.GREEN)
            await leds.until(lambda: leds.lit() == {"green"})
            trouble = board.troubles["light b1"]
            assert (trouble.code, trouble.message) == (LightFailed.code, "blue: No such file or directory")
            assert not board.is_well
            leds.faults.clear()
            board.remove("b1")
            await board.until(lambda: not board.troubles)

    with structlog.testing.capture_logs() as logs:
        asyncio.run(story())
    told = [(each["event"], each["bay"]) for each in logs if each["event"] is not Event.BAY_CHANGED]
    assert told == [(Event.LIGHT_FAILED, "b1"), (Event.LIGHT_RECOVERED, "b1")]


def test_a_bus_helper_that_does_not_answer_is_asked_once_at_each_change():
    async def story():
        leds = Leds()
        leds.faults["blue"] = BusUnreachable("no answer")
        async with shining(leds.switch) as board:
            await board.until(lambda: "light b1" in board.troubles)
            show(board, Light.RED)
            await leds.until(lambda: len(leds.told) == 2)
            assert leds.told == [("blue", False), ("blue", False)]
            assert board.troubles["light b1"].message == "no answer"
            leds.faults.clear()
            board.remove("b1")
            await board.until(lambda: not board.troubles)

    asyncio.run(story())


def test_an_led_that_fails_keeps_no_other_from_being_switched():
    async def story():
        leds = Leds()
        leds.faults["blue"] = OSError(2, "No such file or directory")
        async with shining(leds.switch) as board:
            show(board, Light.GREEN)
            await leds.until(lambda: leds.lit() == {"green"})

    asyncio.run(story())


def test_what_is_no_bay_switches_nothing(program):
    async def story():
        leds = Leds()
        async with shining(leds.switch, program.does()) as board:
            assert sorted([await program.said(), await program.said()]) == ["an argument b1 off", "an argument b2 off"]
            for place in ("pci-0000:00:14.0-usbv2-0:4", "accueil/$(reboot)"):
                show(board, Light.RED, place)
                board.remove(place)
            show(board, Light.RED, "b2")
            assert await program.said() == "an argument b2 red"
            assert leds.lit() == set()

    asyncio.run(story())


def test_the_program_is_told_bay_and_light_one_call_after_the_other_and_knows_nothing_else(program, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")

    async def story():
        command = program.does(f"env >{program._script}.env; ls -l /proc/self/fd >{program._script}.fd; pwd")
        async with shining(Leds().switch, command, {"b1": {}}) as board:
            assert await program.said() == "an argument b1 off"
            for light in Light:
                show(board, light)
                assert await program.said() == f"an argument b1 {light.value}"
            board.remove("b1")
            assert await program.said() == "an argument b1 off"
        assert await program.said() == "an argument b1 off"
        assert not board.troubles

    asyncio.run(story())
    known = Path(f"{program._script}.env").read_text().split("\n")
    assert {each.partition("=")[0] for each in known} - {"", "_", "SHLVL", "OLDPWD"} == {"PATH", "LANG", "PWD"}
    assert "PWD=/" in known
    held = Path(f"{program._script}.fd").read_text()
    assert "socket" not in held and "pipe" not in held


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("/nowhere/lights",), "No such file"),
        (("/etc/passwd",), "Permission denied"),
        (("/bin/false",), "ended with code 1"),
        (("/bin/sh", "-c", "kill -9 $$"), "ended with code -9"),
    ],
)
def test_a_program_that_fails_is_said_with_its_reason_and_the_leds_shine_all_the_same(command, reason):
    async def story():
        leds = Leds()
        async with shining(leds.switch, command, {"b1": LEDS}) as board:
            show(board, Light.RED)
            await leds.until(lambda: leds.lit() == {"red"})
            await board.until(lambda: "light b1" in board.troubles)
            assert reason in board.troubles["light b1"].message
            assert command[0] in board.troubles["light b1"].message

    asyncio.run(story())


def test_a_program_that_hangs_is_killed_with_what_it_started_and_the_newest_light_is_next(program):
    async def story():
        # The one that it starts holds the pipe's lock as long as it lives.
        lock = f"{program._script}.lock"
        command = program.does(f'case "$3" in busy) flock {lock} sleep 600;; esac')
        async with shining(Leds().switch, command, {"b1": {}}, deadline=1) as board:
            assert await program.said() == "an argument b1 off"
            show(board, Light.BUSY)
            assert await program.said() == "an argument b1 busy"
            for _time in range(100):
                show(board, Light.RED)
                show(board, Light.GREEN)
            await board.until(lambda: "light b1" in board.troubles)
            assert "did not end within 1 seconds" in board.troubles["light b1"].message
            assert await program.said() == "an argument b1 green"
            await board.until(lambda: not board.troubles)
            taken = await asyncio.create_subprocess_exec("flock", "--timeout", "20", lock, "true")
            assert await taken.wait() == 0
        assert await program.said() == "an argument b1 off"

    asyncio.run(story())


def test_at_the_stop_what_hangs_is_given_up_at_the_deadline(program):
    async def story():
        leds = Leds()
        async with shining(leds.switch, program.does("exec sleep 600"), {"b1": LEDS}, deadline=SHORT) as board:
            await program.said()
            leds.free.clear()
            asyncio.get_running_loop().call_later(DEADLINE_SECONDS, leds.free.set)
        assert "light b1" in board.troubles

    begun = os.times().elapsed
    asyncio.run(story())
    assert os.times().elapsed - begun < DEADLINE_SECONDS


def test_the_leds_of_the_kernel_are_switched_through_the_bus_helper(tmp_path):
    sysfs = Sysfs(tmp_path)
    files = {name: sysfs.light(name, 255) for name in LEDS.values()}
    helper = RunningHelper(tmp_path / "socket", sysfs.path, sysfs.dev)
    bus, done = Bus(helper.path, DEADLINE_SECONDS), Leds()

    async def switch(name, on):
        await bus.light(name, on)
        await done.switch(name, on)

    async def story():
        async with shining(switch, leds={"b1": LEDS}) as board:
            show(board, Light.GREEN)
            await done.until(lambda: done.lit() == {"green"})
            assert {name: file.read_text() for name, file in files.items()} == {"blue": "0", "green": "255", "red": "0"}
        assert {file.read_text() for file in files.values()} == {"0"}

    try:
        asyncio.run(story())
    finally:
        helper.close()

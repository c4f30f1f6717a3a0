"""The lights of the bays: LEDs of the kernel, and a program of the site's own.

A light follows the board. Each bay is switched by itself, one switching at a time and the newest light next: whatever
hangs here holds up neither a docking nor another bay, and nothing piles up behind it. Green means only: everything is
registered, cleared as configured, left powered; so what is to go out goes out before anything is lit.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from dockd.errors import BusUnreachable, LightFailed
from dockd.events import Event
from dockd.i18n import _
from dockd.ops.status import Board, Light
from dockd.volume import Volume

DEADLINE_SECONDS = 10
"""How long the LEDs of a bay, and the program, each may take for one change."""

_OFF = "off"
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}

SwitchLed = Callable[[str, bool], Awaitable[None]]
"""Switches an LED by its name; raises OSError or `BusUnreachable`."""


@dataclass(slots=True)
class _Bay:
    """One bay; `wanted` is what its light is to be, None: off."""

    name: str
    leds: Mapping[Light, str]
    program: Volume | None
    wanted: Light | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Lights:
    """The lights of the bays that `leds` names, each with the LEDs that it has.

    `command`, if there is one, is called with the bay and `busy`, `green`, `red` or `off` as last arguments.
    """

    def __init__(
        self,
        leds: Mapping[str, Mapping[Light, str]],
        switch_led: SwitchLed,
        command: Sequence[str],
        board: Board,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._switch_led = switch_led
        self._command = command
        self._board = board
        self._deadline_seconds = deadline_seconds
        self._bays = {name: _Bay(name, of_bay, self._thread(name)) for name, of_bay in leds.items()}

    def show(self, bay: str, light: Light | None) -> None:
        """From now on this is the light of a bay, None: off. Of places that are no bays nothing is shown."""
        if bay in self._bays:
            self._bays[bay].wanted = light
            self._bays[bay].changed.set()

    async def follow(self) -> None:
        """Switch every bay to what it is now, then each as it changes, for ever."""
        async with asyncio.TaskGroup() as bays:
            for bay in self._bays.values():
                bay.changed.set()
                bays.create_task(self._follow(bay))

    async def stop(self) -> None:
        """Switch every light off, as far as that can be done by the deadline. `follow` has ended before."""
        await asyncio.gather(*(self._put_out(bay) for bay in self._bays.values()))
        for bay in self._bays.values():
            if bay.program is not None:
                bay.program.close()

    def _thread(self, bay: str) -> Volume | None:
        """Give a thread for the program of a bay: it is killed at the deadline, and may not even die."""
        if not self._command:
            return None
        return Volume(f"light_command {bay}", 1.5 * self._deadline_seconds, LightFailed)

    async def _follow(self, bay: _Bay) -> None:
        while True:
            await bay.changed.wait()
            bay.changed.clear()
            await self._switch(bay, bay.wanted)

    async def _put_out(self, bay: _Bay) -> None:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                await self._switch(bay, None)
        except TimeoutError:
            self._note(bay, self._too_slow())

    async def _switch(self, bay: _Bay, light: Light | None) -> None:
        faults = await asyncio.gather(self._switch_leds(bay, light), self._call_program(bay, light))
        self._note(bay, "; ".join(fault for fault in faults if fault))

    def _note(self, bay: _Bay, message: str) -> None:
        """Say once that a light failed, and once that it works again; `message` is empty if it does."""
        advice = _("The light of this bay may be wrong: dockd status shows the right one.")
        fault = LightFailed(message, advice=advice) if message else None
        if self._board.trouble(f"light {bay.name}", fault):
            if fault is None:
                structlog.get_logger().info(Event.LIGHT_RECOVERED, bay=bay.name)
            else:
                structlog.get_logger().warning(Event.LIGHT_FAILED, bay=bay.name, message=message)

    async def _switch_leds(self, bay: _Bay, light: Light | None) -> str:
        """Give what went wrong, in words; an LED that fails keeps no other from being switched."""
        lit = bay.leds.get(light) if light else None
        order = [(name, False) for name in dict.fromkeys(bay.leds.values()) if name != lit]
        order += [(lit, True)] if lit else []
        faults = []
        try:
            async with asyncio.timeout(self._deadline_seconds):
                for name, on in order:
                    try:
                        await self._switch_led(name, on)
                    except OSError as error:
                        faults.append(_("{led}: {error}").format(led=name, error=error.strerror or str(error)))
        except TimeoutError:
            faults.append(self._too_slow())
        except BusUnreachable as error:
            faults.append(error.message)
        return "; ".join(faults)

    def _too_slow(self) -> str:
        return _("the light was not switched within {n} seconds").format(n=self._deadline_seconds)

    async def _call_program(self, bay: _Bay, light: Light | None) -> str:
        if bay.program is None:
            return ""
        words = [*self._command, bay.name, light.value if light else _OFF]
        try:
            await bay.program.run(partial(_call, words, self._deadline_seconds))
        except LightFailed as error:
            return error.message
        return ""


def _call(words: Sequence[str], deadline_seconds: float) -> None:
    """Run a program to its end; raises `LightFailed` unless it ends well and in time.

    One that does not is killed with all that it started, unless they left its process group.
    """
    silent = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            words, stdin=silent, stdout=silent, stderr=silent, env=_ENVIRONMENT, cwd="/", start_new_session=True
        )
    except OSError as error:
        text = _("{program} cannot be run: {error}")
        raise LightFailed(text.format(program=words[0], error=error.strerror)) from error
    try:
        code = process.wait(deadline_seconds)
    except subprocess.TimeoutExpired as error:
        # Not yet waited for, so its number, which is that of its group, is still its own.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        text = _("{program} did not end within {n} seconds")
        raise LightFailed(text.format(program=words[0], n=deadline_seconds)) from error
    if code != 0:
        raise LightFailed(_("{program} ended with code {code}").format(program=words[0], code=code))

"""Who is let give a command about the register: taken, entered as refused, or entered as not to be carried out."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NoReturn

import structlog

from dockd.clock import Clock
from dockd.docking.registry import Registry
from dockd.errors import CommandDenied, CommandImpossible
from dockd.events import Event
from dockd.i18n import _
from dockd.ops.control import Visit
from dockd.ops.rights import MAX_WORDS, RIGHTS, Caller, Operator, caller
from dockd.register.commands import CommandRefused, Why

_IMPOSSIBLE: Mapping[Why, tuple[str, str]] = {
    "clock_not_trusted": (
        _("nobody answers for the clock of this dock, and what is old goes by it"),
        _("Compare it with another clock, set it if need be, then: dockd clock confirm"),
    ),
    "nothing_to_do": (_("there is nothing to do: {command}"), ""),
    "not_signed": (
        _("the checkpoint is not signed by this dock and by a cosigner"),
        _("Whose signatures count is in the configuration: register.cosigners"),
    ),
}

_REFUSALS = 30
"""So many refusals an hour are answered at once to one account."""
_REFUSALS_SECONDS = 3600
_REFUSED_AGAIN_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Command:
    """A command that its giver may give; `told` are the fields that its entry has of it."""

    giver: Caller
    told: dict[str, Any]


class Reception:
    """Knows the operators of the site by their accounts, and enters what is refused."""

    def __init__(self, operators: Mapping[str, Operator], registry: Registry, clock: Clock) -> None:
        self._operators = operators
        self._registry = registry
        self._clock = clock
        self._refused: dict[int, list[float]] = {}
        self._turns: dict[int, asyncio.Lock] = {}

    async def take(
        self, visit: Visit, name: str, question: Mapping[str, Any], about: Mapping[str, str] = MappingProxyType({})
    ) -> Command:
        """Take a command from whom it is for; one who may not give it is entered, and raises `CommandDenied`."""
        reason, giver = words(question["reason"]), caller(visit.uid, self._operators)
        if giver.operator is None or giver.operator.role not in RIGHTS[name]:
            await self._deny(visit, giver, name, reason, about)
        told = {"command": name, "about": dict(about), "account": giver.account, "reason": reason}
        return Command(giver, {**told, "role": giver.operator.role})

    async def require(self, visit: Visit, commands: Collection[str], asked: str, **about: str) -> None:
        """Refuse, unless a command that allows it, about just that, was begun on this connection."""
        if visit.command not in commands or any(visit.about.get(key) != value for key, value in about.items()):
            await self._deny(visit, caller(visit.uid, self._operators), asked, "")

    async def give_up(self, visit: Visit, command: Command, why: Why, said: str = "") -> NoReturn:
        """Enter that a command cannot be carried out; `said` is a sentence for those that have none."""
        told = command.told
        await self._enter_refusal(command.giver, told["command"], told["reason"], why, told["about"])
        message, advice = _IMPOSSIBLE.get(why, ("", ""))
        message = said or message.format(command=told["command"])
        structlog.get_logger().info(Event.CONTROL_REFUSED, message=message, uid=visit.uid)
        raise CommandImpossible(message, advice=advice)

    async def _deny(
        self, visit: Visit, giver: Caller, name: str, reason: str, about: Mapping[str, str] = MappingProxyType({})
    ) -> NoReturn:
        await self._slow_down(visit.uid)
        await self._enter_refusal(giver, name, reason, "no_right", about)
        message = _("{account} may not give this command: {command}").format(account=giver.account, command=name)
        structlog.get_logger().warning(Event.CONTROL_REFUSED, message=message, uid=visit.uid)
        advice = _("The chief of the service says who may: `operators` in dockd.yaml. This attempt is in the register.")
        raise CommandDenied(message, advice=advice)

    async def _slow_down(self, uid: int) -> None:
        """Let who is refused again and again wait: each refusal is an entry, and the register shall not fill up."""
        now = self._clock.monotonic()
        recent = [moment for moment in self._refused.get(uid, []) if now - moment < _REFUSALS_SECONDS]
        self._refused[uid] = [*recent, now][-_REFUSALS:]
        if len(recent) >= _REFUSALS:
            async with self._turns.setdefault(uid, asyncio.Lock()):
                await asyncio.sleep(_REFUSED_AGAIN_SECONDS)

    async def _enter_refusal(
        self, giver: Caller, name: str, reason: str, why: Why, about: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        role = giver.operator.role if giver.operator else None
        facts = CommandRefused(
            command=name, about=dict(about), account=giver.account, role=role, reason=reason, why=why
        )
        await self._registry.commanded(giver.author, facts)


def words(text: object) -> str:
    """Take what somebody wrote as it is; raises ValueError for what is no line of text."""
    if not isinstance(text, str) or not text.strip() or not text.isprintable() or len(text) > MAX_WORDS:
        raise ValueError("not a line of text")
    return text

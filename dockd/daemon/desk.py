"""What the running dock answers on its control socket: how it is, to everybody; the register, to its operators.

A command about the register is entered before it is answered, with the person who gives it and their reason; one that
somebody may not give is entered as refused. A command that takes many questions is begun once, on its connection.
"""

from collections.abc import Collection, Mapping
from typing import Any, NoReturn

import structlog

from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelves
from dockd.errors import CommandDenied
from dockd.events import Event
from dockd.i18n import _
from dockd.model import Role
from dockd.ops import pages
from dockd.ops.control import Answer, Visit
from dockd.ops.counters import Counters
from dockd.ops.rights import RIGHTS, TAKES_OUT, Caller, Operator, caller
from dockd.ops.status import Board
from dockd.register.entry import CommandRefused, Communicated, Consulted

MAX_WORDS = 500
"""Longest reason, recipient or filter, in characters."""

_READING = frozenset({"register show", "register verify", "register export"})


class Desk:
    """Answers the questions of the control socket.

    `operators` are the persons of the site, by account; `verifier_key` is for those who may not read the dock's files.
    """

    def __init__(
        self,
        operators: Mapping[str, Operator],
        verifier_key: str,
        board: Board,
        registry: Registry,
        shelves: Shelves,
        counters: Counters,
    ) -> None:
        self._operators = operators
        self._verifier_key = verifier_key
        self._board = board
        self._registry = registry
        self._shelves = shelves
        self._counters = counters

    def answers(self) -> dict[str, Answer]:
        return {
            "status": self._status,
            pages.BEGIN: self._begin,
            pages.ENTRIES: self._entries,
            pages.CHECKPOINTS: self._checkpoints,
            pages.CHECKPOINT: self._checkpoint,
            pages.PROVE_ENTRY: self._prove_entry,
            pages.PROVE_RECORDING: self._prove_recording,
            pages.PROVE_GROWTH: self._prove_growth,
        }

    async def _status(self, _visit: Visit, _question: Mapping[str, Any]) -> dict[str, Any]:
        partitions = [
            {"name": shelf.name, "fault": shelf.fault.message if shelf.fault else None} for shelf in self._shelves
        ]
        register = {"entries": self._registry.size}
        counters = self._counters.as_dict()
        return {**self._board.as_dict(), "partitions": partitions, "register": register, "counters": counters}

    async def _begin(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Enter a command; what it reads is asked for on the same connection."""
        command, reason = question["command"], _words(question["reason"])
        about = {_words(key): _words(value) for key, value in question["about"].items()}
        recipients = tuple(_words(each) for each in question["recipients"])
        if bool(recipients) != (command in TAKES_OUT):
            raise ValueError("recipients where there are none, or none where there must be")
        giver, role = await self._allowed(visit, command, reason)
        told = Consulted(command=command, about=about, account=giver.account, role=role, reason=reason)
        facts = Communicated(**dict(told), recipients=recipients) if recipients else told
        await self._registry.commanded(giver.author, facts)
        visit.command = command
        return {}

    async def _entries(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        await self._begun(visit, _READING, "register show")
        return pages.write_rows(await self._registry.rows(*pages.span(question)))

    async def _checkpoints(self, _visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        return pages.write_checkpoints(await self._registry.checkpoints(*pages.span(question)))

    async def _checkpoint(self, _visit: Visit, _question: Mapping[str, Any]) -> dict[str, Any]:
        return {"note": await self._registry.checkpoint(), "verifier_key": self._verifier_key}

    async def _prove_entry(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        await self._begun(visit, {"register prove"}, "register prove")
        return await self._registry.prove_entry(int(question["seq"]))

    async def _prove_recording(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        await self._begun(visit, {"register prove"}, "register prove")
        return await self._registry.prove_recording(str(question["recording_id"]))

    async def _prove_growth(self, _visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        return await self._registry.prove_growth(str(question["note"]))

    async def _begun(self, visit: Visit, commands: Collection[str], asked: str) -> None:
        """Let nobody read what no command that was entered is for."""
        if visit.command not in commands:
            await self._refuse(visit, caller(visit.uid, self._operators), asked, "")

    async def _allowed(self, visit: Visit, command: str, reason: str) -> tuple[Caller, Role]:
        """Give who gives a command and their role; one who may not is entered, and raises `CommandDenied`."""
        giver = caller(visit.uid, self._operators)
        if giver.operator is None or giver.operator.role not in RIGHTS[command]:
            await self._refuse(visit, giver, command, reason)
        return giver, giver.operator.role

    async def _refuse(self, visit: Visit, giver: Caller, command: str, reason: str) -> NoReturn:
        role = giver.operator.role if giver.operator else None
        facts = CommandRefused(command=command, account=giver.account, role=role, reason=reason)
        await self._registry.commanded(giver.author, facts)
        message = _("{account} may not give this command: {command}").format(account=giver.account, command=command)
        structlog.get_logger().warning(Event.CONTROL_REFUSED, message=message, uid=visit.uid)
        raise CommandDenied(
            message,
            advice=_(
                "The chief of the service says who may: `operators` in dockd.yaml. This attempt is in the register."
            ),
        )


def _words(text: object) -> str:
    """Take what somebody wrote as it is; raises ValueError for what is no line of text."""
    if not isinstance(text, str) or not text.strip() or not text.isprintable() or len(text) > MAX_WORDS:
        raise ValueError("not a line of text")
    return text

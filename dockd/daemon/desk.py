"""What the running dock answers on its control socket: how it is, to everybody; the register, to its operators.

A command about the register is entered before it is answered, with the person who gives it and their reason; one that
somebody may not give is entered as refused. A command that takes many questions is begun once, on its connection.
"""

import contextlib
from collections.abc import Mapping
from typing import Any

from dockd.daemon.deeds import Deeds, Known, Parts
from dockd.daemon.reception import Reception, words
from dockd.errors import RegisterError
from dockd.ops import pages
from dockd.ops.control import Answer, Visit
from dockd.ops.rights import TAKES_OUT
from dockd.register.commands import Communicated, Consulted
from dockd.register.reading import LISTED, UNASSIGNED, Filter

_READING = frozenset({"register show", "register verify", "register export", "register snapshot"})

_NARROWED: Mapping[str, frozenset[str]] = {
    "register show": frozenset(
        {"after", "limit", "camera", "wearer", "recording", "kind", "since", "until", UNASSIGNED}
    ),
    "register verify": frozenset({"checkpoints"}),
    "register prove": frozenset({"recording", "entry"}),
    "register export": frozenset(),
    "register snapshot": frozenset(),
}
"""The commands that are begun, and what each can be narrowed to."""


class Desk:
    """Answers the questions of the control socket."""

    def __init__(self, known: Known, parts: Parts) -> None:
        self._known = known
        self._parts = parts
        self._registry = parts.registry
        self._reception = Reception(known.operators, parts.registry, parts.clock)
        self._deeds = Deeds(known, parts, self._reception)
        self.finish_pruning = self._deeds.finish_pruning
        self.stop = self._deeds.stop

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
            **self._deeds.answers(),
        }

    async def _status(self, _visit: Visit, _question: Mapping[str, Any]) -> dict[str, Any]:
        parts = self._parts
        # Before the register is asked anything: that it answers now says nothing of what was wrong until now.
        state = {**parts.board.as_dict(), "counters": parts.counters.as_dict()}
        state["partitions"] = [
            {"name": shelf.name, "fault": shelf.fault.message if shelf.fault else None} for shelf in parts.shelves
        ]
        return {**state, "register": {"entries": self._registry.size, **await self._outside()}}

    async def _begin(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Enter a command; what it reads is asked for on the same connection."""
        name = question["command"]
        about = {words(key): words(value) for key, value in question["about"].items()}
        recipients = tuple(words(each) for each in question["recipients"])
        if name not in _NARROWED or not about.keys() <= _NARROWED[name] or bool(recipients) != (name in TAKES_OUT):
            raise ValueError("no such command, or recipients where there are none, or none where there must be")
        command = await self._reception.take(visit, name, question, about)
        told = command.told
        facts = Communicated(**told, recipients=recipients) if recipients else Consulted(**told)
        await self._registry.commanded(command.giver.author, facts)
        visit.command, visit.about, visit.given = name, about, 0
        return {}

    async def _entries(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        await self._reception.require(visit, _READING, "register show")
        rows = await self._registry.rows(*pages.span(question))
        some = (await self._registry.unassigned(LISTED))[1] if UNASSIGNED in visit.about else ()
        # What was entered is what is shown.
        those, first = Filter.of(visit.about, some), int(visit.about.get("after", -1))
        taken = [row for row in rows if row.seq > first and those.takes(row)]
        limit = visit.about.get("limit")
        left = len(taken) if limit is None else max(0, int(limit) - visit.given)
        visit.given += len(taken[:left])
        return pages.write_rows(taken[:left], rows[-1].seq if rows and (limit is None or left) else None)

    async def _checkpoints(self, _visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        return pages.write_checkpoints(await self._registry.checkpoints(*pages.span(question)))

    async def _checkpoint(self, _visit: Visit, _question: Mapping[str, Any]) -> dict[str, Any]:
        return {"note": await self._registry.checkpoint(), "verifier_key": self._known.verifier.text}

    async def _prove_entry(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        await self._reception.require(visit, {"register prove"}, "register prove", entry=str(question["seq"]))
        return await self._registry.prove_entry(int(question["seq"]))

    async def _prove_recording(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        recording_id = str(question["recording_id"])
        await self._reception.require(visit, {"register prove"}, "register prove", recording=recording_id)
        return await self._registry.prove_recording(recording_id)

    async def _prove_growth(self, _visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        return await self._registry.prove_growth(str(question["note"]))

    async def _outside(self) -> dict[str, Any]:
        """Say what is known of the register outside the dock, and what is to do; `known`: whether it could be read."""
        confirmed, unassigned, known = None, 0, False
        with contextlib.suppress(RegisterError):
            confirmed = await self._registry.last_confirmation()
            unassigned = (await self._registry.unassigned(0))[0]
            known = True
        return {
            "witnesses": self._parts.witnesses.as_dict(),
            "confirmed": {"size": confirmed.size, "at": confirmed.at} if confirmed else None,
            "unassigned": unassigned,
            "known": known,
            "has_cosigners": bool(self._known.cosigners),
        }

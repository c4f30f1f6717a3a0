"""What the running dock answers on its control socket: how it is, to everybody; the register, to its operators.

A command about the register is entered before it is answered, with the person who gives it and their reason; one that
somebody may not give is entered as refused. A command that takes many questions is begun once, on its connection.
"""

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NoReturn

import structlog

from dockd.clock import AnsweredClock, utc_text
from dockd.custody.witnesses import Witnesses
from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelves
from dockd.errors import CommandDenied, CommandImpossible, RegisterError, RegisterTampered
from dockd.events import Event
from dockd.i18n import _
from dockd.ops import pages
from dockd.ops.control import Answer, Visit
from dockd.ops.counters import Counters
from dockd.ops.rights import RIGHTS, TAKES_OUT, Caller, Operator, caller
from dockd.ops.status import Board
from dockd.register.commands import (
    CameraIssued,
    CameraReturned,
    ClockConfirmed,
    CommandRefused,
    Communicated,
    Consulted,
    Pruned,
    WearerJustified,
    Why,
    Witnessed,
    WitnessOverruled,
)
from dockd.register.note import Checkpoint, Verifier, is_signed
from dockd.register.reading import Filter

MAX_WORDS = 500
"""Longest reason, recipient or filter, in characters."""

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

_SHOWN = 10
"""So many recordings without a wearer are named in the status."""

_READING = frozenset({"register show", "register verify", "register export", "register snapshot"})


@dataclass(frozen=True, slots=True)
class _Command:
    """A command that its giver may give; `told` are the fields that its entry has of it."""

    giver: Caller
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Staff:
    """Whose word counts: the persons of the site by account, the dock's own key, who signs its checkpoints too.

    `cameras` are those of the fleet, by camera_id.
    """

    operators: Mapping[str, Operator]
    verifier: Verifier
    cosigners: Sequence[Verifier]
    cameras: Collection[str]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the desk tells of, and what it changes."""

    board: Board
    registry: Registry
    witnesses: Witnesses
    shelves: Shelves
    counters: Counters
    clock: AnsweredClock


class Desk:
    """Answers the questions of the control socket."""

    def __init__(self, staff: Staff, parts: Parts) -> None:
        self._staff = staff
        self._parts = parts
        self._registry = parts.registry
        self._work: asyncio.Task[None] | None = None
        self._handing_over = asyncio.Lock()

    def answers(self) -> dict[str, Answer]:
        return {
            "status": self._status,
            pages.BEGIN: self._begin,
            pages.ENTRIES: self._entries,
            pages.CHECKPOINTS: self._checkpoints,
            pages.CHECKPOINT: self._checkpoint,
            pages.PRUNE: self._prune,
            pages.PRUNING: self._pruning,
            pages.CONFIRM_CLOCK: self._confirm_clock,
            pages.OVERRULE: self._overrule,
            pages.ISSUE: self._issue,
            pages.RETURN: self._return,
            pages.JUSTIFY: self._justify,
            pages.COSIGN: self._cosign,
            pages.PROVE_ENTRY: self._prove_entry,
            pages.PROVE_RECORDING: self._prove_recording,
            pages.PROVE_GROWTH: self._prove_growth,
        }

    async def _status(self, _visit: Visit, _question: Mapping[str, Any]) -> dict[str, Any]:
        partitions = [
            {"name": shelf.name, "fault": shelf.fault.message if shelf.fault else None} for shelf in self._parts.shelves
        ]
        register = {"entries": self._registry.size, **await self._outside()}
        counters = self._parts.counters.as_dict()
        return {**self._parts.board.as_dict(), "partitions": partitions, "register": register, "counters": counters}

    async def _begin(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Enter a command; what it reads is asked for on the same connection."""
        name = question["command"]
        about = {_words(key): _words(value) for key, value in question["about"].items()}
        recipients = tuple(_words(each) for each in question["recipients"])
        if name not in _READING | TAKES_OUT or bool(recipients) != (name in TAKES_OUT):
            raise ValueError("no such command, or recipients where there are none, or none where there must be")
        command = await self._taken(visit, name, question, about)
        told = command.told
        facts = Communicated(**told, recipients=recipients) if recipients else Consulted(**told)
        await self._registry.commanded(command.giver.author, facts)
        visit.command, visit.about = name, about
        return {}

    async def _entries(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        await self._begun(visit, _READING, "register show")
        rows = await self._registry.rows(*pages.span(question))
        # What was entered is what is shown.
        return pages.write_rows(rows, Filter.of(visit.about))

    async def _checkpoints(self, _visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        return pages.write_checkpoints(await self._registry.checkpoints(*pages.span(question)))

    async def _checkpoint(self, _visit: Visit, _question: Mapping[str, Any]) -> dict[str, Any]:
        return {"note": await self._registry.checkpoint(), "verifier_key": self._staff.verifier.text}

    async def _prove_entry(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        await self._begun(visit, {"register prove"}, "register prove")
        return await self._registry.prove_entry(int(question["seq"]))

    async def _prove_recording(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        await self._begun(visit, {"register prove"}, "register prove")
        return await self._registry.prove_recording(str(question["recording_id"]))

    async def _prove_growth(self, _visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        return await self._registry.prove_growth(str(question["note"]))

    async def _prune(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Enter that old entries are pruned, and begin to; `_pruning` says when it is done."""
        command = await self._taken(visit, "register prune", question)
        if not self._parts.clock.trusted():
            await self._give_up(visit, command, "clock_not_trusted")
        last = await self._registry.last_prunable(self._parts.clock.now())
        if last < 0 or last <= await self._registry.pruned_until():
            await self._give_up(visit, command, "nothing_to_do")
        await self._registry.commanded(command.giver.author, Pruned(**command.told, last_seq=last))
        self.finish_pruning()
        return {"last_seq": last}

    async def _pruning(self, _visit: Visit, _question: Mapping[str, Any]) -> dict[str, Any]:
        """Say whether entries are being pruned; raises what went wrong."""
        if self._work is not None and self._work.done():
            self._work.result()
        return {"busy": self._work is not None and not self._work.done()}

    def finish_pruning(self) -> None:
        """Begin to take from pruned entries what they say, in the background; goes on with what was interrupted."""
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._registry.finish_pruning())
            self._work.add_done_callback(_say_failure)

    async def stop(self) -> None:
        """Let go of what is under way in the background; the next start goes on with it."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _outside(self) -> dict[str, Any]:
        """Say what is known of the register outside the dock; nothing of what cannot be read now."""
        confirmed, count, some = None, 0, list[str]()
        with contextlib.suppress(RegisterError):
            confirmed = await self._registry.last_confirmation()
            count, some = await self._registry.unassigned(_SHOWN)
        return {
            "witnesses": self._parts.witnesses.as_dict(),
            "confirmed": {"size": confirmed.size, "at": confirmed.at} if confirmed else None,
            "unassigned": {"count": count, "some": some},
        }

    async def _overrule(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Go on in spite of the witnesses that disagree."""
        command = await self._taken(visit, "register overrule", question)
        names = self._parts.witnesses.disagreeing()
        if not names:
            await self._give_up(visit, command, "nothing_to_do")
        await self._registry.commanded(command.giver.author, WitnessOverruled(**command.told, witnesses=names))
        self._parts.witnesses.overrule()
        return {"witnesses": names}

    async def _cosign(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Take back a checkpoint of this register that somebody outside has signed too."""
        note = str(question["note"])
        command = await self._taken(visit, "register cosign", question)
        try:
            signed = Checkpoint.parse(self._staff.verifier.open_note(note))
            cosigner = next(each for each in self._staff.cosigners if is_signed(note, each))
        except (RegisterTampered, StopIteration):
            await self._give_up(visit, command, "not_signed")
        if not await self._registry.grew_from(note):
            raise RegisterTampered(_("this register did not grow from that checkpoint: it was cut or replaced"))
        facts = Witnessed(**command.told, witness=cosigner.text, size=signed.size, note=note)
        await self._registry.commanded(command.giver.author, facts)
        return {"size": signed.size, "witness": cosigner.name}

    async def _issue(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Give a shared camera to a wearer, unless somebody has it."""
        camera_id, wearer = _words(question["camera_id"]), _words(question["wearer"])
        async with self._handing_over:
            command = await self._taken(visit, "issue", question, {"camera": camera_id, "wearer": wearer})
            if camera_id not in self._staff.cameras:
                await self._give_up(visit, command, "not_as_said", _("no camera {camera} is in the fleet"))
            if await self._holder(camera_id) is not None:
                await self._give_up(visit, command, "not_as_said", _("camera {camera} was not returned yet"))
            facts = CameraIssued(**command.told, camera_id=camera_id, wearer=wearer)
            await self._registry.commanded(command.giver.author, facts)
        return {}

    async def _return(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Take a shared camera back."""
        camera_id = _words(question["camera_id"])
        async with self._handing_over:
            command = await self._taken(visit, "return", question, {"camera": camera_id})
            holder = await self._holder(camera_id)
            if holder is None:
                await self._give_up(visit, command, "not_as_said", _("camera {camera} is issued to nobody"))
            await self._registry.commanded(command.giver.author, CameraReturned(**command.told, camera_id=camera_id))
        return {"wearer": holder}

    async def _holder(self, camera_id: str) -> str | None:
        handovers = await self._registry.handovers(camera_id)
        return handovers[-1].wearer if handovers else None

    async def _justify(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Enter who wore the camera of a recording, by the word of a person."""
        recording_id, wearer = _words(question["recording_id"]), _words(question["wearer"])
        about = {"recording": recording_id, "wearer": wearer}
        command = await self._taken(visit, "justify", question, about)
        if not await self._registry.knows(recording_id):
            await self._give_up(visit, command, "not_as_said", _("no recording {recording} was collected"))
        facts = WearerJustified(**command.told, recording_id=recording_id, wearer=wearer)
        await self._registry.commanded(command.giver.author, facts)
        return {}

    async def _confirm_clock(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        command = await self._taken(visit, "clock confirm", question)
        self._parts.clock.confirm()
        await self._registry.commanded(command.giver.author, ClockConfirmed(**command.told))
        return {"now": utc_text(self._parts.clock.now())}

    async def _begun(self, visit: Visit, commands: Collection[str], asked: str) -> None:
        """Let nobody read what no command that was entered is for."""
        if visit.command not in commands:
            await self._deny(visit, caller(visit.uid, self._staff.operators), asked, "")

    async def _taken(
        self, visit: Visit, name: str, question: Mapping[str, Any], about: Mapping[str, str] = MappingProxyType({})
    ) -> _Command:
        """Take a command from whom it is for; one who may not give it is entered, and raises `CommandDenied`."""
        reason, giver = _words(question["reason"]), caller(visit.uid, self._staff.operators)
        if giver.operator is None or giver.operator.role not in RIGHTS[name]:
            await self._deny(visit, giver, name, reason)
        told = {"command": name, "about": dict(about), "account": giver.account, "reason": reason}
        return _Command(giver, {**told, "role": giver.operator.role})

    async def _deny(self, visit: Visit, giver: Caller, name: str, reason: str) -> NoReturn:
        await self._enter_refusal(giver, name, reason, "no_right")
        message = _("{account} may not give this command: {command}").format(account=giver.account, command=name)
        structlog.get_logger().warning(Event.CONTROL_REFUSED, message=message, uid=visit.uid)
        advice = _("The chief of the service says who may: `operators` in dockd.yaml. This attempt is in the register.")
        raise CommandDenied(message, advice=advice)

    async def _give_up(self, visit: Visit, command: _Command, why: Why, said: str = "") -> NoReturn:
        """Enter that a command cannot be carried out; `said` is a sentence with what the command is about."""
        await self._enter_refusal(command.giver, command.told["command"], command.told["reason"], why)
        message, advice = _IMPOSSIBLE.get(why, (said, ""))
        message = message.format(**command.told["about"], command=command.told["command"])
        structlog.get_logger().info(Event.CONTROL_REFUSED, message=message, uid=visit.uid)
        raise CommandImpossible(message, advice=advice)

    async def _enter_refusal(self, giver: Caller, name: str, reason: str, why: Why) -> None:
        role = giver.operator.role if giver.operator else None
        facts = CommandRefused(command=name, account=giver.account, role=role, reason=reason, why=why)
        await self._registry.commanded(giver.author, facts)


def _say_failure(work: "asyncio.Task[None]") -> None:
    if not work.cancelled() and (error := work.exception()) is not None:
        structlog.get_logger().error(Event.PRUNING_FAILED, message=str(error))


def _words(text: object) -> str:
    """Take what somebody wrote as it is; raises ValueError for what is no line of text."""
    if not isinstance(text, str) or not text.strip() or not text.isprintable() or len(text) > MAX_WORDS:
        raise ValueError("not a line of text")
    return text

"""What the running dock answers on its control socket: how it is, to everybody; the register, to its operators.

A command about the register is entered before it is answered, with the person who gives it and their reason; one that
somebody may not give is entered as refused. A command that takes many questions is begun once, on its connection.
"""

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, NoReturn

import structlog

from dockd.clock import AnsweredClock, utc_text
from dockd.custody.witnesses import Witnesses
from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelves
from dockd.errors import CommandDenied, CommandImpossible, DockdError, RegisterError, RegisterTampered
from dockd.events import Event
from dockd.i18n import _
from dockd.ops import pages
from dockd.ops.control import Answer, Visit
from dockd.ops.counters import Counters
from dockd.ops.rights import MAX_WORDS, RIGHTS, TAKES_OUT, Caller, Operator, caller
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
from dockd.register.reading import UNASSIGNED, Filter

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

_LISTED = 10_000
"""So many recordings without a wearer are listed at most."""

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


@dataclass(frozen=True, slots=True)
class _Command:
    """A command that its giver may give; `told` are the fields that its entry has of it."""

    giver: Caller
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
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

    def __init__(self, known: Known, parts: Parts) -> None:
        self._known = known
        self._parts = parts
        self._registry = parts.registry
        self._work: asyncio.Task[None] | None = None
        self._handing_over = asyncio.Lock()
        self._refused: dict[int, list[float]] = {}
        self._turns: dict[int, asyncio.Lock] = {}

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
        if name not in _NARROWED or not about.keys() <= _NARROWED[name] or bool(recipients) != (name in TAKES_OUT):
            raise ValueError("no such command, or recipients where there are none, or none where there must be")
        command = await self._taken(visit, name, question, about)
        told = command.told
        facts = Communicated(**told, recipients=recipients) if recipients else Consulted(**told)
        await self._registry.commanded(command.giver.author, facts)
        visit.command, visit.about, visit.given = name, about, 0
        return {}

    async def _entries(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        await self._begun(visit, _READING, "register show")
        rows = await self._registry.rows(*pages.span(question))
        some = (await self._registry.unassigned(_LISTED))[1] if UNASSIGNED in visit.about else ()
        # What was entered is what is shown.
        those, first = Filter.of(visit.about, some), int(visit.about.get("after", -1))
        taken = [row for row in rows if row.seq > first and those.takes(row)]
        if (limit := visit.about.get("limit")) is not None:
            taken = taken[: max(0, int(limit) - visit.given)]
        visit.given += len(taken)
        is_over = not rows or (limit is not None and visit.given >= int(limit))
        return pages.write_rows(taken, None if is_over and not taken else rows[-1].seq if rows else None)

    async def _checkpoints(self, _visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        return pages.write_checkpoints(await self._registry.checkpoints(*pages.span(question)))

    async def _checkpoint(self, _visit: Visit, _question: Mapping[str, Any]) -> dict[str, Any]:
        return {"note": await self._registry.checkpoint(), "verifier_key": self._known.verifier.text}

    async def _prove_entry(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        await self._begun(visit, {"register prove"}, "register prove", entry=str(question["seq"]))
        return await self._registry.prove_entry(int(question["seq"]))

    async def _prove_recording(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        await self._begun(visit, {"register prove"}, "register prove", recording=str(question["recording_id"]))
        return await self._registry.prove_recording(str(question["recording_id"]))

    async def _prove_growth(self, _visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        return await self._registry.prove_growth(str(question["note"]))

    async def _prune(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Enter that old entries are pruned, and begin to; `_pruning` says when it is done."""
        believes_all = bool(question.get("believes_all"))
        about = {"dates": "all"} if believes_all else {}
        command = await self._taken(visit, "register prune", question, about)
        await look_at_clock(self._parts.clock, self._registry)
        if not self._parts.clock.trusted():
            await self._give_up(visit, command, "clock_not_trusted")
        try:
            last = await self._registry.last_prunable(self._parts.clock.now(), believes_all=believes_all)
            if last < 0 or last <= await self._registry.pruned_until():
                await self._give_up(visit, command, "nothing_to_do")
            await self._registry.commanded(command.giver.author, Pruned(**command.told, last_seq=last))
        except RegisterError as error:
            await self._give_up(visit, command, "not_as_said", error.message.replace("{", "{{").replace("}", "}}"))
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
            self._work.add_done_callback(partial(_say_failure, self._parts.board))

    async def stop(self) -> None:
        """Let go of what is under way in the background; the next start goes on with it."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

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

    async def _overrule(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Go on in spite of the witnesses that disagree."""
        command = await self._taken(visit, "register overrule", question)
        names = self._parts.witnesses.disagreeing()
        if not names:
            await self._give_up(visit, command, "nothing_to_do")
        await self._registry.commanded(command.giver.author, WitnessOverruled(**command.told, witnesses=names))
        self._parts.witnesses.overrule(names)
        return {"witnesses": names}

    async def _cosign(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Take back a checkpoint of this register that somebody outside has signed too."""
        note = str(question["note"])
        command = await self._taken(visit, "register cosign", question)
        try:
            signed = Checkpoint.parse(self._known.verifier.open_note(note))
            cosigner = next(each for each in self._known.cosigners if is_signed(note, each))
        except (RegisterTampered, StopIteration):
            await self._give_up(visit, command, "not_signed")
        if not await self._registry.grew_from(note):
            await self._parts.witnesses.contradict(cosigner.name, signed.size, note)
            said = _("this register did not grow from that checkpoint: it was cut or replaced")
            await self._give_up(visit, command, "not_as_said", said)
        facts = Witnessed(**command.told, witness=cosigner.text, size=signed.size, note=note)
        await self._registry.commanded(command.giver.author, facts)
        return {"size": signed.size, "witness": cosigner.name}

    async def _issue(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Give a shared camera to a wearer, unless somebody has it."""
        camera_id, wearer = _words(question["camera_id"]), _words(question["wearer"])
        async with self._handing_over:
            command = await self._taken(visit, "issue", question, {"camera": camera_id, "wearer": wearer})
            if camera_id not in self._known.cameras:
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
        # A step that nobody has noticed yet would take the word back.
        await look_at_clock(self._parts.clock, self._registry)
        await self._registry.commanded(command.giver.author, ClockConfirmed(**command.told))
        self._parts.clock.confirm()
        return {"now": utc_text(self._parts.clock.now())}

    async def _begun(self, visit: Visit, commands: Collection[str], asked: str, **about: str) -> None:
        """Refuse, unless a command that allows it, about just that, was begun on this connection."""
        if visit.command not in commands or any(visit.about.get(key) != value for key, value in about.items()):
            await self._deny(visit, caller(visit.uid, self._known.operators), asked, "")

    async def _taken(
        self, visit: Visit, name: str, question: Mapping[str, Any], about: Mapping[str, str] = MappingProxyType({})
    ) -> _Command:
        """Take a command from whom it is for; one who may not give it is entered, and raises `CommandDenied`."""
        reason, giver = _words(question["reason"]), caller(visit.uid, self._known.operators)
        if giver.operator is None or giver.operator.role not in RIGHTS[name]:
            await self._deny(visit, giver, name, reason, about)
        told = {"command": name, "about": dict(about), "account": giver.account, "reason": reason}
        return _Command(giver, {**told, "role": giver.operator.role})

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
        now = self._parts.clock.monotonic()
        recent = [moment for moment in self._refused.get(uid, []) if now - moment < _REFUSALS_SECONDS]
        self._refused[uid] = [*recent, now][-_REFUSALS:]
        if len(recent) >= _REFUSALS:
            async with self._turns.setdefault(uid, asyncio.Lock()):
                await asyncio.sleep(_REFUSED_AGAIN_SECONDS)

    async def _give_up(self, visit: Visit, command: _Command, why: Why, said: str = "") -> NoReturn:
        """Enter that a command cannot be carried out; `said` is a sentence with what the command is about."""
        told = command.told
        await self._enter_refusal(command.giver, told["command"], told["reason"], why, told["about"])
        message, advice = _IMPOSSIBLE.get(why, (said, ""))
        message = message.format(**command.told["about"], command=command.told["command"])
        structlog.get_logger().info(Event.CONTROL_REFUSED, message=message, uid=visit.uid)
        raise CommandImpossible(message, advice=advice)

    async def _enter_refusal(
        self, giver: Caller, name: str, reason: str, why: Why, about: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        role = giver.operator.role if giver.operator else None
        facts = CommandRefused(
            command=name, about=dict(about), account=giver.account, role=role, reason=reason, why=why
        )
        await self._registry.commanded(giver.author, facts)


async def look_at_clock(clock: AnsweredClock, registry: Registry) -> None:
    """Say and enter when somebody has set the clock."""
    if seconds := clock.stepped():
        structlog.get_logger().warning(Event.CLOCK_STEPPED, seconds=round(seconds, 3))
        await registry.clock_stepped(seconds)


def _say_failure(board: Board, work: "asyncio.Task[None]") -> None:
    if not work.cancelled():
        error = work.exception()
        board.trouble("pruning", error if isinstance(error, DockdError) else None)
        if error is not None:
            structlog.get_logger().error(Event.PRUNING_FAILED, message=str(error))


def _words(text: object) -> str:
    """Take what somebody wrote as it is; raises ValueError for what is no line of text."""
    if not isinstance(text, str) or not text.strip() or not text.isprintable() or len(text) > MAX_WORDS:
        raise ValueError("not a line of text")
    return text

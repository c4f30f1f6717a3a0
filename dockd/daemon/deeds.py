"""The commands that change something: each is taken by the reception, entered with its author, and carried out."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from dockd.clock import AnsweredClock, utc_text
from dockd.custody.witnesses import Witnesses
from dockd.daemon.reception import Reception, words
from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelves
from dockd.errors import DockdError, RegisterError, RegisterTampered
from dockd.events import Event
from dockd.i18n import _
from dockd.ops import pages
from dockd.ops.control import Answer, Visit
from dockd.ops.counters import Counters
from dockd.ops.rights import Operator
from dockd.ops.status import Board
from dockd.register.commands import (
    CameraIssued,
    CameraReturned,
    ClockConfirmed,
    Pruned,
    WearerJustified,
    Witnessed,
    WitnessOverruled,
)
from dockd.register.note import Checkpoint, Verifier, is_signed


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


class Deeds:
    """Prunes, confirms, overrules, issues."""

    def __init__(self, known: Known, parts: Parts, reception: Reception) -> None:
        self._known = known
        self._parts = parts
        self._reception = reception
        self._registry = parts.registry
        self._work: asyncio.Task[None] | None = None
        self._handing_over = asyncio.Lock()

    def answers(self) -> dict[str, Answer]:
        return {
            pages.PRUNE: self._prune,
            pages.PRUNING: self._pruning,
            pages.CONFIRM_CLOCK: self._confirm_clock,
            pages.OVERRULE: self._overrule,
            pages.COSIGN: self._cosign,
            pages.ISSUE: self._issue,
            pages.RETURN: self._return,
            pages.JUSTIFY: self._justify,
        }

    async def _prune(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Enter that old entries are pruned, and begin to; `_pruning` says when it is done."""
        believes_all = bool(question.get("believes_all"))
        about = {"dates": "all"} if believes_all else {}
        command = await self._reception.take(visit, "register prune", question, about)
        await look_at_clock(self._parts.clock, self._registry)
        if not self._parts.clock.trusted():
            await self._reception.give_up(visit, command, "clock_not_trusted")
        try:
            last = await self._registry.last_prunable(self._parts.clock.now(), believes_all=believes_all)
            if last < 0 or last <= await self._registry.pruned_until():
                await self._reception.give_up(visit, command, "nothing_to_do")
            await self._registry.commanded(command.giver.author, Pruned(**command.told, last_seq=last))
        except RegisterError as error:
            await self._reception.give_up(visit, command, "not_as_said", error.message)
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

    async def _confirm_clock(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        command = await self._reception.take(visit, "clock confirm", question)
        # A step that nobody has noticed yet would take the word back.
        await look_at_clock(self._parts.clock, self._registry)
        await self._registry.commanded(command.giver.author, ClockConfirmed(**command.told))
        self._parts.clock.confirm()
        return {"now": utc_text(self._parts.clock.now())}

    async def _overrule(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Go on in spite of the witnesses that disagree."""
        command = await self._reception.take(visit, "register overrule", question)
        names = self._parts.witnesses.disagreeing()
        if not names:
            await self._reception.give_up(visit, command, "nothing_to_do")
        await self._registry.commanded(command.giver.author, WitnessOverruled(**command.told, witnesses=names))
        self._parts.witnesses.overrule(names)
        return {"witnesses": names}

    async def _cosign(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Take back a checkpoint of this register that somebody outside has signed too."""
        note = str(question["note"])
        command = await self._reception.take(visit, "register cosign", question)
        try:
            signed = Checkpoint.parse(self._known.verifier.open_note(note))
            cosigner = next(each for each in self._known.cosigners if is_signed(note, each))
        except (RegisterTampered, StopIteration):
            await self._reception.give_up(visit, command, "not_signed")
        if not await self._registry.grew_from(note):
            await self._parts.witnesses.contradict(cosigner.name, signed.size, note)
            said = _("this register did not grow from that checkpoint: it was cut or replaced")
            await self._reception.give_up(visit, command, "not_as_said", said)
        facts = Witnessed(**command.told, witness=cosigner.text, size=signed.size, note=note)
        await self._registry.commanded(command.giver.author, facts)
        return {"size": signed.size, "witness": cosigner.name}

    async def _issue(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Give a shared camera to a wearer, unless somebody has it."""
        camera_id, wearer = words(question["camera_id"]), words(question["wearer"])
        about = {"camera": camera_id, "wearer": wearer}
        command = await self._reception.take(visit, "issue", question, about)
        if camera_id not in self._known.cameras:
            said = _("no camera {camera} is in the fleet").format(camera=camera_id)
            await self._reception.give_up(visit, command, "not_as_said", said)
        async with self._handing_over:
            if await self._holder(camera_id) is not None:
                said = _("camera {camera} was not returned yet").format(camera=camera_id)
                await self._reception.give_up(visit, command, "not_as_said", said)
            facts = CameraIssued(**command.told, camera_id=camera_id, wearer=wearer)
            await self._registry.commanded(command.giver.author, facts)
        return {}

    async def _return(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Take a shared camera back."""
        camera_id = words(question["camera_id"])
        command = await self._reception.take(visit, "return", question, {"camera": camera_id})
        async with self._handing_over:
            holder = await self._holder(camera_id)
            if holder is None:
                said = _("camera {camera} is issued to nobody").format(camera=camera_id)
                await self._reception.give_up(visit, command, "not_as_said", said)
            await self._registry.commanded(command.giver.author, CameraReturned(**command.told, camera_id=camera_id))
        return {"wearer": holder}

    async def _holder(self, camera_id: str) -> str | None:
        handovers = await self._registry.handovers(camera_id)
        return handovers[-1].wearer if handovers else None

    async def _justify(self, visit: Visit, question: Mapping[str, Any]) -> dict[str, Any]:
        """Enter who wore the camera of a recording, by the word of a person."""
        recording_id, wearer = words(question["recording_id"]), words(question["wearer"])
        about = {"recording": recording_id, "wearer": wearer}
        command = await self._reception.take(visit, "justify", question, about)
        if not await self._registry.knows(recording_id):
            said = _("no recording {recording} was collected").format(recording=recording_id)
            await self._reception.give_up(visit, command, "not_as_said", said)
        facts = WearerJustified(**command.told, recording_id=recording_id, wearer=wearer)
        await self._registry.commanded(command.giver.author, facts)
        return {}


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

"""The witnesses of the register: where its newest checkpoint lies beside it, and what follows if one disagrees.

Each is read before it is written: a register that did not grow from what a witness has was cut, rewritten or put back,
and then no camera is cleared and that witness is left as it is until a named person overrules it.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog

from dockd.docking.registry import Registry
from dockd.errors import DockdError, PartitionError, RegisterError, RegisterTampered, WitnessUnreachable
from dockd.events import Event
from dockd.i18n import _
from dockd.ops.status import Board
from dockd.register.note import Checkpoint, Verifier
from dockd.register.witness import read_witness, write_witness
from dockd.volume import Volume

T = TypeVar("T")

AGAIN_SECONDS = 30
"""A witness that could not be reached is tried again after so long."""


class InDirectory(Protocol):
    """Runs a call on a directory, given as a descriptor, without holding up anybody else."""

    async def __call__(self, call: Callable[[int], T]) -> T: ...


@dataclass(frozen=True, slots=True)
class InFolder:
    """A directory that may come and go, such as a stick: opened for each call, on a thread of its own."""

    path: Path
    volume: Volume

    async def run(self, call: Callable[[int], T]) -> T:
        return await self.volume.run(partial(self._opened, call))

    def _opened(self, call: Callable[[int], T]) -> T:
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return call(directory)
        finally:
            os.close(directory)


@dataclass(slots=True)
class Witness:
    """One place outside the register.

    `check` gives the fault of what it lies on, which is told of elsewhere. `size` is how many entries the checkpoint
    there has, as far as is known; `disagreeing` is the checkpoint that the register did not grow from, and `overruled`
    one that a person decided about. `told` is the code of the fault that was last said.
    """

    name: str
    run: InDirectory
    check: Callable[[], Awaitable[DockdError | None]] | None = None
    size: int | None = None
    disagreeing: str | None = None
    overruled: str | None = None
    told: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "size": self.size, "disagrees": self.disagreeing is not None}


class Witnesses:
    """All witnesses of one register. Used from the event loop."""

    def __init__(self, witnesses: Sequence[Witness], verifier: Verifier, registry: Registry, board: Board) -> None:
        self._witnesses = witnesses
        self._verifier = verifier
        self._registry = registry
        self._board = board
        self._newest: str | None = None
        self._news = asyncio.Event()
        self._missed = False
        self._undecided: dict[str, str] = {}

    def signed(self, note: str) -> None:
        """Take the newest checkpoint, to be brought to every witness in the background."""
        self._newest = note
        self._news.set()

    async def compare(self) -> None:
        """Compare the register with every witness that can be reached now. Raises RegisterError.

        One that disagreed before, and that nobody has decided about, disagrees still, whatever is there now.
        """
        self._undecided = await self._registry.disagreements()
        for witness in self._witnesses:
            witness.disagreeing = self._undecided.get(witness.name)
        for name in self._undecided:
            self._registry.hold(_disagreement(name))
        for witness in self._witnesses:
            await self._at(witness, self._agrees)

    async def follow(self) -> None:
        """Bring each new checkpoint to every witness, for ever; one that could not be reached is tried again."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_SECONDS if self._missed else None):
                    await self._news.wait()
            await self.bring()

    async def bring(self) -> None:
        """Bring the newest checkpoint to every witness now."""
        self._news.clear()
        self._missed = False
        for witness in self._witnesses:
            with contextlib.suppress(RegisterError):  # which the register's own check tells of
                await self._at(witness, self._bring)

    async def contradict(self, name: str, size: int, note: str) -> None:
        """Have nothing cleared because of a checkpoint that the register did not grow from, and enter it."""
        self._registry.hold(_disagreement(name))
        self._undecided[name] = note
        await self._registry.witness_disagreed(name, size, note)

    def disagreeing(self) -> tuple[str, ...]:
        """Name the witnesses that the register did not grow from, those too that are not configured any more."""
        now = (each.name for each in self._witnesses if each.disagreeing is not None)
        return tuple(dict.fromkeys([*now, *self._undecided]))

    def overrule(self, names: Collection[str]) -> None:
        """Take a person's word against these witnesses."""
        for witness in self._witnesses:
            if witness.name in names and witness.disagreeing is not None:
                witness.overruled, witness.disagreeing = witness.disagreeing, None
        self._undecided = {name: note for name, note in self._undecided.items() if name not in names}
        if not self.disagreeing():
            self._registry.hold(None)
        self._news.set()

    def as_dict(self) -> list[dict[str, Any]]:
        return [each.as_dict() for each in self._witnesses]

    async def _at(self, witness: Witness, visit: Callable[[Witness], Awaitable[object]]) -> None:
        """Visit a witness; say when it cannot be reached, and when it can again."""
        fault: DockdError | None = None
        try:
            await visit(witness)
        except (OSError, PartitionError, WitnessUnreachable) as error:
            self._missed = True
            cause = error.message if isinstance(error, DockdError) else str(error)
            text = _("the checkpoint of the register cannot be kept in {name}: {cause}")
            fault = WitnessUnreachable(text.format(name=witness.name, cause=cause))
            if witness.check is not None and await witness.check() is not None:
                fault = None
        if witness.disagreeing is not None:
            fault = _disagreement(witness.name)
        self._board.trouble(f"witness {witness.name}", fault)
        code = fault.code if fault else None
        if code != witness.told:
            _say(witness.name, fault)
        witness.told = code

    async def _bring(self, witness: Witness) -> None:
        if not await self._agrees(witness) or (newest := self._newest) is None:
            return
        signed = Checkpoint.parse(self._verifier.open_note(newest))
        if signed.size != witness.size or witness.overruled is not None:
            await witness.run(partial(write_witness, note=newest))
            witness.size, witness.overruled = signed.size, None
            structlog.get_logger().info(Event.CHECKPOINT_KEPT, witness=witness.name, size=signed.size)

    async def _agrees(self, witness: Witness) -> bool:
        """Whether nothing speaks against writing over what a witness has."""
        if witness.disagreeing is not None:
            return False
        note = await witness.run(read_witness)
        if note is None:
            witness.size = None
        if note is None or note == witness.overruled:
            return True
        try:
            kept = Checkpoint.parse(self._verifier.open_note(note))
        except RegisterTampered as error:
            # Whoever can write there could as well have taken it away: it is no witness against the register.
            text = _("its checkpoint is not one of this dock ({cause}): move it away")
            raise WitnessUnreachable(text.format(cause=error.message)) from error
        witness.size = kept.size
        if await self._registry.grew_from(note):
            return True
        witness.disagreeing = note
        await self.contradict(witness.name, kept.size, note)
        return False


def _say(witness: str, fault: DockdError | None) -> None:
    if fault is None:
        structlog.get_logger().info(Event.WITNESS_RECOVERED, witness=witness)
    else:
        structlog.get_logger().error(
            Event.WITNESS_TROUBLE, witness=witness, code=fault.code, message=fault.message, advice=fault.advice
        )


def _disagreement(name: str) -> RegisterTampered:
    text = _("{name} has a checkpoint that this register did not grow from: it was cut or replaced")
    return RegisterTampered(
        text.format(name=name),
        advice=_(
            "No camera is cleared. Keep both media of the register and every witness as they are, find out what"
            " happened, then decide: dockd register overrule"
        ),
    )

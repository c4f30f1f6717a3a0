"""A locked camera as the supervisor sees it: through a worker of its own, which ends before anything is read."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeVar

from dockd.docking.access import LockedAccess
from dockd.docking.messages import (
    CameraHere,
    ClockRead,
    ClockSet,
    Identified,
    Locked,
    Order,
    Progress,
    ReadClock,
    ReadState,
    Report,
    SetClock,
    StateRead,
    Unlock,
    Unlocked,
    Wants,
)
from dockd.docking.unit_worker import WorkerUnits
from dockd.docking.worker_link import WorkerLink
from dockd.driver import SourceKind
from dockd.errors import CameraDenied, CameraError, CredentialRefused
from dockd.i18n import _


def _heed_nothing(_progress: Progress) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Workers:
    """Who runs unlockers: units of systemd, or None where workers are subprocesses.

    `vendors` may open a camera that is lent to them, of which there is one at a time.
    """

    plain: WorkerUnits | None = None
    vendors: WorkerUnits | None = None
    one_lent: asyncio.Lock = field(default_factory=asyncio.Lock)


R = TypeVar("R", bound=Report)


class LockedCamera:
    """One worker, with the credential, and its camera. Raises as a docked camera does, and what `handing` raises.

    That is called each time before the unlocker gets the camera, and may give it the credential.
    Use it as a context manager, at whose end no worker is left; only what is not the camera's fault ends it at once.
    What was lent to that worker is then taken back.
    """

    def __init__(
        self, access: LockedAccess, handing: Callable[[], None], silence_seconds: float, workers: Workers
    ) -> None:
        self._access = access
        self._handing = handing
        self._silence_seconds = silence_seconds
        self._workers = workers
        self._link = WorkerLink(silence_seconds, _heed_nothing, workers.plain)
        self._lent = AsyncExitStack()
        self._credential = ""
        self.is_handed = False
        """Whether the unlocker has the camera, and may have given it the credential."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        async with self._lent:
            try:
                if kind is None or issubclass(kind, CameraError):
                    await self._link.finish()
            finally:
                await self._link.kill()

    async def open(self, unlocker: str, reference: str, options: Mapping[str, str], credential: str) -> Identified:
        """Start the worker, hand it what its unlocker reaches the camera through, and ask the camera who it is."""
        self._credential = credential
        order = Locked(unlocker=unlocker, unlocker_reference=reference, options=dict(options), credential=credential)
        kind = await self._start(order)
        if kind is SourceKind.NODE:
            return await self._open_lent(order)
        handle = await self._access.open(kind, writable=False)
        try:
            self._hand()
            return await self._ask(CameraHere(), Identified, [handle.fileno()])
        finally:
            handle.close()

    async def _start(self, order: Locked) -> SourceKind:
        await self._link.start()
        return (await self._link.call(order, Wants, self._link.lifeline)).source

    async def _open_lent(self, order: Locked) -> Identified:
        """Let the unlocker open the camera by itself, in a worker that may."""
        if self._workers.vendors is not None:
            await self._link.finish()
        await self._lent.enter_async_context(self._workers.one_lent)
        if self._workers.vendors is not None:
            self._link = WorkerLink(self._silence_seconds, _heed_nothing, self._workers.vendors)
            await self._start(order)
        self._lent.push_async_callback(self._access.take_back)
        path = await self._access.lend()
        self._hand()
        return await self._ask(CameraHere(path=path), Identified)

    def _hand(self) -> None:
        self._handing()
        self.is_handed = True

    async def read_clock(self, utc_offset_seconds: int) -> ClockRead:
        return await self._ask(ReadClock(utc_offset_seconds=utc_offset_seconds), ClockRead)

    async def read_state(self) -> StateRead:
        return await self._ask(ReadState(), StateRead)

    async def set_clock(self, utc_offset_seconds: int) -> None:
        await self._ask(SetClock(utc_offset_seconds=utc_offset_seconds), ClockSet)

    async def unlock(self) -> None:
        await self._ask(Unlock(), Unlocked)

    async def _ask(self, order: Order, expected: type[R], fds: Sequence[int] = ()) -> R:
        """Give an order. Raises `CredentialRefused`, which is no `DriverError`, whatever was asked for with it.

        A camera that says its credential back would have it written into the register for ever. No more than that can
        be told: what many a camera is set to, such as 000000, may also be a part of its id.
        """
        try:
            report = await self._link.call(order, expected, fds)
        except CameraError as fault:
            message, advice = fault.message, fault.advice
            if self._credential and self._credential in message + advice:
                message, advice = _("what the camera or its unlocker says holds the credential"), ""
            kind = CredentialRefused if isinstance(fault, CameraDenied) else type(fault)
            raise kind(message, advice=advice) from None
        if isinstance(report, Identified) and report.identity == self._credential:
            raise CredentialRefused(_("the camera says its credential back in the place of its id"))
        return report

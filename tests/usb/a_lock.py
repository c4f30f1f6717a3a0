"""A locked camera behind the public unlocker interface, and workers that serve it in threads of the test's process."""

import asyncio
import contextlib
import os
import socket
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from dockd.docking import worker_link
from dockd.docking.channel import WorkerEnd
from dockd.docking.worker import Worker
from dockd.driver import Ability, SourceKind
from dockd.driver.abilities import CameraState, CameraTime
from dockd.driver.unlocking import LockedSession, Unlocker
from dockd.errors import CameraDenied, CameraGone, OrderError, WorkerFailed


@dataclass
class ALock:
    """`did` has every verb that reached the camera; `before` is called with each and may raise.

    `seen` has the credentials that it was given. It wants one to say who it is, and remembers that it got it.
    """

    identity: str = "BWC1"
    credential: str = "000000"
    did: list = field(default_factory=list)
    seen: list = field(default_factory=list)
    before: object = lambda _verb: None

    def asked(self, verb):
        self.did.append(verb)
        self.before(verb)

    def unlocker(self, session=None):
        lock = self

        class FakeUnlocker(Unlocker):
            name: ClassVar = "fake-lock"
            version: ClassVar = "3"
            source: ClassVar = SourceKind.USB
            abilities: ClassVar = frozenset({Ability.UNLOCK, Ability.CLOCK, Ability.STATE})

            def _open(self, source, credential):
                return (session or ALockedSession)(lock, credential)

        return FakeUnlocker


class ALockedSession(LockedSession):
    def __init__(self, lock, credential):
        super().__init__()
        self._lock = lock
        self._credential = credential
        self._was_sent = False
        lock.asked("open")

    def _identify(self):
        self._lock.asked("identify")
        self._let_in()
        return self._lock.identity

    def _let_in(self):
        if not self._was_sent:
            self._was_sent = True
            self._lock.seen.append(self._credential)
        if self._credential != self._lock.credential:
            raise CameraDenied("wrong credential")

    def _unlock(self):
        self._let_in()
        with contextlib.suppress(ConnectionResetError):
            self._lock.asked("unlock")

    def tell_state(self):
        self._lock.asked("tell_state")
        return CameraState(battery_percent=80)

    def tell_time(self):
        self._lock.asked("tell_time")
        return CameraTime(datetime(2020, 1, 1, tzinfo=UTC), "2020-01-01")

    def take_time(self, now):
        self._lock.asked("take_time")

    def close(self):
        with contextlib.suppress(CameraGone):
            self._lock.asked("close")


class InThread:
    """A worker that is a thread, as `worker_link.Process`; to kill it is to close its socket."""

    pid = None

    def __init__(self, end, driver):
        self._end = socket.socket(fileno=os.dup(end.fileno()))
        self._end.settimeout(None)
        self.thread = threading.Thread(target=self._serve, args=(driver,), daemon=True)
        self.thread.start()

    def _serve(self, driver):
        try:
            Worker(WorkerEnd(self._end), lambda *_named: driver, os.close, lambda *_crash: None).serve()
        except (WorkerFailed, OrderError):
            pass  # the supervisor has gone, or the test has it end
        finally:
            self._end.close()

    def kill(self):
        pass  # its socket is closed by now

    async def wait(self):
        await asyncio.to_thread(self.thread.join)
        return 0


def serve(monkeypatch, lock):
    """Have every worker serve this lock; gives the list of those that were started."""
    workers = []

    async def spawn(end):
        workers.append(InThread(end, lock.unlocker()))
        return workers[-1]

    monkeypatch.setattr(worker_link, "spawn", spawn)
    return workers

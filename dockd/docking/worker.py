"""The worker: serves one docked camera in a process of its own, over one socket, with descriptors it is handed.

It never sees the store, the register or another bay. It may hang, crash or be killed with no harm.
"""

import contextlib
import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial

from dockd.docking.channel import WorkerEnd
from dockd.docking.locked_session import UnlockerAtWork
from dockd.docking.messages import (
    Camera,
    CameraHere,
    ClearedMessage,
    ClockRead,
    ClockSet,
    Done,
    File,
    GoneOn,
    GoOn,
    Hash,
    Hashed,
    LetGo,
    LetGone,
    ListAgain,
    ListedRecording,
    Listing,
    Locked,
    Order,
    Progress,
    ProvenMessage,
    ReadClock,
    ReadState,
    Ready,
    RegisteredMessage,
    SetClock,
    Stage,
    StateRead,
    Stop,
    Unlock,
    Unlocked,
    Wants,
)
from dockd.docking.nameless import NamelessFile
from dockd.docking.pages import pages
from dockd.docking.pull import Told, digest_on_camera, goes_on, pull
from dockd.docking.release import Release
from dockd.docking.rounds import Rounds
from dockd.docking.salvage import Patience, salvage
from dockd.docking.sealing import Sealing
from dockd.docking.trouble import partition_error, trouble
from dockd.docking.works import Works
from dockd.driver import BY_DESCRIPTOR, AnyDriver, Driver, Session, Source
from dockd.driver.abilities import AnySession, read_clock, read_state, set_clock
from dockd.driver.unlocking import Unlocker
from dockd.errors import (
    DockdError,
    DriverError,
    IdentityMismatch,
    OrderError,
)
from dockd.i18n import _
from dockd.model import Proven, Recording
from dockd.seal.recipients import Recipient

PROGRESS_SECONDS = 0.5

LogCrash = Callable[[str, Exception], None]
"""Log a fault of dockd's own MP4 check, and in which recording it was."""

LoadDriver = Callable[[str, str], type[AnyDriver]]
"""Give the class of a driver by its name and where it is; raises `DriverError` if it is not there or does not load."""


class Worker:
    """Takes orders until told to stop. `serve` returns when the docking is over or the supervisor is gone."""

    def __init__(
        self, end: WorkerEnd, load_driver: LoadDriver, hold_lifeline: Callable[[int], None], log_crash: LogCrash
    ) -> None:
        self._end = end
        self._hold_lifeline = hold_lifeline
        self._load_driver = load_driver
        self._log_crash = log_crash
        self._camera = -1
        self._camera_id = ""
        self._must_state_id = False
        self._locked: UnlockerAtWork | None = None
        self._driver: Driver | None = None
        self._session: Session | None = None
        self._rounds: Rounds | None = None
        self._patience = Patience()
        self._release: Release | None = None
        self._recipients: tuple[Recipient, ...] = ()
        self._recordings: tuple[Recording, ...] = ()
        self._works = Works()
        self._broken_off: Sealing | None = None
        self._told = 0.0
        self._stage: Stage = "check"
        self._done = self._proven = 0

    def serve(self) -> None:
        """Answer every order with its reports or one `Trouble`; an `OrderError` ends the process."""
        self._end.send(Ready())
        try:
            while self._take_order():
                pass
        finally:
            self._works.close()

    def _take_order(self) -> bool:
        order, fds = self._end.receive()
        try:
            self._obey(order, fds)
        except DockdError as error:
            self._end.send(trouble(error))
        finally:
            for fd in fds:
                os.close(fd)
        return not isinstance(order, Stop)

    def _obey(self, order: Order, fds: list[int]) -> None:
        match order:
            case Camera():
                self._load(order, fds)
            case Locked():
                self._load_unlocker(order, fds)
            case CameraHere() if self._locked is not None:
                self._end.send(self._locked.open(self._locked.source_of(order.path, partial(self._taken, fds))))
            case Unlock():
                self._unlocking().session.unlock()
                self._end.send(Unlocked())
            case CameraHere():
                self._open(fds)
            case File():
                self._ingest(order, fds)
            case Hash():
                self._hash(order.index)
            case LetGo():
                self._let_go()
            case GoOn():
                self._go_on(fds)
            case RegisteredMessage():
                self._clear(order)
            case ListAgain():
                self._list()
            case ReadClock():
                self._end.send(_read_clock(self._asked(), order.utc_offset_seconds))
            case ReadState():
                told = read_state(self._asked())
                percent, firmware, officer = told.battery_percent, told.firmware, told.officer
                self._end.send(StateRead(battery_percent=percent, firmware=firmware, officer=officer))
            case SetClock():
                set_clock(self._asked(), datetime.now(timezone(timedelta(seconds=order.utc_offset_seconds))))
                self._end.send(ClockSet())
            case Stop():
                self._close()
                self._end.send(Done())

    def _load(self, order: Camera, fds: list[int]) -> None:
        self._begin_with(fds)
        self._recipients = tuple(Recipient.parse(text) for text in order.recipients)
        driver = self._load_driver(order.driver, order.driver_reference)
        if not issubclass(driver, Driver):
            raise DriverError(_("{name} unlocks cameras, and reads none").format(name=order.driver))
        self._driver = driver(order.options)
        self._camera_id, self._must_state_id = order.camera_id, order.must_state_id
        self._end.send(Wants(source=self._driver.source))

    def _load_unlocker(self, order: Locked, fds: list[int]) -> None:
        self._begin_with(fds)
        unlocker = self._load_driver(order.unlocker, order.unlocker_reference)
        if not issubclass(unlocker, Unlocker):
            raise DriverError(_("{name} reads cameras, and unlocks none").format(name=order.unlocker))
        self._locked = UnlockerAtWork(unlocker, order)
        self._end.send(Wants(source=self._locked.source))

    def _begin_with(self, fds: list[int]) -> None:
        if self._driver is not None or self._locked is not None:
            raise OrderError("a worker serves one camera")
        if fds:
            self._hold_lifeline(fds.pop())

    def _open(self, fds: list[int]) -> None:
        source = self._handed(fds)
        if self._session is None:
            self._begin(self._loaded().open(source))
        else:
            self._session.go_on(source)
            self._recordings = ()
            self._begin(self._session)

    def _begin(self, session: Session) -> None:
        identity = session.identify()
        if identity != self._camera_id and (identity is not None or self._must_state_id):
            raise IdentityMismatch(
                _("announced as {claimed}, the camera says it is {identity}").format(
                    claimed=self._camera_id, identity=identity or _("nothing")
                ),
                advice=_("Check which camera stands in this bay, and its entry in the fleet file."),
            )
        self._session, self._rounds, self._release = session, Rounds(session), Release(session)
        self._list()

    def _list(self) -> None:
        if self._rounds is None:
            raise OrderError("no camera is open")
        batch = self._rounds.next(self._released().told)
        still_there = [index for index, each in enumerate(self._recordings) if each.path in batch.still_there]
        listing = Listing(
            driver_version=self._loaded().version,
            recordings=tuple(map(ListedRecording.of, batch.recordings)),
            waiting=batch.waiting,
            others=tuple(path.text for path in sorted(batch.others)),
            others_count=batch.others_count,
            still_there=tuple(still_there),
            fullness=self._fullness(),
            more=False,
        )
        self._recordings, self._release = tuple(batch.recordings), Release(self._opened())
        for page in pages(listing):
            self._end.send(page)

    def _fullness(self) -> float | None:
        """Tell what only decides whose turn it is: a camera that fails to say it may be read all the same."""
        with contextlib.suppress(DriverError):
            return self._opened().fullness()
        return None

    def _ingest(self, order: File, fds: list[int]) -> None:
        recording = self._recording(order.index)
        self._done = self._proven = 0
        sealing = self._sealing(order, recording, fds)
        try:
            proven = self._seal_and_prove(order, sealing)
        except DriverError:
            if order.salvage:
                sealing.drop()
            else:
                self._break_off(sealing)
            raise
        except OSError as error:
            sealing.drop()
            raise partition_error(error) from error
        except BaseException:
            sealing.drop()
            raise
        if proven.sealed.gaps:
            self._released().salvaged(recording)
        else:
            self._released().learned(recording, proven.sealed.plaintext_sha256)
        self._end.send(ProvenMessage.of(order.index, proven))

    def _sealing(self, order: File, recording: Recording, fds: list[int]) -> Sealing:
        """Give what broke off, or begin: one that was not gone on with is forgotten as soon as another is begun."""
        broken_off, self._broken_off = self._broken_off, None
        if not fds:
            if broken_off is None or broken_off.recording != recording:
                raise OrderError("that recording did not break off")
            return broken_off
        if broken_off is not None:
            broken_off.drop()
        file = NamelessFile(fds.pop(), self._works)
        return Sealing(recording, file, self._recipients, self._works, order.trail)

    def _seal_and_prove(self, order: File, sealing: Sealing) -> Proven:
        session, tell = self._opened(), partial(self._tell, order.index)
        if order.salvage:
            return salvage(session, sealing, tell, self._patience)
        if not goes_on(session, sealing):
            sealing.begin_anew()
        return pull(session, sealing, self._works, tell, partial(self._log_crash, sealing.recording.path.text))

    def _break_off(self, sealing: Sealing) -> None:
        """Keep what was sealed before the camera failed, unless the medium has failed, too."""
        try:
            sealing.pause()
            self._broken_off = sealing
        except OSError as error:
            sealing.drop()
            raise partition_error(error) from error
        except BaseException:
            sealing.drop()
            raise

    def _hash(self, index: int) -> None:
        recording = self._recording(index)
        digest = digest_on_camera(self._opened(), recording, self._works, partial(self._tell, index))
        self._released().learned(recording, digest)
        self._end.send(Hashed(index=index, plaintext_sha256=digest))

    def _let_go(self) -> None:
        self._opened().let_go()
        self._close_camera()
        self._end.send(LetGone())

    def _go_on(self, fds: list[int]) -> None:
        session = self._opened()
        session.go_on(self._handed(fds))
        self._end.send(GoneOn())

    def _handed(self, fds: list[int]) -> Source:
        """Take over the descriptor that leads to the camera."""
        source = BY_DESCRIPTOR[self._loaded().source]
        return source(self._taken(fds))

    def _taken(self, fds: list[int]) -> int:
        if not fds or self._camera >= 0:
            raise OrderError("a camera comes with a descriptor, and again only once it was let go")
        self._camera = fds.pop()
        return self._camera

    def _clear(self, order: RegisteredMessage) -> None:
        release = self._released()
        release.clear(release.registered(self._recording(order.index), order))
        self._end.send(ClearedMessage(index=order.index))

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
        if self._locked is not None:
            self._locked.close()
        self._close_camera()
        if self._broken_off is not None:
            self._broken_off.drop()

    def _close_camera(self) -> None:
        if self._camera >= 0:
            os.close(self._camera)
            self._camera = -1

    def _tell(self, index: int, stage: Told, done: int) -> None:
        if stage == "trail":
            self._proven = done
        else:
            self._stage, self._done = stage, done
        now = time.monotonic()
        if now - self._told >= PROGRESS_SECONDS:
            self._told = now
            self._end.send(Progress(index=index, stage=self._stage, done=self._done, proven=self._proven))

    def _recording(self, index: int) -> Recording:
        if index >= len(self._recordings):
            raise OrderError("no such recording in the listing")
        return self._recordings[index]

    def _loaded(self) -> Driver:
        if self._driver is None:
            raise OrderError("no driver is loaded")
        return self._driver

    def _unlocking(self) -> UnlockerAtWork:
        if self._locked is None:
            raise OrderError("no unlocker is loaded")
        return self._locked

    def _asked(self) -> AnySession:
        """Give the session that can ask the camera for what it says of itself."""
        return self._opened() if self._locked is None else self._locked.session

    def _opened(self) -> Session:
        if self._session is None:
            raise OrderError("no camera is open")
        return self._session

    def _released(self) -> Release:
        if self._release is None:
            raise OrderError("no camera is open")
        return self._release


def _read_clock(session: AnySession, utc_offset_seconds: int) -> ClockRead:
    asked = time.time()
    told = read_clock(session)
    return ClockRead(said=told.said, offset_ms=told.ahead_ms(utc_offset_seconds, asked, time.time()))

"""Two cameras that claim one id at the same time, whatever is being done with the first: neither is served."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import structlog

from dockd.admit import refuse_not_back, refuse_stray
from dockd.attend import Attendance, Rules
from dockd.docking import worker_link
from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelf, Shelves, Signer
from dockd.errors import PartitionStuck, RegisterError, RouteFound
from dockd.model import Arrival, FleetCamera, Rung
from dockd.ops.heartbeat import Looks
from dockd.ops.status import Board, Light
from dockd.volume import Volume
from tests.docking.access import AnAccess
from tests.docking.hostile import listing, replaying, trouble
from tests.register.dock import Dock as RegisterDock
from tests.store.shop import FixedClock, new_partition

LONG = 20.0
DRIVERS = {"folder": "drivers.folder:FolderDriver"}
FLEET = {name: FleetCamera(name, "folder", "police") for name in ("BWC1", "BWC2")}
WEST, EAST, SOUTH = (Arrival(f"{dock}/BWC1", "BWC1", "/") for dock in ("west", "east", "south"))


class WatchedBoard(Board):
    """Lets a test wait until something is shown."""

    def show(self, bay):
        super().show(bay)
        self.changed().set()

    def remove(self, bay):
        super().remove(bay)
        self.changed().set()

    def changed(self):
        return self.isolation["changed"]

    async def until(self, is_so):
        async with asyncio.timeout(LONG):
            while not is_so():
                self.changed().clear()
                await self.changed().wait()

    async def shows_refused(self, arrival):
        await self.until(lambda: self.bays[arrival.bay].code == "duplicate_camera")

    async def shows(self, arrival, light, step=None):
        def is_so():
            bay = self.bays.get(arrival.bay)
            return bay is not None and bay.light is light and step in (None, bay.step)

        await self.until(is_so)


class Slots:
    """A dock whose cameras open when the test allows it."""

    def __init__(self):
        self.told = []
        self.opened = []
        self.may_open = asyncio.Event()
        self._one_more = asyncio.Event()

    def access(self, admitted):
        return AnAccess(self.may_open, lambda: self._opening(admitted.arrival.bay))

    def _opening(self, bay):
        self.opened.append(bay)
        self._one_more.set()

    async def opening(self, *bays):
        """Wait until cameras in these bays, and no others, were to be opened, in this order."""
        async with asyncio.timeout(LONG):
            while len(self.opened) < len(bays):
                self._one_more.clear()
                await self._one_more.wait()
        assert self.opened == list(bays)

    def rungs(self, _bay, retry_delays_seconds):
        return [Rung("retry", seconds) for seconds in retry_delays_seconds]

    def over(self, bay, *, until_gone=False):
        self.told.append(("over", bay, until_gone))

    def again(self, bay):
        self.told.append(("again", bay))


class Moody(Registry):
    """A register that cannot be written to while it is ill."""

    ill = False

    async def refused(self, refused):
        if self.ill:
            raise RegisterError("no room")
        await super().refused(refused)

    async def network_changed(self, fault):
        if self.ill:
            raise RegisterError("no room")
        await super().network_changed(fault)

    async def check(self):
        return RegisterError("no room") if self.ill else await super().check()


class Host:
    """Has a route or not."""

    route = None

    def refuse(self):
        if self.route is not None:
            raise RouteFound(self.route)


class Station:
    """Real register, real partition, real decisions; only the dock, the workers and the routes are the test's."""

    def __init__(self, attendance, registry, board, workers, host):
        self.attendance, self.registry, self.board, self.workers = attendance, registry, board, workers
        self.host = host
        self.slots = Slots()

    def plug(self, arrival):
        self.attendance.arrived(arrival, self.slots)

    async def check(self):
        """Do once what the daemon does over and over."""
        for check in self.attendance.checks():
            await check()

    async def ended(self):
        async with asyncio.timeout(LONG):
            await asyncio.gather(*self.attendance._tasks, return_exceptions=True)  # some were cancelled

    async def entries(self, kind):
        rows = await self.registry.rows(-1, 1000)
        return [entry for entry in (json.loads(row.body) for row in rows) if entry["kind"] == kind]

    async def refusals(self):
        return [(entry["bay"], entry["code"]) for entry in await self.entries("refused")]


@asynccontextmanager
async def station(tmp_path, workers, delays=()):
    volumes = [Volume("register", LONG, RegisterError), Volume("partition police", LONG, PartitionStuck)]
    journal, host = RegisterDock(tmp_path).create(), Host()
    partition = new_partition(tmp_path / "police")
    registry = Moody(journal, volumes[0])
    shelves = Shelves({"police": Shelf(partition, volumes[1], Signer("key", lambda *_: b"", lambda *_: None))})
    board = WatchedBoard("dock-7", "0", {"changed": asyncio.Event()})
    rules = Rules("dock-7", "clear", LONG, delays, FLEET.get, lambda _camera: None, DRIVERS, host.refuse, 8)
    attendance = Attendance(rules, registry, shelves, board, FixedClock(), Looks(FixedClock()))
    try:
        yield Station(attendance, registry, board, workers, host)
    finally:
        await attendance.stop()
        for volume in volumes:
            await volume.run(lambda: None)  # what was asked of it before the stop is still being done
            volume.close()
        journal.close()
        partition.close()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a story at a station whose workers answer with `replies`; no worker may be left at its end.

    A worker that was asked to pull says no more; others leave when they have answered.
    """

    def run(story, *replies, delays=()):
        replaying(monkeypatch, *replies, then="stay" if ONE_RECORDING in replies else "leave")
        spawn, workers = worker_link.spawn, []

        async def spawn_and_note(end):
            workers.append(await spawn(end))
            return workers[-1]

        async def at_station():
            async with station(tmp_path, workers, delays) as here:
                await story(here)
            # They were killed; that they have ended is for the kernel to say.
            async with asyncio.timeout(LONG):
                await asyncio.gather(*(worker.wait() for worker in workers))

        monkeypatch.setattr(worker_link, "spawn", spawn_and_note)
        asyncio.run(at_station())

    return run


def assert_refused(board, arrival, *others):
    bay = board.bays[arrival.bay]
    assert (bay.light, bay.code) == (Light.RED, "duplicate_camera")
    assert all(other.bay in bay.reason for other in others) and "cloned" in bay.advice


async def at_open(here):
    here.plug(WEST)
    await here.board.shows(WEST, Light.BUSY, "open")


async def behind_the_docking_before(here):
    await at_open(here)
    here.attendance.departed(WEST.bay)
    here.plug(WEST)


async def opened(here, *shown):
    here.slots.may_open.set()
    here.plug(WEST)
    await here.board.shows(WEST, *shown)


async def pulling(here):
    await opened(here, Light.BUSY, "find")


async def between_attempts(here):
    await opened(here, Light.BUSY, "wait")


async def green(here):
    await opened(here, Light.GREEN)


async def red(here):
    await opened(here, Light.RED)


ONE_RECORDING = [listing(("a.mp4", 10))]


@pytest.mark.parametrize(
    ("moment", "replies", "delays"),
    [
        (at_open, [], ()),
        (behind_the_docking_before, [], ()),
        (pulling, [ONE_RECORDING], ()),
        (between_attempts, [[trouble("camera.busy")]], (3600,)),
        (green, [[listing()]], ()),
        (red, [[trouble("camera.denied")]], ()),
        (red, [[trouble("camera.identity")]], ()),
    ],
)
def test_a_twin_has_both_refused_until_they_leave_whatever_is_done_with_the_first(run, moment, replies, delays):
    async def story(here):
        await moment(here)
        opened_before = list(here.slots.opened)
        here.plug(EAST)
        # From this moment on its dock announces nothing of it, whatever changes on it before it is shown.
        assert here.slots.told[-1] == ("over", WEST.bay, True)
        await here.board.shows_refused(WEST)
        await here.board.shows_refused(EAST)
        here.slots.may_open.set()
        await here.ended()
        assert_refused(here.board, WEST, EAST)
        assert_refused(here.board, EAST, WEST)
        assert all(worker.returncode is not None for worker in here.workers)
        duplicates = [bay for bay, code in await here.refusals() if code == "duplicate_camera"]
        assert sorted(duplicates) == [EAST.bay, WEST.bay]
        assert {("over", WEST.bay, True), ("over", EAST.bay, True)} <= set(here.slots.told)
        assert here.slots.told[-1][2] and here.slots.opened == opened_before

    run(story, *replies, delays=delays)


def test_when_one_leaves_the_other_stays_refused_until_it_is_plugged_again(run):
    async def story(here):
        await at_open(here)
        here.plug(EAST)
        await here.ended()
        here.attendance.departed(EAST.bay)
        await here.check()
        await here.ended()
        assert here.board.bays.keys() == {WEST.bay}
        assert_refused(here.board, WEST, EAST)
        here.attendance.departed(WEST.bay)
        assert here.board.bays == {}
        here.slots.may_open.set()
        here.plug(WEST)
        await here.board.shows(WEST, Light.GREEN)

    run(story, [listing()])


@pytest.mark.parametrize("at_once", [True, False])
def test_three_are_all_refused_and_each_once(run, at_once):
    async def story(here):
        here.slots.may_open.set()
        for arrival in (WEST, EAST, SOUTH):
            here.plug(arrival)
            if not at_once:
                await here.ended()
        await here.ended()
        for arrival in (WEST, EAST, SOUTH):
            assert_refused(here.board, arrival)
        assert_refused(here.board, SOUTH, WEST, EAST)
        bays = sorted([WEST.bay, EAST.bay, SOUTH.bay])
        assert sorted(await here.refusals()) == [(bay, "duplicate_camera") for bay in bays]
        await here.slots.opening(*([] if at_once else [WEST.bay]))

    run(story, [listing()])


def test_another_camera_does_not_notice_that_two_are_refused(run):
    async def story(here):
        other = Arrival("west/BWC2", "BWC2", "/")
        here.plug(other)
        await here.board.shows(other, Light.BUSY, "open")
        here.plug(WEST)
        here.plug(EAST)
        await here.board.shows_refused(WEST)
        await here.board.shows_refused(EAST)
        here.slots.may_open.set()
        await here.board.shows(other, Light.GREEN)

    run(story, [listing()])


def test_strangers_that_claim_one_id_are_refused_as_strangers(run):
    async def story(here):
        strangers = [Arrival(f"{dock}/X", "X", "/") for dock in ("west", "east")]
        for stranger in strangers:
            here.plug(stranger)
        await here.ended()
        assert sorted(await here.refusals()) == [("east/X", "unknown_camera"), ("west/X", "unknown_camera")]

    run(story)


def test_a_camera_that_has_left_is_no_twin_and_what_still_ends_of_it_ends_first(run):
    async def story(here):
        await at_open(here)
        await here.slots.opening(WEST.bay)
        here.attendance.departed(WEST.bay)
        here.plug(EAST)
        elsewhere = Arrival("south/BWC2", "BWC2", "/")
        here.plug(elsewhere)
        await here.slots.opening(WEST.bay, elsewhere.bay)
        here.slots.may_open.set()
        await here.board.shows(EAST, Light.GREEN)
        await here.ended()
        assert here.board.bays.keys() == {EAST.bay, elsewhere.bay}
        assert await here.refusals() == []

    run(story, [listing()])


def test_a_camera_that_leaves_while_it_is_turned_out_is_not_shown_any_more(run):
    async def story(here):
        await pulling(here)
        here.plug(EAST)
        here.attendance.departed(WEST.bay)
        assert here.board.bays.keys() == {EAST.bay}
        here.attendance.departed(EAST.bay)
        await here.ended()
        assert here.board.bays == {}
        assert len(await here.refusals()) == 2

    run(story, ONE_RECORDING)


def test_a_camera_plugged_into_a_bay_that_is_still_turning_one_out_is_shown_and_served(run):
    async def story(here):
        await pulling(here)
        here.plug(EAST)
        here.attendance.departed(EAST.bay)
        here.attendance.departed(WEST.bay)
        here.plug(WEST)
        await here.board.shows(WEST, Light.BUSY, "find")
        assert here.board.bays[WEST.bay].code == ""
        assert len(await here.refusals()) == 2

    run(story, ONE_RECORDING)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21, 34])
def test_a_service_that_stops_while_a_camera_is_turned_out_stops_everything(run, turns):
    async def story(here):
        await pulling(here)
        here.plug(EAST)
        for _turn in range(turns):
            passed = asyncio.Event()
            asyncio.get_running_loop().call_soon(passed.set)
            await passed.wait()
        tasks = list(here.attendance._tasks)
        async with asyncio.timeout(LONG):
            await here.attendance.stop()
        assert all(task.done() for task in tasks)

    run(story, ONE_RECORDING)


def test_a_refusal_that_the_register_could_not_take_is_entered_when_it_is_well_and_the_camera_stays_refused(run):
    async def story(here):
        here.registry.ill = True
        here.plug(WEST)
        here.plug(EAST)
        await here.ended()
        assert here.board.bays[WEST.bay].code == "register.error"
        here.attendance.departed(EAST.bay)
        here.registry.ill = False
        await here.check()
        await here.ended()
        assert_refused(here.board, WEST, EAST)
        assert await here.refusals() == [(WEST.bay, "duplicate_camera")]
        assert ("again", WEST.bay) not in here.slots.told

    run(story)


def test_a_camera_that_is_turned_out_while_its_partition_is_asked_about_is_not_announced_again(run):
    async def story(here):
        asked, answer = asyncio.Event(), asyncio.Event()

        async def is_better():
            asked.set()
            await answer.wait()
            return True

        await red(here)
        await here.ended()
        here.attendance._visits[WEST.bay].again_when = is_better
        checking = asyncio.create_task(here.check())
        await asked.wait()
        here.plug(EAST)
        answer.set()
        await checking
        await here.ended()
        assert ("again", WEST.bay) not in here.slots.told
        assert sorted(await here.refusals()) == [(bay, "duplicate_camera") for bay in (EAST.bay, WEST.bay)]

    run(story, [trouble("camera.denied")])


def network_logged(logs):
    return [each["event"] for each in logs if each["event"].startswith("network")]


def test_a_route_keeps_cameras_out_until_it_is_gone_and_is_entered_logged_and_shown_once(run):
    async def story(here):
        here.slots.may_open.set()
        here.host.route = "eth0"
        with structlog.testing.capture_logs() as logs:
            here.plug(WEST)
            await here.ended()
            await here.check()
            assert (here.board.bays[WEST.bay].code, here.slots.opened) == ("network.route", [])
            assert here.board.troubles["network"].message == "eth0"
            assert [each["fault"] for each in await here.entries("network_changed")] == ["eth0"]
            assert ("again", WEST.bay) not in here.slots.told
            here.host.route = None
            await here.check()
            await here.check()
        assert "network" not in here.board.troubles
        assert [each["fault"] for each in await here.entries("network_changed")] == ["eth0", None]
        assert network_logged(logs) == ["network.trouble", "network.recovered"]
        assert here.slots.told.count(("again", WEST.bay)) == 1
        here.plug(WEST)
        await here.board.shows(WEST, Light.GREEN)

    run(story, [listing()])


def test_a_route_that_the_register_could_not_take_is_entered_when_it_is_well(run):
    async def story(here):
        here.registry.ill = True
        here.host.route = "eth0"
        await here.check()
        assert here.board.troubles["network"].message == "eth0"
        assert await here.entries("network_changed") == []
        here.registry.ill = False
        await here.check()
        await here.check()
        assert [each["fault"] for each in await here.entries("network_changed")] == ["eth0"]

    run(story)


def test_an_impostor_is_no_twin_of_the_camera_whose_name_it_claims_whoever_comes_first(run):
    """Refused for what it is; a camera of a model that comes in a folder is one."""

    async def story(here):
        impostor = replace(SOUTH, descriptors=b"no descriptors")
        here.plug(impostor)
        await here.board.until(lambda: here.board.bays[SOUTH.bay].code == "wrong_dock")
        here.slots.may_open.set()
        here.plug(WEST)
        await here.board.shows(WEST, Light.GREEN)
        here.plug(replace(impostor, bay=EAST.bay))
        await here.board.until(lambda: here.board.bays[EAST.bay].code == "wrong_dock")
        assert here.board.bays[WEST.bay].light is Light.GREEN
        assert [code for _bay, code in await here.refusals()] == ["wrong_dock"] * 2

    run(story, [listing()])


def test_what_a_dock_itself_turns_away_is_entered_shown_and_forgotten_when_it_leaves(run):
    async def story(here):
        here.attendance.refused(refuse_stray(SOUTH), here.slots)
        await here.board.until(lambda: here.board.bays[SOUTH.bay].code == "no_bay")
        assert here.board.bays[SOUTH.bay].light is Light.RED
        assert await here.refusals() == [(SOUTH.bay, "no_bay")]
        await here.ended()
        here.attendance.departed(SOUTH.bay)
        assert here.board.bays == {}

    run(story)


LOCKED = Arrival("b1", "0123", "/")


def test_a_camera_that_is_being_unlocked_is_busy_and_red_while_something_keeps_it_from_that(run):
    async def story(here):
        here.attendance.unlocking(LOCKED, None, here.slots)
        assert (here.board.bays["b1"].light, here.board.bays["b1"].step) == (Light.BUSY, "unlock")
        here.attendance.unlocking(LOCKED, RouteFound("eth0"), here.slots)
        shown = here.board.bays["b1"]
        assert (shown.light, shown.code, shown.reason) == (Light.RED, "network.route", "eth0")
        here.attendance.departed("b1")
        assert here.board.bays == {}

    run(story)


def test_a_camera_that_did_not_come_back_is_no_twin_of_itself_in_another_bay(run):
    async def story(here):
        here.attendance.unlocking(LOCKED, None, here.slots)
        here.attendance.departed("b1")
        here.attendance.refused(refuse_not_back(LOCKED, "BWC1", 30, "nothing"), here.slots)
        await here.ended()
        assert (here.board.bays["b1"].code, here.board.bays["b1"].claimed_id) == ("not_back", "BWC1")
        assert await here.refusals() == [("b1", "not_back")]
        here.plug(WEST)
        await here.slots.opening(WEST.bay)
        assert "b1" in here.board.bays, "the red light stays until a camera arrives there"
        here.attendance.unlocking(LOCKED, None, here.slots)
        assert here.board.bays["b1"].light is Light.BUSY

    run(story, [trouble("camera.gone")])

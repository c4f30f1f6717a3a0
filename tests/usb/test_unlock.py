"""A locked camera in a bay, from when it is put in until it has come back, or is known not to."""

import asyncio
import errno
import json
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dockd import unlock_tries, usb_unlock
from dockd.detect.folders import Departure
from dockd.docking import worker_link
from dockd.docking.locked_camera import Workers
from dockd.docking.registry import Registry
from dockd.errors import (
    CameraDenied,
    CameraGone,
    CameraMedia,
    CameraProtocol,
    CredentialMissing,
    OrderError,
    RegisterError,
    RouteFound,
)
from dockd.model import Arrival, ClockRules, FleetCamera, Refused
from dockd.unlock import LockedModel, Locksmith, Means
from dockd.unlock_tries import Tries
from dockd.usb_unlock import LockedArrival
from dockd.volume import Volume
from tests.detect.test_usb_samples import MTP, STICK, VENDOR_MODE
from tests.register.dock import Dock as RegisterDock
from tests.usb.a_lock import ALock, serve
from tests.usb.bus import CAMERA, ABus
from tests.usb.test_usb_dock import LONG, Dock

WITHIN = 40.0
LOCKED = replace(CAMERA, serial="0123", vendor_product="4255:0001", descriptors=VENDOR_MODE.raw)
BACK = replace(CAMERA, serial="4567", device_number=6)
MODEL = LockedModel("bwc", VENDOR_MODE.model, STICK.model, "label", WITHIN, "fake-lock", "", {}, "bwc")
FLEET = {
    "BWC1": FleetCamera("BWC1", "mass-storage", "pm", model="bwc", clock=ClockRules("always")),
    "BWC2": FleetCamera("BWC2", "mass-storage", "pm", model="another"),
}


class Host:
    """What unlocking takes of a dock; each part may fail."""

    credential = "000000"
    route = None

    def means(self, delays):
        return Means(FLEET.get, self.refuse, self.read, Workers(), LONG, delays)

    def refuse(self):
        if self.route is not None:
            raise RouteFound(self.route)

    def read(self, name):
        assert name == "bwc"
        if self.credential is None:
            raise CredentialMissing("not given")
        return self.credential


class Bench:
    """A bus with one bay, a real register, a lock, and workers that serve it."""

    def __init__(self, lock, host, registry, journal, dock, workers, tries):
        self.lock, self.host, self.registry, self.journal = lock, host, registry, journal
        self.dock, self.bus, self.workers, self.tries = dock, dock.bus, workers, tries

    def told(self, kind):
        return [each for each in self.dock.told if isinstance(each, kind)]

    def refusals(self):
        return [(each.arrival.claimed_id, each.code) for each in self.told(Refused)]

    def entered(self):
        bodies = (json.loads(row.body) for row in self.journal.entries(-1, 1000))
        return [each["kind"] for each in bodies if each["kind"] != "log_opened"]

    async def until(self, is_so):
        await self.dock.until(is_so)

    async def tick(self, seconds):
        self.bus.clock.now += seconds
        await self.dock.look()


@pytest.fixture
def run(tmp_path, monkeypatch):
    def run(story, lock=None, *, delays=(), model=MODEL, standing=LOCKED, trusted=False):
        lock, host = lock or ALock(), Host()
        workers = serve(monkeypatch, lock)

        async def at_dock():
            volume = Volume("register", LONG, RegisterError)
            register = RegisterDock(Path(tempfile.mkdtemp(dir=tmp_path)))
            register.clock.trusted = lambda: trusted
            with closing(register.create()) as journal:
                registry = Registry(journal, volume)
                bus = ABus(standing)
                tries = Tries(tmp_path / "run" / "tries.json", bus.clock)
                tries.load()
                locksmith = Locksmith([model], host.means(delays), tries, registry, register.clock)
                dock = Dock(bus, (), locksmith)
                dock.changed = asyncio.Event()
                dock.watch.seconds_a_look = 0
                telling = asyncio.create_task(dock.tell())
                try:
                    await story(Bench(lock, host, registry, journal, dock, workers, tries))
                finally:
                    telling.cancel()
                    await asyncio.gather(telling, return_exceptions=True)
                    await volume.run(lambda: None)
                    volume.close()

        asyncio.run(at_dock())

    return run


def comes_back_as(bench, device):
    """Have the camera leave its port for another device, at the moment that it is told to."""

    def before(verb):
        if verb == "unlock":
            bench.bus.standing = [device] if device else []

    bench.lock.before = before


def test_a_camera_that_comes_back_arrives_as_what_it_said_that_it_is_and_never_left(run):
    async def story(bench):
        comes_back_as(bench, BACK)
        await bench.until(lambda: bench.told(Arrival))
        assert [type(each) for each in bench.dock.told] == [LockedArrival, Arrival]
        [arrived] = bench.told(Arrival)
        assert (arrived.claimed_id, arrived.known_by, arrived.serial) == ("BWC1", "label", "4567")
        assert arrived.descriptors == STICK.raw
        assert bench.bus.did() == ["authorise", "open"]
        assert bench.lock.did == ["open", "identify", "tell_time", "tell_state", "unlock", "close"]
        assert bench.entered() == ["camera_clock_read", "camera_state", "camera_unlocked"]

    run(story)


def test_what_has_come_back_is_not_authorised_before_it_is_admitted(run):
    async def story(bench):
        comes_back_as(bench, replace(BACK, authorized=True))
        await bench.until(lambda: "deauthorise" in bench.bus.did())
        await bench.until(lambda: bench.told(Arrival))

    run(story)


def test_that_it_is_unlocked_is_entered_before_it_is_told(run):
    async def story(bench):
        entered = []
        bench.lock.before = lambda verb: entered.append((verb, bench.entered()))
        await bench.until(lambda: "close" in bench.lock.did)
        assert dict(entered)["identify"] == []
        assert "camera_unlocked" in dict(entered)["unlock"]

    run(story)


def test_a_camera_that_is_back_arrives_only_once_its_first_worker_has_ended(run):
    async def story(bench):
        told_when_closed = []

        def before(verb):
            if verb == "unlock":
                bench.bus.standing = [BACK]
            if verb == "close":
                # Long enough for the dock to see it, again and again.
                for _number in range(3):
                    asyncio.run_coroutine_threadsafe(bench.dock.look(), loop).result(LONG)
                told_when_closed.extend(bench.told(Arrival))

        loop = asyncio.get_running_loop()
        bench.lock.before = before
        await bench.until(lambda: bench.told(Arrival))
        assert told_when_closed == []
        assert not bench.workers[0].thread.is_alive()

    run(story)


def test_one_that_does_not_come_back_in_its_time_is_refused(run):
    async def story(bench):
        comes_back_as(bench, None)
        await bench.until(lambda: "close" in bench.lock.did)
        await bench.tick(WITHIN - 20)
        assert [type(each) for each in bench.dock.told] == [LockedArrival]
        await bench.tick(WITHIN)
        assert [type(each) for each in bench.dock.told] == [LockedArrival, Departure, Refused]
        assert bench.refusals() == [("BWC1", "not_back")]

    run(story)


def test_one_that_never_leaves_is_refused_once(run):
    async def story(bench):
        await bench.until(lambda: "close" in bench.lock.did)
        await bench.tick(WITHIN)
        await bench.tick(WITHIN)
        assert bench.refusals() == [("BWC1", "not_back")]
        assert "did not leave" in bench.told(Refused)[0].reason
        assert bench.lock.did.count("open") == 1

    run(story)


OTHER_SERIAL = replace(MODEL, known_by="serial")


@pytest.mark.parametrize(
    ("other", "model"),
    [
        (replace(CAMERA, device_number=6, serial="MTP1", descriptors=MTP.raw), MODEL),
        (replace(CAMERA, device_number=6, serial="BWC2"), OTHER_SERIAL),
    ],
    ids=["of another kind", "of another serial"],
)
def test_another_camera_that_comes_to_the_port_arrives_as_itself(run, other, model):
    async def story(bench):
        comes_back_as(bench, other)
        await bench.until(lambda: bench.told(Arrival))
        assert bench.refusals() == [("BWC1", "not_back")]
        assert "another device" in bench.told(Refused)[0].reason
        [arrived] = bench.told(Arrival)
        assert (arrived.claimed_id, arrived.known_by) == (other.serial, None)

    run(story, model=model)


def test_one_that_is_known_by_its_serial_comes_back_under_it(run):
    async def story(bench):
        comes_back_as(bench, replace(BACK, serial="BWC1"))
        await bench.until(lambda: bench.told(Arrival))
        [arrived] = bench.told(Arrival)
        assert (arrived.claimed_id, arrived.known_by) == ("BWC1", "serial")

    run(story, model=OTHER_SERIAL)


def test_a_refused_credential_is_tried_once(run):
    async def story(bench):
        await bench.until(lambda: bench.told(Refused))
        assert bench.refusals() == [("0123", "unlock_denied")]
        assert bench.lock.did.count("open") == 1
        assert bench.entered() == []

    run(story, ALock(credential="another"), delays=(0, 0))


def test_other_faults_are_tried_again(run):
    async def story(bench):
        failures = iter([CameraMedia("flaky"), CameraGone("flaky")])

        def before(verb):
            if verb == "identify" and (fault := next(failures, None)):
                raise fault
            if verb == "unlock":
                bench.bus.standing = [BACK]

        bench.lock.before = before
        await bench.until(lambda: bench.told(Arrival))
        assert bench.lock.did.count("identify") == 3

    run(story, delays=(0, 0))


@pytest.mark.parametrize("fault", [CameraProtocol("what?"), OrderError("a bug")], ids=["nonsense", "its worker ends"])
def test_after_a_fault_that_hides_what_came_of_the_credential_it_is_not_sent_again(run, fault):
    async def story(bench):
        def before(verb):
            if verb == "identify":
                raise fault

        bench.lock.before = before
        await bench.until(lambda: bench.told(Refused))
        assert bench.refusals() == [("0123", "unlock_failed")]
        assert bench.lock.did.count("identify") == 1

    run(story, delays=(0, 0))


def test_before_the_camera_was_handed_over_nothing_is_final_and_no_credential_was_refused(run, monkeypatch):
    async def story(bench):
        spawn, failures = worker_link.spawn, iter([OSError("busy"), OSError("busy")])

        async def sometimes(end):
            if failure := next(failures, None):
                raise failure
            return await spawn(end)

        monkeypatch.setattr(worker_link, "spawn", sometimes)
        bench.bus.faults = {"open": PermissionError(errno.EACCES, "not for you")}
        await bench.until(lambda: bench.told(Refused))
        assert bench.refusals() == [("0123", "unlock_failed")]
        assert bench.lock.did == []
        assert bench.bus.did().count("open") == 2

    run(story, delays=(0, 0, 0))


def test_one_whose_faults_do_not_end_is_refused(run):
    async def story(bench):
        def before(verb):
            if verb == "identify":
                raise CameraMedia("flaky")

        bench.lock.before = before
        await bench.until(lambda: bench.told(Refused))
        assert bench.refusals() == [("0123", "unlock_failed")]
        assert bench.lock.did.count("identify") == 2

    run(story, delays=(0,))


@pytest.mark.parametrize("identity", ["BWC9", "BWC2"], ids=["unknown", "of another model"])
def test_one_that_is_none_of_its_model_in_the_fleet_stays_locked(run, identity):
    async def story(bench):
        await bench.until(lambda: bench.told(Refused))
        assert bench.refusals() == [(identity, "unknown_camera")]
        assert bench.lock.did == ["open", "identify", "close"]
        assert bench.entered() == []

    run(story, ALock(identity=identity))


def test_a_camera_that_says_the_credential_back_has_it_written_nowhere(run):
    async def story(bench):
        await bench.until(lambda: bench.told(Refused))
        assert bench.refusals() == [("0123", "unlock_denied")]
        assert "000000" not in str(bench.dock.told)
        assert bench.entered() == []

    run(story, ALock(identity="000000"), delays=(0, 0))


def test_nor_has_one_whose_unlocker_says_it_in_a_fault(run):
    async def story(bench):
        def before(verb):
            if verb == "identify":
                raise CameraMedia("000000 was not taken")

        bench.lock.before = before
        await bench.until(lambda: bench.told(Refused))
        assert "000000" not in str(bench.dock.told)

    run(story)


def test_that_it_leaves_in_place_of_an_answer_is_no_fault(run):
    async def story(bench):
        def before(verb):
            if verb == "unlock":
                bench.bus.standing = [BACK]
                raise CameraGone("no such device")

        bench.lock.before = before
        await bench.until(lambda: bench.told(Arrival))
        assert bench.refusals() == []

    run(story)


def test_a_fault_once_it_was_told_does_not_end_its_time_to_come_back(run):
    async def story(bench):
        def before(verb):
            if verb == "unlock":
                bench.bus.standing = []
                raise CameraMedia("no answer")

        bench.lock.before = before
        await bench.until(lambda: "close" in bench.lock.did)
        bench.bus.standing = [BACK]
        await bench.until(lambda: bench.told(Arrival))
        assert bench.refusals() == []
        assert bench.lock.did.count("open") == 1

    run(story, delays=(0, 0))


def test_its_time_begins_when_the_unlocker_has_told_it(run):
    """A library may wait for the camera before it returns."""

    async def story(bench):
        def before(verb):
            if verb == "unlock":
                bench.bus.clock.now += WITHIN + 1
                asyncio.run_coroutine_threadsafe(bench.dock.look(), loop).result(LONG)

        loop = asyncio.get_running_loop()
        bench.lock.before = before
        await bench.until(lambda: "close" in bench.lock.did)
        assert bench.refusals() == []
        bench.bus.standing = [BACK]
        await bench.until(lambda: bench.told(Arrival))

    run(story)


def test_one_that_is_back_and_goes_before_its_first_worker_has_ended_is_said_not_to_be_back(run):
    async def story(bench):
        def before(verb):
            if verb == "unlock":
                bench.bus.standing = [BACK]
            if verb == "close":
                for standing in ([BACK], [BACK], []):
                    bench.bus.standing = standing
                    asyncio.run_coroutine_threadsafe(bench.dock.look(), loop).result(LONG)

        loop = asyncio.get_running_loop()
        bench.lock.before = before
        await bench.until(lambda: "close" in bench.lock.did and not bench.workers[0].thread.is_alive())
        await bench.tick(WITHIN + 1)
        assert bench.told(Arrival) == []
        assert bench.refusals() == [("BWC1", "not_back")]

    run(story)


@pytest.mark.parametrize("verb", ["tell_time", "take_time", "tell_state"])
def test_a_credential_that_is_refused_whatever_was_asked_with_it_ends_the_unlocking(run, verb):
    async def story(bench):
        def before(asked):
            if asked == verb:
                raise CameraDenied("who are you?")

        bench.lock.before = before
        await bench.until(lambda: bench.told(Refused))
        assert bench.refusals() == [("0123", "unlock_denied")]
        assert bench.lock.did.count("open") == 1 and "unlock" not in bench.lock.did
        assert "camera_unlocked" not in bench.entered()

    run(story, delays=(0, 0), trusted=True)


def test_one_that_refuses_to_come_back_is_expected_no_longer(run):
    async def story(bench):
        def before(verb):
            if verb == "unlock":
                raise CameraDenied("not today")

        bench.lock.before = before
        await bench.until(lambda: bench.told(Refused))
        bench.bus.standing = []
        await bench.dock.look()
        assert isinstance(bench.dock.told[-1], Departure)
        assert bench.refusals() == [("0123", "unlock_denied")]

    run(story)


def test_without_its_credential_nothing_is_asked_of_it(run):
    async def story(bench):
        bench.host.credential = None
        await bench.until(lambda: bench.told(Refused))
        assert bench.refusals() == [("0123", "unlock_failed")]
        assert bench.lock.did == []

    run(story)


def test_while_the_host_has_a_route_it_waits_and_that_is_shown(run, monkeypatch):
    monkeypatch.setattr(usb_unlock, "TRY_AGAIN_SECONDS", 0)

    async def story(bench):
        comes_back_as(bench, BACK)
        bench.host.route = "eth0"
        await bench.until(lambda: len(bench.told(LockedArrival)) > 1)
        assert {each.fault.code for each in bench.told(LockedArrival)[1:]} == {"network.route"}
        assert bench.lock.did == []
        bench.host.route = None
        await bench.until(lambda: bench.told(Arrival))

    run(story)


def test_one_that_is_pulled_out_meanwhile_is_gone_and_no_more(run):
    async def story(bench):
        def before(verb):
            if verb == "identify":
                bench.bus.standing = []
                raise CameraGone("no such device")

        bench.lock.before = before
        await bench.until(lambda: bench.told(Departure))
        await bench.tick(WITHIN)
        assert [type(each) for each in bench.dock.told] == [LockedArrival, Departure]

    run(story, delays=(WITHIN,))


def test_a_refusal_is_told_before_its_camera_has_left(run):
    """Told after, it would light an empty bay."""

    async def story(bench):
        def before(verb):
            if verb == "close":
                bench.bus.standing = []

        bench.lock.before = before
        await bench.until(lambda: bench.told(Departure))
        assert [type(each) for each in bench.dock.told][-1] is Departure

    run(story, ALock(credential="another"))


def test_one_that_leaves_for_its_credential_and_comes_again_is_not_asked_for_ever(run):
    async def story(bench):
        def before(verb):
            if verb == "identify":
                bench.bus.standing = []
                raise CameraGone("rebooting")

        bench.lock.before = before
        for number in range(unlock_tries.MOST):
            await bench.until(lambda number=number: len(bench.told(Departure)) > number)
            assert bench.lock.did.count("identify") == number + 1
            bench.bus.standing = [replace(LOCKED, device_number=10 + number)]
        await bench.until(lambda: bench.told(Refused))
        assert bench.refusals() == [("0123", "unlock_denied")]
        bench.bus.standing = []
        await bench.dock.look()
        bench.bus.standing = [replace(LOCKED, device_number=20)]
        await bench.tick(unlock_tries.SECONDS)
        bench.lock.before = lambda _verb: None
        await bench.until(lambda: "unlock" in bench.lock.did)

    run(story, delays=(LONG,))


def test_one_that_stands_there_refused_is_not_asked_again_by_a_dockd_that_starts_anew(run):
    async def story(bench):
        await bench.until(lambda: bench.told(Refused))
        assert bench.refusals() == [("0123", "unlock_denied")]

    lock = ALock(credential="another")
    run(story, lock)
    run(story, lock)
    assert lock.did.count("open") == 1


@pytest.mark.parametrize("moment", ["open", "unlock"])
def test_nor_by_one_that_starts_anew_because_it_was_killed_while_it_asked(run, moment):
    known = []

    async def story(bench):
        def before(verb):
            if verb == moment:
                known.append(bench.tries._path.read_bytes())
                loop.call_soon_threadsafe(asked.set)

        loop, asked = asyncio.get_running_loop(), asyncio.Event()
        bench.lock.before = before
        await bench.until(asked.is_set)

    async def anew(bench):
        bench.tries._path.write_bytes(known[0])
        bench.tries.load()
        await bench.until(lambda: bench.told(Refused))
        assert bench.refusals() == [("0123", "unlock_denied")]
        assert bench.lock.did == []

    run(story)
    run(anew)


def test_one_that_was_put_in_again_meanwhile_is_asked_and_so_is_one_that_was_not_handed_over(run):
    async def refused(bench):
        await bench.until(lambda: bench.told(Refused))

    async def without_credential(bench):
        bench.host.credential = None
        await refused(bench)

    lock = ALock(credential="another")
    run(refused, lock)
    run(refused, lock, standing=replace(LOCKED, device_number=9))
    assert lock.did.count("open") == 2
    run(without_credential, lock, standing=replace(LOCKED, device_number=10))
    run(refused, lock, standing=replace(LOCKED, device_number=10))
    assert lock.did.count("open") == 3


def test_none_is_asked_as_long_as_that_cannot_be_written_down(run, monkeypatch):
    monkeypatch.setattr(usb_unlock, "TRY_AGAIN_SECONDS", 0)

    async def story(bench):
        comes_back_as(bench, BACK)
        folder = bench.tries._path.parent
        folder.write_bytes(b"in the way")
        await bench.until(lambda: len(bench.told(LockedArrival)) > 1)
        assert {each.fault.code for each in bench.told(LockedArrival)[1:]} == {"unlock.tries_unknown"}
        assert bench.lock.did == []
        folder.unlink()
        await bench.until(lambda: bench.told(Arrival))

    run(story)


def test_a_fault_of_the_register_once_the_camera_has_answered_is_not_counted_against_it(run, monkeypatch):
    async def story(bench):
        async def fails(_facts):
            raise RegisterError("full")

        monkeypatch.setattr(bench.registry, "unlocked", fails)
        await bench.until(lambda: len(bench.told(LockedArrival)) > 1)
        assert not bench.tries.has(LOCKED.key)

    run(story)


def test_one_that_fell_silent_still_counts_as_asked_when_the_register_fails_before_the_next_try(run, monkeypatch):
    async def story(bench):
        async def fails():
            raise RegisterError("full")

        def before(verb):
            if verb == "identify":
                monkeypatch.setattr(bench.registry, "must_be_well", fails)
                raise CameraMedia("flaky")

        bench.lock.before = before
        await bench.until(lambda: len(bench.told(LockedArrival)) > 1)
        assert bench.tries.has(LOCKED.key)

    run(story, delays=(0, 0))


def test_one_that_was_let_in_may_come_as_often_as_it_likes(run):
    async def story(bench):
        for number in range(unlock_tries.MOST + 2):
            bench.bus.standing = [replace(LOCKED, device_number=10 + number)]
            comes_back_as(bench, replace(BACK, device_number=30 + number))
            await bench.until(lambda number=number: len(bench.told(Arrival)) > number)
            bench.bus.standing = []
            await bench.dock.look()
        assert bench.refusals() == []

    run(story)


def test_one_that_was_unlocked_elsewhere_and_does_not_show_its_id_is_refused(run):
    async def story(bench):
        await bench.until(lambda: bench.told(Refused))
        assert bench.refusals() == [("4567", "came_unlocked")]

    run(story, standing=BACK)


def test_a_serial_number_that_happens_to_be_an_id_is_not_believed_of_a_model_that_does_not_go_by_it(run):
    async def story(bench):
        await bench.until(lambda: bench.told(Refused))
        assert bench.refusals() == [("BWC1", "came_unlocked")]

    run(story, standing=CAMERA)


def test_one_that_shows_its_id_on_the_bus_arrives_unlocked_as_any_other(run):
    async def story(bench):
        await bench.until(lambda: bench.told(Arrival))
        assert bench.told(Arrival)[0].claimed_id == "BWC1"

    run(story, standing=CAMERA, model=OTHER_SERIAL)


def test_the_power_of_one_that_would_lock_again_is_not_taken_away(run):
    async def story(bench):
        bench.dock.dock._switching = {"b1"}
        assert "power-cycle" in [rung.kind for rung in bench.dock.dock.rungs("b1", ())]
        comes_back_as(bench, BACK)
        await bench.until(lambda: bench.told(Arrival))
        assert "power-cycle" not in [rung.kind for rung in bench.dock.dock.rungs("b1", ())]
        bench.bus.standing = []
        await bench.until(lambda: bench.told(Departure))
        assert "power-cycle" in [rung.kind for rung in bench.dock.dock.rungs("b1", ())]

    run(story)


def test_what_is_announced_again_is_still_the_camera_that_it_said(run):
    async def story(bench):
        comes_back_as(bench, BACK)
        await bench.until(lambda: bench.told(Arrival))
        bench.dock.dock.again("b1")
        await bench.until(lambda: len(bench.told(Arrival)) == 2)
        assert {each.claimed_id for each in bench.told(Arrival)} == {"BWC1"}

    run(story)

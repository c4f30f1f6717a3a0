"""The MTP driver, against the responder of another author, and what cameras do that they should not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from dockd.driver.abilities import read_clock, read_state, set_clock
from dockd.errors import (
    CameraBusy,
    CameraDenied,
    CameraGone,
    CameraMedia,
    CameraProtocol,
    CameraUnsupported,
    DriverError,
)
from dockd.model import Recording
from dockd.testing.contract import (
    CONTENT,
    FIRST,
    SECOND,
    THIRD,
    DriverContract,
    gone_on,
    listed_by,
    others_of,
    read_whole,
)
from drivers import mtp
from drivers.mtp.ptp import Operation
from tests.drivers.mtp_camera import SERIAL, WHOLE_ONLY, MtpScene


@pytest.fixture(params=[set(), {0x95C1}, WHOLE_ONLY], ids=["parts of 64 bits", "parts of 32 bits", "whole only"])
def scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[MtpScene]:
    scene = MtpScene(request.param)
    monkeypatch.setattr(mtp, "opened", scene.bus.device)
    yield scene
    scene.close()


class TestMtpKeepsTheContract(DriverContract):
    """With each of the ways in which a camera gives what it holds."""


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[MtpScene]:
    scene = MtpScene()
    monkeypatch.setattr(mtp, "opened", scene.bus.device)
    scene.put(FIRST, CONTENT)
    yield scene
    scene.close()


def test_sidecars_and_split_recordings_are_told_as_on_a_card(camera: MtpScene) -> None:
    for path in (b"DCIM/100/a.gps", b"DCIM/100/notes.xyz", b"b.txt"):
        camera.put(path, b"x")
    session = camera.open()
    found = {each.path.raw: each.part_of for each in listed_by(session)}
    assert found[b"DCIM/100/a.gps"] is not None and found[b"DCIM/100/a.gps"].raw == FIRST
    assert others_of(session) == [b"DCIM/100/notes.xyz", b"b.txt"]


def test_a_camera_with_two_memories_shows_each_under_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = MtpScene(memories=2)
    monkeypatch.setattr(mtp, "opened", scene.bus.device)
    scene.put(FIRST, CONTENT)
    scene.memories[1].files["a.mp4"], scene.memories[1].mtimes["a.mp4"] = CONTENT[1:], 1_790_000_000
    scene.rescan()
    session = scene.open()
    first, second = listed_by(session)
    assert [first.path.raw, second.path.raw] == [b"00010001/" + FIRST, b"00020001/a.mp4"]
    assert read_whole(session, first) == CONTENT and read_whole(session, second) == CONTENT[1:]
    session.clear(second)
    assert [each.path for each in listed_by(session)] == [first.path]
    scene.close()


def test_the_identity_is_the_cameras_own_if_the_technician_says_so(camera: MtpScene) -> None:
    session = mtp.MtpDriver({"identity": "camera"}).open(camera.source)
    assert session.identify() == SERIAL
    with pytest.raises(CameraUnsupported, match="identity"):
        mtp.MtpDriver({"identity": "face"})


def test_how_full_it_is_is_what_its_memories_say(camera: MtpScene) -> None:
    fullness = camera.open().fullness()
    assert fullness is not None and fullness == pytest.approx(len(CONTENT) / 2**20)


@pytest.mark.parametrize(
    ("code", "fault"),
    [(0x200E, CameraDenied), (0x200F, CameraDenied), (0x2002, CameraMedia), (0x2019, CameraBusy)],
)
def test_a_deletion_that_is_refused_is_a_fault(camera: MtpScene, code: int, fault: type[DriverError]) -> None:
    session = camera.open()
    [recording] = listed_by(session)
    read_whole(session, recording)
    camera.responder.refuses[Operation.DELETE_OBJECT] = code
    with pytest.raises(fault):
        session.clear(recording)
    assert camera.holds() == {FIRST}


def test_a_deletion_that_is_refused_but_done_is_done(camera: MtpScene) -> None:
    session = camera.open()
    [recording] = listed_by(session)
    read_whole(session, recording)

    def erase(operation: int) -> None:
        if operation == Operation.DELETE_OBJECT:
            camera.remove(FIRST)

    camera.responder.before = erase
    camera.responder.refuses[Operation.DELETE_OBJECT] = 0x2002
    session.clear(recording)
    assert listed_by(session) == []


def test_a_camera_that_is_pulled_out_is_gone(camera: MtpScene) -> None:
    session = camera.open()
    [recording] = listed_by(session)
    camera.bus.gone = True
    with pytest.raises(CameraGone):
        read_whole(session, recording)
    with pytest.raises(CameraGone):
        listed_by(session)
    session.close()


def test_a_session_that_an_earlier_worker_left_open_is_taken_over(camera: MtpScene) -> None:
    left_behind = camera.open()
    assert len(listed_by(left_behind)) == 1
    session = camera.open()
    assert [each.path.raw for each in listed_by(session)] == [FIRST]


def test_what_was_under_way_when_an_earlier_worker_ended_is_cut_off_by_a_reset(camera: MtpScene) -> None:
    camera.responder.in_ep.write(b"the rest of what nobody asked for any more")
    session = camera.open()
    assert camera.bus.resets == 1
    assert [each.path.raw for each in listed_by(session)] == [FIRST]


def test_a_file_of_4_gib_whose_size_nobody_tells_is_never_read_or_cleared(camera: MtpScene) -> None:
    camera.responder.without = {int(Operation.GET_OBJECT_PROP_VALUE)}
    session = camera.open()
    tell_size(camera, 0xFFFFFFFF)
    [recording] = listed_by(session)
    with pytest.raises(CameraBusy):
        session.read_at(recording, 0, 10)
    with pytest.raises(CameraBusy):
        session.clear(recording)
    assert camera.holds() == {FIRST}


def test_the_size_behind_4_gib_is_asked_for_by_itself(camera: MtpScene) -> None:
    tell_size(camera, 5 * 2**30)
    [recording] = listed_by(camera.open())
    assert recording.size == 5 * 2**30


@pytest.mark.parametrize("camera_is", [{0x95C1}, WHOLE_ONLY], ids=["parts of 32 bits", "whole only"])
@pytest.mark.parametrize("told", [len(CONTENT) + 1, 5 * 2**30])
def test_a_camera_that_gives_less_than_it_lists_is_never_believed(
    camera: MtpScene, camera_is: set[int], told: int
) -> None:
    camera.responder.without = camera_is
    session = camera.open()
    tell_size(camera, told)
    [recording] = listed_by(session)
    with pytest.raises(CameraBusy):
        read_to_its_end(session, recording)


def read_to_its_end(session: mtp.Session, recording: Recording) -> None:
    """Read until it fails; the camera has far less than it says."""
    into = memoryview(bytearray(1 << 16))
    for offset in range(0, recording.size, len(into)):
        session.read_into(recording, offset, into)


def tell_size(camera: MtpScene, size: int) -> None:
    for each in camera.responder.storage.objects.values():
        if not each["is_dir"]:
            each["size"] = size


def test_two_files_of_one_name_are_a_fault_of_the_camera(camera: MtpScene) -> None:
    camera.put(SECOND, CONTENT)
    for each in camera.responder.storage.objects.values():
        if not each["is_dir"]:
            each["name"] = "same.mp4"
    with pytest.raises(CameraProtocol):
        listed_by(camera.open())


def test_names_that_are_no_part_of_a_path_stay_different(camera: MtpScene) -> None:
    camera.put(SECOND, CONTENT)
    camera.put(THIRD, CONTENT)
    names = iter(["../a.mp4", "", "..\0a.mp4"])
    for each in camera.responder.storage.objects.values():
        if not each["is_dir"]:
            each["name"] = next(names)
    found = [each.path.raw for each in camera.open().list()]
    assert len(set(found)) == 3 and not any(b"/../" in path for path in found)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("20261122T101500", datetime(2026, 11, 22, 10, 15)),
        ("20261122T101500.3", datetime(2026, 11, 22, 10, 15)),
        ("20261122T101500Z", datetime(2026, 11, 22, 10, 15, tzinfo=UTC)),
        ("20261122T101500+0100", datetime(2026, 11, 22, 9, 15, tzinfo=UTC)),
    ],
)
def test_its_clock_is_told_with_the_zone_that_it_names(camera: MtpScene, said: str, shown: datetime) -> None:
    camera.responder.clock = said
    told = read_clock(camera.open())
    assert (told.said, told.moment) == (said, shown)


def test_its_clock_is_set_to_the_time_of_the_zone_that_it_is_to_show(camera: MtpScene) -> None:
    camera.responder.clock = "20000101T000000"
    set_clock(camera.open(), datetime(2026, 11, 22, 9, 15, tzinfo=UTC).astimezone(timezone(timedelta(hours=1))))
    assert camera.responder.clock == "20261122T101500"


@pytest.mark.parametrize("said", ["", "yesterday", "20261322T101500"])
def test_a_clock_that_tells_no_time_is_a_fault_of_the_camera(camera: MtpScene, said: str) -> None:
    camera.responder.clock = said
    with pytest.raises(CameraProtocol):
        read_clock(camera.open())


def test_a_camera_without_a_clock_says_so_and_one_that_was_let_go_is_not_asked(camera: MtpScene) -> None:
    session = camera.open()
    with pytest.raises(CameraUnsupported):
        read_clock(session)
    session.let_go()
    with pytest.raises(CameraBusy):
        read_clock(session)


def test_nothing_of_it_is_claimed_any_more_once_it_was_let_go(camera: MtpScene) -> None:
    """Its descriptor is closed then, and what has the number next must not be spoken to."""
    session = camera.open()
    listed_by(session)
    assert camera.bus.claimed == {0}
    session.let_go()
    assert camera.bus.claimed == set()


@pytest.mark.parametrize("shown", [[], [0x00010000], [0x00010001, 0x00020000]])
def test_a_camera_that_does_not_show_its_memory_is_not_an_empty_one(camera: MtpScene, shown: list[int]) -> None:
    camera.responder.storage.storage_ids = shown
    with pytest.raises(CameraMedia):
        listed_by(camera.open())


def test_a_memory_that_goes_or_comes_while_it_is_docked_is_a_fault(camera: MtpScene) -> None:
    session = camera.open()
    assert len(listed_by(session)) == 1
    camera.responder.storage.storage_ids = [0x00010001, 0x00020001]
    with pytest.raises(CameraMedia):
        listed_by(gone_on(camera, session))


def test_what_one_recording_leaves_behind_on_the_bus_does_not_stand_in_the_way_of_the_next(camera: MtpScene) -> None:
    camera.put(SECOND, CONTENT[1:])
    session = camera.open()
    first, second = listed_by(session)

    def spoil(operation: int) -> None:
        if operation == Operation.GET_PARTIAL_OBJECT_64:
            camera.responder.before = lambda _operation: None
            camera.responder.in_ep.write(b"noise")

    camera.responder.before = spoil
    with pytest.raises(CameraProtocol):
        read_whole(session, first)
    assert read_whole(session, second) == CONTENT[1:]
    assert camera.bus.resets == 1
    assert read_whole(session, first) == CONTENT


def test_a_read_that_the_camera_refuses_is_one_of_its_medium(camera: MtpScene) -> None:
    session = camera.open()
    [recording] = listed_by(session)
    camera.responder.refuses[Operation.GET_PARTIAL_OBJECT_64] = 0x2002
    with pytest.raises(CameraMedia):
        read_whole(session, recording)


@pytest.mark.parametrize("handle", [0, 0xFFFFFFFF])
def test_a_file_by_whose_number_everything_would_be_erased_is_a_fault(camera: MtpScene, handle: int) -> None:
    objects = camera.responder.storage.objects
    [file] = [each for each, what in objects.items() if not what["is_dir"]]
    objects[handle] = objects.pop(file)
    with pytest.raises(CameraProtocol):
        listed_by(camera.open())


def test_what_broke_a_recording_off_that_comes_as_a_whole_is_said_again_and_not_read_again(camera: MtpScene) -> None:
    camera.responder.without = WHOLE_ONLY
    session = camera.open()
    tell_size(camera, len(CONTENT) + 5)
    [recording] = listed_by(session)
    for _time in range(2):
        with pytest.raises(CameraBusy):
            session.read_at(recording, 0, recording.size)
            session.read_at(recording, len(CONTENT), 5)
    assert camera.responder.asked.count(Operation.GET_OBJECT) <= 2


def test_a_camera_that_names_no_clock_is_not_asked_for_one(camera: MtpScene) -> None:
    session = camera.open()
    for asked in (lambda: read_clock(session), lambda: set_clock(session, datetime.now(UTC))):
        with pytest.raises(CameraUnsupported):
            asked()
    assert not {Operation.GET_DEVICE_PROP_VALUE, Operation.SET_DEVICE_PROP_VALUE} & set(camera.responder.asked)


def test_a_file_of_all_but_4_gib_is_read_if_the_camera_tells_its_size_by_itself(camera: MtpScene) -> None:
    """It is the longest of FAT32, and the very number by which an ObjectInfo says that it tells none."""
    tell_size(camera, 0xFFFFFFFF)
    session = camera.open()
    [recording] = listed_by(session)
    assert session.read_at(recording, 0, 100) == CONTENT[:100]


def test_more_files_than_are_served_are_refused_before_they_are_asked_about(
    camera: MtpScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mtp, "MAX_FILES", 3)
    for number in range(3):
        camera.put(b"DCIM/100/%d.mp4" % number, CONTENT)
    with pytest.raises(CameraProtocol, match="more than 3 files"):
        listed_by(camera.open())
    assert camera.responder.asked.count(Operation.GET_OBJECT_INFO) == 2


@pytest.mark.parametrize(("told", "percent"), [(None, None), (0, 0), (80, 80), (100, 100), (101, None), (255, None)])
def test_the_charge_of_the_battery_is_told_where_it_can_be(
    camera: MtpScene, told: int | None, percent: int | None
) -> None:
    camera.responder.battery = told
    state = read_state(camera.open())
    assert state.battery_percent == percent
    assert state.firmware
    assert state.officer is None

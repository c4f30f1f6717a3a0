import os

import pytest

from dockd.driver import places
from dockd.driver.places import NEARLY_4_GIB
from dockd.errors import CameraBusy, CameraGone, CameraProtocol, CameraUnsupported, DriverError
from dockd.model import RecordingPath
from dockd.testing.contract import CONTENT, FIRST, gone_on, listed_by, others_of, read_whole
from dockd.testing.directory import DirectoryContract, DirectoryScene
from drivers.mass_storage import MassStorageDriver


class CardScene(DirectoryScene):
    identity = None
    driver = MassStorageDriver


@pytest.fixture
def scene(tmp_path):
    scene = CardScene(tmp_path / "card")
    yield scene
    scene.close()


class TestCard(DirectoryContract):
    @pytest.fixture
    def scene(self, scene):
        return scene


def opened(scene, **options):
    return MassStorageDriver(options).open(scene.source)


def bonds_of(session):
    """Give what each recording listed belongs to."""
    return {each.path.raw: each.part_of.raw if each.part_of else None for each in listed_by(session)}


def test_a_file_is_known_again_though_every_mount_gives_it_another_inode(scene, session):
    scene.put(FIRST, CONTENT)
    [recording] = listed_by(session)
    read_whole(session, recording)
    session.let_go()
    inode = os.stat(scene.at(FIRST)).st_ino
    os.rename(scene.at(FIRST), scene.at(b"kept so that its inode is not given again"))
    scene.put(FIRST, CONTENT)
    os.utime(scene.at(FIRST), ns=(recording.mtime_ns, recording.mtime_ns))
    assert os.stat(scene.at(FIRST)).st_ino != inode
    session.go_on(scene.mounted_anew())
    session.clear(recording)
    assert scene.holds() == set()


def test_another_time_or_size_after_the_mount_is_another_file(scene, session):
    scene.put(FIRST, CONTENT)
    [recording] = listed_by(session)
    read_whole(session, recording)
    os.utime(scene.at(FIRST), ns=(recording.mtime_ns + 1, recording.mtime_ns + 1))
    with pytest.raises(CameraBusy):
        gone_on(scene, session).clear(recording)
    assert scene.holds() == {FIRST}


def test_what_takes_the_place_of_a_cleared_recording_is_not_cleared_for_it(scene, session):
    scene.put(FIRST, CONTENT)
    [recording] = listed_by(session)
    read_whole(session, recording)
    session.clear(recording)
    scene.put(FIRST, CONTENT)
    os.utime(scene.at(FIRST), ns=(recording.mtime_ns, recording.mtime_ns))
    with pytest.raises(CameraBusy):
        session.clear(recording)
    assert scene.holds() == {FIRST}


def test_a_recording_that_is_no_longer_there_means_that_the_camera_is_gone(scene, session):
    scene.put(FIRST, CONTENT)
    [recording] = listed_by(session)
    scene.remove(FIRST)
    with pytest.raises(CameraGone):
        read_whole(session, recording)


def test_what_lies_beside_a_recording_under_its_stem_goes_with_it(scene, session):
    for name in (b"A 1.mp4", b"A 1.gps", b"a 1.THM", b"A 1.bin", b"A 1.mp4.log", b"A 2.gps", b"A 1"):
        scene.put(b"DCIM/" + name, name)
    scene.put(b"OTHER/A 2.mp4", b"not in the directory of A 2.gps")
    scene.put(b"A 1.srt", b"nor is this one in that of A 1.mp4")
    assert bonds_of(session) == {
        b"DCIM/A 1.mp4": None,
        b"DCIM/A 1.gps": b"DCIM/A 1.mp4",
        b"DCIM/a 1.THM": b"DCIM/A 1.mp4",
        b"OTHER/A 2.mp4": None,
    }
    assert others_of(session) == [b"A 1.srt", b"DCIM/A 1", b"DCIM/A 1.bin", b"DCIM/A 1.mp4.log", b"DCIM/A 2.gps"]


def test_what_goes_with_a_recording_is_read_and_cleared_as_one(scene, session):
    scene.put(b"a.mp4", CONTENT)
    scene.put(b"a.nmea", b"$GPRMC")
    [recording, sidecar] = listed_by(session)
    assert read_whole(session, sidecar) == b"$GPRMC"
    assert read_whole(session, recording) == CONTENT
    gone_on(scene, session).clear(sidecar)
    session.clear(recording)
    assert os.listdir(scene.root) == []


def test_what_computers_leave_on_a_card_is_left_alone_and_hides_no_recording(scene, session):
    left = [
        b".Trashes/501/x",
        b".Spotlight-V100/Store-V2/0.indexArrays",
        b".fseventsd/fseventsd-uuid",
        b"System Volume Information/IndexerVolumeGuid",
        b"System Volume Information/WPSettings.dat",
        b"$RECYCLE.BIN/desktop.ini",
        b"FOUND.000/FILE0000.CHK",
        b"MISC/version.txt",
        b"mp4",
    ]
    for path in left:
        scene.put(path, b"")
    scene.put(b".Trashes/501/hidden.MP4", CONTENT)
    assert others_of(session) == sorted(left)
    assert bonds_of(session) == {b".Trashes/501/hidden.MP4": None}


def test_extensions_are_those_of_the_camera(scene):
    for name in (b"a.mp4", b"a.mov", b"a.AVI", b"a.gps", b"a.dat"):
        scene.put(name, b"")
    session = opened(scene, extensions="mov, Avi", sidecar_extensions="dat")
    assert bonds_of(session) == {b"a.mov": None, b"a.AVI": None, b"a.dat": b"a.AVI"}
    assert others_of(session) == [b"a.gps", b"a.mp4"]
    session = opened(scene, extensions="gps,mov", sidecar_extensions="")
    assert bonds_of(session) == {b"a.gps": None, b"a.mov": None}
    session = opened(scene, extensions="gps,mp4")
    assert bonds_of(session) == {b"a.gps": None, b"a.mp4": None}


@pytest.mark.parametrize(
    "options",
    [
        {"extensions": ""},
        {"extensions": " "},
        {"extensions": ".mp4"},
        {"extensions": "mp4,,mov"},
        {"extensions": "mp4 mov"},
        {"extensions": "*"},
        {"extensions": "é"},
        {"extensions": "x" * 17},
        {"extensions": "a/b"},
        {"sidecar_extensions": ","},
        {"sidecar_extensions": "gps,.log"},
        {"sidecar_extensions": "gps,mp4"},
        {"extensions": "mov", "sidecar_extensions": "MOV"},
        {"identity_file": ""},
        {"identity_file": "/etc/hostname"},
        {"identity_file": "../id.txt"},
        {"identity_file": "MISC/"},
        {"identity_file": "a//b"},
        {"identity_file": "a\0b"},
        {"identity_file": "ID.MP4"},
    ],
    ids=repr,
)
def test_an_option_that_makes_no_sense_is_refused_with_its_name_and_advice(options):
    with pytest.raises(CameraUnsupported, match=next(reversed(options))) as caught:
        MassStorageDriver(options)
    assert caught.value.advice


def test_a_card_states_its_camera_where_there_is_a_file_for_it(scene):
    scene.put(b"MISC/ID.TXT", b"X81A2207\r\n")
    scene.put(b"MISC/id.mp4", CONTENT)
    session = opened(scene, identity_file="MISC/ID.TXT")
    assert session.identify() == "X81A2207"
    assert bonds_of(session) == {b"MISC/id.mp4": None}, "it would be cleared as a file that goes with id.mp4"
    assert others_of(session) == []
    with pytest.raises(CameraProtocol):
        opened(scene, identity_file="MISC/none.txt").identify()


@pytest.fixture
def sparse(scene):
    """Put files of any size that take no room, all of one time but for the nanoseconds."""

    def put(name, size):
        scene.put(name, b"")
        scene.resize(name, size)

    return put


def test_files_into_which_a_long_recording_was_split_belong_to_the_first(session, sparse):
    sparse(b"X/MOV_0009.MP4", 100)
    sparse(b"X/MOV_0010.MP4", NEARLY_4_GIB)
    sparse(b"X/mov_0011.mp4", 2**32 - 1)
    sparse(b"X/MOV_0012.MP4", NEARLY_4_GIB - 1)
    sparse(b"X/MOV_0012.GPS", 5)
    sparse(b"X/MOV_0013.MP4", 100)
    sparse(b"Y/MOV_0011.MP4", 100)
    assert bonds_of(session) == {
        b"X/MOV_0009.MP4": None,
        b"X/MOV_0010.MP4": None,
        b"X/mov_0011.mp4": b"X/MOV_0010.MP4",
        b"X/MOV_0012.MP4": b"X/MOV_0010.MP4",
        b"X/MOV_0012.GPS": b"X/MOV_0012.MP4",
        b"X/MOV_0013.MP4": None,
        b"Y/MOV_0011.MP4": None,
    }


@pytest.mark.parametrize(
    ("full", "after", "belongs"),
    [
        (b"a1.mp4", b"a2.mp4", True),
        (b"a9.mp4", b"a10.mp4", True),
        (b"a0009F.mp4", b"a0010F.mp4", True),
        (b"20261122_1.mp4", b"20261122_2.mp4", True),
        (b"20261121_2.mp4", b"20261122_2.mp4", False),
        (b"a1.mp4", b"a3.mp4", False),
        (b"a2.mp4", b"a1.mp4", False),
        (b"a1.mp4", b"b2.mp4", False),
        (b"a1.mp4", b"a02.mp4", False),
        (b"a1.mp4", b"a2.mov", False),
        (b"a1F.mp4", b"a2R.mp4", False),
        (b"a.mp4", b"a1.mp4", False),
        (b"9" * 250 + b".mp4", b"1" + b"0" * 250 + b".mp4", True),
    ],
)
def test_only_the_next_number_makes_a_file_a_later_part(scene, sparse, full, after, belongs):
    sparse(full, NEARLY_4_GIB)
    sparse(after, 1)
    assert bonds_of(opened(scene, extensions="mp4,mov")) == {full: None, after: full if belongs else None}


def test_of_two_that_a_file_may_follow_it_is_always_the_one_of_equal_length(session, sparse):
    for name in (b"a9.mp4", b"a09.mp4"):
        sparse(name, NEARLY_4_GIB)
    sparse(b"a10.mp4", 1)
    assert bonds_of(session)[b"a10.mp4"] == b"a09.mp4"


@pytest.mark.parametrize("name", [b"a.mp4", b"a.gps"])
def test_files_that_are_larger_together_than_their_card_are_refused(scene, session, sparse, name):
    room = os.statvfs(scene.root)
    size = room.f_blocks * room.f_frsize
    sparse(b"d/a.mp4", size // 2)
    sparse(b"d/" + name, size // 2)
    assert len(listed_by(session)) in (1, 2)
    sparse(b"e/b.mp4", size - size // 2 + 1)
    with pytest.raises(CameraProtocol, match="larger"):
        listed_by(session)
    scene.remove(b"e/b.mp4")
    sparse(b"b.bin", size - size // 2 + 1)
    assert listed_by(session), "what is left alone is not counted: a spoilt entry costs no recording"


def test_names_that_would_fill_the_memory_are_refused(scene, session, monkeypatch):
    monkeypatch.setattr(places, "MAX_NAME_BYTES", 100)
    for n in range(10):
        scene.put(b"one/%06d.mp4" % n, b"")
        scene.put(b"another/%06d.mp4" % n, b"")
        scene.put(b"one/%06d.gps" % n, b"")
    assert len(listed_by(session)) == 30
    scene.put(b"one/x.mp4", b"")
    with pytest.raises(CameraProtocol):
        listed_by(session)


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_what_is_no_file_neither_goes_with_a_recording_nor_has_one(scene, session, kind):
    make = {"link": lambda path: os.symlink("nowhere", path), "fifo": os.mkfifo, "directory": os.mkdir}[kind]
    scene.put(b"a.mp4", b"")
    make(scene.at(b"a.gps"))
    scene.put(b"b.gps", b"")
    make(scene.at(b"b.mp4"))
    assert bonds_of(session) == {b"a.mp4": None}
    assert others_of(session) == ([b"b.gps"] if kind == "directory" else [b"a.gps", b"b.gps", b"b.mp4"])


def test_what_goes_with_a_recording_is_cleared_only_as_it_was_read(scene, session):
    scene.put(b"a.mp4", CONTENT)
    scene.put(b"a.gps", b"1")
    sidecar = next(each for each in listed_by(session) if each.path == RecordingPath(b"a.gps"))
    with pytest.raises(DriverError):
        session.clear(sidecar)
    read_whole(session, sidecar)
    scene.put(b"a.gps", b"2")
    with pytest.raises(CameraBusy):
        session.clear(sidecar)
    assert os.path.exists(scene.at(b"a.gps"))

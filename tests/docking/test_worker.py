import errno
import fcntl
import hashlib
import os
import subprocess
import sys

import pytest

from dockd.docking.messages import (
    ClearedMessage,
    Done,
    File,
    Hash,
    Hashed,
    ListAgain,
    Listing,
    ProvenMessage,
    RegisteredMessage,
    Stop,
    Trouble,
)
from dockd.docking.rounds import Rounds
from dockd.errors import (
    CameraBusy,
    CameraDenied,
    CameraGone,
    CameraMedia,
    CameraProtocol,
    DriverError,
    OrderError,
    WorkerFailed,
)
from dockd.testing.fake_camera import FakeCamera, Unreadable
from tests.docking.bench import a_worker, nameless, unsealed

CONTENT = os.urandom(200_000)


@pytest.fixture
def camera():
    camera = FakeCamera()
    camera.put(b"a.mp4", CONTENT)
    camera.put(b"b.mp4", b"")
    return camera


@pytest.fixture
def bench(camera):
    with a_worker(camera) as bench:
        yield bench


def registered(index, content, **changes):
    message = {"index": index, "recording_id": "r", "plaintext_sha256": hashlib.sha256(content).hexdigest(), "seq": 5}
    return RegisteredMessage(**{**message, **changes})


def raising(verb, error):
    def before(called):
        if called == verb:
            raise error

    return before


@pytest.mark.parametrize("short", [None, 1000])
def test_a_docking_message_by_message(camera, bench, tmp_path, short):
    camera.short = short
    camera.others = (b"log.txt",)
    listing = bench.open()
    assert (listing.driver_version, listing.others, listing.others_count) == ("7", ("log.txt",), 1)
    for path, content in ((b"a.mp4", CONTENT), (b"b.mp4", b"")):
        file = nameless(tmp_path)
        proven = bench.ingest(bench.index(listing, path), file)
        assert isinstance(proven, ProvenMessage)
        assert proven.plaintext_sha256 == hashlib.sha256(content).hexdigest()
        assert proven.ciphertext_sha256 == hashlib.sha256(os.pread(file, 1 << 20, 0)).hexdigest()
        assert proven.ciphertext_size == os.fstat(file).st_size
        assert unsealed(file) == content
        assert isinstance(bench.ask(registered(proven.index, content)), ClearedMessage)
        os.close(file)
    assert bench.ask(ListAgain()).recordings == ()
    assert isinstance(bench.ask(Stop()), Done)
    assert bench.hear() is None and bench.ended is None


def test_another_identity_than_announced_is_refused_and_nothing_is_listed(bench):
    report = bench.open("cam-2")
    assert (report.code, report.advice != "") == ("camera.identity", True)
    bench.tell(ListAgain())
    assert bench.hear() is None
    assert isinstance(bench.ended, OrderError)


@pytest.mark.parametrize("must_state_id", [False, True])
def test_a_camera_that_states_no_id_is_refused_where_nothing_else_says_which_one_it_is(bench, camera, must_state_id):
    camera.identity = None
    report = bench.open(must_state_id=must_state_id)
    assert isinstance(report, Trouble) is must_state_id
    if must_state_id:
        assert report.code == "camera.identity"


def test_what_was_hashed_again_may_be_cleared(camera, bench):
    index = bench.index(bench.open(), b"a.mp4")
    assert bench.ask(Hash(index=index)) == Hashed(index=index, plaintext_sha256=hashlib.sha256(CONTENT).hexdigest())
    assert isinstance(bench.ask(registered(index, CONTENT)), ClearedMessage)
    assert set(camera.recordings) == {b"b.mp4"}


@pytest.mark.parametrize("order", ["never read", "another digest", "another recording", "no such index"])
def test_it_ends_rather_than_clear_what_it_has_not_proven(camera, bench, order):
    listing = bench.open()
    a, b = bench.index(listing, b"a.mp4"), bench.index(listing, b"b.mp4")
    if order != "never read":
        bench.ask(Hash(index=a))
    message = {
        "never read": registered(a, CONTENT),
        "another digest": registered(a, CONTENT + b"x"),
        "another recording": registered(b, CONTENT),
        "no such index": registered(2, CONTENT),
    }[order]
    assert bench.ask(message) is None
    assert isinstance(bench.ended, OrderError)
    assert set(camera.recordings) == {b"a.mp4", b"b.mp4"}


@pytest.mark.parametrize(
    "order", [ListAgain(), Hash(index=0), File(index=0, salvage=False, trail=0), registered(0, b"")]
)
def test_orders_before_a_camera_is_open_end_it(bench, order):
    assert bench.ask(order) is None
    assert isinstance(bench.ended, OrderError)


def test_a_second_camera_or_a_missing_file_ends_it(bench, camera):
    bench.open()
    assert bench.open() is None
    assert isinstance(bench.ended, OrderError)
    with a_worker(camera) as other:
        other.open()
        assert other.ask(File(index=0, salvage=False, trail=0)) is None
        assert isinstance(other.ended, OrderError)


@pytest.mark.parametrize(
    ("verb", "raised", "code"),
    [
        ("open", CameraDenied("locked"), "camera.denied"),
        ("identify", CameraProtocol("nonsense"), "camera.protocol"),
        ("list", CameraMedia("bad sector"), "camera.media"),
        ("list", OSError(errno.ENODEV, "gone"), "camera.gone"),
        ("list", RuntimeError("bug"), "camera.protocol"),
        ("read", CameraGone("pulled"), "camera.gone"),
        ("read", ZeroDivisionError("bug"), "camera.protocol"),
        ("clear", CameraBusy("recording"), "camera.busy"),
        ("clear", OSError(errno.EROFS, "read-only"), "camera.denied"),
    ],
)
def test_faults_of_the_driver_become_trouble_and_the_worker_goes_on(camera, bench, tmp_path, verb, raised, code):
    camera.before = raising(verb, raised)
    report = bench.open()
    if isinstance(report, Listing):
        index = bench.index(report, b"a.mp4")
        file = nameless(tmp_path)
        report = bench.ingest(index, file)
        os.close(file)
        if isinstance(report, ProvenMessage):
            report = bench.ask(registered(index, CONTENT))
    assert isinstance(report, Trouble) and report.code == code
    assert set(camera.recordings) == {b"a.mp4", b"b.mp4"}
    assert isinstance(bench.ask(Stop()), Done)


class Odd(DriverError):
    code = "Not A Code!"


@pytest.mark.parametrize(
    "raised",
    [
        DriverError("x" * 100_000, advice="y" * 100_000),
        DriverError("\ud800", advice="\udfff"),
        Odd("odd"),
        DriverError(""),
    ],
)
def test_trouble_that_does_not_fit_a_message_is_made_to_fit(camera, bench, raised):
    camera.before = raising("list", raised)
    report = bench.open()
    assert isinstance(report, Trouble)
    assert report.code == "camera.driver"


def test_a_recording_that_changes_between_listing_and_pull_is_busy(camera, bench, tmp_path):
    listing = bench.open()
    camera.put(b"a.mp4", CONTENT[1:])
    file = nameless(tmp_path)
    assert bench.ingest(bench.index(listing, b"a.mp4"), file).code == "camera.busy"
    os.close(file)


def test_a_recording_that_changes_between_pull_and_clear_is_not_cleared(camera, bench):
    index = bench.index(bench.open(), b"a.mp4")
    bench.ask(Hash(index=index))
    camera.put(b"a.mp4", CONTENT)
    assert bench.ask(registered(index, CONTENT)).code == "camera.busy"
    assert b"a.mp4" in camera.recordings


def test_a_file_that_cannot_take_it_is_a_fault_of_the_partition(bench, tmp_path):
    index = bench.index(bench.open(), b"a.mp4")
    (tmp_path / "read-only").write_bytes(b"")
    file = os.open(tmp_path / "read-only", os.O_RDONLY)
    assert bench.ingest(index, file).code == "partition.media"
    os.close(file)


def test_the_file_is_closed_before_it_is_called_proven(bench, tmp_path):
    """The supervisor's lease is granted at once: no writer is left."""
    index = bench.index(bench.open(), b"a.mp4")
    file = nameless(tmp_path)
    assert isinstance(bench.ingest(index, file), ProvenMessage)
    reader = os.open(f"/proc/self/fd/{file}", os.O_RDONLY)
    os.close(file)
    fcntl.fcntl(reader, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    os.close(reader)


def test_a_recipient_that_is_none_is_trouble(bench):
    assert bench.open(recipients=("age1nonsense",)).code == "seal.error"


def test_a_supervisor_that_is_gone_ends_it(camera):
    with a_worker(camera) as bench:
        bench.open()
        bench.ours.close()
        bench.thread.join(20)
        assert isinstance(bench.ended, WorkerFailed)


def test_a_supervisor_that_goes_without_having_read_the_answers_ends_it_the_same_way(camera):
    with a_worker(camera) as bench:
        bench.open()
        bench.tell(ListAgain())
        bench.tell(ListAgain())
        bench.ours.close()
        bench.thread.join(20)
        assert isinstance(bench.ended, WorkerFailed), bench.ended


def test_what_a_camera_only_says_it_erased_is_reported_as_still_there(camera, bench):
    listing = bench.open()
    a, b = bench.index(listing, b"a.mp4"), bench.index(listing, b"b.mp4")
    for index, content in ((a, CONTENT), (b, b"")):
        bench.ask(Hash(index=index))
        camera.lies = index == a
        assert isinstance(bench.ask(registered(index, content)), ClearedMessage)
    again = bench.ask(ListAgain())
    assert (again.recordings, again.still_there) == ((), (a,))


def test_an_erasing_that_was_refused_is_reported_as_still_there_too(camera, bench):
    index = bench.index(bench.open(), b"a.mp4")
    bench.ask(Hash(index=index))
    camera.before = raising("clear", CameraDenied("locked"))
    assert bench.ask(registered(index, CONTENT)).code == "camera.denied"
    assert bench.ask(ListAgain()).still_there == (index,)


def test_a_camera_is_gone_through_batch_by_batch_and_what_was_read_counts_for_its_own_batch_alone(camera, monkeypatch):
    monkeypatch.setattr("dockd.docking.worker.Rounds", lambda session: Rounds(session, 1))
    with a_worker(camera) as bench:
        first = bench.open()
        assert ([each.path for each in first.recordings], first.waiting) == (["a.mp4"], 2)
        bench.ask(Hash(index=0))
        second = bench.ask(ListAgain())
        assert ([each.path for each in second.recordings], second.waiting) == (["b.mp4"], 1)
        assert bench.ask(registered(0, CONTENT)) is None
        assert isinstance(bench.ended, OrderError)
    assert set(camera.recordings) == {b"a.mp4", b"b.mp4"}


BAD = Unreadable(100_000, 100_001)
GAP = (98_304, 4096)


def with_gap(content, offset, size):
    return content[:offset] + bytes(size) + content[offset + size :]


def test_what_can_be_read_is_salvaged_with_zeros_in_its_gaps_and_proven(camera, bench, tmp_path):
    camera.put(b"a.mp4", CONTENT, BAD)
    index = bench.index(bench.open(), b"a.mp4")
    file = nameless(tmp_path)
    assert bench.ingest(index, file).code == "camera.media"
    proven = bench.ingest(index, file, salvage=True)
    assert proven.gaps == (GAP,)
    assert unsealed(file) == with_gap(CONTENT, *GAP)
    assert proven.plaintext_sha256 == hashlib.sha256(with_gap(CONTENT, *GAP)).hexdigest()
    assert proven.ciphertext_size == os.fstat(file).st_size
    os.close(file)


@pytest.mark.parametrize("heals", [False, True])
def test_it_ends_rather_than_clear_what_it_salvaged(camera, bench, tmp_path, heals):
    camera.put(b"a.mp4", CONTENT, BAD)
    index = bench.index(bench.open(), b"a.mp4")
    file = nameless(tmp_path)
    proven = bench.ingest(index, file, salvage=True)
    os.close(file)
    content = with_gap(CONTENT, *GAP)
    if heals:
        camera.recordings[b"a.mp4"].unreadable.clear()
        assert isinstance(bench.ask(Hash(index=index)), Hashed)
        content = CONTENT
    assert proven.gaps
    assert bench.ask(registered(index, content)) is None
    assert isinstance(bench.ended, OrderError)
    assert set(camera.recordings) == {b"a.mp4", b"b.mp4"}


def test_what_could_be_read_in_full_when_it_was_to_be_salvaged_may_be_cleared(camera, bench, tmp_path):
    camera.put(b"a.mp4", CONTENT, Unreadable(0, 1, heals_after=1))
    index = bench.index(bench.open(), b"a.mp4")
    file = nameless(tmp_path)
    assert bench.ingest(index, file, salvage=True).gaps == ()
    os.close(file)
    assert isinstance(bench.ask(registered(index, CONTENT)), ClearedMessage)


def test_a_worker_started_by_hand_says_that_it_is_not_for_that():
    command = [sys.executable, "-P", "-m", "dockd.worker_process"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "started by dockd itself" in done.stderr


def test_a_worker_carries_nothing_that_only_others_need():
    """It starts for each docking, and what it carries lies within reach of whoever takes it over."""
    program = "import dockd.worker_process, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-Pc", program], capture_output=True, text=True, check=True)
    assert "importlib.metadata" not in done.stdout.split()
    carried = {name.partition(".")[0] for name in done.stdout.split()}
    not_for_it = "asyncio click pydantic pyudev rich sqlalchemy structlog watchdog yaml"
    assert carried.isdisjoint(not_for_it.split())
    assert {"cryptography", "msgspec"} <= carried


def test_the_supervisor_carries_nothing_that_reads_what_a_camera_holds():
    """Foreign bytes are for workers; the supervisor holds the register, the store and the dock's key."""
    program = "import dockd.cli.run, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-Pc", program], capture_output=True, text=True, check=True)
    carried = done.stdout.split()
    assert [name for name in carried if name.startswith(("dockd.mp4", "drivers"))] == []
    assert "dockd.daemon" in carried

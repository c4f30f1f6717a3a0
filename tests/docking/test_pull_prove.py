"""Sealing in one pass and proving by reading back, on real files, with the bytes changed under our hands."""

import errno
import hashlib
import os
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dockd.docking.messages import Stage
from dockd.docking.nameless import NamelessFile
from dockd.docking.pull import blocks_ahead, digest_on_camera, pull
from dockd.docking.works import BLOCK, SLOT
from dockd.driver import DirectorySource
from dockd.errors import CameraBusy, CameraGone, CameraMedia, ProofFailed, WorkerFailed
from dockd.mp4.examine import examine
from dockd.seal.stream import CHUNK
from dockd.store.medium import ALIGNMENT
from dockd.testing.fake_camera import FakeCamera
from tests.docking.bench import nameless, sealing, unsealed

CLIP = (Path(__file__).parents[1] / "media" / "moov-first.mp4").read_bytes()

HEADER = 200
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, BLOCK - 1, BLOCK, BLOCK + 1, SLOT - 2000, SLOT - HEADER, SLOT, 2 * SLOT + 5]


def quiet(_stage, _done):
    pass


def never(error):
    raise error


def opened(content, **faults):
    camera = FakeCamera(**faults)
    camera.put(b"a.mp4", content)
    session = camera.driver()({}).open(DirectorySource(-1))
    [recording] = session.list()
    return camera, session, recording


def medium(folder, mode):
    if mode == "cached":
        return nameless(folder)
    try:
        return nameless(folder, direct=True)
    except OSError:
        pytest.skip("the medium of the temporary directory does not take O_DIRECT")


@pytest.mark.parametrize("mode", ["direct", "cached"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("trail", [SLOT, 64 * SLOT])
def test_what_is_pulled_is_proven_and_opens_with_the_identity(tmp_path, works, size, mode, trail):
    content = os.urandom(size)
    _camera, session, recording = opened(content)
    fd = medium(tmp_path, mode)
    proven = pull(session, sealing(recording, fd, works, trail), works, quiet, never)
    with open(f"/proc/self/fd/{fd}", "rb") as copy:
        assert proven.ciphertext_sha256 == hashlib.file_digest(copy, "sha256").hexdigest()
    assert os.fstat(fd).st_size == proven.sealed.ciphertext_size
    assert (proven.sealed.plaintext_sha256, proven.read_back) == (hashlib.sha256(content).hexdigest(), mode)
    assert unsealed(fd) == content
    os.close(fd)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 3 * BLOCK), st.sampled_from([None, 1 << 16, 99_999]))
def test_any_size_with_any_short_reads_survives(tmp_path, works, size, short):
    content = os.urandom(size)
    _camera, session, recording = opened(content, short=short)
    fd = nameless(tmp_path)
    proven = pull(session, sealing(recording, fd, works), works, quiet, never)
    assert unsealed(fd) == content
    assert digest_on_camera(session, recording, works, quiet) == proven.sealed.plaintext_sha256
    os.close(fd)


CONTENT = os.urandom(2 * CHUNK + 10)


@pytest.mark.parametrize(
    "change",
    [
        lambda fd, size: os.pwrite(fd, b"\0" * 8, size - 8),
        lambda fd, size: os.pwrite(fd, b"\0" * 8, size // 2),
        lambda fd, size: os.pwrite(fd, b"\0" * 8, HEADER + 100),
        lambda fd, size: os.ftruncate(fd, size - 1),
        lambda fd, size: os.ftruncate(fd, size - 26),
        lambda fd, size: os.ftruncate(fd, HEADER),
        lambda fd, size: os.ftruncate(fd, 0),
        lambda fd, size: os.ftruncate(fd, 0) or os.ftruncate(fd, size),
    ],
)
def test_bytes_changed_on_the_medium_between_writing_and_reading_back_fail_the_proof(tmp_path, works, change):
    _camera, session, recording = opened(CONTENT)
    fd = nameless(tmp_path)
    under_way = sealing(recording, fd, works)
    after_finish(under_way, lambda: change(fd, os.fstat(fd).st_size))
    with pytest.raises(ProofFailed):
        pull(session, under_way, works, quiet, never)
    under_way.drop()
    os.close(fd)


def after_finish(under_way, call):
    """Have something happen once the file is flushed, before it is read back."""
    finish = under_way._file.finish
    under_way._file.finish = lambda: (finish(), call())


def test_bytes_changed_in_a_stretch_that_is_read_back_early_fail_the_proof(tmp_path, works):
    _camera, session, recording = opened(os.urandom(4 * SLOT))
    fd = nameless(tmp_path)
    under_way = sealing(recording, fd, works, SLOT)
    flushed = under_way._file.flushed

    def changed():
        told = flushed()
        told.result()
        os.pwrite(fd, b"\0" * 8, 1000)
        return told

    under_way._file.flushed = changed
    with pytest.raises(ProofFailed):
        pull(session, under_way, works, quiet, never)
    under_way.drop()
    os.close(fd)


def test_a_proof_is_about_the_bytes_of_the_camera_and_not_only_about_the_medium(tmp_path, works):
    for wrong in ({"plaintext_sha256": "0" * 64}, {"ciphertext_size": 1}):
        _camera, session, recording = opened(CONTENT)
        fd = nameless(tmp_path)
        under_way = sealing(recording, fd, works)
        prove = under_way._proof.finish
        under_way._proof.finish = lambda sealed, told, prove=prove, wrong=wrong: prove(replace(sealed, **wrong), told)
        with pytest.raises(ProofFailed):
            pull(session, under_way, works, quiet, never)
        under_way.drop()
        os.close(fd)


def test_the_progress_told_ends_with_every_byte(tmp_path, works):
    _camera, session, recording = opened(bytes(2 * BLOCK + 3))
    told = {stage: [] for stage in get_args(Stage)}
    fd = nameless(tmp_path)

    def tell(stage, done):
        told[stage].append(done)

    proven = pull(session, sealing(recording, fd, works), works, tell, never)
    digest_on_camera(session, recording, works, tell)
    assert told["seal"] == told["hash"] == [BLOCK, 2 * BLOCK, 2 * BLOCK + 3]
    assert told["prove"][-1] == proven.sealed.ciphertext_size
    assert told["check"] == sorted(told["check"]) != []
    os.close(fd)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_camera_that_is_pulled_out_while_read_is_gone(tmp_path, works, after):
    reads = []

    def before(verb):
        reads.append(verb) if verb == "read" else None
        if len(reads) > after:
            raise CameraGone("pulled out")

    _camera, session, recording = opened(bytes(3 * BLOCK))
    _camera.before = before
    fd = nameless(tmp_path)
    under_way = sealing(recording, fd, works)
    with pytest.raises(CameraGone):
        pull(session, under_way, works, quiet, never)
    under_way.drop()
    os.close(fd)


def test_a_recording_that_grows_while_it_is_read_is_busy(tmp_path, works):
    camera, session, recording = opened(bytes(3 * BLOCK))
    fd = nameless(tmp_path)
    under_way = sealing(recording, fd, works)
    with pytest.raises(CameraBusy):
        pull(session, under_way, works, lambda *_told: camera.put(b"a.mp4", bytes(4 * BLOCK)), never)
    under_way.drop()
    os.close(fd)


def test_reading_ahead_gives_the_blocks_in_order(works):
    content = os.urandom(2 * BLOCK + 9)
    _camera, session, recording = opened(content)
    blocks = [bytes(block) for block in blocks_ahead(session, recording, works)]
    assert [len(block) for block in blocks] == [BLOCK, BLOCK, 9]
    assert b"".join(blocks) == content


@pytest.mark.parametrize("mode", ["direct", "cached"])
@pytest.mark.parametrize(
    "parts", [[0], [1], [ALIGNMENT] * 3, [SLOT], [SLOT + 1], [CHUNK, 60_001] * 90, [SLOT - CHUNK + 1, CHUNK]]
)
def test_a_nameless_file_holds_what_was_written_whatever_the_parts(tmp_path, works, mode, parts):
    fd = medium(tmp_path, mode)
    file = NamelessFile(fd, works)
    data = [os.urandom(part) for part in parts]
    for part in data:
        for place in range(0, len(part), CHUNK):
            chunk = part[place : place + CHUNK]
            file.space(len(chunk))[:] = chunk
            file.add(len(chunk))
    assert file.size == sum(parts)
    file.finish()
    assert (file.size, os.fstat(fd).st_size) == (sum(parts), sum(parts))
    assert file.read_back_mode == mode
    with open(f"/proc/self/fd/{fd}", "rb", buffering=0) as written:
        assert written.read() == b"".join(data)
    file.close()


def pulled(tmp_path, works, session, recording, crashed=never):
    fd = nameless(tmp_path)
    try:
        return pull(session, sealing(recording, fd, works), works, quiet, crashed).sealed
    finally:
        os.close(fd)


def test_what_the_mp4_check_finds_goes_with_the_recording(tmp_path, works):
    cases = {CLIP: "ok", CLIP[: len(CLIP) // 2]: "truncated", b"": "truncated", b"x" * 99: "opaque"}
    for content, verdict in cases.items():
        _camera, session, recording = opened(content)
        report = pulled(tmp_path, works, session, recording).mp4
        assert report.verdict == verdict
        assert report == examine(lambda at, size, content=content: content[at : at + size], len(content))


def test_a_camera_that_does_not_answer_the_mp4_check_is_pulled_all_the_same(tmp_path, works):
    camera, session, recording = opened(CLIP)
    verbs = iter(["the check's first read"])

    def before(verb):
        if verb == "read" and next(verbs, None):
            raise CameraMedia("one bad moment")

    camera.before = before
    sealed = pulled(tmp_path, works, session, recording)
    assert (sealed.mp4.verdict, sealed.mp4.findings) == ("suspect", ("unchecked",))
    assert sealed.plaintext_sha256 == hashlib.sha256(CLIP).hexdigest()


def test_a_check_that_fails_by_itself_keeps_no_recording_out(tmp_path, works, monkeypatch):
    def broken(_read_at, _size):
        raise ZeroDivisionError("a fault of ours that some recording finds")

    monkeypatch.setattr("dockd.docking.pull.examine", broken)
    _camera, session, recording = opened(CLIP)
    told = []
    assert pulled(tmp_path, works, session, recording, told.append).mp4.findings == ("unchecked",)
    assert [type(error) for error in told] == [ZeroDivisionError]


def test_a_worker_whose_supervisor_is_gone_ends_in_the_middle_of_a_check(tmp_path, works):
    def tell(_stage, _done):
        raise WorkerFailed("the supervisor is gone")

    _camera, session, recording = opened(CLIP)
    fd = nameless(tmp_path)
    under_way = sealing(recording, fd, works)
    with pytest.raises(WorkerFailed):
        pull(session, under_way, works, tell, never)
    under_way.drop()
    os.close(fd)


def test_a_camera_that_leaves_after_its_last_byte_has_given_a_recording_that_was_checked(tmp_path, works):
    camera, session, recording = opened(CLIP)

    def gone(_verb):
        raise CameraGone("pulled out")

    fd = nameless(tmp_path)
    under_way = sealing(recording, fd, works)
    after_finish(under_way, lambda: setattr(camera, "before", gone))
    assert pull(session, under_way, works, quiet, never).sealed.mp4.verdict == "ok"
    os.close(fd)


def test_the_proof_that_trails_is_told_of_for_the_pull_may_be_waiting_for_it(tmp_path, works):
    _camera, session, recording = opened(os.urandom(6 * SLOT))
    told = []
    fd = nameless(tmp_path)
    pull(session, sealing(recording, fd, works, SLOT), works, lambda stage, done: told.append((stage, done)), never)
    trailing = [done for stage, done in told if stage == "trail"]
    assert trailing == sorted(set(trailing)) and len(trailing) == 6
    os.close(fd)


@pytest.mark.parametrize("failing", ["pwrite", "fdatasync", "preadv"])
def test_a_medium_that_fails_while_the_proof_trails_ends_the_pull_and_leaves_nothing_hanging(
    tmp_path, works, monkeypatch, failing
):
    real, calls = getattr(os, failing), []

    def fail(fd, *arguments):
        calls.append(fd)
        if len(calls) > 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(fd, *arguments)

    monkeypatch.setattr(os, failing, fail)
    _camera, session, recording = opened(os.urandom(10 * SLOT))
    fd = nameless(tmp_path)
    under_way = sealing(recording, fd, works, SLOT)
    with pytest.raises(OSError, match="Input/output"):
        pull(session, under_way, works, quiet, never)
    under_way.drop()
    monkeypatch.undo()
    pull(session, sealing(recording, fd, works, SLOT), works, quiet, never)
    os.close(fd)


def test_nothing_is_read_back_before_it_is_written_and_then_flushed(tmp_path, works, monkeypatch):
    """Otherwise the drive could answer from a cache that a power cut empties."""
    written, flushed, reads, too_early = [], [], [], threading.Event()
    real = {name: getattr(os, name) for name in ("pwrite", "fdatasync", "fsync", "preadv")}

    def pwrite(fd, data, offset):
        done = real["pwrite"](fd, data, offset)
        written.append(offset + done)
        return done

    def flush(name, fd):
        before = max(written, default=0)
        if not flushed:
            # Time enough for a read that does not wait for the flush.
            too_early.wait(0.5)
        real[name](fd)
        flushed.append(before)

    def preadv(fd, buffers, offset):
        too_early.set()
        got = real["preadv"](fd, buffers, offset)
        reads.append((offset + got, max(flushed, default=0)))
        return got

    for name, tapped in (
        ("pwrite", pwrite),
        ("fdatasync", partial(flush, "fdatasync")),
        ("fsync", partial(flush, "fsync")),
        ("preadv", preadv),
    ):
        monkeypatch.setattr(os, name, tapped)
    _camera, session, recording = opened(os.urandom(8 * SLOT + 5))
    fd = nameless(tmp_path)
    proven = pull(session, sealing(recording, fd, works, SLOT), works, quiet, never)
    assert len(flushed) > 5 and reads[-1][0] == proven.sealed.ciphertext_size
    assert [each for each in reads if each[0] > each[1]] == []
    os.close(fd)

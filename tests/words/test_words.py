import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dockd.clock import SystemClock, WatchedClock, utc_text
from dockd.errors import CameraGone, DockdError, ExitCode, OrderError, unexpected
from dockd.model import Recording, RecordingPath, recording_id

DIGEST = hashlib.sha256(b"").hexdigest()


@given(st.binary(max_size=300))
@example(bytes(range(256)))
@example(b"%2e%2E%")
@example(b"../..//./")
def test_any_path_survives_its_text_which_is_printable_ascii(raw):
    text = RecordingPath(raw).text
    assert RecordingPath.parse(text).raw == raw
    assert text.isascii() and (text.isprintable() or not text)
    assert str(RecordingPath(raw)) == text


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_two_paths_never_share_a_text(one, other):
    assert (RecordingPath(one).text == RecordingPath(other).text) == (one == other)


recordings = st.builds(
    Recording,
    path=st.builds(RecordingPath, st.binary(max_size=6)),
    size=st.integers(0, 2**63 - 1) | st.integers(0, 20),
    mtime_ns=st.integers(-(2**63), 2**63) | st.integers(-20, 20),
)
identities = st.tuples(st.text("ab1", max_size=4), recordings, st.sampled_from([DIGEST, "0" * 64]))


@given(identities, identities)
@example(("a", Recording(RecordingPath(b"b1"), 1, 1), DIGEST), ("ab", Recording(RecordingPath(b"1"), 1, 1), DIGEST))
@example(("a", Recording(RecordingPath(b"b1"), 1, 1), DIGEST), ("a", Recording(RecordingPath(b"b"), 11, 1), DIGEST))
@example(("a", Recording(RecordingPath(b"b"), 1, 11), DIGEST), ("a", Recording(RecordingPath(b"b"), 11, 1), DIGEST))
def test_two_recordings_never_share_an_id_however_their_fields_run_together(one, other):
    assert (recording_id(*one) == recording_id(*other)) == (one == other)


def test_the_id_of_a_recording_is_frozen():
    recording = Recording(RecordingPath(b"DCIM/a.mp4"), 5, 1_790_000_000_000_000_000)
    assert recording_id("cam-1", recording, DIGEST) == "3d102dc0a4f4b05a36d1650f67c2a93c"


def test_the_id_of_a_salvage_is_another_even_if_the_bytes_are_the_same_and_is_frozen():
    recording = Recording(RecordingPath(b"DCIM/a.mp4"), 5, 1_790_000_000_000_000_000)
    assert recording_id("cam-1", recording, DIGEST, salvaged=True) == "8213eb2a1a0ea9266a9022ec5fbc2bba"


def test_what_a_recording_belongs_to_is_no_part_of_what_it_is():
    alone = Recording(RecordingPath(b"DCIM/a.gps"), 5, 0)
    beside = replace(alone, part_of=RecordingPath(b"DCIM/a.mp4"))
    assert recording_id("cam-1", alone, DIGEST) == recording_id("cam-1", beside, DIGEST)
    assert alone == beside and hash(alone) == hash(beside)


def test_the_system_clock_is_aware_in_utc_and_near_the_time_of_the_system():
    clock = SystemClock()
    before, now, after = time.time(), clock.now(), time.time()
    assert now.tzinfo is UTC and before - 1 <= now.timestamp() <= after + 1
    assert clock.monotonic() <= clock.monotonic()
    assert isinstance(clock.trusted(), bool)


def test_a_clock_that_may_not_ask_the_kernel_is_told_by_a_process_that_may(tmp_path):
    clock = WatchedClock(tmp_path / "socket")
    clock.ask()
    assert not clock.trusted(), "nobody answers"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        # As systemd hands a socket over: it is descriptor 3.
        # A shell knows descriptors of one digit only.
        become = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
        )
        command = [sys.executable, "-c", become, str(listener.fileno()), "-m", "dockd.clock_state"]
        teller = subprocess.Popen(command, env={**os.environ, "LISTEN_FDS": "1"}, pass_fds=[listener.fileno()])
        clock.ask()
        assert clock.trusted() == SystemClock().trusted()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
            asking.settimeout(30)
            asking.connect(str(tmp_path / "socket"))
            assert asking.recv(9) == (b"1" if SystemClock().trusted() else b"0")
        teller.kill()
        teller.wait()
    assert subprocess.run([sys.executable, "-m", "dockd.clock_state"], capture_output=True).returncode == 1


@pytest.mark.parametrize(("said", "trusted"), [(b"1", True), (b"0", False), (b"", False), (b"x", False)])
def test_a_clock_is_synchronised_only_if_it_is_told_so(tmp_path, said, trusted):
    clock = WatchedClock(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()

        def answer():
            with listener.accept()[0] as connection:
                if said:
                    connection.send(said)

        thread = threading.Thread(target=answer)
        thread.start()
        clock.ask()
        thread.join()
    assert clock.trusted() is trusted


def test_the_zone_is_named_and_follows_the_environment(monkeypatch):
    monkeypatch.delenv("TZ", raising=False)
    assert SystemClock().zone()
    monkeypatch.setenv("TZ", "Europe/Paris")
    assert SystemClock().zone() == "Europe/Paris"


@given(st.datetimes(datetime(1970, 1, 2), datetime(2900, 1, 1)), st.integers(-23, 23))
def test_a_moment_is_written_in_utc_with_microseconds_and_sorts_as_text(moment, hours):
    aware = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    text = utc_text(aware)
    assert datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC) == aware
    assert text < utc_text(aware + timedelta(microseconds=1))


def errors(kind=DockdError):
    return [kind, *(each for sub in kind.__subclasses__() for each in errors(sub))]


def test_no_code_is_given_to_two_errors_and_every_error_has_an_exit_code():
    ours = [each for each in errors() if each.__module__.startswith("dockd")]
    codes = [each.code for each in ours if "code" in vars(each)]
    assert len(set(codes)) == len(codes)
    assert all(isinstance(each.exit_code, ExitCode) for each in ours)


def test_a_programmers_mistake_is_not_caught_as_a_fault():
    assert not issubclass(OrderError, DockdError)


class Mute(Exception):
    def __str__(self):
        raise ValueError


@pytest.mark.parametrize(
    "error", [CameraGone("x"), OSError(5, "x"), Mute(), UnicodeDecodeError("utf-8", b"", 0, 1, "")]
)
def test_any_exception_can_be_put_into_words(error):
    assert unexpected(error).startswith(type(error).__name__)

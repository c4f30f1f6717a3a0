"""What is said to systemd, as a real datagram socket hears it."""

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.ops.notify import ServiceManager


@pytest.fixture(params=["path", "abstract"])
def heard(request, tmp_path):
    """A listening manager, under both kinds of name; gives how NOTIFY_SOCKET names it and what it hears."""
    name = f"dockd-test-{os.getpid()}-{id(request)}"
    bound, named = (f"\0{name}", f"@{name}") if request.param == "abstract" else (str(tmp_path / "n"),) * 2
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(bound)
        listener.settimeout(20)
        yield named, lambda: listener.recv(65536).decode()


def managed(**environment):
    manager = ServiceManager.take_from(environment)
    assert environment == {}, "a worker would inherit it"
    return manager


def test_each_message_is_one_datagram_under_its_documented_name(heard):
    named, hear = heard
    manager = managed(NOTIFY_SOCKET=named)
    manager.starting(30)
    manager.ready()
    manager.status("1 bay: 1 green")
    manager.heartbeat()
    manager.stopping()
    said = [hear() for _message in range(5)]
    assert said == ["EXTEND_TIMEOUT_USEC=30000000", "READY=1", "STATUS=1 bay: 1 green", "WATCHDOG=1", "STOPPING=1"]
    manager.close()


def hear_status(words, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("n") / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(20)
        manager = managed(NOTIFY_SOCKET=path)
        manager.status(words)
        manager.close()
        return listener.recv(65536)


@given(words=st.text(max_size=3000))
def test_a_status_is_always_one_line_of_bounded_length_that_says_nothing_else(words, tmp_path_factory):
    said = hear_status(words, tmp_path_factory)
    assert said.startswith(b"STATUS=") and len(said) <= 1031
    assert said.decode().isprintable()


def test_a_camera_cannot_speak_in_our_name(tmp_path_factory):
    assert hear_status("red\nWATCHDOG=1\r\0é", tmp_path_factory).decode() == "STATUS=red WATCHDOG=1 é"


@pytest.mark.parametrize("name", ["", "relative", "vsock:2:1234"])
def test_without_a_manager_on_this_host_every_message_goes_nowhere(name):
    manager = managed(NOTIFY_SOCKET=name, WATCHDOG_USEC="2000000")
    manager.ready()
    assert manager.heartbeat_seconds is None
    manager.close()


def test_a_manager_that_is_gone_or_does_not_read_stops_nobody(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "n"))
        manager = managed(NOTIFY_SOCKET=str(tmp_path / "n"))
        for _message in range(10_000):
            manager.heartbeat()
    manager.heartbeat()
    manager.close()


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("60000000", None, 30.0),
        ("60000000", "ours", 30.0),
        ("60000000", "1", None),
        ("60000000", "x", None),
        ("0", None, None),
        ("-5", None, None),
        ("²", None, None),
        ("soon", None, None),
        ("", None, None),
    ],
)
def test_a_heartbeat_is_given_at_half_the_time_granted_if_it_is_granted_to_us(usec, pid, seconds):
    meant = {} if pid is None else {"WATCHDOG_PID": str(os.getpid()) if pid == "ours" else pid}
    manager = managed(NOTIFY_SOCKET="@nobody", WATCHDOG_USEC=usec, **meant)
    assert manager.heartbeat_seconds == seconds
    manager.close()

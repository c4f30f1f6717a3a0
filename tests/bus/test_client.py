"""The way to ask the helper when what answers is slow, gone, or not the helper at all."""

import asyncio
import errno
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockd.bus.client import Bus
from dockd.errors import BusUnreachable
from tests.bus.running import DEADLINE_SECONDS

Answer = Callable[[socket.socket], None]


class Impostor:
    """Listens in place of the helper, and answers one request as it is told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread: threading.Thread | None = None
        self._over = threading.Event()

    def answers(self, answer: Answer) -> None:
        self._thread = threading.Thread(target=self._once, args=(answer,))
        self._thread.start()

    def _once(self, answer: Answer) -> None:
        connection, _address = self._listener.accept()
        with connection:
            connection.recv(4096)
            answer(connection)
            self._over.wait(DEADLINE_SECONDS)

    def close(self) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()
        self._listener.close()


@pytest.fixture
def impostor(place: Path) -> Iterator[Impostor]:
    impostor = Impostor(place / "socket")
    yield impostor
    impostor.close()


def mount(path: Path, seconds: float = DEADLINE_SECONDS) -> None:
    asyncio.run(Bus(path, seconds).mount("1-2", 7, "sda1", "vfat", False))


def saying(packet: bytes, *fds: int) -> Answer:
    return lambda connection: void(socket.send_fds(connection, [packet], list(fds)))


def void(_count: int) -> None:
    pass


def is_closed_everywhere(reader: int) -> bool:
    """Whether nobody holds the writing end of a pipe any more."""
    os.set_blocking(reader, False)
    try:
        return os.read(reader, 1) == b""
    except BlockingIOError:
        return False


def test_without_a_helper_the_advice_is_where_to_look(place: Path) -> None:
    with pytest.raises(BusUnreachable) as raised:
        mount(place / "socket")
    assert "systemctl status dockd-bus" in raised.value.advice


def test_a_helper_that_says_nothing_is_given_up_at_the_deadline(impostor: Impostor) -> None:
    impostor.answers(lambda connection: None)
    with pytest.raises(BusUnreachable, match="in time"):
        mount(impostor.path, seconds=0.2)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"ok": false}',
        b'{"ok": 1}',
        b'{"errno": "5", "message": "x"}',
        b'{"errno": 5}',
        b"[" * 3000,
        b'{"ok": true}' + b" " * 8192,
    ],
)
def test_nonsense_is_no_answer(impostor: Impostor, packet: bytes) -> None:
    impostor.answers(saying(packet) if packet else lambda connection: connection.shutdown(socket.SHUT_RDWR))
    with pytest.raises(BusUnreachable):
        mount(impostor.path)


def test_a_mount_without_a_descriptor_is_no_answer(impostor: Impostor) -> None:
    impostor.answers(saying(b'{"ok": true}'))
    with pytest.raises(BusUnreachable, match="without a mount"):
        mount(impostor.path)


@pytest.mark.parametrize("code", [errno.EIO, errno.ETIMEDOUT, errno.ENODEV, errno.EPERM])
def test_what_the_helper_reports_is_raised_with_its_number(impostor: Impostor, code: int) -> None:
    impostor.answers(saying(json.dumps({"errno": code, "message": "as it is"}).encode()))
    with pytest.raises(OSError, match="as it is") as raised:
        mount(impostor.path)
    assert raised.value.errno == code


@pytest.mark.parametrize("packet", [b'{"errno": 5, "message": "x"}', b"nonsense"])
def test_a_descriptor_that_comes_with_an_error_is_closed_at_once(impostor: Impostor, packet: bytes) -> None:
    reader, writer = os.pipe()

    def answer(connection: socket.socket) -> None:
        socket.send_fds(connection, [packet], [writer])
        os.close(writer)

    impostor.answers(answer)
    with pytest.raises((OSError, BusUnreachable)) as raised:
        mount(impostor.path)
    assert raised.traceback  # still refers to everything that the client held
    impostor.close()
    assert is_closed_everywhere(reader)
    os.close(reader)


def test_more_descriptors_than_one_are_no_answer_and_all_closed(impostor: Impostor) -> None:
    reader, writer = os.pipe()

    def answer(connection: socket.socket) -> None:
        socket.send_fds(connection, [b'{"ok": true}'], [writer, writer])
        os.close(writer)

    impostor.answers(answer)
    with pytest.raises(BusUnreachable):
        mount(impostor.path)
    impostor.close()
    assert is_closed_everywhere(reader)
    os.close(reader)


def test_a_descriptor_that_was_not_asked_for_is_closed(impostor: Impostor) -> None:
    reader, writer = os.pipe()

    def answer(connection: socket.socket) -> None:
        socket.send_fds(connection, [b'{"ok": true}'], [writer])
        os.close(writer)

    impostor.answers(answer)
    asyncio.run(Bus(impostor.path, DEADLINE_SECONDS).authorise("1-2", 7, True))
    impostor.close()
    assert is_closed_everywhere(reader)
    os.close(reader)


def test_the_directory_that_is_given_is_not_inherited_by_other_programs(impostor: Impostor, place: Path) -> None:
    directory = os.open(place, os.O_RDONLY)
    impostor.answers(saying(b'{"ok": true}', directory))
    root = asyncio.run(Bus(impostor.path, DEADLINE_SECONDS).mount("1-2", 7, "sda1", "vfat", False))
    assert os.listdir(root.fileno()) == ["socket"] and not os.get_inheritable(root.fileno())
    root.close()
    os.close(directory)

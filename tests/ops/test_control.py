import asyncio
import json
import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest
import structlog

from dockd.errors import AlreadyRunning, ConfigError, ControlError, RegisterError
from dockd.events import Event
from dockd.ops import control
from dockd.ops.control import MAX_CALLERS, MAX_REQUEST, ControlServer
from dockd.ops.control_client import ControlClient


@pytest.fixture
def path():
    """A short one: the path of a socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "control.sock")


async def echo(_visit, question):
    return {"asked": question}


async def fail(_visit, _question):
    raise RegisterError("the disk is full", advice="free some")


async def needs_a_number(_visit, question):
    return {"after": int(question["after"])}


async def who(visit, question):
    before, visit.command = visit.command, question["after"]
    return {"uid": visit.uid, "before": before}


ANSWERS = {"echo": echo, "fail": fail, "number": needs_a_number, "who": who}


def serving(path, story):
    """Serve while `story`, which blocks, runs in a thread."""

    async def run():
        server = ControlServer(path, ANSWERS)
        await server.start()
        try:
            return await asyncio.wait_for(asyncio.to_thread(story), 60)
        finally:
            await server.stop()

    return asyncio.run(run())


def raw(path, *lines):
    """Send raw lines, each after the answer to the one before; give the answers, None once the caller is dropped."""
    answers = []
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(30)
        caller.connect(str(path))
        replies = caller.makefile("rb")
        for line in lines:
            try:
                caller.sendall(line)
                answers.append(json.loads(replies.readline() or "null"))
            except (BrokenPipeError, ConnectionResetError):
                answers.append(None)
        replies.close()
    return answers


def test_a_question_is_answered_and_another_on_the_same_connection(path):
    def story():
        client = ControlClient(path)
        answers = [client.ask("echo", after=1), client.ask("echo")]
        client.close()
        return answers

    assert serving(path, story) == [{"asked": {"ask": "echo", "after": 1}}, {"asked": {"ask": "echo"}}]


def test_a_caller_is_known_by_the_uid_that_the_kernel_vouches_for_and_a_command_ends_with_its_connection(path):
    def story():
        first, second = (
            raw(path, *[b'{"ask": "who", "after": "a", "uid": 7}\n'] * 2),
            raw(path, b'{"ask": "who", "after": ""}\n'),
        )
        return [each["ok"] for each in (*first, *second)]

    uid = os.getuid()
    assert serving(path, story) == [{"uid": uid, "before": before} for before in ("", "a", "")]


def test_a_fault_of_the_register_reaches_the_caller_as_what_it_is_with_its_advice(path):
    def story():
        client = ControlClient(path)
        with pytest.raises(RegisterError) as caught:
            client.ask("fail")
        client.close()
        return caught.value.message, caught.value.advice, raw(path, b'{"ask": "fail"}\n')

    message, advice, [answer] = serving(path, story)
    assert (message, advice) == ("the disk is full", "free some")
    assert answer == {"error": "the disk is full", "code": "register.error", "advice": "free some"}


@pytest.mark.parametrize(
    "line",
    [
        b"garbage\n",
        b"\xff\xfe\n",
        b"null\n",
        b"[]\n",
        b"7\n",
        b"{}\n",
        b'{"ask": "nonsense"}\n',
        b'{"ask": null}\n',
        b'{"ask": ["echo"]}\n',
        b'{"ask": {"echo": 1}}\n',
        b'{"ask": "number"}\n',
        b'{"ask": "number", "after": "x"}\n',
        b'{"ask": "number", "after": []}\n',
        b'{"ask": "number", "after": NaN}\n',
        b'{"ask": "number", "after": 1e999}\n',
        b"[" * 4000 + b"\n",
        b'{"a":' * 700 + b"\n",
        b"9" * 4090 + b"\n",
    ],
)
def test_what_is_no_question_is_refused_logged_and_the_next_one_answered(path, line):
    with structlog.testing.capture_logs() as logs:
        refused, answered = serving(path, lambda: raw(path, line, b'{"ask": "echo"}\n'))
    assert refused["code"] == "control.error" and refused["error"]
    assert answered == {"ok": {"asked": {"ask": "echo"}}}
    [logged] = [each for each in logs if each["event"] == Event.CONTROL_REFUSED]
    assert logged["uid"] == os.getuid()


def test_a_line_that_is_too_long_drops_its_caller_and_nobody_else(path):
    long = b'{"ask": "echo", "x": "' + b"x" * MAX_REQUEST * 2 + b'"}\n'
    answers = serving(path, lambda: (raw(path, long), raw(path, b'{"ask": "echo"}\n')))
    assert answers == ([None], [{"ok": {"asked": {"ask": "echo"}}}])


def test_a_slow_caller_is_dropped_and_holds_up_nobody(path, monkeypatch):
    monkeypatch.setattr(control, "IDLE_SECONDS", 0.3)

    def story():
        with socket.socket(socket.AF_UNIX) as slow:
            slow.settimeout(30)
            slow.connect(str(path))
            slow.sendall(b'{"ask": ')
            meanwhile = raw(path, b'{"ask": "echo"}\n')
            return meanwhile, slow.recv(100)

    assert serving(path, story) == ([{"ok": {"asked": {"ask": "echo"}}}], b"")


def test_no_more_callers_are_served_than_the_limit(path):
    def story():
        callers = [socket.socket(socket.AF_UNIX) for _ in range(MAX_CALLERS)]
        for caller in callers:
            caller.settimeout(30)
            caller.connect(str(path))
            caller.sendall(b'{"ask": "echo"}\n')
            assert caller.recv(100)
        one_more = raw(path, b'{"ask": "echo"}\n')
        callers.pop().close()
        while (served := raw(path, b'{"ask": "echo"}\n')) == [None]:
            pass
        for caller in callers:
            caller.close()
        return one_more, served

    assert serving(path, story) == ([None], [{"ok": {"asked": {"ask": "echo"}}}])


def test_only_user_and_group_may_ask(path):
    assert serving(path, lambda: stat.S_IMODE(path.stat().st_mode)) == 0o660
    assert not path.exists()


def test_a_second_daemon_is_refused_and_the_first_goes_on(path):
    def story():
        with pytest.raises(AlreadyRunning):
            asyncio.run(ControlServer(path, ANSWERS).start())
        return raw(path, b'{"ask": "echo"}\n')

    assert serving(path, story) == [{"ok": {"asked": {"ask": "echo"}}}]


def test_the_socket_of_a_daemon_that_died_is_replaced(path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert serving(path, lambda: raw(path, b'{"ask": "echo"}\n')) == [{"ok": {"asked": {"ask": "echo"}}}]


def test_without_a_daemon_the_client_says_so(path):
    with pytest.raises(ControlError) as caught:
        ControlClient(path)
    assert caught.value.advice


@pytest.mark.parametrize("name", ["x" * 200, "no/such/folder"])
def test_a_socket_that_cannot_be_made_is_an_error_of_the_configuration(path, name):
    with pytest.raises(ConfigError):
        asyncio.run(ControlServer(path.parent / name, ANSWERS).start())
    with pytest.raises(ControlError):
        ControlClient(path.parent / name)


@pytest.mark.parametrize("reply", [b"", b"garbage\n", b"\xff\n"])
def test_a_daemon_that_does_not_answer_in_our_words_is_a_control_error(path, reply):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        client = ControlClient(path)
        with listener.accept()[0] as connection:
            connection.sendall(reply)
        with pytest.raises(ControlError):
            client.ask("status")
        client.close()

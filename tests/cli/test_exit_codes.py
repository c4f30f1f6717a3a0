"""What dockd tells the shell is what docs/commands.md says, whatever click does inside."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dockd.errors import ExitCode
from dockd.seal.kinds import POST_QUANTUM, X25519
from dockd.seal.recipients import Identity

CONFIG = Path(__file__).parents[2] / "config" / "dockd.yaml"


def dockd(*words: str, **options) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-P", "-m", "dockd", *words], capture_output=True, text=True, **options)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--help",), ExitCode.OK),
        (("--version",), ExitCode.OK),
        (("nonsense",), ExitCode.USAGE),
        (("keygen",), ExitCode.USAGE),
        (("check-config", "--config", "/nowhere/dockd.yaml"), ExitCode.CONFIG),
        (("run", "--config", "/nowhere/dockd.yaml"), ExitCode.CONFIG),
        (("status", "--config", str(CONFIG)), ExitCode.NOT_RUNNING),
        (("health", "--config", str(CONFIG)), ExitCode.NOT_RUNNING),
        (("service-paths", "--config", str(CONFIG)), ExitCode.OK),
        (("register", "show", "--config", str(CONFIG)), ExitCode.REGISTER),
    ],
)
def test_a_command_ends_with_its_documented_code(words, code):
    done = dockd(*words)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr


def test_health_says_in_json_too_that_nothing_runs():
    done = dockd("health", "--json", "--config", str(CONFIG))
    assert (done.returncode, done.stderr) == (ExitCode.NOT_RUNNING, "")
    assert json.loads(done.stdout)["state"] == "not_running"


@pytest.fixture
def _interruptible():
    """Whoever runs tests in the background of a shell leaves SIGINT ignored, and a program started so ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_a_keyboard_interrupt_ends_a_command_without_a_traceback(tmp_path):
    """SIGINT while a command waits: the control socket of a daemon that never answers."""
    config = tmp_path / "dockd.yaml"
    text = CONFIG.read_text().replace("/run/dockd", str(tmp_path))
    config.write_text(text)
    (tmp_path / "fleet.yaml").write_text("cameras: {}\n")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "control.sock"))
        server.listen(1)
        command = [sys.executable, "-P", "-m", "dockd", "status", "--config", str(config)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            server.settimeout(20)
            connection, _address = server.accept()
            process.send_signal(signal.SIGINT)
            errors = process.communicate(timeout=20)[1]
            connection.close()
    assert (process.returncode, "Traceback" in errors) == (ExitCode.FAILED_CHECK, False)


@pytest.mark.parametrize("command", ["status", "health"])
def test_what_is_asked_all_the_time_brings_along_no_more_than_it_needs(command):
    program = f"import dockd.cli.{command}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-Pc", program], capture_output=True, text=True, check=True)
    carried = {name.partition(".")[0] for name in done.stdout.split()}
    not_for_it = "asyncio cryptography pydantic pyudev rich sqlalchemy structlog watchdog"
    assert carried.isdisjoint(not_for_it.split())
    assert {"click", "yaml"} <= carried


@pytest.mark.parametrize(("option", "kind"), [((), X25519), (("--post-quantum",), POST_QUANTUM)])
def test_keygen_writes_a_private_file_once_and_prints_only_the_public_key(tmp_path, option, kind):
    path = tmp_path / "csu.key"
    done = dockd("keygen", "-o", str(path), *option)
    assert done.returncode == ExitCode.OK
    assert "AGE-SECRET-KEY" not in done.stdout + done.stderr
    assert os.stat(path).st_mode & 0o777 == 0o600
    content = path.read_text()
    comment, secret = content.splitlines()
    identity = Identity.parse(secret)
    assert identity.kind is kind
    assert [comment, done.stdout] == [f"# public key: {identity.recipient.text}", f"{identity.recipient.text}\n"]
    assert dockd("keygen", "-o", str(path), *option).returncode == ExitCode.CONFIG
    assert path.read_text() == content


def test_a_fault_of_dockd_itself_has_a_code_of_its_own_and_is_said_in_full():
    program = "import dockd.cli as cli; cli.dockd.main = lambda **_words: 1 / 0; cli.main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, "ZeroDivisionError" in done.stderr) == (ExitCode.INTERNAL, True)

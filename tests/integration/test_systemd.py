"""What systemd hears of a real daemon, on a socket that the test listens to: it is up, how it is, and that it lives."""

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dockd.errors import ExitCode
from tests.integration.daemon import DEADLINE_SECONDS, Daemon
from tests.integration.promises import assert_all_cleared
from tests.integration.site import MEDIA, Site
from tests.integration.taps import GATE

CLIPS = {name: (MEDIA / name).read_bytes() for name in ("moov-first.mp4", "fragmented.mp4")}
GRANTED_SECONDS = 1
CHECK_SECONDS = 0.2
DEADLINE = 1.0

LONGER_THAN_ANY_LOOK_MAY_TAKE = 3 * (2 * CHECK_SECONDS + DEADLINE)


class Systemd:
    """Hears what a daemon says, and has the environment to start it in."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(GRANTED_SECONDS * 1_000_000)}

    def hear(self, seconds: float) -> str | None:
        """Give the next message; None if there is none in this time."""
        return self._socket.recv(4096).decode() if select.select([self._socket], [], [], seconds)[0] else None

    def wait_for(self, beginning: str) -> str:
        """Wait for a message; whatever is said before is passed over."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (message := self.hear(max(0, deadline - time.monotonic()))) is not None:
            if message.startswith(beginning):
                return message
        raise AssertionError(f"never heard {beginning}")

    def hears_beats_for(self, seconds: float) -> bool:
        """Whether no heartbeat is later than was granted, for so long."""
        end = last = time.monotonic()
        end += seconds
        while time.monotonic() < end:
            if self.hear(GRANTED_SECONDS) == "WATCHDOG=1":
                last = time.monotonic()
            elif time.monotonic() - last > GRANTED_SECONDS:
                return False
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path_factory.mktemp("s") / "notify")
    yield systemd
    systemd.close()


def start(site: Site, systemd: Systemd, **rig: Any) -> Daemon:
    return site.start(environment=systemd.environment, check_seconds=CHECK_SECONDS, **rig)


def test_it_is_ready_only_when_everything_that_was_interrupted_is_decided(site: Site, systemd: Systemd) -> None:
    interrupted = site.start(halt=["run", "commit", "collected"])
    site.dock_camera("BWC1", CLIPS)
    interrupted.wait_for("halted")
    interrupted.kill()
    (site.folder / GATE).unlink()

    recovering = start(site, systemd, halt=["run", "commit", "collected"])
    recovering.wait_for("halted")
    said = {systemd.hear(DEADLINE_SECONDS) for _message in range(3)}
    assert said == {"EXTEND_TIMEOUT_USEC=30000000"}
    site.open_gate()
    assert systemd.wait_for("READY") == "READY=1"
    recovering.wait_green()
    assert_all_cleared(site)


def test_the_status_says_in_words_what_the_lights_say_and_the_end_is_announced(site: Site, systemd: Systemd) -> None:
    trial = "; trial: routes of this host are allowed"
    daemon = start(site, systemd)
    assert systemd.wait_for("STATUS=") == f"STATUS=no camera{trial}"
    site.dock_camera("BWC1", CLIPS)
    site.dock_camera("STRANGER", {})
    daemon.wait_green()
    daemon.wait_red("STRANGER")
    assert systemd.wait_for("STATUS=2 bays: 1 green") == f"STATUS=2 bays: 1 green, 1 red{trial}"
    daemon.stop()
    assert systemd.wait_for("STOPPING") == "STOPPING=1"


def test_a_partition_that_is_stuck_stops_no_heartbeat_and_is_named_in_the_status(
    make_site: Callable[..., Site], systemd: Systemd
) -> None:
    site = make_site(volume_deadline_seconds=DEADLINE)
    daemon = start(site, systemd, halt=["run", "link", "store/pm/*"])
    systemd.wait_for("WATCHDOG")
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_for("halted")
    assert daemon.wait_for("partition.trouble")["code"] == "partition.stuck"
    assert "partition pm: " in systemd.wait_for("STATUS=1 bay: 1 red")
    assert systemd.hears_beats_for(LONGER_THAN_ANY_LOOK_MAY_TAKE)
    assert not daemon.has("heartbeat.withheld")
    site.open_gate()
    daemon.wait_green()
    assert_all_cleared(site)


def test_a_dock_that_cannot_be_looked_at_stops_no_heartbeat(make_site: Callable[..., Site], systemd: Systemd) -> None:
    site = make_site(volume_deadline_seconds=DEADLINE)
    daemon = start(site, systemd)
    daemon.ready()
    site.dock.rmdir()
    daemon.wait_for("dock.trouble")
    assert systemd.hears_beats_for(LONGER_THAN_ANY_LOOK_MAY_TAKE)


def test_an_event_loop_that_hangs_gives_no_heartbeat(site: Site, systemd: Systemd) -> None:
    daemon = start(site, systemd, hangs=True)
    assert systemd.wait_for("WATCHDOG")
    assert systemd.hears_beats_for(2 * GRANTED_SECONDS)
    os.kill(daemon.pid, signal.SIGUSR1)
    assert not systemd.hears_beats_for(10 * GRANTED_SECONDS)


def test_a_health_check_that_hangs_starves_the_heartbeat_while_the_bays_go_on(
    make_site: Callable[..., Site], systemd: Systemd
) -> None:
    """The register's own look waits for what never comes, although the register answers."""
    site = make_site(volume_deadline_seconds=DEADLINE)
    daemon = start(site, systemd, checks_hang=True)
    systemd.wait_for("READY")
    assert daemon.wait_for("heartbeat.withheld")["overdue"] == ["register"]
    assert not systemd.hears_beats_for(10 * GRANTED_SECONDS)
    assert site.troubles() == {"heartbeat": "dockd.not_looked_at"}
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_green()


def worker_environments(pid: int) -> Iterator[bytes]:
    """Give the environment of each worker; a child that has not become one yet still shows the daemon's."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if Path(f"/proc/{child}/cmdline").read_bytes().endswith(b"worker_process\0"):
            yield Path(f"/proc/{child}/environ").read_bytes()


def test_no_worker_can_speak_for_the_service(site: Site, systemd: Systemd) -> None:
    daemon = site.start_installed(systemd.environment)
    site.dock_camera("BWC1", {"long.mp4": bytes(30_000_000)})
    daemon.wait_for("docking.started")
    while not (environments := list(worker_environments(daemon.pid))):
        assert not daemon.has("docking.done")
        daemon.listen(0.01)
    assert b"PATH=" in environments[0] and b"NOTIFY_SOCKET" not in environments[0]
    daemon.wait_green()
    assert daemon.stop() == ExitCode.OK

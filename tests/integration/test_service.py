"""The service as a person starts and stops it, and the workers that it keeps in check."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dockd.errors import ExitCode
from tests.bus.running import RunningHelper
from tests.bus.sysfs import Sysfs
from tests.integration.promises import assert_all_cleared, assert_promises, entries, of_kind
from tests.integration.site import CHIEF, DOCK_ID, MEDIA, WHY, Site, dockd, environment

CLIPS = {name: (MEDIA / name).read_bytes() for name in ("moov-first.mp4", "fragmented.mp4")}


def test_the_installed_service_takes_a_camera_in_and_its_commands_show_the_truth(site: Site):
    daemon = site.start_installed()
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_green()
    shown = dockd("register", "show", "--json", *WHY, "--config", site.config)
    verified = dockd("register", "verify", "--config", site.config)
    status = dockd("status", "--json", "--config", site.config)
    assert (shown.returncode, verified.returncode, status.returncode) == (0, 0, 0), verified.stdout
    assert daemon.stop() == ExitCode.OK
    *while_running, verifying, stopped = entries(site)
    assert json.loads(shown.stdout) == while_running
    assert (verifying["kind"], verifying["command"]) == ("consulted", "register verify")
    assert stopped["kind"] == "service_stopped"
    assert_all_cleared(site)


def test_a_dock_that_runs_is_asked_although_its_configuration_was_spoilt_since(site: Site):
    site.start().ready()
    site.config.write_text(site.config.read_text().replace('"partitions"', '"partition"'))
    assert dockd("check-config", "--config", site.config).returncode == ExitCode.CONFIG
    for command in ("status", "health"):
        assert dockd(command, "--config", site.config).returncode == ExitCode.OK


@pytest.mark.parametrize("command", ["status", "health"])
def test_where_nobody_answers_the_faults_of_the_configuration_come_first(site: Site, command: str):
    assert dockd(command, "--config", site.config).returncode == ExitCode.NOT_RUNNING
    site.config.write_text(site.config.read_text().replace('"partitions"', '"partition"'))
    done = dockd(command, "--config", site.config)
    assert (done.returncode, "partition" in done.stderr) == (ExitCode.CONFIG, True)


@pytest.mark.parametrize("command", ["status", "health"])
def test_another_dock_that_answers_is_never_taken_for_this_one(site: Site, command: str):
    site.start().ready()
    site.config.write_text(site.config.read_text().replace(f'"dock_id": "{DOCK_ID}"', '"dock_id": "another"'))
    done = dockd(command, "--config", site.config)
    assert (done.returncode, f"the dock {DOCK_ID}, not another" in done.stderr) == (ExitCode.NOT_RUNNING, True)


def test_a_crash_is_logged_without_the_values_of_variables():
    code = "from dockd.ops import logs; import structlog; logs.configure('info')\ndef f(key): raise KeyError\n"
    code += "try: f('SE' + 'CRET')\nexcept KeyError: structlog.get_logger().exception('docking.crashed')"
    logged = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True).stderr
    assert '"exc_type": "KeyError"' in logged
    assert "SECRET" not in logged


def test_what_a_person_founds_is_entered_under_their_name(site: Site):
    by = {entry["kind"]: entry["author"] for entry in entries(site)}
    assert by == {"log_opened": CHIEF, "partition_created": CHIEF}


def test_a_second_daemon_on_the_same_register_is_refused(site: Site):
    daemon = site.start().ready()
    second = dockd("run", "--config", site.config)
    assert second.returncode == ExitCode.ALREADY_RUNNING
    assert "another dockd holds the register" in second.stderr
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_green()
    assert_all_cleared(site)


def test_a_broken_lease_does_not_end_the_service(site: Site):
    """SIGIO, which breaks a lease when somebody opens an object for writing, would by itself end the process."""
    daemon = site.start().ready()
    os.kill(daemon.pid, signal.SIGIO)
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_green()
    assert_all_cleared(site)


def test_a_start_that_fails_is_not_entered_as_a_stop(site: Site):
    (site.folder / "run" / "control.sock").mkdir()
    failed = dockd("run", "--config", site.config)
    assert failed.returncode == ExitCode.CONFIG, failed.stderr
    assert [entry["kind"] for entry in entries(site)][-1] == "service_started"


def test_a_service_told_to_stop_in_the_middle_of_an_ingest_ends_well_and_goes_on_later(site: Site, rng: random.Random):
    site.dock_camera("BWC1", {f"{n}.mp4": rng.randbytes(8_000_000) for n in range(3)})
    daemon = site.start_installed()
    daemon.wait_for("docking.started")
    daemon.listen(rng.uniform(0, 1.5))
    assert daemon.stop() == ExitCode.OK
    assert daemon.has("service.stopped")
    assert_promises(site)
    assert site.start().gets_green()
    assert_all_cleared(site)


def test_a_worker_that_hangs_is_killed_and_the_other_bay_does_not_notice(make_site: Callable[..., Site]):
    site = make_site(fleet={"BWC1": "pm", "BWC2": "pm"}, worker_silence_seconds=3)
    daemon = site.start(halt=["worker", "fsync", "store/pm/NAMELESS"])
    site.dock_camera("BWC1", CLIPS)
    os.kill(daemon.wait_for("halted")["pid"], signal.SIGSTOP)
    site.dock_camera("BWC2", CLIPS)
    daemon.wait_green("BWC2")
    assert not daemon.has("docking.attempt_failed")
    assert daemon.wait_for("docking.attempt_failed", camera="BWC1")["code"] == "camera.worker"
    daemon.wait_green("BWC1")
    assert_all_cleared(site)
    assert [entry["code"] for entry in of_kind(site, "attempt_failed")] == ["camera.worker"]


def test_a_worker_that_is_killed_costs_one_rung_of_the_ladder_and_nothing_else(site: Site):
    daemon = site.start(halt=["worker", "unlink", "*"])
    site.dock_camera("BWC1", CLIPS)
    os.kill(daemon.wait_for("halted")["pid"], signal.SIGKILL)
    done = daemon.wait_green()
    assert (done["collected"], done["already_registered"], done["cleared"]) == (2, 0, 2)
    assert_all_cleared(site)
    assert [entry["code"] for entry in of_kind(site, "attempt_failed")] == ["camera.worker"]


def test_a_camera_whose_workers_all_die_is_over_until_it_is_plugged_again(make_site: Callable[..., Site]):
    site = make_site(retry_delays_seconds=[0])
    daemon = site.start()
    camera = site.dock_camera("BWC1", {"long.mp4": bytes(30_000_000)})
    for _attempt in range(2):
        os.kill(daemon.wait_for("worker.born")["pid"], signal.SIGKILL)
    assert daemon.wait_for("docking.done")["code"] == "camera.worker"
    daemon.wait_red()
    assert site.originals[0].on_camera()

    away = camera.rename(site.folder / "away")
    site.dock_camera("STRANGER", {})
    daemon.wait_for("camera.refused")
    away.rename(camera)
    daemon.wait_green()
    assert_all_cleared(site)


def test_the_lights_of_the_bays_are_off_from_the_start_to_the_end_of_a_dock_without_cameras(site: Site, tmp_path: Path):
    """The whole way from the configuration to the kernel's files and to the program of the site."""
    sysfs = Sysfs(tmp_path)
    led, told = sysfs.light("dock:green:b1", 1), tmp_path / "told"
    program = ["/bin/sh", "-c", f'echo "$@" >>{told}', "lights"]
    site.change(
        bays={"b1": {"ports": ["pci-0000:00:14.0-usbv2-0:1"], "leds": {"green": "dock:green:b1"}}},
        usb={"light_command": program},
    )
    helper = RunningHelper(tmp_path / "socket", sysfs.path, sysfs.dev)
    try:
        daemon = site.start_installed(bus=helper.path)
        helper.wait_for("light")
        daemon.ready()
        assert led.read_text() == "0"
        led.write_text("1")
        assert daemon.stop() == ExitCode.OK
        assert led.read_text() == "0"
        assert told.read_text() == "b1 off\nb1 off\n"
    finally:
        helper.close()


def test_what_bays_and_cameras_did_is_counted_over_restarts_and_shown(site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "120")  # in fewer, a heading may be broken
    daemon = site.start()
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_green()
    daemon.stop()
    # Taken out: else the bay itself is shown, too, as soon as the camera has settled.
    (site.dock / "BWC1").rename(site.folder / "away")
    site.start().ready()
    [bay], [camera] = site.ask("status")["counters"]["bays"], site.ask("status")["counters"]["cameras"]
    assert (bay["name"], camera["name"]) == ("accueil/BWC1", "BWC1")
    assert (bay["dockings"], bay["failed"], bay["errors"]) == (1, 0, 0)
    assert camera["bytes"] == sum(map(len, CLIPS.values()))
    words = dockd("status", "--config", site.config).stdout
    assert "dockings" in words and words.count("accueil/BWC1") == 1

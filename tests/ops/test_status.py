import json
import os
import subprocess
import sys

import structlog

from dockd.events import Event
from dockd.ops.status import BayStatus, Board, Light, Trouble


def board():
    return Board("dock-7", "0.1", {"workers": "plain"})


def test_an_empty_board_is_well_and_survives_json():
    shown = board().as_dict()
    assert (shown["state"], shown["bays"], shown["troubles"]) == ("ok", [], [])
    assert json.loads(json.dumps(shown)) == shown


def test_a_red_bay_or_a_trouble_degrades_and_nothing_else_does():
    it = board()
    it.show(BayStatus("dock/a", Light.BUSY, "a"))
    it.show(BayStatus("dock/b", Light.GREEN, "b"))
    assert it.as_dict()["state"] == "ok"
    it.update("dock/a", light=Light.RED)
    assert it.as_dict()["state"] == "degraded"
    it.remove("dock/a")
    assert it.as_dict()["state"] == "ok"
    it.trouble("register", Trouble("register.error", "full", "free some"))
    shown = it.as_dict()
    assert shown["state"] == "degraded"
    assert shown["troubles"] == [
        {"subject": "register", "code": "register.error", "message": "full", "advice": "free some"}
    ]
    it.trouble("register", None)
    it.trouble("register", None)
    assert it.as_dict()["state"] == "ok"


def test_only_a_change_of_the_light_is_logged_and_red_as_a_warning():
    it = board()
    with structlog.testing.capture_logs() as logs:
        it.show(BayStatus("dock/a", Light.BUSY, "a"))
        it.update("dock/a", step="seal", done=5)
        it.update("dock/a", light=Light.RED, reason="the cable")
        it.update("dock/a", done=6)
        it.update("dock/nowhere", light=Light.GREEN)
    assert [(each["log_level"], each["light"], each["reason"]) for each in logs] == [
        ("info", "busy", None),
        ("warning", "red", "the cable"),
    ]
    assert {each["event"] for each in logs} == {Event.BAY_CHANGED}


def test_what_happens_in_an_empty_bay_is_not_shown():
    it = board()
    it.update("dock/a", done=5)
    it.remove("dock/a")
    assert it.as_dict()["bays"] == []


def test_bays_are_shown_in_order():
    it = board()
    for name in ("dock/b", "dock/a"):
        it.show(BayStatus(name, Light.BUSY, ""))
    assert [bay["bay"] for bay in it.as_dict()["bays"]] == ["dock/a", "dock/b"]


LOGGING = """
import structlog
from dockd.events import Event
from dockd.ops import logs
logs.configure("info")
log = structlog.get_logger().bind(bay="dock/a")
log.debug(Event.DOCK_RECOVERED, dock="quiet")
log.warning(Event.DOCK_RECOVERED, dock="a\\nb", path="\\udcff")
try:
    1 / 0
except ZeroDivisionError:
    log.exception(Event.DOCKING_CRASHED, camera="c")
"""


def test_off_a_terminal_each_event_is_one_json_line_on_standard_error():
    ran = subprocess.run([sys.executable, "-c", LOGGING], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "")
    first, second = map(json.loads, ran.stderr.splitlines())
    assert (first["event"], first["level"], first["bay"], first["dock"]) == (
        "dock.recovered",
        "warning",
        "dock/a",
        "a\nb",
    )
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["exception"][0]["exc_type"]) == ("docking.crashed", "ZeroDivisionError")


HARDEN = """
import ctypes, os, resource
from dockd.ops import isolation
isolation.harden_worker(os.getppid())
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


def test_a_hardened_worker_leaves_no_core_dump_and_no_orphan():
    run = [sys.executable, "-c", HARDEN]
    assert subprocess.run(run, capture_output=True, text=True, timeout=60).stdout == "(0, 0) 0\n"
    orphan = HARDEN.replace("os.getppid()", str(os.getpid() + 1))
    assert subprocess.run([sys.executable, "-c", orphan], capture_output=True, timeout=60).returncode == -9


def test_the_state_in_words_counts_the_lights_and_names_every_trouble():
    it = board()
    assert it.in_words() == "no camera"
    for name, light in (("a", Light.RED), ("b", Light.BUSY), ("c", Light.GREEN), ("d", Light.GREEN)):
        it.show(BayStatus(f"dock/{name}", light, name))
    assert it.in_words() == "4 bays: 1 busy, 2 green, 1 red"
    it.trouble("partition pm", Trouble("partition.full", "full"))
    it.trouble("register", Trouble("register.error", "ill"))
    assert it.in_words() == "4 bays: 1 busy, 2 green, 1 red; partition pm: full; register: ill"
    assert it.as_dict()["words"] == it.in_words()


def test_a_trial_says_so_and_is_no_trouble():
    it = Board("dock-7", "0.1", {}, routes_allowed=True)
    assert it.as_dict()["state"] == "ok" and "trial" in it.in_words() and it.as_dict()["routes_allowed"]

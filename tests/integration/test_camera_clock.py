"""A camera's own clock: entered, set, and entered again before anything of the camera is read."""

import json

from tests.integration.promises import of_kind
from tests.integration.site import MEDIA, Site, dockd

CLIPS = {"1.mp4": (MEDIA / "moov-first.mp4").read_bytes()}
BEHIND = -5400


def test_offset_before_command_and_offset_after_are_in_the_register_before_the_first_recording(site: Site):
    ahead = site.folder / "ahead"
    ahead.write_text(str(BEHIND))
    camera = {"driver": "folder", "partition": "pm", "check": {"clock_offset_seconds": 60}}
    (site.folder / "fleet.yaml").write_text(json.dumps({"cameras": {"BWC1": camera}}))
    daemon = site.start(clock=str(ahead))
    done = dockd("clock", "confirm", "--reason", "by the radio clock", "--config", site.config)
    assert done.returncode == 0, done.stderr
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_green()
    [shown] = site.ask("status")["bays"]
    assert [each["code"] for each in shown["findings"]] == ["clock_off"]
    daemon.stop()

    before, after = of_kind(site, "camera_clock_read")
    [command] = of_kind(site, "camera_clock_set")
    [collected] = of_kind(site, "collected")
    assert before["seq"] < command["seq"] < after["seq"] < collected["seq"]
    assert before["offset_ms"] == command["offset_ms"] and before["clock_trusted"]
    assert abs(int(before["offset_ms"]) - 1000 * BEHIND) < 60_000 and abs(int(after["offset_ms"])) < 60_000
    assert abs(float(ahead.read_text())) < 60


def test_a_clock_is_not_set_while_nobody_answers_for_the_docks_own(site: Site):
    ahead = site.folder / "ahead"
    ahead.write_text(str(BEHIND))
    daemon = site.start(clock=str(ahead))
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_green()
    daemon.stop()
    [read, *_after] = of_kind(site, "camera_clock_read")
    assert bool(of_kind(site, "camera_clock_set")) == read["clock_trusted"]
    assert (ahead.read_text() == str(BEHIND)) != read["clock_trusted"]

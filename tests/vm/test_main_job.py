"""The main job on a real system: from a camera that arrives to a green light, checked by an outsider."""

import json

from tests.integration.promises import assert_all_cleared, entries
from tests.vm import layout
from tests.vm.dock import Dock, clips
from tests.vm.long import only_when_long

pytestmark = only_when_long


def test_a_camera_is_collected_proven_past_the_page_cache_cleared_and_green(dock: Dock):
    dock.do("systemctl restart dockd.service")
    dock.journal.wait_for("service.stopped")
    dock.journal.wait_for("service.ready")
    dock.arrives("BWC1", clips())
    dock.journal.wait_light("BWC1", "green")
    done = dock.journal.wait_for("docking.done", camera="BWC1")

    assert (done["outcome"], done["collected"], done["cleared"]) == ("complete", len(clips()), len(clips()))
    safe = dock.journal.lines("recording.done")
    assert {line["read_back"] for line in safe} == {"direct"}
    assert {line["mp4"] for line in safe} == {"ok"}
    assert json.loads(dock.do(f"{layout.PROGRAM} status --json"))["state"] == "ok"
    assert "verified" in dock.do(f"runuser -u {layout.ACCOUNT} -- {layout.PROGRAM} register verify")
    assert_in_order(dock)

    brought = dock.bring()
    assert_all_cleared(brought)
    assert brought.mirror_agrees()
    kinds = [entry["kind"] for entry in entries(brought) if entry["kind"] in {"collected", "cleared"}]
    assert kinds == ["collected"] * len(clips()) + ["cleared"] * len(clips())


def assert_in_order(dock: Dock) -> None:
    """Safe, then cleared, then green: for each recording and for the camera."""
    events = [(line["event"], line.get("recording") or line.get("light")) for line in dock.journal.log]
    recordings = [line["recording"] for line in dock.journal.lines("recording.done")]
    assert recordings
    for recording in recordings:
        way = [
            ("service.ready", None),
            ("docking.started", None),
            ("recording.done", recording),
            ("recording.cleared", recording),
            ("bay.changed", "green"),
        ]
        places = [events.index(each) for each in way]
        assert places == sorted(places), dock.journal.told()


def test_the_guest_has_no_network(dock: Dock):
    assert dock.do("ls /sys/class/net").split() == ["lo"]
    assert dock.do("ip route show table all type unicast") == ""

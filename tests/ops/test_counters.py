"""The counters of bays and cameras outlive a restart, and never stop anybody, whatever is in their file."""

import asyncio
import json
import os
import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from dockd.errors import CountersError
from dockd.events import Event
from dockd.model import Counts
from dockd.ops.counters import MAX_BYTES, Counters, _decoded
from dockd.volume import Volume

LONG = 20.0
DAY = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
FLEET = {"BWC1", "BWC2", "BWC3"}


@asynccontextmanager
async def counting(path, now=DAY, dock_id="dock-7", seconds=LONG):
    volume = Volume("counters", seconds, CountersError)
    counters = Counters(path, dock_id, FLEET, volume)
    await counters.load(now)
    following = asyncio.create_task(counters.follow())
    try:
        yield counters
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await counters.keep()
        volume.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bays.json"


def after(path, *counted, **options):
    """Count in one run of the service, and give what the next one shows."""

    async def story():
        async with counting(path, **options) as counters:
            for bay, camera, more in counted:
                counters.count(bay, camera, more)
        async with counting(path, LATER) as counters:
            return counters.as_dict()

    return asyncio.run(story())


def by_name(shown):
    return {each["name"]: each for each in shown}


def test_what_was_counted_is_there_after_a_restart_by_bay_and_by_camera(path):
    shown = after(
        path,
        ("b1", "BWC1", Counts(connects=1)),
        ("b1", "BWC1", Counts(bytes=7)),
        ("b1", "BWC1", Counts(dockings=1)),
        ("b2", "BWC1", Counts(connects=2, resets=1, dockings=1, failed=1, errors=3, bytes=5)),
    )
    assert shown["since"] == "2026-11-22T09:00:00.000000Z"
    one, two = shown["bays"]
    assert one == {
        **{"name": "b1", "connects": 1, "resets": 0, "dockings": 1, "failed": 0, "errors": 0, "bytes": 7},
        "failing_cameras": 0,
    }
    assert (two["name"], two["failing_cameras"]) == ("b2", 1)
    [camera] = shown["cameras"]
    assert camera == {
        **{"name": "BWC1", "connects": 3, "resets": 1, "dockings": 2, "failed": 1, "errors": 3, "bytes": 12},
        "failing_bays": 1,
    }


def test_a_bad_bay_fails_with_many_cameras_and_a_bad_camera_in_many_bays(path):
    well, ill = Counts(dockings=1), Counts(dockings=1, failed=1)
    shown = after(
        path,
        *[("b3", camera, ill) for camera in FLEET],
        *[(bay, "BWC2", ill) for bay in ("b1", "b2")],
        *[(bay, camera, well) for bay in ("b1", "b2") for camera in ("BWC1", "BWC3")],
    )
    bays, cameras = by_name(shown["bays"]), by_name(shown["cameras"])
    assert [bays[name]["failing_cameras"] for name in ("b1", "b2", "b3")] == [1, 1, 3]
    assert [cameras[name]["failing_bays"] for name in ("BWC1", "BWC2", "BWC3")] == [1, 3, 1]


def test_a_device_that_claims_ever_other_names_makes_nothing_grow(path):
    shown = after(path, *[("b1", f"BWC1{number}", Counts(connects=1)) for number in range(1000)])
    assert by_name(shown["bays"])["b1"]["connects"] == 1000
    assert shown["cameras"] == []
    assert len(json.loads(path.read_text())["rows"]) == 1


def test_the_end_of_a_docking_is_when_it_is_kept_and_no_event_before(path):
    async def story():
        async with counting(path) as counters:
            kept = asyncio.Event()
            keep = counters.keep

            async def keep_and_tell():
                await keep()
                kept.set()

            counters.keep = keep_and_tell
            counters.count("b1", "BWC1", Counts(connects=1))
            counters.count("b1", "BWC1", Counts(bytes=1))
            assert not counters._due.is_set()
            counters.count("b1", "BWC1", Counts(dockings=1))
            async with asyncio.timeout(LONG):
                await kept.wait()
            return json.loads(path.read_text())["rows"]

    [row] = asyncio.run(story())
    assert (row["connects"], row["bytes"], row["dockings"]) == (1, 1, 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b"9" * 10_000,
        b"{}",
        b" " * (MAX_BYTES + 1),
        json.dumps({"format": "dockd counters v1", "dock_id": "dock-8", "since": "2026-11-22", "rows": []}).encode(),
        json.dumps({"format": "dockd counters v1", "dock_id": "dock-7", "since": "one day", "rows": []}).encode(),
    ],
)
def test_a_corrupt_or_foreign_file_is_set_aside_and_counting_begins_anew(path, content):
    path.write_bytes(content)
    with structlog.testing.capture_logs() as logs:
        shown = after(path, ("b1", "BWC1", Counts(dockings=1)))
    assert [each["event"] for each in logs] == [Event.COUNTERS_SET_ASIDE]
    assert path.with_name("bays.json.set-aside").read_bytes() == content
    assert shown["since"].startswith("2026-11-22") and len(shown["bays"]) == 1


ROW = {"bay": "b1", "camera": "BWC1", **dict.fromkeys(Counts.__dataclass_fields__, 1)}


@pytest.mark.parametrize(
    "change",
    [
        {"connects": -1},
        {"connects": True},
        {"connects": 1.5},
        {"connects": 2**63},
        {"more": 1},
        {"bay": "b\u001b[2J"},
        {"camera": "\ud800"},
        {"bay": "b" * 1000},
        {"bay": None},
    ],
)
def test_a_row_of_which_anything_is_wrong_is_no_row(change):
    def content(row):
        head = {"format": "dockd counters v1", "dock_id": "dock-7", "since": "2026-11-22"}
        return json.dumps({**head, "rows": [row]}).encode()

    assert _decoded(content(ROW), "dock-7")[1] == {("b1", "BWC1"): Counts(1, 1, 1, 1, 1, 1)}
    with pytest.raises(ValueError, match="the file holds a row that is none"):
        _decoded(content({**ROW, **change}), "dock-7")
    with pytest.raises(ValueError, match="the file holds a row that is none"):
        _decoded(content({key: ROW[key] for key in ROW if key != "errors"}), "dock-7")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*ROW, "rows", "format"]) | st.text(), inner),
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_the_file_holds_is_counters_or_a_reason(content):
    try:
        _decoded(content, "dock-7")
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize("what", ["directory", "link", "pipe"])
def test_something_else_in_the_place_of_the_file_is_set_aside_too(path, what):
    {"directory": path.mkdir, "link": lambda: path.symlink_to("/etc/passwd"), "pipe": lambda: os.mkfifo(path)}[what]()
    shown = after(path, ("b1", "BWC1", Counts(dockings=1)))
    assert len(shown["bays"]) == 1 and path.is_file() and not path.is_symlink()


def test_an_interruption_leaves_the_old_file_or_the_new_one(path, monkeypatch):
    """Each call that touches the disk is once the last one of the process."""
    after(path, ("b1", "BWC1", Counts(connects=1)))
    old = path.read_bytes()
    seen = set()
    for name in ("write", "fsync", "close", "replace", "open"):
        real = getattr(os, name)
        for passes in range(3):
            left = [passes]

            def die(*arguments, real=real, left=left, **options):
                if threading.current_thread().name == "volume-counters":
                    left[0] -= 1
                    if left[0] < 0:
                        raise OSError(5, "the power is cut")
                return real(*arguments, **options)

            async def story(name=name, die=die):
                async with counting(path) as counters:
                    counters.count("b1", "BWC1", Counts(connects=1))
                    monkeypatch.setattr(os, name, die)
                    await counters.keep()
                    monkeypatch.undo()
                    seen.add(path.read_bytes() == old)
                    assert _decoded(path.read_bytes(), "dock-7")[1]
                    path.write_bytes(old)
                    counters._rows.clear()
                    counters._rows["b1", "BWC1"] = Counts(connects=1)

            asyncio.run(story())
            assert path.read_bytes() == old
    assert seen == {True, False}


def test_a_disk_that_hangs_holds_up_nobody_and_is_said(path, monkeypatch):
    released = threading.Event()
    real = os.fsync

    def hang(descriptor):
        if threading.current_thread().name == "volume-counters":
            released.wait(LONG)
        real(descriptor)

    async def story():
        async with counting(path, seconds=0.2) as counters:
            monkeypatch.setattr(os, "fsync", hang)
            counters.count("b1", "BWC1", Counts(dockings=1))
            await counters.keep()
            counters.count("b1", "BWC1", Counts(dockings=1))
            shown = counters.as_dict()
            released.set()
            return shown

    with structlog.testing.capture_logs() as logs:
        [bay] = asyncio.run(story())["bays"]
    assert bay["dockings"] == 2
    assert Event.COUNTERS_FAILED in [each["event"] for each in logs]

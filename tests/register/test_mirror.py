import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dockd.errors import MirrorError, OrderError
from dockd.register.body import Row
from dockd.register.mirror import MARKER, Mirror
from tests.register.dock import DOCK_ID, Dock, refused


def row(seq: int, at: str = "2026-11-22", body: str = "") -> Row:
    text = json.dumps({"at": f"{at}T00:00:00.000000Z", "body": body})
    return Row(seq, bytes([seq % 256]) * 32, b"\1" * 32, text.encode(), b"")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    Mirror.create(tmp_path / "mirror", DOCK_ID)
    return tmp_path / "mirror"


def lines(place: Path) -> list[int]:
    return [
        json.loads(line)["seq"] for path in sorted(place.glob("*.jsonl")) for line in path.read_bytes().splitlines()
    ]


def test_entries_go_to_the_segment_of_their_month(place: Path) -> None:
    mirror = Mirror.open(place, DOCK_ID)
    mirror.append([row(0, "2026-11-30"), row(1, "2026-12-01"), row(2, "2026-12-02")])
    assert [path.name for path in sorted(place.glob("*.jsonl"))] == ["2026-11.jsonl", "2026-12.jsonl"]
    assert lines(place) == [0, 1, 2]


def test_entries_stay_in_order_when_the_clock_of_the_dock_goes_back(place: Path) -> None:
    Mirror.open(place, DOCK_ID).append([row(0, "2026-12-01")])
    mirror = Mirror.open(place, DOCK_ID)
    mirror.append([row(1, "2026-11-01")])
    assert [path.name for path in place.glob("*.jsonl")] == ["2026-12.jsonl"]
    assert lines(place) == [0, 1]


@pytest.mark.parametrize("length", [0, 10, 65_500, 65_536, 200_000])
def test_the_last_line_is_found_however_long_it_is(place: Path, length: int) -> None:
    Mirror.open(place, DOCK_ID).append([row(0), row(1, body="x" * length), row(2, body="y" * length)])
    assert Mirror.open(place, DOCK_ID).last_seq == 2


def test_only_the_tail_of_the_last_segment_is_read(place: Path) -> None:
    Mirror.open(place, DOCK_ID).append([row(0), row(1)])
    content = (place / "2026-11.jsonl").read_bytes()
    with (place / "2026-11.jsonl").open("wb") as segment:
        segment.truncate(2**33)  # a hole: reading it whole would take all memory
        segment.seek(0, 2)
        segment.write(b"\n" + content)
    assert Mirror.open(place, DOCK_ID).last_seq == 1


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_line_torn_by_a_power_cut_is_cut_off_before_the_next_one(place: Path, kept: int) -> None:
    Mirror.open(place, DOCK_ID).append([row(0), row(1)])
    segment = place / "2026-11.jsonl"
    first, second = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(first + second[:kept])
    mirror = Mirror.open(place, DOCK_ID)
    assert mirror.last_seq == 0
    mirror.append([row(1)])
    assert segment.read_bytes() == first + second


def test_a_segment_that_holds_only_a_torn_line_does_not_hide_the_one_before(place: Path) -> None:
    Mirror.open(place, DOCK_ID).append([row(0)])
    (place / "2026-12.jsonl").write_bytes(b'{"torn')
    mirror = Mirror.open(place, DOCK_ID)
    assert mirror.last_seq == 0
    mirror.append([row(1, "2026-12-01")])
    assert lines(place) == [0, 1]


def test_a_torn_line_is_cut_off_even_when_the_next_entry_begins_a_month(place: Path) -> None:
    Mirror.open(place, DOCK_ID).append([row(0)])
    with (place / "2026-11.jsonl").open("ab") as segment:
        segment.write(b'{"torn')
    Mirror.open(place, DOCK_ID).append([row(1, "2026-12-01")])
    assert lines(place) == [0, 1]


def test_a_last_line_that_is_none_of_ours_is_a_fault_and_is_left_as_it_is(place: Path) -> None:
    (place / "2026-11.jsonl").write_bytes(b"\0\0\0\n")
    with pytest.raises(MirrorError, match="cannot be read"):
        Mirror.open(place, DOCK_ID)
    assert (place / "2026-11.jsonl").read_bytes() == b"\0\0\0\n"


def test_a_mount_point_without_its_medium_and_the_mirror_of_another_dock_are_refused(
    place: Path, tmp_path: Path
) -> None:
    (tmp_path / "bare").mkdir()
    for path, dock_id in ((tmp_path / "bare", DOCK_ID), (tmp_path / "missing", DOCK_ID), (place, "dock-8")):
        with pytest.raises(MirrorError):
            Mirror.open(path, dock_id)
    assert list((tmp_path / "bare").iterdir()) == []


@pytest.mark.parametrize("marker", [b"", b"[]", b"\xff", b'{"v":2,"dock_id":"dock-7"}'])
def test_a_marker_that_says_something_else_is_refused(place: Path, marker: bytes) -> None:
    (place / MARKER).write_bytes(marker)
    with pytest.raises(MirrorError):
        Mirror.open(place, DOCK_ID)


def test_a_mirror_is_marked_once(place: Path) -> None:
    with pytest.raises(MirrorError, match="already the mirror"):
        Mirror.create(place, DOCK_ID)


def test_a_gap_and_a_repetition_are_programmers_errors(place: Path) -> None:
    mirror = Mirror.open(place, DOCK_ID)
    mirror.append([row(0)])
    for wrong in ([row(0)], [row(2)], [row(1), row(3)]):
        with pytest.raises(OrderError):
            mirror.append(wrong)
    assert lines(place) == [0]


def test_a_segment_that_is_a_symbolic_link_is_not_followed(place: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    mirror = Mirror.open(place, DOCK_ID)
    (place / "2026-11.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MirrorError):
        mirror.append([row(0)])
    assert (tmp_path / "elsewhere").read_bytes() == b""


def test_a_mirror_that_failed_takes_nothing_until_it_is_opened_again(place: Path) -> None:
    mirror = Mirror.open(place, DOCK_ID)
    (place / "2026-11.jsonl").symlink_to("/dev/full")
    with pytest.raises(MirrorError):
        mirror.append([row(0)])
    (place / "2026-11.jsonl").unlink()
    with pytest.raises(MirrorError, match="failed before"):
        mirror.append([row(0)])
    Mirror.open(place, DOCK_ID).append([row(0)])
    assert lines(place) == [0]


def test_a_mirror_that_is_behind_is_brought_up_to_date_when_the_register_opens(dock: Dock) -> None:
    journal = dock.create()
    journal.append(*(refused(number) for number in range(600)))
    journal.close()
    whole = dock.segment().read_bytes()
    dock.segment().write_bytes(whole[: len(whole) // 3])
    dock.open().close()
    assert dock.segment().read_bytes() == whole


def test_a_new_medium_is_filled_from_the_register(dock: Dock, tmp_path: Path) -> None:
    journal = dock.create()
    journal.append(refused())
    dock.clock.time = datetime(2026, 12, 1, tzinfo=UTC)
    journal.append(refused())
    journal.close()
    old = dock.mirror_lines()
    dock.mirror_path = tmp_path / "new"
    Mirror.create(dock.mirror_path, DOCK_ID)
    dock.open().close()
    assert dock.mirror_lines() == old and len(list(dock.mirror_path.glob("*.jsonl"))) == 2


def test_a_register_that_was_rolled_back_is_known_by_its_mirror_and_nothing_is_appended(dock: Dock) -> None:
    dock.create().close()
    old = dock.register.read_bytes()
    journal = dock.open()
    journal.append(refused())
    journal.close()
    mirrored = dock.segment().read_bytes()
    dock.register.write_bytes(old)
    with pytest.raises(MirrorError, match="only 1 entries"):
        dock.open()
    assert (dock.segment().read_bytes(), dock.register.read_bytes()) == (mirrored, old)


def test_a_register_that_was_rolled_back_and_continued_is_known_by_its_mirror(dock: Dock) -> None:
    dock.create().close()
    old = (dock.register.read_bytes(), dock.segment().read_bytes())
    journal = dock.open()
    journal.append(refused(1))
    journal.close()
    mirrored = dock.segment().read_bytes()
    dock.register.write_bytes(old[0])
    dock.segment().write_bytes(old[1])
    journal = dock.open()
    journal.append(refused(2), refused(3))
    journal.close()
    dock.segment().write_bytes(mirrored)
    with pytest.raises(MirrorError, match="not the same"):
        dock.open()
    assert dock.segment().read_bytes() == mirrored

"""A register that was lost is made anew from its mirror, and only from one that is whole."""

import json
from pathlib import Path

import pytest
import rfc8785

from dockd.errors import MirrorError, RegisterError, RegisterTampered
from dockd.register.body import Row
from dockd.register.merkle import leaf_data
from dockd.register.mirror import Mirror
from dockd.register.note import SigningKey
from dockd.register.rebuild import rebuild
from dockd.register.verify import open_readonly
from tests.register.dock import DOCK_ID, Dock, collected, refused
from tests.register.test_third_party import LAST, OLD, opened, write


def rebuilt(dock: Dock, *notes: str) -> int:
    mirror = Mirror.open(dock.mirror_path, DOCK_ID)
    try:
        outside = [opened(dock, note) for note in notes]
        return rebuild(
            dock.register, mirror, outside, key=dock.key, clock=dock.clock, software="dockd 0", author="somebody"
        )
    finally:
        mirror.close()


def rows(dock: Dock) -> list[Row]:
    with open_readonly(dock.register) as reader:
        return list(reader.rows())


@pytest.fixture
def lost(dock: Dock) -> tuple[str, str]:
    """A dock whose register is gone; an old checkpoint from outside, and the last one."""
    old = write(dock)
    journal = dock.open()
    last = journal.checkpoint()
    journal.close()
    dock.register.rename(dock.register.with_name("lost.db"))
    return old, last


def test_it_has_every_entry_agrees_with_every_checkpoint_and_goes_on(dock: Dock, lost: tuple[str, str]) -> None:
    assert rebuilt(dock, *lost) == LAST + 1
    made = rows(dock)
    dock.register.rename(dock.register.with_name("made.db"))
    dock.register.with_name("lost.db").rename(dock.register)
    assert rows(dock) == made[:-1]
    dock.register.with_name("made.db").replace(dock.register)

    journal = dock.open()
    assert journal.append(refused()) == [LAST + 2]
    found = journal.collected_by_id(f"{7:032x}")
    assert found is not None and found.seq == 7
    journal.close()
    assert dock.verify().problems == ()


@pytest.mark.parametrize("lines", [1, LAST + 1 - OLD, LAST])
def test_a_mirror_whose_end_is_missing_is_known_by_a_later_checkpoint(
    dock: Dock, lost: tuple[str, str], lines: int
) -> None:
    segment = dock.segment()
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:-lines]))
    with pytest.raises(RegisterTampered, match="its end is missing"):
        rebuilt(dock, *lost)
    assert not dock.register.exists()


def test_a_line_that_was_exchanged_with_its_leaf_is_known_by_a_checkpoint(dock: Dock, tmp_path: Path) -> None:
    old = write(dock)
    dock.register.unlink()
    (tmp_path / "forged").mkdir()
    forged = Dock(tmp_path / "forged")
    write(forged, stolen_key=dock.key_path, reason="another")
    forged.segment().replace(dock.segment())
    with pytest.raises(RegisterTampered, match=f"not the one that was signed at {OLD}"):
        rebuilt(dock, old)
    assert not dock.register.exists()


def damaged(line: bytes, **changes: object) -> bytes:
    return json.dumps({**json.loads(line), **changes}).encode()


def with_salt(line: bytes, salt: bytes) -> bytes:
    """Give an entry another salt, with the leaf that belongs to it."""
    body = json.loads(line)["body"]
    return rfc8785.dumps({**json.loads(line), "salt": salt.hex(), "leaf": leaf_data(salt, body.encode()).hex()})


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:3] + lines[4:],
        lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]],
        lambda lines: [*lines[:3], lines[3].replace(b"cam-1", b"cam-2"), *lines[4:]],
        lambda lines: [*lines[:3], b"{", *lines[4:]],
        lambda lines: [*lines[:3], b"[]", *lines[4:]],
        lambda lines: [*lines[:3], b"\xff", *lines[4:]],
        lambda lines: [*lines[:3], damaged(lines[3], body=None), *lines[4:]],
        lambda lines: [*lines[:3], damaged(lines[3], salt="x"), *lines[4:]],
        lambda lines: [*lines[:3], lines[3].replace(b":", b": ", 1), *lines[4:]],
        lambda lines: [*lines[:3], with_salt(lines[3], b""), *lines[4:]],
        lambda lines: [*lines[:3], b'{"format":1}', *lines[4:]],
        lambda lines: lines[1:],
        lambda lines: [lines[0], *lines],
    ],
)
def test_a_line_that_is_not_its_entry_is_named(dock: Dock, lost: tuple[str, str], change) -> None:
    segment = dock.segment()
    segment.write_bytes(b"".join(line + b"\n" for line in change(segment.read_bytes().splitlines())))
    with pytest.raises(RegisterTampered, match=rf"{segment.name}, line \d+"):
        rebuilt(dock)
    assert not dock.register.exists()


def test_a_last_line_that_a_power_cut_tore_was_never_acknowledged(dock: Dock, lost: tuple[str, str]) -> None:
    segment = dock.segment()
    segment.write_bytes(segment.read_bytes()[:-5])
    assert rebuilt(dock, lost[0]) == LAST
    assert dock.open().append(collected(99)) == [LAST + 1]


def test_a_register_that_is_there_is_left_alone(dock: Dock) -> None:
    write(dock)
    before = dock.register.read_bytes()
    with pytest.raises(RegisterError, match="already a register"):
        rebuilt(dock)
    assert dock.register.read_bytes() == before


def test_the_journal_of_the_lost_register_is_never_played_back_into_the_new_one(
    dock: Dock, lost: tuple[str, str]
) -> None:
    journal = dock.register.with_name("register.db-journal")
    journal.write_bytes(b"hot")
    with pytest.raises(RegisterError, match=r"register\.db-journal"):
        rebuilt(dock, *lost)
    assert (journal.read_bytes(), dock.register.exists()) == (b"hot", False)


def test_that_it_was_rebuilt_is_entered_before_the_register_has_its_name(dock: Dock, lost: tuple[str, str]) -> None:
    rebuilt(dock, *lost)
    last = json.loads(rows(dock)[-1].body)
    assert (last["kind"], last["seq"], last["entries"], last["author"]) == (
        "register_rebuilt",
        LAST + 1,
        LAST + 1,
        "somebody",
    )
    assert dock.verify().covered == LAST + 2


def test_a_dock_that_lost_its_key_too_does_not_sign_with_another(dock: Dock, lost: tuple[str, str]) -> None:
    dock.key_path.unlink()
    SigningKey.generate(dock.key_path, DOCK_ID)
    with pytest.raises(RegisterError, match="another key"):
        rebuilt(dock)
    assert not dock.register.exists()


def test_nothing_comes_of_an_empty_mirror(dock: Dock, lost: tuple[str, str]) -> None:
    for segment in dock.mirror_path.glob("*.jsonl"):
        segment.unlink()
    with pytest.raises(MirrorError, match="empty"):
        rebuilt(dock)
    assert not dock.register.exists()

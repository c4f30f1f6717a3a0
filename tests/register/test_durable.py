"""What takes the place of a file is whole and flushed before it has the name, and has it durably when that is said."""

import os
from pathlib import Path

import pytest

from dockd.register import durable


@pytest.fixture
def folder(tmp_path: Path) -> int:
    return os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)


def test_it_is_flushed_then_named_then_the_name_is_flushed(
    folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "name").write_bytes(b"old")
    told: list[tuple[str, bytes]] = []
    fsync, rename = os.fsync, os.rename

    def flushed(descriptor: int) -> None:
        told.append(("directory" if descriptor == folder else "file", (tmp_path / "name").read_bytes()))
        fsync(descriptor)

    def renamed(*names: str, **directories: int) -> None:
        told.append(("rename", (tmp_path / names[0]).read_bytes()))
        rename(*names, **directories)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "rename", renamed)
    durable.replace(folder, "name", b"new", 0o600)
    assert told == [("file", b"old"), ("rename", b"new"), ("directory", b"new")]
    assert os.listdir(tmp_path) == ["name"]


def test_what_an_interruption_left_is_replaced_and_a_link_in_its_place_is_not_followed(
    folder: int, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").write_bytes(b"kept")
    (tmp_path / "name.new").symlink_to("elsewhere")
    durable.replace(folder, "name", b"new", 0o640)
    assert (tmp_path / "elsewhere").read_bytes() == b"kept"
    assert (tmp_path / "name").read_bytes() == b"new"
    assert (tmp_path / "name").stat().st_mode & 0o777 == 0o640


def test_what_could_not_be_flushed_takes_no_name(folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "name").write_bytes(b"old")

    def fails(_descriptor: int) -> None:
        raise OSError("input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="input/output"):
        durable.replace(folder, "name", b"new", 0o600)
    assert (tmp_path / "name").read_bytes() == b"old"

"""After an interrupted placing: what is provably whole is adopted, everything else set aside, nothing lost."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.errors import PartitionError
from dockd.model import Gap, RecordingPath
from dockd.store.objects import drop_names, link_aside
from dockd.store.recovery import Adopted, Nothing, SetAside, recover
from dockd.store.sidecar import write_sidecar
from tests.store.shop import new_key, new_partition, proven_file, tree


def decide(sale, key):
    """Decide, and finish as is done once a move is entered in the register."""
    found = recover(sale.partition, sale.sidecar.recording_id, sale.path, key.verifier.verify)
    if isinstance(found, SetAside):
        drop_names(sale.partition, sale.path)
    return found


def lay_down(sale, *, object_=True, sidecar=True, signed=None):
    """Bring about what an interruption leaves, by placing and then taking away."""
    sale.place(signed=signed or sale.signed)
    if not object_:
        sale.object.unlink()
    if not sidecar:
        sale.signed_file.unlink()


def set_aside_whole(sale, found):
    """Check that everything that lay there lies in orphans now, and nothing in objects."""
    contents = tree(sale.partition.path)
    assert isinstance(found, SetAside)
    assert found.moved_to and set(found.moved_to) == {path for path in contents if path.startswith("orphans/")}
    assert not any(path.startswith("objects/") for path in contents)
    return [contents[path] for path in found.moved_to]


def test_nothing_was_placed(sale, key):
    assert decide(sale, key) == Nothing()
    sale.file.close()


def test_only_the_sidecar_was_placed(sale, key):
    lay_down(sale, object_=False)
    assert set_aside_whole(sale, decide(sale, key)) == [sale.signed]


def test_only_an_object_lies_there(sale, key):
    lay_down(sale, sidecar=False)
    assert set_aside_whole(sale, decide(sale, key)) == [sale.content]


def test_both_lie_there_and_are_good(sale, key):
    lay_down(sale)
    before = tree(sale.partition.path)
    found = decide(sale, key)
    assert isinstance(found, Adopted)
    assert found.sidecar == sale.sidecar
    assert found.stored.proven == sale.proven
    assert found.stored.proven.sealed.recording.part_of == RecordingPath(b"first \xff.mp4")
    assert (found.stored.recording_id, found.stored.object_path) == (sale.sidecar.recording_id, sale.path)
    assert tree(sale.partition.path) == before
    assert decide(sale, key) == found


def test_a_salvage_is_adopted_with_its_gaps(partition, key):
    gaps = (Gap(0, 4096),)
    salvage = proven_file(partition, key, gaps=gaps)
    lay_down(salvage)
    found = decide(salvage, key)
    assert isinstance(found, Adopted)
    assert found.sidecar.gaps == found.stored.proven.sealed.gaps == gaps


@pytest.mark.parametrize("damage", [lambda c: c[:-1], lambda c: c + b"x", lambda c: b"x" + c[1:], lambda c: b""])
def test_a_damaged_object_is_set_aside_with_its_sidecar(sale, key, damage):
    lay_down(sale)
    sale.object.chmod(0o600)
    sale.object.write_bytes(damage(sale.content))
    assert set_aside_whole(sale, decide(sale, key)) == [damage(sale.content), sale.signed]


@pytest.mark.parametrize(
    "change",
    [
        {"recording_id": "0" * 32},
        {"partition": "unit-b"},
        {"partition_uuid": "00000000-0000-0000-0000-000000000007"},
        {"ciphertext_sha256": "0" * 64},
    ],
)
def test_a_signed_sidecar_about_something_else_vouches_for_nothing(sale, key, change):
    signed = write_sidecar(replace(sale.sidecar, **change), key.verifier.text, key.sign)
    lay_down(sale, signed=signed)
    assert set_aside_whole(sale, decide(sale, key)) == [sale.content, signed]


def test_the_sidecar_of_another_key_vouches_for_nothing(sale, key, tmp_path):
    stranger = new_key(tmp_path)
    lay_down(sale, signed=write_sidecar(sale.sidecar, stranger.verifier.text, stranger.sign))
    set_aside_whole(sale, decide(sale, key))


@pytest.mark.parametrize("content", [b"\0", b"[" * 50_000, b"{}", b'{"sidecar": NaN}'])
def test_a_sidecar_of_garbage_vouches_for_nothing(sale, key, content):
    lay_down(sale, signed=content)
    assert set_aside_whole(sale, decide(sale, key)) == [sale.content, content]


def test_an_object_with_sidecar_carried_over_from_another_partition_is_not_adopted(tmp_path, sale, key):
    lay_down(sale)
    elsewhere = proven_file(new_partition(tmp_path / "other"), key)
    elsewhere.file.close()
    elsewhere.object.parent.mkdir(parents=True)
    for path in (sale.object, sale.signed_file):
        path.rename(elsewhere.object.parent / path.name)
    assert elsewhere.path == sale.path
    set_aside_whole(elsewhere, decide(elsewhere, key))


def test_a_second_recovery_after_one_that_set_aside_finds_nothing(sale, key):
    lay_down(sale, sidecar=False)
    decide(sale, key)
    before = tree(sale.partition.path)
    assert decide(sale, key) == Nothing()
    assert tree(sale.partition.path) == before


def test_an_interrupted_setting_aside_is_done_again_under_the_same_names(sale, key):
    lay_down(sale)
    first = link_aside(sale.partition, sale.path)
    assert sale.object.exists() and sale.signed_file.exists()
    assert link_aside(sale.partition, sale.path) == first
    drop_names(sale.partition, sale.path)
    contents = tree(sale.partition.path)
    assert {path for path in contents if path.startswith(("objects/", "orphans/"))} == set(first)
    assert decide(sale, key) == Nothing()


@pytest.mark.parametrize("part", ["objects", "objects/2026", "objects/2026/11/22"])
def test_a_store_that_cannot_be_looked_at_is_a_partition_error_and_decides_nothing(sale, key, part):
    lay_down(sale)
    broken: Path = sale.partition.path / part
    broken.rename(sale.partition.path / "away")
    broken.write_bytes(b"not a directory")
    with pytest.raises(PartitionError):
        decide(sale, key)
    assert len(tree(sale.partition.path / "away")) == 2


def test_a_sidecar_that_is_a_directory_is_a_partition_error_and_decides_nothing(sale, key):
    lay_down(sale, sidecar=False)
    sale.signed_file.mkdir()
    with pytest.raises(PartitionError):
        decide(sale, key)
    assert sale.object.read_bytes() == sale.content


def test_json_that_python_alone_takes_is_not_believed(sale, key):
    outer = json.loads(sale.signed)
    outer["sidecar"]["size"] = float("nan")
    lay_down(sale, signed=json.dumps(outer).encode())
    set_aside_whole(sale, decide(sale, key))

import fcntl
import hashlib
import mmap
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from dockd.descriptor import Descriptor
from dockd.errors import PartitionError, PartitionMedia, PartitionMissing, WriterLeft
from dockd.store import objects
from dockd.store.objects import drop_names, is_intact, link_aside, load_sidecar, object_path, stored_digest
from dockd.store.sidecar import read_sidecar
from tests.store.shop import DAY, files_no_longer_than, proven_file, tree


@pytest.fixture
def impatient(monkeypatch):
    """Ask for the lease as often as always, without waiting in between."""
    monkeypatch.setattr(objects, "_LEASE_PAUSE_SECONDS", 0)


def closed(file):
    try:
        file.fileno()
    except ValueError:
        return True
    return False


def stored(sale):
    return {path for path in tree(sale.partition.path) if path.startswith("objects/")}


def test_an_object_and_its_sidecar_get_their_names(sale, key):
    placed = sale.place()
    assert placed.object_path == sale.path == f"objects/2026/11/22/{sale.sidecar.recording_id}.age"
    assert sale.object.read_bytes() == sale.content
    assert read_sidecar(sale.signed_file.read_bytes(), key.verifier.verify) == sale.sidecar
    assert stored_digest(sale.partition, sale.path) == sale.proven.ciphertext_sha256
    assert closed(sale.file)


def test_what_is_placed_can_be_written_by_nobody(sale):
    sale.place()
    for path in (sale.object, sale.signed_file):
        assert path.stat().st_mode & 0o7777 == 0o440
        assert path.stat().st_nlink == 1


def test_the_day_in_the_name_is_the_one_of_utc():
    local = DAY.astimezone(timezone(timedelta(hours=1)))
    assert local.day == 23
    assert object_path("x", local) == "objects/2026/11/22/x.age"


def test_a_writer_in_this_process_is_refused(sale, impatient):
    writer = os.dup(sale.file.fileno())
    with pytest.raises(WriterLeft):
        sale.place()
    assert stored(sale) == set() and closed(sale.file)
    os.close(writer)


def test_a_writer_in_another_process_is_refused_even_if_it_only_keeps_a_mapping(sale, impatient):
    script = "import mmap, os, sys; m = mmap.mmap(0, 100); os.close(0); print(flush=True); sys.stdin2 = os.read(3, 1)"
    hold, release = os.pipe()
    os.set_inheritable(hold, True)
    child = subprocess.Popen(
        [sys.executable, "-c", script.replace("os.read(3, 1)", f"os.read({hold}, 1)")],
        stdin=sale.file.fileno(),
        stdout=subprocess.PIPE,
        pass_fds=[hold],
    )
    child.stdout.readline()
    with pytest.raises(WriterLeft):
        sale.place()
    assert stored(sale) == set()
    os.close(release)
    child.communicate(timeout=20)
    os.close(hold)


def test_a_writable_mapping_alone_is_a_writer(sale, impatient):
    mapped = mmap.mmap(sale.file.fileno(), 100)
    with pytest.raises(WriterLeft):
        sale.place()
    assert stored(sale) == set()
    mapped.close()


def test_a_reader_that_is_left_does_no_harm(sale):
    reader = os.open(f"/proc/self/fd/{sale.file.fileno()}", os.O_RDONLY)
    sale.place()
    assert os.read(reader, 6) == b"sealed"
    os.close(reader)


@pytest.mark.parametrize("more", [-1, 1])
def test_a_file_of_another_size_than_proven_is_refused(sale, more):
    os.ftruncate(sale.file.fileno(), len(sale.content) + more)
    with pytest.raises(PartitionError, match="proof speaks of"):
        sale.place()
    assert stored(sale) == set()


def test_a_file_that_has_a_name_already_is_refused(sale, tmp_path):
    path = tmp_path / "named"
    path.write_bytes(sale.content)
    with pytest.raises(PartitionError, match="proof speaks of"):
        sale.place(file=Descriptor(os.open(path, os.O_RDWR)))
    assert stored(sale) == set()
    sale.file.close()


def test_what_is_no_file_is_refused(sale, tmp_path):
    sale.file.close()
    with pytest.raises(PartitionError):
        sale.place(file=Descriptor(os.open(tmp_path, os.O_RDONLY)))
    reading, writing = os.pipe()
    with pytest.raises(PartitionError):
        sale.place(file=Descriptor(writing))
    os.close(reading)


@pytest.mark.parametrize("suffix", [".age", ".json"])
def test_an_existing_name_is_never_overwritten(sale, suffix):
    existing = sale.object.with_suffix(suffix)
    existing.parent.mkdir(parents=True)
    existing.write_bytes(b"earlier")
    with pytest.raises(PartitionError):
        sale.place()
    assert existing.read_bytes() == b"earlier"
    assert sale.object.exists() == (suffix == ".age") and closed(sale.file)


def test_a_second_placing_of_the_same_recording_changes_nothing(partition, key, sale):
    sale.place()
    before = tree(partition.path)
    with pytest.raises(PartitionError):
        proven_file(partition, key, content=b"other" * 10).place()
    assert tree(partition.path) == before


def test_a_sidecar_that_does_not_fit_stops_the_placing_before_the_object_has_a_name(sale):
    with files_no_longer_than(len(sale.signed) - 1), pytest.raises(PartitionError):
        sale.place()
    assert not sale.object.exists()


def test_the_sidecar_is_durable_before_the_object_has_a_name(sale, monkeypatch):
    """The order of the calls that matter, as they were really made."""
    calls = []
    for name in ("fsync", "link"):
        real = getattr(os, name)

        def called(*args, real=real, name=name, **kwargs):
            target = os.readlink(f"/proc/self/fd/{args[0]}") if name == "fsync" else args[1]
            calls.append((name, os.path.basename(target).rpartition(".")[2]))
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, called)
    sale.partition.open_directory("objects", "2026", "11", "22")
    calls.clear()
    sale.place()
    kinds = [(name, kind if kind in ("age", "json", "22") else "file") for name, kind in calls]
    assert kinds == [
        ("fsync", "file"),
        ("fsync", "file"),
        ("link", "json"),
        ("fsync", "22"),
        ("link", "age"),
        ("fsync", "22"),
    ]


def test_the_lease_asked_for_is_really_held_while_linking(sale, monkeypatch):
    seen = []
    real = os.link
    monkeypatch.setattr(
        os,
        "link",
        lambda src, *a, **k: (
            seen.append(fcntl.fcntl(int(src.rpartition("/")[2]), fcntl.F_GETLEASE)),
            real(src, *a, **k),
        )[1],
    )
    sale.place()
    assert seen == [fcntl.F_UNLCK, fcntl.F_RDLCK]


def test_intact_means_the_very_bytes(sale):
    sale.place()
    digest = sale.proven.ciphertext_sha256
    assert is_intact(sale.partition, sale.path, digest)
    assert not is_intact(sale.partition, sale.path, hashlib.sha256(b"").hexdigest())
    sale.object.chmod(0o640)
    content = bytearray(sale.content)
    content[100] ^= 1
    sale.object.write_bytes(content)
    assert not is_intact(sale.partition, sale.path, digest)
    sale.object.unlink()
    assert not is_intact(sale.partition, sale.path, digest)
    with pytest.raises(PartitionMissing):
        stored_digest(sale.partition, sale.path)


@pytest.mark.parametrize("kind", ["directory", "link", "fifo"])
def test_something_else_in_the_place_of_an_object_is_not_intact_and_does_not_hang(sale, tmp_path, kind):
    sale.place()
    sale.object.rename(tmp_path / "moved")
    if kind == "directory":
        sale.object.mkdir()
    elif kind == "link":
        sale.object.symlink_to(tmp_path / "moved")
    else:
        os.mkfifo(sale.object)
    assert not is_intact(sale.partition, sale.path, sale.proven.ciphertext_sha256)


@pytest.mark.parametrize("kind", ["directory", "link"])
def test_something_else_in_the_place_of_a_sidecar_is_a_partition_error(sale, tmp_path, kind):
    assert load_sidecar(sale.partition, sale.path) is None
    sale.object.parent.mkdir(parents=True)
    if kind == "directory":
        sale.signed_file.mkdir()
    else:
        sale.signed_file.symlink_to(tmp_path)
    with pytest.raises(PartitionMedia):
        load_sidecar(sale.partition, sale.path)
    sale.file.close()


def set_aside(partition, path):
    linked = link_aside(partition, path)
    drop_names(partition, path)
    return linked


def test_setting_aside_moves_object_and_sidecar_and_never_overwrites_what_was_set_aside_before(partition, key):
    moved = []
    for number in range(3):
        sale = proven_file(partition, key, content=b"%d" % number * 100)
        sale.place()
        moved += set_aside(partition, sale.path)
    assert len(set(moved)) == 6
    contents = tree(partition.path)
    assert [contents[path][:1] for path in moved if path.endswith(".age")] == [b"0", b"1", b"2"]
    assert not any(path.startswith("objects/") for path in contents)


def test_setting_aside_what_is_not_there_moves_nothing(partition):
    assert set_aside(partition, "objects/2026/11/22/x.age") == []


def test_a_link_is_set_aside_itself_and_not_what_it_points_to(sale, tmp_path):
    (tmp_path / "precious").write_bytes(b"precious")
    sale.object.parent.mkdir(parents=True)
    sale.object.symlink_to(tmp_path / "precious")
    [moved] = set_aside(sale.partition, sale.path)
    assert (sale.partition.path / moved).is_symlink()
    assert (tmp_path / "precious").read_bytes() == b"precious"
    sale.file.close()


def test_a_proof_of_another_size_does_not_pass_for_this_file(sale):
    sealed = replace(sale.proven.sealed, ciphertext_size=0)
    with pytest.raises(PartitionError):
        sale.place(proven=replace(sale.proven, sealed=sealed))

import json
import os
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dockd.errors import PartitionError, PartitionFull, PartitionMissing
from dockd.store.partition import MARKER, _read_marker, create, open_partition
from dockd.store.space import Promises
from tests.store.shop import FixedClock, new_partition


def make(path, name="police", announce=lambda _uuid: None):
    create(path, name, "dock-7", FixedClock(), announce)


def test_a_new_partition_carries_its_marker_and_opens(tmp_path):
    announced = []
    make(tmp_path, announce=announced.append)
    marker = json.loads((tmp_path / MARKER).read_bytes())
    partition = open_partition(tmp_path, "police", "dock-7", 7, ("age1x",))
    assert [partition.uuid] == announced == [marker["uuid"]]
    assert (partition.reserve_bytes, partition.recipients) == (7, ("age1x",))
    assert (tmp_path / MARKER).stat().st_mode & 0o777 == 0o440
    partition.check()
    partition.close()


def test_it_is_announced_before_it_exists_and_not_made_if_that_fails(tmp_path):
    def refuse(_uuid):
        assert not (tmp_path / MARKER).exists()
        raise KeyError("register")

    with pytest.raises(KeyError):
        make(tmp_path, announce=refuse)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["photo.jpg", ".hidden", MARKER, "lost"])
def test_a_directory_that_is_not_empty_is_refused_and_untouched(tmp_path, name):
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(PartitionError):
        make(tmp_path)
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == b"mine"


def test_lost_and_found_does_not_count(tmp_path):
    (tmp_path / "lost+found").mkdir()
    make(tmp_path)
    open_partition(tmp_path, "police", "dock-7", 0, ()).close()


def test_a_partition_is_made_only_once(tmp_path):
    make(tmp_path)
    before = (tmp_path / MARKER).read_bytes()
    with pytest.raises(PartitionError):
        make(tmp_path)
    assert (tmp_path / MARKER).read_bytes() == before


def test_a_path_that_is_no_directory_is_missing(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "nowhere"):
        with pytest.raises(PartitionMissing):
            make(path)
        with pytest.raises(PartitionMissing):
            open_partition(path, "police", "dock-7", 0, ())


def test_without_a_marker_it_is_not_opened(tmp_path):
    with pytest.raises(PartitionMissing, match="no marker"):
        open_partition(tmp_path, "police", "dock-7", 0, ())


def test_the_marker_of_another_partition_is_refused(tmp_path):
    make(tmp_path, "unit-b")
    with pytest.raises(PartitionMissing, match="unit-b"):
        open_partition(tmp_path, "police", "dock-7", 0, ())


@pytest.mark.parametrize("kind", ["directory", "link", "fifo"])
def test_a_marker_that_is_no_file_is_refused(tmp_path, kind):
    (tmp_path / "real").mkdir()
    make(tmp_path / "real")
    path = tmp_path / "volume"
    path.mkdir()
    if kind == "directory":
        (path / MARKER).mkdir()
    elif kind == "link":
        (path / MARKER).symlink_to(tmp_path / "real" / MARKER)
    else:
        os.mkfifo(path / MARKER)
    with pytest.raises(PartitionError):
        open_partition(path, "police", "dock-7", 0, ())


UUID = str(uuid.UUID(int=7))
JSON = st.recursive(st.none() | st.integers() | st.text(max_size=5) | st.floats(), st.lists, max_leaves=4)


@given(
    st.binary(max_size=100)
    | st.fixed_dictionaries({"partition": st.just("police"), "dock_id": st.just("dock-7"), "uuid": JSON}).map(
        lambda m: json.dumps(m).encode()
    )
    | JSON.map(lambda value: json.dumps(value).encode())
)
@example(b"[" * 4000)
@example(b'{"a":' * 800)
@example(b'{"partition": "police", "dock_id": "dock-7", "uuid": ' + b"9" * 4000)
@example(b'{"partition": "police", "dock_id": "dock-7", "uuid": 7}')
@example(b'{"partition": "police", "dock_id": "dock-7", "uuid": ["a"]}')
@example(b'{"partition": "police"}')
@example(b"\xff\xfe")
@example(b"")
def test_any_bytes_as_a_marker_only_raise_a_partition_error(tmp_path_factory, content):
    root = tmp_path_factory.mktemp("volume")
    (root / MARKER).write_bytes(content)
    fd = os.open(root, os.O_RDONLY)
    try:
        _read_marker(fd, "police", "dock-7")
    except PartitionMissing as error:
        assert error.advice
    finally:
        os.close(fd)


def test_a_volume_mounted_over_the_path_shows(tmp_path):
    partition = new_partition(tmp_path / "police")
    (tmp_path / "police").rename(tmp_path / "elsewhere")
    with pytest.raises(PartitionMissing):
        partition.check()
    other = new_partition(tmp_path / "police")
    with pytest.raises(PartitionMissing, match="no longer the volume"):
        partition.check()
    other.check()
    other.close()
    partition.close()


def test_a_marker_that_goes_or_changes_shows(tmp_path):
    partition = new_partition(tmp_path)
    marker = json.loads((tmp_path / MARKER).read_bytes())
    (tmp_path / MARKER).unlink()
    with pytest.raises(PartitionMissing):
        partition.check()
    (tmp_path / MARKER).write_text(json.dumps({**marker, "uuid": UUID}))
    with pytest.raises(PartitionMissing):
        partition.check()
    (tmp_path / MARKER).write_text(json.dumps(marker))
    partition.check()
    partition.close()


def test_a_check_leaves_nothing_behind(partition):
    partition.check()
    assert os.listdir(partition.path) == [MARKER]


def test_a_nameless_file_is_nameless_private_and_writable(partition):
    file = partition.new_file(10, 0)
    status = os.fstat(file.fileno())
    assert (status.st_nlink, status.st_mode & 0o777) == (0, 0o600)
    assert os.listdir(partition.path) == [MARKER]
    file.close()


def test_reserve_and_promises_are_kept_free(tmp_path):
    free = new_partition(tmp_path / "a").free_bytes()
    (tmp_path / "b").mkdir()
    make(tmp_path / "b")
    half = free // 2
    partition = open_partition(tmp_path / "b", "police", "dock-7", half, ())
    partition.new_file(free // 4, 0).close()
    partition.new_file(0, free // 4).close()
    for room, promised in ((free, 0), (0, free), (free // 3, free // 3), (2**62, 0)):
        with pytest.raises(PartitionFull):
            partition.new_file(room, promised)
    partition.close()


def test_a_promise_is_given_back_even_when_what_it_was_for_fails():
    promises = Promises()
    with promises.promise(5), promises.promise(6):
        assert promises.total == 11
    with pytest.raises(KeyError), promises.promise(7):
        raise KeyError
    assert promises.total == 0


def test_directories_are_made_below_the_root_and_links_are_not_followed(tmp_path, partition):
    os.close(partition.open_directory("objects", "2026"))
    os.close(partition.open_directory("objects", "2026"))
    assert (partition.path / "objects" / "2026").stat().st_mode & 0o027 == 0
    (partition.path / "objects" / "evil").symlink_to(tmp_path)
    with pytest.raises(OSError):
        partition.open_directory("objects", "evil")

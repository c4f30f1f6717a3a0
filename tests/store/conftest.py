import pytest

from tests.store.shop import new_key, new_partition, proven_file


@pytest.fixture
def partition(tmp_path):
    made = new_partition(tmp_path / "police")
    yield made
    made.close()


@pytest.fixture
def key(tmp_path):
    return new_key(tmp_path)


@pytest.fixture
def sale(partition, key):
    return proven_file(partition, key)

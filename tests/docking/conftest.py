from collections.abc import Iterator

import pytest

from dockd.docking.works import Works


@pytest.fixture
def works() -> Iterator[Works]:
    """What one worker takes recordings in with."""
    works = Works()
    yield works
    works.close()

from pathlib import Path

import pytest

from tests.register.dock import Dock


@pytest.fixture
def dock(tmp_path: Path) -> Dock:
    return Dock(tmp_path)

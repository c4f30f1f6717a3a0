"""How much is tried: `make vm-test-long` sets `DOCKD_VM_LONG`."""

import os

import pytest

LONG = bool(os.environ.get("DOCKD_VM_LONG"))

only_when_long = pytest.mark.skipif(not LONG, reason="make vm-test-long tries it")

"""What every test may count on: one language, printed seeds, hypothesis that says how to repeat a failure."""

import os
import random

import pytest
from hypothesis import settings

# dockd reads its language once, at import: set here, before any test module imports it, and for every child process.
os.environ.pop("LANGUAGE", None)
os.environ["LC_ALL"] = "C.UTF-8"

# No deadline, because CI machines stall; no example database, because a run must not depend on the one before.
settings.register_profile("dockd", deadline=None, database=None, print_blob=True)
settings.load_profile("dockd")


@pytest.fixture
def seed() -> int:
    """A seed that a failing test shows; `DOCKD_TEST_SEED` repeats the run."""
    value = int(os.environ.get("DOCKD_TEST_SEED") or random.SystemRandom().getrandbits(32))
    print(f"DOCKD_TEST_SEED={value}")
    return value


@pytest.fixture
def rng(seed: int) -> random.Random:
    """Randomness from the printed seed."""
    return random.Random(seed)

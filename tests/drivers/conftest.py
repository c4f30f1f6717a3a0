import pytest


@pytest.fixture
def session(scene):
    """An open driver on the camera of a test's `scene`."""
    session = scene.open()
    yield session
    session.close()

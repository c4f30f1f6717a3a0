"""dockd takes in the recordings of body-worn cameras: proven, sealed, placed, registered, and only then cleared."""

from importlib.metadata import version


def software() -> str:
    """Name this software and its version, as the register keeps it."""
    return f"dockd {version('dockd')}"

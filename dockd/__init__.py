"""dockd takes in the recordings of body-worn cameras: proven, sealed, placed, registered, and only then cleared."""


def software() -> str:
    """Name this software and its version, as the register keeps it."""
    # Not above: the bus helper, which is root's, and each worker would carry it along.
    from importlib.metadata import version

    return f"dockd {version('dockd')}"

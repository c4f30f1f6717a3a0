"""The retry ladder of one docking: try again after a pause, a little later each time; then it is over.

The first cause is kept and reported, whatever the later attempts say: it is the one a person can act on. A docking
that is over stays over until the camera is plugged again, or something is added to it or changed in it.
"""

from collections.abc import Callable, Sequence

from dockd.docking.commands import EndWorker, EnterFailure, Story, T, Wait, ask
from dockd.errors import CameraDenied, CameraError, CameraGone, CameraUnsupported, IdentityMismatch

# Asking again would get the same answer, or would be asking until a wrong camera is believed.
FINAL = (IdentityMismatch, CameraUnsupported, CameraDenied)


def climb(attempt: Callable[[], Story[T]], delays_seconds: Sequence[float]) -> Story[T]:
    """Tell the story again after each camera fault until it succeeds or the rungs are used up.

    Each attempt gets a worker of its own. Raises the first `CameraError`; faults of partition and register are not
    the camera's and pass through at once.
    """
    first: CameraError | None = None
    for delay in (*delays_seconds, None):
        try:
            result = yield from attempt()
        except CameraError as fault:
            yield from ask(EndWorker())
            yield from ask(EnterFailure(fault, None))
            first = first or fault
            if delay is None or isinstance(fault, FINAL):
                raise first from None
            yield from _pause(delay, first)
        else:
            yield from ask(EndWorker())
            return result
    raise AssertionError("the last rung returns or raises")


def _pause(seconds: float, first: CameraError) -> Story[None]:
    """Wait for the next rung; a camera that is pulled out meanwhile ends its docking with the cause that came first."""
    try:
        yield from ask(Wait(seconds))
    except CameraGone:
        raise first from None

"""The retry ladder of one docking: from waiting a little to taking the camera's power away; then it is over.

The first cause is kept and reported, whatever the later attempts say: it is the one a person can act on. A docking
that is over stays over until the camera is plugged again, or something is added to it or changed in it. A rung is taken
between two attempts, when no worker is left, so never while a camera is being cleared.
"""

from collections.abc import Callable, Iterator, Sequence

from dockd.docking.commands import EndWorker, EnterFailure, LeavePowered, Story, T, TakeRung, ask
from dockd.errors import CameraDenied, CameraError, CameraGone, CameraMedia, CameraUnsupported, IdentityMismatch
from dockd.model import Rung

# Asking again would get the same answer, or would be asking until a wrong camera is believed.
FINAL = (IdentityMismatch, CameraUnsupported, CameraDenied)


def climb(attempt: Callable[[], Story[T]], rungs: Sequence[Rung]) -> Story[T]:
    """Tell the story again after each camera fault until it succeeds or the rungs are used up.

    Each attempt gets a worker of its own. Raises the first `CameraError`; faults of partition and register are not
    the camera's and pass through at once. Green is near only once the camera is left powered: that is part of it.
    """
    first: CameraError | None = None
    left = iter(rungs)
    while True:
        try:
            result = yield from attempt()
            yield from ask(EndWorker())
            yield from ask(LeavePowered())
            return result
        except CameraError as fault:
            yield from ask(EndWorker())
            yield from ask(EnterFailure(fault, None))
            first = first or fault
            if isinstance(fault, FINAL) or not (yield from _take_next(left, fault, first)):
                raise first from None


def _take_next(left: Iterator[Rung], fault: CameraError, first: CameraError) -> Story[bool]:
    """Take the next rung that this dock has and that may help; tells whether there was one.

    A camera that is pulled out meanwhile ends its docking with the cause that came first.
    """
    for rung in left:
        if rung.kind == "charge" and isinstance(fault, CameraMedia):
            continue  # a sector that cannot be read is no matter of an empty battery
        try:
            yield from ask(TakeRung(rung, fault.code))
        except CameraUnsupported:
            continue
        except CameraGone:
            raise first from None
        return True
    return False

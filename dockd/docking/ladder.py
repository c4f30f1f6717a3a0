"""The retry ladder of one docking: from waiting a little to taking the camera's power away; then it is over.

The first cause is kept and reported, whatever the later attempts say: it is the one a person can act on. Only that a
recording could not be read to the last, and was salvaged, comes before it. A docking that is over stays over until the
camera is plugged again, or something is added to it or changed in it. A rung is taken between two attempts, when no
worker has the camera, so never while a camera is being cleared.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from dockd.docking.commands import EndWorker, EnterFailure, LeavePowered, Story, T, TakeRung, ask
from dockd.errors import (
    CameraDenied,
    CameraError,
    CameraGone,
    CameraMedia,
    CameraSalvaged,
    CameraUnsupported,
    IdentityMismatch,
)
from dockd.model import Rung

T_co = TypeVar("T_co", covariant=True)

# Asking again would get the same answer, or would be asking until a wrong camera is believed.
FINAL = (IdentityMismatch, CameraUnsupported, CameraDenied, CameraSalvaged)


class Attempt(Protocol[T_co]):
    """One attempt; the last one for a medium that cannot be read is to `salvage`."""

    def __call__(self, *, salvage: bool) -> Story[T_co]: ...


def climb(attempt: Attempt[T], rungs: Sequence[Rung]) -> Story[T]:
    """Tell the story again after each camera fault until it succeeds or the rungs are used up.

    Each attempt gets a worker of its own, unless one waits for a camera that had gone. A medium that could not be read
    then gets one more, the only one that salvages. Raises the first `CameraError`; faults of partition and register are
    not the camera's and pass through at once. Green is near only once the camera is left powered: that is part of it.
    """
    first: CameraError | None = None
    left = iter(rungs)
    salvage = False
    while True:
        try:
            result = yield from attempt(salvage=salvage)
            yield from ask(EndWorker())
            yield from ask(LeavePowered())
            return result
        except CameraError as fault:
            yield from ask(EndWorker())
            yield from ask(EnterFailure(fault, None))
            first = fault if first is None or isinstance(fault, CameraSalvaged) else first
            if salvage or isinstance(fault, FINAL):
                raise first from None
            if not (yield from _take_next(left, fault, first)):
                if not isinstance(fault, CameraMedia):
                    raise first from None
                salvage = True


def _take_next(left: Iterator[Rung], fault: CameraError, first: CameraError) -> Story[bool]:
    """Take the next rung that this dock has and that may help; tells whether there was one.

    A camera that is pulled out meanwhile ends its docking with the cause that came first.
    """
    for rung in left:
        if rung.kind == "charge" and isinstance(fault, CameraMedia):
            return False  # a sector that cannot be read is no matter of an empty battery, as from here on
        try:
            yield from ask(TakeRung(rung, fault.code))
        except CameraGone:
            raise first from None
        except CameraError:
            continue  # this dock does not have it, or it did not help
        return True
    return False

"""What a docking took: what was read from the camera, which attempts failed, and how it ended, for whoever counts."""

from collections.abc import Callable
from typing import Any, TypeVar

from dockd.docking.commands import Command, EnterFailure, HashOnCamera, Pull, Salvage, Story
from dockd.errors import CameraError, DockdError
from dockd.model import Counts

T = TypeVar("T")


Count = Callable[[Counts], None]
"""Is told what to add, as it happens."""


def counted(story: Story[T], count: Count) -> Story[T]:
    """Tell the same story, and count. One that is stopped has not ended, and is no docking that is counted.

    Failed is a docking that the camera's side ended: partition, register and network say nothing of bay or camera.
    """
    try:
        told = yield from _listened(story, count)
    except CameraError:
        count(Counts(dockings=1, failed=1))
        raise
    except DockdError:
        count(Counts(dockings=1))
        raise
    count(Counts(dockings=1))
    return told


def _listened(story: Story[T], count: Count) -> Story[T]:
    try:
        command: Command[Any] = next(story)
        while True:
            try:
                result = yield command
            except DockdError as error:
                command = story.throw(error)
                continue
            match command:
                case Pull(recording) | HashOnCamera(recording):
                    count(Counts(bytes=recording.size))
                case Salvage(recording):
                    count(Counts(bytes=recording.size - sum(gap.size for gap in result.sealed.gaps)))
                case EnterFailure(CameraError(), None):
                    count(Counts(errors=1))
            command = story.send(result)
    except StopIteration as end:
        told: T = end.value
        return told

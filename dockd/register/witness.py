"""The newest checkpoint as a file in a directory of another volume: a witness that a cut or rewritten register meets.

Nothing in the register shows that its end was cut off together with its checkpoints, nor that it was written anew with
the dock's own key. A checkpoint elsewhere does, and it takes one place that was forgotten.
"""

import errno
import os
import stat

from dockd.i18n import _
from dockd.register import durable

FILE = "register-checkpoint.txt"
MAX_BYTES = 64 * 1024


def read_witness(directory: int) -> str | None:
    """Read the checkpoint that lies in a directory; None where there is none. Raises OSError.

    What is no text comes back as text all the same, which no signature fits.
    """
    try:
        # O_NONBLOCK: a FIFO in its place must not hang.
        descriptor = os.open(FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, _("is not a regular file"), FILE)
        return os.read(descriptor, MAX_BYTES).decode("utf-8", "replace")
    finally:
        os.close(descriptor)


def write_witness(directory: int, note: str) -> None:
    """Put a checkpoint in the place of the one before, durably and as a whole. Raises OSError."""
    durable.replace(directory, FILE, note.encode(), 0o640)

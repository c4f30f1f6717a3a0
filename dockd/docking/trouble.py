"""What a worker says when an order failed."""

import errno

from dockd.docking.messages import Trouble, is_code
from dockd.errors import DockdError, DriverError, PartitionError, PartitionFull, PartitionMedia
from dockd.i18n import _

_MAX_MESSAGE = 2000


def trouble(error: DockdError) -> Trouble:
    """Put a fault into a message, whatever code and words a driver gave it."""
    code = error.code if is_code(error.code) else DriverError.code
    return Trouble(code=code, message=_fitting(error.message), advice=_fitting(error.advice))


def _fitting(text: str) -> str:
    return text[:_MAX_MESSAGE].encode("utf-8", "backslashreplace").decode()[:_MAX_MESSAGE]


def partition_error(error: OSError) -> PartitionError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PartitionFull(_("no space left while sealing"))
    return PartitionMedia(_("the partition failed while sealing: {error}").format(error=error.strerror))

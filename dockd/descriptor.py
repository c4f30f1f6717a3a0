"""A file descriptor that has an owner.

A call on a volume may come back after nobody waits for it any more, or never be made: whoever holds the descriptor
last, closes it.
"""

import os


class Descriptor:
    """Closes its descriptor when told to, or when nobody refers to it any more."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        """Give the number; raises ValueError once it is closed."""
        if self._fd < 0:
            raise ValueError("the descriptor is closed")
        return self._fd

    def close(self) -> None:
        """Close it; a second call does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()

"""The way to a camera that is there, whatever is asked of it."""

import os

from dockd.descriptor import Descriptor
from dockd.errors import CameraGone


class AnAccess:
    """Opens `/`, once `may_open`; `present` says whether the camera is in its bay, `log` gets what was asked."""

    def __init__(self, may_open=None, opening=lambda: None, log=None):
        self._log = log if log is not None else []
        self._may_open = may_open
        self._opening = opening
        self.present = True
        self.leaves_after_opening = False

    async def open(self, _kind, *, writable):
        self._opening()
        self._log.append("opened to be written" if writable else "opened")
        if self._may_open is not None:
            await self._may_open.wait()
        if not self.present:
            raise CameraGone("not in its bay")
        self.present = not self.leaves_after_opening
        return Descriptor(os.open("/", os.O_RDONLY))

    async def settle(self):
        self._log.append("settled")

    async def must_be_there(self):
        self._log.append("asked for")
        if not self.present:
            raise CameraGone("not in its bay")

    async def leave(self):
        pass

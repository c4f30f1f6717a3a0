"""The way to a camera that is there, whatever is asked of it."""

import os

from dockd.descriptor import Descriptor
from dockd.errors import CameraGone


class AnAccess:
    """Opens `/`, once `may_open`; `present` says whether the camera is in its bay."""

    def __init__(self, may_open=None, opening=lambda: None):
        self._may_open = may_open
        self._opening = opening
        self.present = True
        self.leaves_after_opening = False

    async def open(self, *, writable):
        self._opening()
        if self._may_open is not None:
            await self._may_open.wait()
        await self.must_be_there()
        self.present = not self.leaves_after_opening
        return Descriptor(os.open("/", os.O_RDONLY))

    async def settle(self):
        pass

    async def must_be_there(self):
        if not self.present:
            raise CameraGone("not in its bay")

    async def leave(self):
        pass

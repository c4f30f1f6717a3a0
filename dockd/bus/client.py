"""Ask the privileged helper: one connection for each request, and no wait without an end."""

import asyncio
import errno
import json
import os
import socket
from pathlib import Path

from dockd.descriptor import Descriptor
from dockd.errors import BusUnreachable
from dockd.i18n import _

MAX_ANSWER = 4096
PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
"""Between two questions whether the last mount of a disk has gone: at first, and once it takes long."""


class Bus:
    """The bus helper that listens on `path`.

    A request that fails raises OSError with the helper's errno: ENODEV or ENOENT if the device has gone or another
    one has come to its port, EBUSY if the disk is still mounted or held by somebody else, EPERM if it is not a disk
    of this device, EACCES or EROFS if it cannot be written, and whatever else the kernel said. `BusUnreachable` is
    raised if there is no answer within `deadline_seconds`, or one that makes no sense. What was asked may happen all
    the same after a deadline, except that nobody gets the mount.

    A device is meant by its kernel name, such as "1-2.3", together with its number on the bus.
    """

    def __init__(self, path: Path, deadline_seconds: float) -> None:
        self._path = path
        self._deadline_seconds = deadline_seconds

    async def authorise(self, device: str, number: int, on: bool) -> None:
        """Let the device have its interfaces, or take them away."""
        await self._ask({"do": "authorise", "device": device, "number": number, "on": on})

    async def keep_powered(self, device: str, number: int) -> None:
        """Keep the kernel from suspending it: a suspended device does not charge."""
        await self._ask({"do": "keep_powered", "device": device, "number": number})

    async def open(self, device: str, number: int) -> Descriptor:
        """Open the device file of a camera that is no disk, to be read and written."""
        file = await self._ask({"do": "open", "device": device, "number": number})
        if file is None:
            raise self._unreachable(_("it answered without a device"))
        return file

    async def lend(self, device: str, number: int, on: bool) -> None:
        """Let the workers that run vendors' libraries open the device file of a camera by its path, or nobody again."""
        await self._ask({"do": "lend", "device": device, "number": number, "on": on})

    async def mount(self, device: str, number: int, node: str, filesystem: str, writable: bool) -> Descriptor:
        """Mount a disk or partition ("sda", "sda1") where nobody else sees it and give its root directory.

        The mount lives as long as a descriptor of it, or of anything in it, is open anywhere. While that of an
        earlier one is, this waits for it to be closed; what is given is never an old mount.
        """
        request = {"do": "mount", "device": device, "number": number, "node": node}
        root = await self._ask({**request, "filesystem": filesystem, "writable": writable})
        if root is None:
            raise self._unreachable(_("it answered without a mount"))
        return root

    async def flush(self, device: str, number: int, node: str) -> None:
        """Bring to the disk what was written through a mount that is closed, and set the disk read-only.

        Waits for the last descriptor of the mount to be closed. To be called after each writable mount.
        """
        await self._ask({"do": "flush", "device": device, "number": number, "node": node})

    async def eject(self, device: str, number: int, node: str) -> None:
        """Tell the whole disk of this node to stop and let go of its medium."""
        await self._ask({"do": "eject", "device": device, "number": number, "node": node})

    async def switch_port(self, hub: str, port: int, on: bool) -> None:
        """Switch a port of a hub ("1-1", or "usb1" for a root hub), and its other half at another speed."""
        await self._ask({"do": "port", "hub": hub, "port": port, "on": on})

    async def light(self, name: str, on: bool) -> None:
        """Switch an LED of the kernel's `/sys/class/leds`."""
        await self._ask({"do": "light", "name": name, "on": on})

    async def _ask(self, request: dict[str, object]) -> Descriptor | None:
        """Ask until the disk is not busy any more, or time is up."""
        now = asyncio.get_running_loop().time
        end = now() + self._deadline_seconds
        pause = PAUSE_SECONDS
        while True:
            patience = asyncio.timeout_at(end)
            try:
                async with patience:
                    return await self._ask_once(json.dumps(request).encode())
            except OSError as error:
                # Not by its class: a device whose time is up is a TimeoutError too, and that is the helper's answer.
                if patience.expired():
                    raise self._unreachable(_("it did not answer in time")) from None
                if error.errno != errno.EBUSY or now() + pause >= end:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _ask_once(self, request: bytes) -> Descriptor | None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.setblocking(False)
            try:
                # Neither waits: on a Unix socket both succeed at once, or the helper has far too much to do.
                sock.connect(str(self._path))
                sock.send(request)
                await _readable(sock)
                packet, fds, flags, _address = socket.recv_fds(sock, MAX_ANSWER, 1)
            except OSError as error:
                raise self._unreachable(error.strerror or str(error)) from error
        root = Descriptor(fds[0]) if fds else None
        answer = None if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) else _decoded(packet)
        if isinstance(answer, dict) and answer.get("ok") is True:
            if root is not None:
                os.set_inheritable(root.fileno(), False)
            return root
        if root is not None:
            root.close()
        match answer:
            case {"errno": int(code), "message": str(message)}:
                raise OSError(code, message)
        raise self._unreachable(_("it answered something that is no answer"))

    def _unreachable(self, reason: str) -> BusUnreachable:
        return BusUnreachable(
            _("the bus helper at {path} cannot be asked: {reason}").format(path=self._path, reason=reason),
            advice=_("See: systemctl status dockd-bus"),
        )


def _decoded(packet: bytes) -> object:
    try:
        return json.loads(packet)
    except (ValueError, RecursionError):
        return None


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sock, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sock)

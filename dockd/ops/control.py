"""The control socket, on the side of the running dock: one JSON line asks, one JSON line answers.

Whoever may open the socket may ask how the dock is. What concerns the register is for the operators of the site: the
kernel vouches for the caller's uid (SO_PEERCRED, unix(7)), and `dockd.daemon.reception` decides.
"""

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from dockd.errors import AlreadyRunning, ConfigError, ControlError, DockdError
from dockd.events import Event
from dockd.i18n import _
from dockd.ops.control_client import IDLE_SECONDS

MAX_REQUEST = 4096
MAX_CALLERS = 32

_SOCKET_MODE = 0o660


@dataclass(slots=True)
class Visit:
    """One connection: who came, and the command that they were let give, if it is one that takes several questions.

    `about` is what that command was narrowed to, `given` how many entries it was given so far.
    """

    uid: int
    command: str = ""
    about: Mapping[str, str] = field(default_factory=dict)
    given: int = 0


Answer = Callable[[Visit, Mapping[str, Any]], Awaitable[dict[str, Any]]]


class ControlServer:
    """Serves questions on a socket in the runtime directory. A caller that stalls is dropped and holds up nobody."""

    def __init__(self, path: Path, answers: Mapping[str, Answer]) -> None:
        self._path = path
        self._answers = answers
        self._server: asyncio.Server | None = None
        self._callers = 0

    async def start(self) -> None:
        """Begin to listen, making the runtime directory if need be.

        Raises `AlreadyRunning` if somebody already answers there, `ConfigError` if the socket cannot be made.
        """
        if _answers_already(self._path):
            raise AlreadyRunning(_("a daemon already answers on {path}").format(path=self._path))
        try:
            self._path.parent.mkdir(mode=0o750, exist_ok=True)
            self._path.unlink(missing_ok=True)
            mask = os.umask(0o777 & ~_SOCKET_MODE)
            try:
                self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_REQUEST)
            finally:
                os.umask(mask)
        except OSError as error:
            raise ConfigError(
                _("the control socket {path} cannot be made: {error}").format(path=self._path, error=error),
                advice=_("Correct runtime_dir in the configuration, or the rights on that directory."),
            ) from error

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._callers += 1
        visit = Visit(_caller_uid(writer))
        try:
            while self._callers <= MAX_CALLERS:
                async with asyncio.timeout(IDLE_SECONDS):
                    line = await reader.readline()
                if not line:
                    break
                writer.write(json.dumps(await self._answer(line, visit)).encode() + b"\n")
                async with asyncio.timeout(IDLE_SECONDS):
                    await writer.drain()
        except (TimeoutError, ValueError, OSError):
            pass  # too slow, too long a line, or gone: nobody is owed an answer
        finally:
            self._callers -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, line: bytes, visit: Visit) -> dict[str, Any]:
        try:
            question = json.loads(line)
            answer = self._answers[question["ask"]]
            return {"ok": await answer(visit, question)}
        except DockdError as error:
            return {"error": error.message, "code": error.code, "advice": error.advice}
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            message = _("not a question that dockd answers")
            structlog.get_logger().warning(Event.CONTROL_REFUSED, message=message, uid=visit.uid)
            return {"error": message, "code": ControlError.code, "advice": ""}


def _caller_uid(writer: asyncio.StreamWriter) -> int:
    peer = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", peer)[1]
    return uid


def _answers_already(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True

"""How the commands ask a running dock: light, because `dockd status` and `dockd health` are asked all the time."""

import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dockd.errors import (
    CommandDenied,
    CommandImpossible,
    ControlError,
    MirrorError,
    RegisterError,
    RegisterTampered,
)
from dockd.i18n import _

MAX_REPLY = 64 * 1024 * 1024
IDLE_SECONDS = 30

_ANSWERED = {
    kind.code: kind for kind in (RegisterError, RegisterTampered, MirrorError, CommandDenied, CommandImpossible)
}


class ControlClient:
    """Asks a running daemon, over one connection."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(IDLE_SECONDS)
        try:
            self._socket.connect(str(path))
        except PermissionError as error:
            self._socket.close()
            raise CommandDenied(
                _("this account may not open {path}").format(path=path),
                advice=_("It has to be in the group of dockd (docs/service.md), and to log in again after that."),
            ) from error
        except OSError as error:
            self._socket.close()
            raise ControlError(
                _("no daemon answers on {path}").format(path=path),
                advice=_("Start it with: dockd run"),
            ) from error
        self._lines = self._socket.makefile("rb")

    def ask(self, question: str, **arguments: int | str | Sequence[str] | Mapping[str, str]) -> dict[str, Any]:
        """Ask one question; raises `ControlError` for no answer, and for one that says what went wrong.

        What is wrong with the register is raised as the `RegisterError` that it is.
        """
        try:
            self._socket.sendall(json.dumps({"ask": question, **arguments}).encode() + b"\n")
            answer = json.loads(self._lines.readline(MAX_REPLY))
        except (OSError, ValueError) as error:
            raise ControlError(_("the daemon does not answer")) from error
        if "error" in answer:
            raise _ANSWERED.get(answer["code"], ControlError)(answer["error"], advice=answer.get("advice", ""))
        result: dict[str, Any] = answer["ok"]
        return result

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

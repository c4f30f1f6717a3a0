"""QEMU's monitor (QMP): commands, and events with a deadline."""

import socket
from typing import Any

from tests.vm.lines import Lines, Message

ANSWER_SECONDS = 60


class QMPError(Exception):
    """QEMU refused a command."""


class QMP:
    def __init__(self, end: socket.socket) -> None:
        self._lines = Lines(end)
        self._events: list[Message] = []
        self._lines.receive(ANSWER_SECONDS)  # its greeting
        self.do("qmp_capabilities")

    def do(self, command: str, *, descriptor: int | None = None, **arguments: Any) -> Any:
        """Give one command and return what QEMU answers; raises `QMPError`."""
        self.ask(command, descriptor=descriptor, **arguments)
        return self.answer(command)

    def ask(self, command: str, *, descriptor: int | None = None, **arguments: Any) -> None:
        """Give a command whose answer is waited for later, with `answer`."""
        named = {key.replace("_", "-"): value for key, value in arguments.items()}
        self._lines.send({"execute": command, "arguments": named}, descriptor)

    def answer(self, command: str) -> Any:
        """Wait for what QEMU answers to the command that was asked last; raises `QMPError`."""
        while True:
            message = self._lines.receive(ANSWER_SECONDS)
            if "event" in message:
                self._events.append(message)
            elif "error" in message:
                raise QMPError(f"{command}: {message['error']['desc']}")
            else:
                return message["return"]

    def wait_event(self, name: str, seconds: float = ANSWER_SECONDS, **data: Any) -> None:
        """Wait for an event with these data, which may have come already."""
        while (found := next((each for each in self._events if _is(each, name, data)), None)) is None:
            message = self._lines.receive(seconds)
            if "event" in message:
                self._events.append(message)
        self._events.remove(found)

    def close(self) -> None:
        self._lines.close()


def _is(event: Message, name: str, data: dict[str, Any]) -> bool:
    return bool(event["event"] == name and data.items() <= event.get("data", {}).items())

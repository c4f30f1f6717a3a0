"""What dockd says in the guest, as its journal has it; every wait is for a line of it, and has a deadline."""

import json
import socket
import time
from typing import Any

from tests.integration.site import DOCK
from tests.vm.lines import Lines, LinkClosed

DEADLINE_SECONDS = 120

Line = dict[str, Any]


class Journal:
    """The lines of dockd's units since the machine was booted or resumed; they outlive a power cut."""

    def __init__(self, end: socket.socket) -> None:
        self._lines = Lines(end)
        self.log: list[Line] = []
        self._taken: set[int] = set()

    def wait_for(self, event: str, seconds: float = DEADLINE_SECONDS, **fields: Any) -> Line:
        """Wait for a line with these fields; each line is found only once. A field may be a set: one of these."""
        deadline = time.monotonic() + seconds
        while (line := self._take(event, fields)) is None:
            try:
                self._read(deadline - time.monotonic())
            except (TimeoutError, LinkClosed) as error:
                raise AssertionError(f"no {event} {fields} ({error})\n{self.told()}") from None
        return line

    def wait_light(self, bay: str, light: str, seconds: float = DEADLINE_SECONDS) -> Line:
        """Wait until a bay shows this light: `b1`, or the camera's name for one of the folder dock."""
        return self.wait_for("bay.changed", seconds, bay={bay, f"{DOCK}/{bay}"}, light=light)

    def forget(self) -> None:
        """Wait only for what comes from now on."""
        self._taken.update(range(len(self.log)))

    def has(self, event: str, **fields: Any) -> bool:
        return bool(self.lines(event, **fields))

    def lines(self, event: str, **fields: Any) -> list[Line]:
        return [line for line in self.log if _is(line, event, fields)]

    def told(self) -> str:
        return "\n".join(json.dumps(line) for line in self.log[-60:])

    def close(self) -> None:
        self._lines.close()

    def _read(self, seconds: float) -> None:
        line = self._lines.line(seconds)
        try:
            self.log.append(dict(json.loads(line)))
        except ValueError:
            self.log.append({"event": "not JSON", "text": line.decode("utf-8", "replace")})

    def _take(self, event: str, fields: Line) -> Line | None:
        for number, line in enumerate(self.log):
            if number not in self._taken and _is(line, event, fields):
                self._taken.add(number)
                return line
        return None


def _is(line: Line, event: str, fields: Line) -> bool:
    wanted = {"event": event, **fields}
    return all(line.get(name) in (value if isinstance(value, set) else {value}) for name, value in wanted.items())

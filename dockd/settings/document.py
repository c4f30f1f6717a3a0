"""One configuration file as bytes and text, and where in it things stand."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from dockd.i18n import _
from dockd.settings.problems import Code, Loc, Problem, Spot, dotted

MAX_BYTES = 1 << 20
MAX_PROBLEMS = 100

TOP = Spot(1, 1)


@dataclass(slots=True)
class Document:
    """One file as read. `value` is None when nothing in it can be judged; `problems` then says why.

    `unquoted` holds, for each value that YAML does not read as text, what was written and what YAML reads it as.
    """

    file: str
    sha256: str = ""
    value: dict[str, object] | None = None
    problems: list[Problem] = field(default_factory=list)
    key_spots: dict[Loc, Spot] = field(default_factory=dict)
    value_spots: dict[Loc, Spot] = field(default_factory=dict)
    unquoted: dict[Loc, tuple[str, str]] = field(default_factory=dict)

    def spot(self, loc: Loc, *, of_key: bool = False) -> Spot:
        """Find the value at `loc` (or its key); for what is not in the file, the nearest thing around it that is."""
        if of_key and loc in self.key_spots:
            return self.key_spots[loc]
        while loc not in self.value_spots and loc:
            loc = loc[:-1]
            if loc in self.key_spots:
                return self.key_spots[loc]
        return self.value_spots.get(loc, TOP)

    def problem(self, loc: Loc, code: Code, wrong: str, remedy: str, *, of_key: bool = False) -> Problem:
        """Make a problem of this file, placed at the value of `loc` or at its key."""
        return Problem(self.file, self.spot(loc, of_key=of_key), dotted(loc), code, wrong, remedy)


class Unreadable(Exception):
    """The rest of the file cannot be judged; the problem that says so is already in the document."""


def stop(document: Document, spot: Spot, code: Code, wrong: str, remedy: str) -> Unreadable:
    document.problems.append(Problem(document.file, spot, "", code, wrong, remedy))
    return Unreadable()


def too_many(document: Document, spot: Spot) -> Unreadable:
    """End the search for more faults in a file that is full of them: it is hardly a configuration at all."""
    return stop(document, spot, "too_many", _("more problems follow"), _("mend these first"))


def bytes_of(path: Path, document: Document) -> bytes:
    try:
        with open(path, "rb", opener=_open) as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            data = file.read(MAX_BYTES + 1) if regular else b""
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        wrong = _("cannot be read: {reason}").format(reason=reason)
        raise stop(document, TOP, "unreadable", wrong, _("check the path and the rights of the file")) from error
    if not regular:
        raise stop(document, TOP, "unreadable", _("is not a regular file"), _("name a YAML file"))
    if len(data) > MAX_BYTES:
        wrong = _("is larger than {n} bytes").format(n=MAX_BYTES)
        raise stop(document, TOP, "too_large", wrong, _("check that it is a configuration file of dockd"))
    return data


def _open(path: str, flags: int) -> int:
    # A FIFO in the place of the file must not hold up the start.
    return os.open(path, flags | os.O_NONBLOCK)


def text_of(data: bytes, document: Document) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        spot = end_of(data[: error.start].decode())
        raise stop(document, spot, "not_utf8", _("is not UTF-8 text"), _("save the file as UTF-8")) from error


def end_of(before: str) -> Spot:
    """Return the place that follows this beginning of a file."""
    return Spot(before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)

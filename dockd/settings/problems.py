"""What is wrong in a configuration file: where, what, and what to write instead."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from dockd.errors import ConfigError
from dockd.i18n import _, ngettext

Loc = tuple[str | int, ...]
"""The way from the top of a file to a value: names of keys, numbers of list places from 0."""

Code = Literal[
    "alias",
    "anchor",
    "bad_form",
    "camera_twice",
    "check_disagrees",
    "driver_twice",
    "duplicate_key",
    "empty",
    "key_not_text",
    "looks_twice",
    "missing_key",
    "missing_path",
    "no_recipient",
    "not_keys",
    "not_utf8",
    "out_of_bounds",
    "places_overlap",
    "port_not_switched",
    "ports_overlap",
    "private_key",
    "recipient",
    "recipient_twice",
    "recipients_mixed",
    "root_filesystem",
    "same_filesystem",
    "second_document",
    "syntax",
    "tab",
    "tag",
    "too_deep",
    "too_large",
    "too_many",
    "unknown_driver",
    "unknown_key",
    "unknown_model",
    "unknown_partition",
    "unknown_word",
    "unreadable",
    "unusable_path",
    "verifier_key",
    "wearer_period",
    "wrong_type",
]  # fmt: skip
"""Every code of a problem; docs/configuration.md explains each."""

_MAX_SHOWN = 60
_MAX_LINES = 250


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """A place in a file; line and column count from 1, as editors do."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to mend. `code` is stable; the rest is for people."""

    file: str
    spot: Spot
    key: str
    code: Code
    wrong: str
    remedy: str

    def __str__(self) -> str:
        where = f"{printable(self.file)}:{self.spot.line}:{self.spot.column}"
        what = f"{self.key}: {self.wrong}" if self.key else self.wrong
        return f"{where}: {what}; {self.remedy} [{self.code}]"


class InvalidSettings(ConfigError):
    """The configuration cannot be used. `problems` holds all of it, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        lines = [str(problem) for problem in self.problems[:_MAX_LINES]]
        if left := len(self.problems) - len(lines):
            lines.append(ngettext("… and {n} more problem", "… and {n} more problems", left).format(n=left))
        super().__init__("\n".join(lines))


def printable(text: str) -> str:
    """Escape what does not print, so that foreign text can neither break a line nor command a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def shown(text: str) -> str:
    """Make foreign text fit for a message: printable, and not too long."""
    return printable(text[:_MAX_SHOWN] + "…" if len(text) > _MAX_SHOWN else text)


def dotted(loc: Loc) -> str:
    """Write a place as people name it: `partitions.police.recipients[0]`."""
    text = ""
    for step in loc:
        text += f"[{step}]" if isinstance(step, int) else f".{shown(step)}"
    return text.removeprefix(".")


def instead(given: str, known: Sequence[str]) -> str:
    """Name the word that was probably meant; if none is near, all that are known."""
    if near := difflib.get_close_matches(given[:_MAX_SHOWN], known, n=1):
        return _("did you mean {word}?").format(word=near[0])
    return _("known here: {words}").format(words=", ".join(known) or _("none"))

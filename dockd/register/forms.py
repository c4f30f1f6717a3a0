"""The forms of entry.py once more, as one regular expression for each kind: a full verification reads a million bodies.

What one of them takes is an entry in canonical JSON (RFC 8785) that `entry.read` takes too, which a property test
shows. They take less than `read` does: texts have no quote, backslash and control character, numbers have at most 15
digits, and kinds that say something about other entries, or hold a mapping, gaps or parts, have none. The rest is for
`read`.
"""

import contextlib
import json
import re
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import StringConstraints

from dockd.model import Mp4Report
from dockd.register.body import TEXT_MAX, Entry
from dockd.register.commands import Pruned
from dockd.register.entry import BODIES
from dockd.register.kinds import Cleared, Collected, LogOpened

_ASCII = r"[ !#-\[\]-~]"
_CHARACTERS = r"[ !#-\[\]-~\x80-\xff]"
_TEXT = f'"{_CHARACTERS}*+"'
_SHORT_TEXT = f'"{_ASCII}{{0,32}}"'  # of an Mp4Report, which has at most 64 of them
_SHORT_TEXTS = rf"\[(?:{_SHORT_TEXT}(?:,{_SHORT_TEXT}){{0,31}})?\]"
_COUNT = r"(?:0|[1-9][0-9]{0,14})"
_BOOLEAN = "(?:true|false)"


class _NoForm(Exception):
    """A kind has a field that no expression here is for."""


def head_of(body: bytes) -> "re.Match[bytes] | None":
    """Take a body if it is an entry of an ordinary form; the groups `dock_id` and `seq` are its own."""
    # No text in a body can be longer than the body.
    if len(body) <= TEXT_MAX:
        # One of another kind is left at the first field that it has not: the most frequent come first.
        for form in _FORMS:
            if (head := form.fullmatch(body)) is not None:
                return head if body.isascii() or _is_text(body) else None
    return None


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _object(hints: dict[str, Any], names: list[str], *, short: bool = False) -> str:
    fields = (f'"{name}":{_special(name, hints[name], short=short)}' for name in sorted(names))
    return rf"\{{{','.join(fields)}\}}"


def _special(name: str, hint: Any, *, short: bool) -> str:
    if short and hint == tuple[str, ...]:
        return _SHORT_TEXTS
    if name == "dock_id":
        return f'"(?P<dock_id>{_CHARACTERS}*+)"'
    return f"(?P<seq>{_COUNT})" if name == "seq" else _expression(hint)


def _expression(hint: Any) -> str:
    """Write a type as an expression; raises `_NoForm`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        patterns = [each.pattern for each in arguments[1:] if isinstance(each, StringConstraints) and each.pattern]
        if len(patterns) > 1 or arguments[0] not in (str, int):
            raise _NoForm
        return (
            f'"(?:{str(patterns[0]).removeprefix("^").removesuffix("$")})"' if patterns else _expression(arguments[0])
        )
    if origin is Literal:
        return f"(?:{'|'.join(re.escape(json.dumps(each)) for each in arguments)})"
    if origin in (Union, UnionType):
        return f"(?:{'|'.join(map(_expression, arguments))})"
    if origin is tuple and arguments[1:] == (Ellipsis,):
        each = _expression(arguments[0])
        return rf"\[(?:{each}(?:,{each})*+)?\]"
    if hint is Mp4Report:
        hints = get_type_hints(hint, include_extras=True)
        return _object(hints, [name for name in hints if not name.startswith("__")], short=True)
    plain = {str: _TEXT, int: _COUNT, bool: _BOOLEAN, NoneType: "null"}.get(hint)
    if plain is None:
        raise _NoForm
    return plain


def _form(body: type[Entry]) -> "re.Pattern[bytes]":
    return re.compile(_object(get_type_hints(body, include_extras=True), list(body.model_fields)).encode())


def _forms() -> "tuple[re.Pattern[bytes], ...]":
    found = []
    for facts in sorted(BODIES, key=lambda each: each not in (Collected, Cleared)):
        if not issubclass(facts, LogOpened | Pruned):
            with contextlib.suppress(_NoForm):
                found.append(_form(BODIES[facts]))
    return tuple(found)


_FORMS = _forms()

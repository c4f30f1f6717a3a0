"""The forms of entry.py once more, for many bodies at once: a full verification reads a million.

msgspec decodes and encodes again whatever lines it is given without a step of Python in between. What it does not take
as it is, `entry.read` looks at, and says what is wrong. That both agree is shown by a property test.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Protocol, Union, get_args, get_origin, get_type_hints

import msgspec
from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from dockd.register.body import Entry
from dockd.register.commands import Pruned
from dockd.register.entry import BODIES
from dockd.register.kinds import LogOpened


class Head(Protocol):
    """What of a body is looked at beside its form; `reaches_out`: it says something about other entries."""

    seq: int
    dock_id: str
    reaches_out: bool


def read_all(bodies: Sequence[bytes]) -> Sequence[Head] | None:
    """Read bodies that are all entries of a known kind in canonical JSON (RFC 8785); None if one of them is not."""
    lines = b"".join(body + b"\n" for body in bodies)
    try:
        found: list[Any] = _DECODER.decode_lines(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    # A line that is written again as it was is one object, and one body: what is written has no newline inside.
    return found if len(found) == len(bodies) and _ENCODER.encode_lines(found) == lines else None


def _struct(body: type[Entry]) -> Any:
    hints = get_type_hints(body, include_extras=True)
    [kind] = get_args(hints["kind"])
    return msgspec.defstruct(
        body.__name__,
        [(name, _plain(hints[name])) for name in body.model_fields if name != "kind"],
        namespace={"reaches_out": issubclass(body, LogOpened | Pruned)},
        tag_field="kind",
        tag=kind,
        forbid_unknown_fields=True,
    )


def _plain(hint: Any) -> Any:
    """Write a type as msgspec knows it, with its constraints."""
    if get_origin(hint) is Annotated:
        base, *constraints = get_args(hint)
        metas = [meta for each in constraints for meta in _metas(each)]
        return Annotated[(_plain(base), *metas)] if metas else _plain(base)
    arguments = tuple(_plain(each) if each is not Ellipsis else each for each in get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return reduce(or_, arguments)
    return get_origin(hint)[arguments] if get_origin(hint) in (tuple, dict) else hint


def _metas(constraint: Any) -> Iterator[msgspec.Meta]:
    match constraint:
        case FieldInfo():
            for each in constraint.metadata:
                yield from _metas(each)
        case StringConstraints(pattern=str(pattern)):
            # Of Python, whose "$" lets a newline follow; pydantic's does not.
            yield msgspec.Meta(pattern=pattern.removesuffix("$") + r"\Z")
        case StringConstraints(max_length=int(length)):
            yield msgspec.Meta(max_length=length)
        case Ge(int(least)):
            yield msgspec.Meta(ge=least)
        case Le(int(most)):
            yield msgspec.Meta(le=most)
        case MinLen(length):
            yield msgspec.Meta(min_length=length)
        case MaxLen(length):
            yield msgspec.Meta(max_length=length)
        case str():
            pass
        case _:
            raise TypeError(f"a constraint that is not known here: {constraint!r}")


_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(reduce(or_, map(_struct, BODIES.values())))
_ENCODER = msgspec.json.Encoder(order="sorted")

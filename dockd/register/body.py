"""What every entry has: its head, and the forms of the fields of all kinds.

Whole numbers stay below 2^53, because RFC 8785 writes numbers as IEEE 754 doubles: nanoseconds of a file are therefore
a decimal string, and the monotonic clock is in milliseconds.
"""

from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from dockd.model import MAX_GAPS

Verb = Literal["collected", "modified", "consulted", "communicated", "erased"]
"""The five operations that French law names (CSI R241-14)."""

TEXT_MAX = 16384

Text = Annotated[str, StringConstraints(max_length=TEXT_MAX)]
"""At most TEXT_MAX characters that UTF-8 can write: a name whose bytes are not text is encoded by the caller."""

Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Whole = Annotated[str, StringConstraints(pattern=r"^(0|-?[1-9][0-9]{0,38})$")]
Moment = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
RecordingId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Gaps = Annotated[tuple[tuple[Count, Count], ...], Field(min_length=1, max_length=MAX_GAPS)]
"""Offset and size of each, in bytes."""

FileName = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,255}$")]


class Row(NamedTuple):
    """One entry as it is stored. `salt` and `body` are None where the payload is missing.

    `nodes` are the roots of the subtrees that this entry completes, 32 bytes each, level 1 first; often none.
    """

    seq: int
    leaf: bytes
    salt: bytes | None
    body: bytes | None
    nodes: bytes


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Entry(_Closed):
    """The head that every body has; a read entry is also an instance of its kind."""

    v: Literal[1] = 1
    kind: str
    seq: Count
    dock_id: Text
    author: Text
    at: Moment
    zone: Text
    clock_trusted: bool
    boot_id: Text
    monotonic_ms: Count


class Part(_Closed):
    """A field of a kind that has fields of its own."""


class Facts(_Closed):
    """The fields that are a kind's own."""

    KIND: ClassVar[str]
    VERB: ClassVar[Verb | None] = None

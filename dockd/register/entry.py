"""What can be written in the register: a closed list of kinds, each a frozen model of its own fields.

The caller makes the facts (`Collected(...)`), the journal adds the head, and the two together are the body: one
JSON object in the canonical form of RFC 8785. Whole numbers stay below 2^53, because RFC 8785 writes numbers as
IEEE 754 doubles: nanoseconds of a file are therefore a decimal string, and the monotonic clock is in milliseconds.
docs/register-format.md has one example of every kind.
"""

import json
from functools import reduce
from operator import or_
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, cast

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, create_model

from dockd.errors import RegisterTampered
from dockd.i18n import _
from dockd.model import MAX_GAPS, Mp4Report, ReadBack, Role, RungKind

Verb = Literal["collected", "modified", "consulted", "communicated", "erased"]
"""The five operations that French law names (CSI R241-14)."""

Why = Literal["no_right", "clock_not_trusted", "nothing_to_do"]
"""Why a command was not carried out."""

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

    `nodes` are the roots of the subtrees that this entry completes, level 1 first.
    """

    seq: int
    leaf: bytes
    salt: bytes | None
    body: bytes | None
    nodes: tuple[bytes, ...]


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


class Facts(_Closed):
    """The fields that are a kind's own."""

    KIND: ClassVar[str]
    VERB: ClassVar[Verb | None] = None


class LogOpened(Facts):
    """The register begins. Always entry 0, and never again."""

    KIND = "log_opened"
    verifier_key: Text
    software: Text


class RegisterRebuilt(Facts):
    """The register was lost, and made anew from its mirror.

    `entries` is how many there were, `compared_at` the sizes of the checkpoints from outside that it agreed with.
    """

    KIND = "register_rebuilt"
    entries: Count
    compared_at: tuple[Count, ...]
    software: Text


class ServiceStarted(Facts):
    """dockd runs. `config_sha256` has the digest of every configuration file by its name."""

    KIND = "service_started"
    software: Text
    config_sha256: dict[FileName, Sha256]


class ServiceStopped(Facts):
    """dockd ends in good order."""

    KIND = "service_stopped"
    reason: Text


class PartitionCreated(Facts):
    """A partition was made on this dock."""

    KIND = "partition_created"
    partition: Text
    partition_uuid: Text


class Ingested(Facts):
    """What is said of every object and of the recording that it holds. No kind of its own.

    `path` and `part_of` are `RecordingPath.text`; sizes in bytes. `collected_at` is when the proof was made.
    `recovered`: entered after an interruption, from the signed sidecar.
    """

    VERB = "collected"
    recording_id: RecordingId
    camera_id: Text
    bay: Text
    driver: Text
    driver_version: Text
    path: Text
    size: Count
    mtime_ns: Whole
    part_of: Text | None
    plaintext_sha256: Sha256
    ciphertext_sha256: Sha256
    ciphertext_size: Count
    partition: Text
    partition_uuid: Text
    object_path: Text
    recipients: tuple[Text, ...]
    read_back: ReadBack
    mp4: Mp4Report
    collected_at: Moment
    recovered: bool


class Collected(Ingested):
    """A recording is safe in the store, whole.

    `replaces` is the earlier entry of this recording whose object no longer matched.
    """

    KIND = "collected"
    replaces: Count | None


class Salvaged(Ingested):
    """What can be read of a recording is in the store, with zeros in its gaps. It never allows a clearing."""

    KIND = "salvaged"
    gaps: Gaps


class Cleared(Facts):
    """A registered recording is no longer on its camera.

    `inferred`: a complete listing no longer showed it after a clear that was interrupted.
    """

    KIND = "cleared"
    recording_id: RecordingId
    camera_id: Text
    collected_seq: Count
    inferred: bool


class Refused(Facts):
    """What arrived in a bay was not served."""

    KIND = "refused"
    bay: Text
    claimed_id: Text
    code: Text
    reason: Text


class AttemptFailed(Facts):
    """One attempt to take in a camera, or one recording of it, ended with a fault."""

    KIND = "attempt_failed"
    bay: Text
    camera_id: Text
    path: Text | None
    code: Text
    message: Text


class RungTaken(Facts):
    """A rung of the retry ladder was taken after a fault, whose code is `cause`; what followed is another attempt."""

    KIND = "rung_taken"
    bay: Text
    camera_id: Text
    rung: RungKind
    waited_ms: Count
    cause: Text


class DockingEnded(Facts):
    """A docking is over. Counts are of recordings; `left_alone` counts files that are none."""

    KIND = "docking_ended"
    bay: Text
    camera_id: Text
    outcome: Literal["complete", "failed"]
    code: Text | None
    collected: Count
    salvaged: Count
    already_registered: Count
    cleared: Count
    kept: Count
    left_alone: Count
    left_alone_paths: tuple[Text, ...]


class ObjectSetAside(Facts):
    """A file of the store that no entry accounts for was moved out of the way, not deleted."""

    KIND = "object_set_aside"
    partition: Text
    object_path: Text
    moved_to: Text
    reason: Text


class Told(Facts):
    """What is said of every command that somebody gave. No kind of its own.

    `about` has what the command was narrowed to, by the names of its options.
    """

    command: Text
    about: dict[FileName, Text]
    account: Text
    role: Role
    reason: Text


class Consulted(Told):
    """Somebody reads entries of the register."""

    KIND = "consulted"
    VERB = "consulted"


class Communicated(Told):
    """Somebody takes entries of the register out of the dock, for `recipients`."""

    KIND = "communicated"
    VERB = "communicated"
    recipients: tuple[Text, ...]


class ClockConfirmed(Told):
    """A person looked at the dock's clock, found it right, and answers for it until dockd ends or the clock is set."""

    KIND = "clock_confirmed"


class ClockStepped(Facts):
    """The dock's clock was set while dockd ran: it stands `by_ms` from where it would be, a decimal number."""

    KIND = "clock_stepped"
    by_ms: Whole


class Pruned(Told):
    """The entries up to `last_seq` were older than three years and lost what they said; their leaves stay.

    It is entered before they lose it.
    """

    KIND = "pruned"
    VERB = "erased"
    last_seq: Count


class CommandRefused(Facts):
    """A command was not carried out. `role` is null for an account that the configuration does not know."""

    KIND = "command_refused"
    command: Text
    account: Text
    role: Role | None
    reason: Text
    why: Why


class NetworkChanged(Facts):
    """The host has a route, or may have one: `fault` says which; null: it has none any more."""

    KIND = "network_changed"
    fault: Text | None


class CollectedEntry(Collected, Entry):
    """A collection as it stands in the register."""

    kind: Literal["collected"]


class SalvagedEntry(Salvaged, Entry):
    """A salvage as it stands in the register."""

    kind: Literal["salvaged"]


KINDS: tuple[type[Facts], ...] = (
    LogOpened,
    RegisterRebuilt,
    ServiceStarted,
    ServiceStopped,
    PartitionCreated,
    Collected,
    Salvaged,
    Cleared,
    Refused,
    AttemptFailed,
    RungTaken,
    DockingEnded,
    ObjectSetAside,
    NetworkChanged,
    Consulted,
    Communicated,
    CommandRefused,
    Pruned,
    ClockConfirmed,
    ClockStepped,
)


def _body_model(facts: type[Facts]) -> type[Entry]:
    if facts is Collected:
        return CollectedEntry
    if facts is Salvaged:
        return SalvagedEntry
    kind: Any = Literal[facts.KIND]
    return cast(type[Entry], create_model(f"{facts.__name__}Entry", __base__=(facts, Entry), kind=(kind, ...)))


BODIES = {facts: _body_model(facts) for facts in KINDS}
_any_kind: Any = reduce(or_, BODIES.values())
ANY_BODY: TypeAdapter[Entry] = TypeAdapter(Annotated[_any_kind, Field(discriminator="kind")])
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=vars)


def compose(facts: Facts, **head: str | int | bool) -> bytes:
    """Write the body of an entry: the facts under their head, in canonical JSON."""
    body = BODIES[type(facts)].model_validate({**dict(facts), **head, "kind": facts.KIND})
    return rfc8785.dumps(body.model_dump(mode="json"))


def read(seq: int, body: bytes) -> Entry:
    """Read the body that stands at `seq`; the result is also an instance of its kind.

    Raises RegisterTampered when it is of no known kind, says another `seq`, or is not canonical.
    """
    try:
        entry = ANY_BODY.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise RegisterTampered(
            _("entry {seq}: the body is not an entry of a known kind: {field} {fault}").format(
                seq=seq, field=field, fault=first["msg"]
            ),
            seq=seq,
        ) from None
    if entry.seq != seq:
        text = _("entry {seq}: the body says that it is entry {said}")
        raise RegisterTampered(text.format(seq=seq, said=entry.seq), seq=seq)
    # The C encoder writes RFC 8785 for what the models let through (ASCII keys, no floats, integers below 2^53), and
    # is ten times as fast as the library, which a full verification would feel. Kept equal by a property test.
    if _ENCODER.encode(entry.__dict__).encode() != body:
        raise RegisterTampered(_("entry {seq}: the body is not canonical JSON (RFC 8785)").format(seq=seq), seq=seq)
    return entry

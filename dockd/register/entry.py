"""What can be written in the register: a closed list of kinds, each a frozen model of its own fields.

The caller makes the facts (`Collected(...)`), the journal adds the head, and the two together are the body: one
JSON object in the canonical form of RFC 8785. docs/register-format.md has one example of every kind.
"""

import json
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, cast

import rfc8785
from pydantic import Field, TypeAdapter, ValidationError, create_model

from dockd.errors import RegisterTampered
from dockd.i18n import _
from dockd.register.body import Entry, Facts
from dockd.register.commands import (
    CameraIssued,
    CameraReturned,
    ClockConfirmed,
    CommandRefused,
    Communicated,
    Consulted,
    Pruned,
    WearerJustified,
    Witnessed,
    WitnessedEntry,
    WitnessOverruled,
)
from dockd.register.kinds import (
    AttemptFailed,
    CameraClockRead,
    CameraClockSet,
    CameraFindings,
    CameraState,
    CameraUnlocked,
    Cleared,
    ClockStepped,
    Collected,
    CollectedEntry,
    DockingEnded,
    LogOpened,
    NetworkChanged,
    ObjectSetAside,
    PartitionCreated,
    Refused,
    RegisterRebuilt,
    RungTaken,
    Salvaged,
    SalvagedEntry,
    ServiceStarted,
    ServiceStopped,
    WitnessDisagreed,
)

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
    CameraFindings,
    CameraClockRead,
    CameraClockSet,
    CameraState,
    CameraUnlocked,
    DockingEnded,
    ObjectSetAside,
    NetworkChanged,
    Consulted,
    Communicated,
    CommandRefused,
    Pruned,
    ClockConfirmed,
    ClockStepped,
    WitnessDisagreed,
    WitnessOverruled,
    Witnessed,
    CameraIssued,
    CameraReturned,
    WearerJustified,
)


_NAMED: dict[type[Facts], type[Entry]] = {
    Collected: CollectedEntry,
    Salvaged: SalvagedEntry,
    Witnessed: WitnessedEntry,
}


def _body_model(facts: type[Facts]) -> type[Entry]:
    if facts in _NAMED:
        return _NAMED[facts]
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

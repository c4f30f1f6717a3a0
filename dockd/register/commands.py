"""The kinds of entries that come of a person's command, refused ones too."""

from typing import Literal

from dockd.model import Role
from dockd.register.body import Count, Entry, Facts, FileName, RecordingId, Text

Why = Literal["no_right", "clock_not_trusted", "nothing_to_do", "not_signed", "not_as_said"]
"""Why a command was not carried out."""


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


class Pruned(Told):
    """The entries up to `last_seq` were older than three years and lost what they said; their leaves stay.

    It is entered before they lose it.
    """

    KIND = "pruned"
    VERB = "erased"
    last_seq: Count


class WitnessOverruled(Told):
    """A person decided to go on in spite of these witnesses, which disagreed."""

    KIND = "witness_overruled"
    witnesses: tuple[Text, ...]


class Witnessed(Told):
    """A checkpoint came back that somebody outside the dock has signed too; `witness` is their verifier key."""

    KIND = "witnessed"
    witness: Text
    size: Count
    note: Text


class WitnessedEntry(Witnessed, Entry):
    """A checkpoint that came back, as it stands in the register."""

    kind: Literal["witnessed"]


class CameraIssued(Told):
    """A shared camera was given to a wearer."""

    KIND = "camera_issued"
    camera_id: Text
    wearer: Text


class CameraReturned(Told):
    """A shared camera came back from the wearer that it was issued to."""

    KIND = "camera_returned"
    camera_id: Text


class WearerJustified(Told):
    """A person says who wore the camera of an unassigned recording; the entry of the recording stays as it is."""

    KIND = "wearer_justified"
    VERB = "modified"
    recording_id: RecordingId
    wearer: Text


class CommandRefused(Facts):
    """A command was not carried out. `role` is null for an account that the configuration does not know."""

    KIND = "command_refused"
    command: Text
    about: dict[FileName, Text]
    account: Text
    role: Role | None
    reason: Text
    why: Why

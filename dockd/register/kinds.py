"""The kinds of entries that the dock makes by itself: what it did with cameras and recordings, and what befell it."""

from typing import Literal

from dockd.model import Mp4Report, ReadBack, RungKind, WearerBasis
from dockd.register.body import Count, Entry, Facts, FileName, Gaps, Moment, Part, RecordingId, Sha256, Text, Whole


class LogOpened(Facts):
    """The register begins. Always entry 0, and never again.

    A dock that lost its key goes on in a new register: `succeeds_key` and `succeeds_note` are then the verifier key and
    the last checkpoint of the old one.
    """

    KIND = "log_opened"
    verifier_key: Text
    succeeds_key: Text | None
    succeeds_note: Text | None
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
    `recovered`: entered after an interruption, from the signed sidecar. `name_date` is the date in its name, without a
    zone, `clock_findings` what is wrong with its dates; a `wearer` of None is unassigned, and a to-do unless the
    `wearer_basis` is "nobody".
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
    name_date: Text | None
    clock_findings: tuple[Text, ...]
    wearer: Text | None
    wearer_basis: WearerBasis


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


class CameraClockRead(Facts):
    """What a docked camera's clock showed, `said` as the camera told it.

    It was `offset_ms` milliseconds ahead of the dock's, a decimal number. Both are null if it could not be read, for a
    fault whose code is `code`.
    """

    KIND = "camera_clock_read"
    bay: Text
    camera_id: Text
    said: Text | None
    offset_ms: Whole | None
    code: Text | None


class CameraClockSet(Facts):
    """A docked camera is told to set its clock, which was `offset_ms` ahead; what it shows then is read once more.

    It is told the time of a zone that is `utc_offset_seconds` ahead of UTC, a decimal number.
    """

    KIND = "camera_clock_set"
    bay: Text
    camera_id: Text
    offset_ms: Whole | None
    utc_offset_seconds: Whole


class CameraState(Facts):
    """What a camera says of itself, each null if it does not say it.

    `battery_percent` from 0 to 100; `officer` is the number of whom it was handed to, as it was written into it.
    """

    KIND = "camera_state"
    bay: Text
    camera_id: Text
    battery_percent: Count | None
    firmware: Text | None
    officer: Text | None


class CameraUnlocked(Facts):
    """A locked camera, called `serial` on its bus, said that it is `camera_id`, and is told to show its recordings.

    It comes back as another device, and is then docked under that id; or an entry says that it did not.
    """

    KIND = "camera_unlocked"
    bay: Text
    serial: Text
    camera_id: Text
    unlocker: Text
    unlocker_version: Text


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


class CameraFinding(Part):
    """One thing that was not as expected, `count` times; docs/camera-check.md has the codes and their units."""

    code: Text
    count: Count
    path: Text | None
    measured: Text
    expected: Text


class CameraFindings(Facts):
    """What the recordings of a docking showed of their camera that is not as its model should be.

    `checked` recordings were judged; none of them was kept from being taken in or cleared by it.
    """

    KIND = "camera_findings"
    bay: Text
    camera_id: Text
    checked: Count
    findings: tuple[CameraFinding, ...]


class ObjectSetAside(Facts):
    """A file of the store that no entry accounts for was moved out of the way, not deleted."""

    KIND = "object_set_aside"
    partition: Text
    object_path: Text
    moved_to: Text
    reason: Text


class NetworkChanged(Facts):
    """The host has a route, or may have one: `fault` says which; null: it has none any more."""

    KIND = "network_changed"
    fault: Text | None


class ClockStepped(Facts):
    """The dock's clock was set while dockd ran: it stands `by_ms` from where it would be, a decimal number."""

    KIND = "clock_stepped"
    by_ms: Whole


class WitnessDisagreed(Facts):
    """A checkpoint of this dock lies outside the register, and the register did not grow from it.

    It was cut, put back or rewritten. `note` is the whole checkpoint, `witness` says where it lies.
    """

    KIND = "witness_disagreed"
    witness: Text
    size: Count
    note: Text


class CollectedEntry(Collected, Entry):
    """A collection as it stands in the register."""

    kind: Literal["collected"]


class SalvagedEntry(Salvaged, Entry):
    """A salvage as it stands in the register."""

    kind: Literal["salvaged"]

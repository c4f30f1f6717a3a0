"""What the supervisor and a worker say to each other: small, typed, one JSON text a packet.

The supervisor believes the shape of a message and nothing more: a worker has spoken with a hostile camera. Decoding
is, beside a sidecar that this dock signed, the only second constructor of `Sealed` and `Proven`.
"""

import re
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from dockd.driver import MAX_IDENTITY, SourceKind
from dockd.driver.abilities import MAX_SAID
from dockd.driver.unlocking import MAX_CREDENTIAL
from dockd.errors import WorkerFailed
from dockd.i18n import _
from dockd.model import (
    MAX_GAPS,
    MAX_SIZE,
    MAX_TIME_NS,
    Gap,
    Mp4Report,
    Proven,
    ReadBack,
    Recording,
    RecordingPath,
    Sealed,
)

MAX_PACKET = 128 * 1024
"""Longest packet in bytes; a long listing goes in pages."""

PATIENCE_SECONDS = 1800.0
"""What the reads that fail may take together, in all salvages of one worker; one of them can take half a minute."""

_ROW_BYTES = 96
_MAX_PATH_TEXT = 3 * 4096
_MAX_TEXT = 4096

Stage = Literal["check", "hash", "salvage", "seal", "prove"]
"""How far a worker is with a recording, in the order in which it gets there; what it salvages it seals as it goes."""

M = TypeVar("M")

_CODE = r"\A[a-z]+(\.[a-z_]+)+\Z"
_MAX_CODE = 64

Text = Annotated[str, Meta(max_length=_MAX_TEXT)]
Code = Annotated[str, Meta(pattern=_CODE, max_length=_MAX_CODE)]
PathText = Annotated[str, Meta(pattern=r"\A[\x20-\x7e]+\Z", max_length=_MAX_PATH_TEXT)]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Count = Annotated[int, Meta(ge=0, le=MAX_SIZE)]
Said = Annotated[str, Meta(min_length=1, max_length=MAX_SAID)]
UtcOffset = Annotated[int, Meta(ge=-86400, le=86400)]


def is_code(text: object) -> bool:
    """Whether a message can carry this as the code of a fault."""
    return isinstance(text, str) and len(text) <= _MAX_CODE and re.match(_CODE, text) is not None


def _check_form(*paths: str) -> None:
    """Refuse a path that is not written as we write it: it would be another path in the register than here."""
    if any(RecordingPath.parse(path).text != path for path in paths):
        raise ValueError("not percent-encoded as it would be here")


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class _Message(_Part, frozen=True, tag_field="type"):
    pass


class ListedRecording(_Part, frozen=True):
    """One recording as it stands in a listing; its place in the listing is its index in every later message."""

    path: PathText
    size: Count
    mtime_ns: int
    part_of: PathText | None

    def __post_init__(self) -> None:
        _check_form(self.path, *([] if self.part_of is None else [self.part_of]))
        if abs(self.mtime_ns) > MAX_TIME_NS:
            raise ValueError("no time that a camera can tell")

    @classmethod
    def of(cls, recording: Recording) -> "ListedRecording":
        part_of = recording.part_of.text if recording.part_of else None
        return cls(path=recording.path.text, size=recording.size, mtime_ns=recording.mtime_ns, part_of=part_of)

    def recording(self) -> Recording:
        part_of = RecordingPath.parse(self.part_of) if self.part_of else None
        return Recording(RecordingPath.parse(self.path), self.size, self.mtime_ns, part_of)

    @property
    def bytes_at_most(self) -> int:
        """What it takes in a packet."""
        return len(self.path) + len(self.part_of or "") + _ROW_BYTES


class Camera(_Message, frozen=True, tag="camera"):
    """Supervisor: it is this camera, and this driver speaks to it; tell what it wants for that.

    `driver_reference` names the driver's module and class. A descriptor is the lifeline of a worker that the supervisor
    cannot signal. `must_state_id`: nothing but the camera itself says that it is this one.
    """

    camera_id: Text
    must_state_id: bool
    driver: Text
    driver_reference: Text
    options: dict[Text, Text]
    recipients: tuple[Text, ...]


class Locked(_Message, frozen=True, tag="locked"):
    """Supervisor: a locked camera, and this unlocker speaks to it; tell what it wants for that.

    The descriptors are those of `Camera`.
    """

    unlocker: Text
    unlocker_reference: Text
    options: dict[Text, Text]
    credential: Annotated[str, Meta(pattern=r"\A[ -~]*\Z", max_length=MAX_CREDENTIAL)]


class Unlock(_Message, frozen=True, tag="unlock"):
    """Supervisor: have the locked camera come back as what can be read."""


class File(_Message, frozen=True, tag="file"):
    """Supervisor: seal this recording into the nameless file that comes with this (one descriptor), and prove it.

    Without a descriptor: go on with the one that broke off last. `salvage`: what cannot be read of it is left out, and
    zeros stand in its place. After every `trail` bytes of the file they are flushed and proven.
    """

    index: Count
    salvage: bool
    trail: Count


class Hash(_Message, frozen=True, tag="hash"):
    """Supervisor: this recording may be registered already; read it again and tell its digest."""

    index: Count


class RegisteredMessage(_Message, frozen=True, tag="registered"):
    """Supervisor: this recording is safe and registered; clear it from the camera."""

    index: Count
    recording_id: Text
    plaintext_sha256: Sha256
    seq: Count


class ListAgain(_Message, frozen=True, tag="list_again"):
    """Supervisor: list the camera afresh: what is still there of what was cleared, and what comes next."""


class LetGo(_Message, frozen=True, tag="let_go"):
    """Supervisor: close the camera and whatever is open of it; it will be handed over anew."""


class GoOn(_Message, frozen=True, tag="go_on"):
    """Supervisor: here is the same camera afresh (one descriptor)."""


class CameraHere(_Message, frozen=True, tag="camera_here"):
    """Supervisor: here is the camera (a descriptor of the kind that is wanted, or `path`); identify it and list it.

    Also one that had gone, was let go, and is here again. `path` is the device file of a locked one, for an unlocker
    that opens it by itself.
    """

    path: Text | None = None


class ReadClock(_Message, frozen=True, tag="read_clock"):
    """Supervisor: tell how far the camera's clock is off; without a zone of its own it is so far ahead of UTC."""

    utc_offset_seconds: UtcOffset


class SetClock(_Message, frozen=True, tag="set_clock"):
    """Supervisor: have the camera's clock show the time that it is, in a zone that is so far ahead of UTC."""

    utc_offset_seconds: UtcOffset


class ReadState(_Message, frozen=True, tag="read_state"):
    """Supervisor: tell what the camera says of itself."""


class Stop(_Message, frozen=True, tag="stop"):
    """Supervisor: nothing more to do."""


class Ready(_Message, frozen=True, tag="ready"):
    """Worker: started, and taking orders from now on."""


class Wants(_Message, frozen=True, tag="wants"):
    """Worker: the driver is loaded, and reaches its camera through this."""

    source: SourceKind


class Identified(_Message, frozen=True, tag="identified"):
    """Worker: the locked camera says that it is this one."""

    unlocker_version: Text
    identity: Annotated[str, Meta(pattern=r"\A[ -~]+\Z", max_length=MAX_IDENTITY)]


class Unlocked(_Message, frozen=True, tag="unlocked"):
    """Worker: the camera has taken that it is to come back."""


class Listing(_Message, frozen=True, tag="listing"):
    """Worker: a page of the recordings that come next; `more` says that another page follows.

    `still_there` are indexes into the last listing, of what was told to be cleared and is listed all the same.
    """

    driver_version: Text
    recordings: tuple[ListedRecording, ...]
    waiting: Count
    others: tuple[PathText, ...]
    others_count: Count
    still_there: tuple[Count, ...]
    fullness: Annotated[float, Meta(ge=0, le=1)] | None
    more: bool

    def __post_init__(self) -> None:
        _check_form(*self.others)


class Progress(_Message, frozen=True, tag="progress"):
    """Worker: still at it. `done` bytes of the recording are through `stage`.

    `proven` bytes of the file that it is sealed into were read back meanwhile: the pull may be waiting for that.
    In `salvage` it counts every byte that was asked for, whether it came or not, and again when it is asked for again.
    """

    index: Count
    stage: Stage
    done: Count
    proven: Count


class ProvenMessage(_Message, frozen=True, tag="proven"):
    """Worker: sealed, flushed, read back and equal; the nameless file is closed here."""

    index: Count
    plaintext_sha256: Sha256
    ciphertext_sha256: Sha256
    ciphertext_size: Count
    read_back: ReadBack
    mp4: Mp4Report
    gaps: Annotated[tuple[tuple[Count, Count], ...], Meta(max_length=MAX_GAPS)]

    @classmethod
    def of(cls, index: int, proven: Proven) -> "ProvenMessage":
        return cls(
            index=index,
            plaintext_sha256=proven.sealed.plaintext_sha256,
            ciphertext_sha256=proven.ciphertext_sha256,
            ciphertext_size=proven.sealed.ciphertext_size,
            read_back=proven.read_back,
            mp4=proven.sealed.mp4,
            gaps=tuple((gap.offset, gap.size) for gap in proven.sealed.gaps),
        )

    def proven(self, recording: Recording) -> Proven:
        """Rebuild the step; raises `WorkerFailed` for gaps that this recording cannot have."""
        gaps = tuple(Gap(offset, size) for offset, size in self.gaps)
        try:
            sealed = Sealed(recording, self.plaintext_sha256, self.ciphertext_size, self.mp4, gaps)
        except ValueError as error:
            raise WorkerFailed(_("the worker speaks of gaps that cannot be")) from error
        return Proven(sealed, self.ciphertext_sha256, self.read_back)


class Hashed(_Message, frozen=True, tag="hashed"):
    """Worker: the digest of a recording as it is on the camera now."""

    index: Count
    plaintext_sha256: Sha256


class ClearedMessage(_Message, frozen=True, tag="cleared"):
    """Worker: the camera took the order to erase; only a fresh listing shows whether it did."""

    index: Count


class LetGone(_Message, frozen=True, tag="let_gone"):
    """Worker: nothing of the camera is open here any more, and what was cleared is flushed."""


class GoneOn(_Message, frozen=True, tag="gone_on"):
    """Worker: the camera is open again."""


class ClockRead(_Message, frozen=True, tag="clock_read"):
    """Worker: what the camera's clock showed, and by how many milliseconds that is ahead of the dock's."""

    said: Annotated[str, Meta(pattern=r"\A[ -~]*\Z", max_length=MAX_SAID)]
    offset_ms: Annotated[int, Meta(ge=-MAX_SIZE, le=MAX_SIZE)]


class StateRead(_Message, frozen=True, tag="state_read"):
    """Worker: what the camera says of itself (`CameraState`)."""

    battery_percent: Annotated[int, Meta(ge=0, le=100)] | None
    firmware: Said | None
    officer: Said | None

    def __post_init__(self) -> None:
        if not all(each is None or each.isprintable() for each in (self.firmware, self.officer)):
            raise ValueError("not as it can be shown")


class ClockSet(_Message, frozen=True, tag="clock_set"):
    """Worker: the camera took the order to set its clock; only reading it again shows whether it did."""


class Trouble(_Message, frozen=True, tag="trouble"):
    """Worker: the last order failed. `code` is the code of a `DockdError`."""

    code: Code
    message: Text
    advice: Text


class Done(_Message, frozen=True, tag="done"):
    """Worker: the camera is let go; this process ends."""


_OfLocked = Locked | Unlock
_OfRecordings = File | Hash | RegisteredMessage | ListAgain
Order = Camera | CameraHere | LetGo | GoOn | ReadClock | SetClock | ReadState | Stop | _OfLocked | _OfRecordings
_Answer = Ready | Wants | Identified | Unlocked | LetGone | GoneOn | ClockRead | ClockSet | StateRead | Done
Report = _Answer | Listing | Progress | Hashed | ProvenMessage | ClearedMessage | Trouble

_orders: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
_reports: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


def encode(message: Order | Report) -> bytes:
    return msgspec.json.encode(message)


def decode_order(packet: bytes) -> Order:
    """Read what a supervisor said; raises `WorkerFailed` for anything else."""
    return _decode(_orders, packet)


def decode_report(packet: bytes) -> Report:
    """Read what a worker said; raises `WorkerFailed` for anything else."""
    return _decode(_reports, packet)


def _decode(decoder: msgspec.json.Decoder[M], packet: bytes) -> M:
    try:
        return decoder.decode(packet)
    # UnicodeDecodeError: msgspec lets that of a text through as it is.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WorkerFailed(_("a message between supervisor and worker is not one of ours")) from error

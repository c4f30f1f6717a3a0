"""What the supervisor and a worker say to each other: small, typed, one JSON text a packet.

The supervisor believes the shape of a message and nothing more: a worker has spoken with a hostile camera. Decoding
is, beside a sidecar that this dock signed, the only second constructor of `Sealed` and `Proven`.
"""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

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

_PAGE_BYTES = 64 * 1024
_ROW_BYTES = 96
_MAX_PATH_TEXT = 3 * 4096
_MAX_TEXT = 4096

Stage = Literal["check", "hash", "salvage", "seal", "prove"]
"""How far a worker is with a recording, in the order in which it gets there; what it salvages it seals as it goes."""

M = TypeVar("M")


def _own_form(text: str) -> str:
    """Refuse a path that is not written as we write it: it would be another path in the register than here."""
    if RecordingPath.parse(text).text != text:
        raise ValueError("not percent-encoded as it would be here")
    return text


Text = Annotated[str, StringConstraints(max_length=_MAX_TEXT)]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z]+(\.[a-z_]+)+$", max_length=64)]
PathText = Annotated[
    str, StringConstraints(pattern=r"^[\x20-\x7e]+$", max_length=_MAX_PATH_TEXT), AfterValidator(_own_form)
]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=MAX_SIZE)]
Nanoseconds = Annotated[int, Field(ge=-MAX_TIME_NS, le=MAX_TIME_NS)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class ListedRecording(_Message):
    """One recording as it stands in a listing; its place in the listing is its index in every later message."""

    path: PathText
    size: Count
    mtime_ns: Nanoseconds
    part_of: PathText | None

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


class Camera(_Message):
    """Supervisor: here is the camera's directory (a descriptor); open it with this driver and list it.

    A second descriptor is the lifeline of a worker that the supervisor cannot signal.
    """

    type: Literal["camera"] = "camera"
    camera_id: Text
    driver: Text
    options: dict[Text, Text]
    recipients: tuple[Text, ...]


class File(_Message):
    """Supervisor: seal this recording into the nameless file that comes with this (one descriptor), and prove it.

    `salvage`: what cannot be read of it is left out, and zeros stand in its place.
    """

    type: Literal["file"] = "file"
    index: Count
    salvage: bool


class Hash(_Message):
    """Supervisor: this recording may be registered already; read it again and tell its digest."""

    type: Literal["hash"] = "hash"
    index: Count


class RegisteredMessage(_Message):
    """Supervisor: this recording is safe and registered; clear it from the camera."""

    type: Literal["registered"] = "registered"
    index: Count
    recording_id: Text
    plaintext_sha256: Sha256
    seq: Count


class ListAgain(_Message):
    """Supervisor: list the camera afresh: what is still there of what was cleared, and what comes next."""

    type: Literal["list_again"] = "list_again"


class LetGo(_Message):
    """Supervisor: close the camera and whatever is open of it; it will be handed over anew."""

    type: Literal["let_go"] = "let_go"


class GoOn(_Message):
    """Supervisor: here is the same camera's directory afresh (one descriptor)."""

    type: Literal["go_on"] = "go_on"


class Stop(_Message):
    """Supervisor: nothing more to do."""

    type: Literal["stop"] = "stop"


class Ready(_Message):
    """Worker: started, and taking orders from now on."""

    type: Literal["ready"] = "ready"


class Listing(_Message):
    """Worker: a page of the recordings that come next; `more` says that another page follows.

    `still_there` are indexes into the last listing, of what was told to be cleared and is listed all the same.
    """

    type: Literal["listing"] = "listing"
    driver_version: Text
    recordings: tuple[ListedRecording, ...]
    waiting: Count
    others: tuple[PathText, ...]
    others_count: Count
    still_there: tuple[Count, ...]
    more: bool


class Progress(_Message):
    """Worker: still at it. `done` bytes of the recording are through `stage`.

    In `salvage` it counts every byte that was asked for, whether it came or not, and again when it is asked for again.
    """

    type: Literal["progress"] = "progress"
    index: Count
    stage: Stage
    done: Count


class ProvenMessage(_Message):
    """Worker: sealed, flushed, read back and equal; the nameless file is closed here."""

    type: Literal["proven"] = "proven"
    index: Count
    plaintext_sha256: Sha256
    ciphertext_sha256: Sha256
    ciphertext_size: Count
    read_back: ReadBack
    mp4: Mp4Report
    gaps: Annotated[tuple[tuple[Count, Count], ...], Field(max_length=MAX_GAPS)]

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


class Hashed(_Message):
    """Worker: the digest of a recording as it is on the camera now."""

    type: Literal["hashed"] = "hashed"
    index: Count
    plaintext_sha256: Sha256


class ClearedMessage(_Message):
    """Worker: the camera took the order to erase; only a fresh listing shows whether it did."""

    type: Literal["cleared"] = "cleared"
    index: Count


class LetGone(_Message):
    """Worker: nothing of the camera is open here any more, and what was cleared is flushed."""

    type: Literal["let_gone"] = "let_gone"


class GoneOn(_Message):
    """Worker: the camera is open again."""

    type: Literal["gone_on"] = "gone_on"


class Trouble(_Message):
    """Worker: the last order failed. `code` is the code of a `DockdError`."""

    type: Literal["trouble"] = "trouble"
    code: Code
    message: Text
    advice: Text


class Done(_Message):
    """Worker: the camera is let go; this process ends."""

    type: Literal["done"] = "done"


Order = Camera | File | Hash | LetGo | GoOn | RegisteredMessage | ListAgain | Stop
Report = Ready | Listing | Progress | ProvenMessage | Hashed | LetGone | GoneOn | ClearedMessage | Trouble | Done

_orders: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="type")])
_reports: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="type")])


def encode(message: Order | Report) -> bytes:
    return message.model_dump_json().encode()


def decode_order(packet: bytes) -> Order:
    """Read what a supervisor said; raises `WorkerFailed` for anything else."""
    return _decode(_orders, packet)


def decode_report(packet: bytes) -> Report:
    """Read what a worker said; raises `WorkerFailed` for anything else."""
    return _decode(_reports, packet)


def _decode(adapter: TypeAdapter[M], packet: bytes) -> M:
    try:
        return adapter.validate_json(packet)
    except ValidationError as error:
        raise WorkerFailed(_("a message between supervisor and worker is not one of ours")) from error


def pages(listing: Listing) -> list[Listing]:
    """Cut a listing into pages that each fit into a packet; the last says that no more follows."""
    recordings: list[list[ListedRecording]] = [[]]
    room = _PAGE_BYTES
    for recording in listing.recordings:
        room -= recording.bytes_at_most
        if room < 0:
            recordings.append([])
            room = _PAGE_BYTES - recording.bytes_at_most
        recordings[-1].append(recording)
    last = len(recordings) - 1
    only_once = {"others": _fitting(listing.others), "still_there": listing.still_there}
    never_again: dict[str, tuple[()]] = {"others": (), "still_there": ()}
    return [
        listing.model_copy(update={"recordings": tuple(page), "more": n < last, **(never_again if n else only_once)})
        for n, page in enumerate(recordings)
    ]


def _fitting(others: tuple[str, ...]) -> tuple[str, ...]:
    room = _PAGE_BYTES // 2
    for n, path in enumerate(others):
        room -= len(path) + 4
        if room < 0:
            return others[:n]
    return others

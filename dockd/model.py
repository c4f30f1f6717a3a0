"""The words and the steps: what a recording is, and how far it has come.

    Arrival -> Admitted | Refused
    Admitted -> Listed
    Recording -> Sealed -> Proven -> Stored -> Registered -> Cleared
                                           -> Salvaged

Only the modules that take a step, or decode the message or the signed sidecar that says it was taken, may call its
constructor (the table in tests/architecture/test_steps.py). `clear` accepts `Registered` and nothing else: what has
gaps becomes `Salvaged`, and stays on its camera.
"""

import hashlib
from dataclasses import astuple, dataclass, field
from typing import ClassVar, Literal, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

ReadBack = Literal["direct", "cached"]
"""How a sealed file was read back: past the page cache (O_DIRECT), or as well as the medium allows."""

AfterIngest = Literal["clear", "keep"]

WhenDone = Literal["stay", "eject", "port-off"]
"""How a camera on a bus is left: closed and powered, told to let go of its disk, or without power."""

KnownBy = Literal["serial", "label", "driver"]
"""What shows that a camera that was unlocked is still the same: its serial on the bus, its card's label, its driver."""

SetClock = Literal["never", "if_read", "always"]
"""When a camera's clock is set: never, after it was read, or also if it cannot be."""

ClockZone = Literal["local", "utc"]

Role = Literal["chief", "operator", "technician", "auditor"]
"""What a person may do with the register; docs/commands.md has the rights of each."""

WearerBasis = Literal["standing", "issued", "nobody", "gap", "overlap", "clock"]
"""What says who wore a camera: the fleet file or its issue. The others say why it is not known."""

RungKind = Literal["retry", "replug", "power-cycle", "charge"]

Verdict = Literal["ok", "truncated", "no-index", "opaque", "suspect"]

MAX_SIZE = 2**53 - 1
"""Largest size in bytes that is taken from a camera: what JSON numbers, and so the register, hold exactly."""

MAX_TIME_NS = 10**20
"""Farthest time, before or after 1970, that is taken from a camera: some filesystems write the year 2446."""

GAP_UNIT = 4096
"""Bytes that are given up together where a recording cannot be read: gaps begin, and all but the last end, on one."""

MAX_GAPS = 1024
"""A recording with more gaps is not salvaged: its sidecar, its message and its entry stay short."""

_MAX_REPORTED = 64
_TEXT_SAFE = "/ !#$&'()+,;=@[]{}^`~"


@dataclass(frozen=True, slots=True, order=True)
class RecordingPath:
    """Where a recording lies on its camera: bytes chosen by the camera, data and never a path of ours."""

    raw: bytes

    @property
    def text(self) -> str:
        """The bytes in printable ASCII, percent-encoded (RFC 3986 section 2.1); `parse` gives the bytes back."""
        return quote_from_bytes(self.raw, safe=_TEXT_SAFE)

    @classmethod
    def parse(cls, text: str) -> "RecordingPath":
        return cls(unquote_to_bytes(text))

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Recording:
    """One file to be taken in, as the camera lists it: a video, or what the camera wrote beside one.

    `size` in bytes; `mtime_ns` as the camera's filesystem says it. `part_of` is the recording that this file stands
    beside, or the first of the files that one recording was split into, as far as names and sizes tell: it is no part
    of what identifies a recording. `turn_ns` is for the worker alone: when it is to be taken in and cleared, as if that
    were its mtime.
    """

    path: RecordingPath
    size: int
    mtime_ns: int
    part_of: RecordingPath | None = field(default=None, compare=False)
    turn_ns: int | None = field(default=None, compare=False)

    @property
    def turn(self) -> tuple[int, bytes]:
        """What recordings are sorted by to be taken in and cleared: the oldest first."""
        return self.mtime_ns if self.turn_ns is None else self.turn_ns, self.path.raw


def recording_id(camera_id: str, recording: Recording, plaintext_sha256: str, *, salvaged: bool = False) -> str:
    """Name a recording by what identifies it: camera, path, size, mtime and digest.

    A salvage of it has another name, even if the bytes that could not be read were the zeros in their place.

    The same recording always gets the same name, so that a second ingest of it collides instead of doubling it.
    """
    parts = (camera_id.encode(), recording.path.raw, b"%d" % recording.size, b"%d" % recording.mtime_ns)
    state = hashlib.sha256(b"dockd salvage v1\n" if salvaged else b"dockd recording v1\n")
    for part in (*parts, bytes.fromhex(plaintext_sha256)):
        state.update(len(part).to_bytes(8, "big") + part)
    return state.hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class ClockRules:
    """What to do with a camera's clock, and whether it shows the time of the dock's zone or UTC."""

    when: SetClock = "if_read"
    zone: ClockZone = "local"


@dataclass(frozen=True, slots=True)
class FleetCamera:
    """A camera of ours, as the fleet file describes it. `model` names what it must look like on a bus.

    `important`: it is read before others while not all can be read at the same time.
    """

    camera_id: str
    driver: str
    partition: str
    options: tuple[tuple[str, str], ...] = ()
    model: str | None = None
    when_done: WhenDone = "stay"
    important: bool = False
    clock: ClockRules = ClockRules()


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something settled in a bay and claims to be a camera.

    `place` is where its folder lies on this dock, or its device in sysfs. `descriptors` are what a device on a bus
    says of itself, unparsed, `serial` what it is called there; None and empty for a folder. One that was unlocked is
    announced by what it said of itself before, and is `known_by` that it says so again.
    """

    bay: str
    claimed_id: str
    place: str
    descriptors: bytes | None = None
    known_by: KnownBy | None = None
    serial: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """An arrival that is not served. `code` is stable, `reason` is for people."""

    arrival: Arrival
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung of the retry ladder, taken before the next attempt.

    `retry` and `charge` leave the camera alone for so many seconds, `replug` makes the bus configure it anew,
    `power-cycle` takes its power away and gives it back.
    """

    kind: RungKind
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened with one camera in one bay.

    `resets` are connects of a device that had left a moment before. `dockings` have ended, `failed` of them by a fault
    of the camera's side; `errors` are attempts that did. `bytes` were read from the camera.
    """

    connects: int = 0
    resets: int = 0
    dockings: int = 0
    failed: int = 0
    errors: int = 0
    bytes: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Admitted:
    """An arrival that the fleet file knows."""

    arrival: Arrival
    camera: FleetCamera


@dataclass(frozen=True, slots=True)
class Listed:
    """What an admitted camera holds, as one walk saw it.

    `recordings` are the next to be taken in, oldest first, and none once there are no more; `waiting` counts them and
    all that come after. `others` are some of the `others_count` files that dockd reports and leaves alone.
    `still_there` are the recordings of the last listing that were told to be cleared and are listed in spite of it.
    `fullness` is the share of the camera's memory that is taken, None if it does not tell.
    """

    admitted: Admitted
    driver_version: str
    recordings: tuple[Recording, ...]
    waiting: int
    others: tuple[RecordingPath, ...] = ()
    others_count: int = 0
    still_there: frozenset[RecordingPath] = frozenset()
    fullness: float | None = None


@dataclass(frozen=True)
class Mp4Report:
    """What an MP4 file says of itself; None where it does not say. docs/mp4-check.md explains it all.

    `findings` are stable codes. `creation_time_raw` is in seconds since 1904-01-01 by the camera's clock, whatever
    zone that had, never corrected. `codecs` are the sample entry codes of all tracks. `width` and `height` are those
    of the first video, in pixels. Raises ValueError for what no check gives: it may come out of a message.
    """

    # Read by pydantic where an entry holds a report; nothing that is not named here may be in it.
    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}

    verdict: Verdict
    findings: tuple[str, ...]
    duration_ms: int | None = None
    codecs: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None
    creation_time_raw: int | None = None
    has_position: bool = False

    def __post_init__(self) -> None:
        texts = [*self.findings, *self.codecs]
        numbers = (self.duration_ms, self.width, self.height, self.creation_time_raw)
        if len(texts) > _MAX_REPORTED or not all(len(each) <= 32 and each.isascii() for each in texts):
            raise ValueError("more or longer texts than the MP4 check gives")
        if not all(each.isprintable() for each in texts):
            raise ValueError("a text that cannot be printed")
        if not all(each is None or 0 <= each <= MAX_SIZE for each in numbers):
            raise ValueError("a number that JSON does not hold exactly")


class Gap(NamedTuple):
    """A stretch of a recording that could not be read, in bytes. Zeros stand in its place."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """A recording read once, hashed and encrypted into a flushed, nameless file. Sizes in bytes.

    `mp4` is what was found wrong with the recording, if anything: it never keeps it from being taken in. With `gaps`,
    in their order, it is a salvage. Raises ValueError for gaps that no salvage has: they may come out of a message.
    """

    recording: Recording
    plaintext_sha256: str
    ciphertext_size: int
    mp4: Mp4Report
    gaps: tuple[Gap, ...] = ()

    def __post_init__(self) -> None:
        if len(self.gaps) > MAX_GAPS:
            raise ValueError("more gaps than a salvage may have")
        end = -1
        for gap in self.gaps:
            if gap.offset <= end or gap.size <= 0 or gap.offset % GAP_UNIT:
                raise ValueError("gaps that are out of order, touch, or are none")
            end = gap.offset + gap.size
            if end > self.recording.size or (end % GAP_UNIT and end != self.recording.size):
                raise ValueError("a gap that ends where none can")
        if sum(gap.size for gap in self.gaps) == self.recording.size and self.gaps:
            raise ValueError("a salvage of nothing")


@dataclass(frozen=True, slots=True)
class Proven:
    """A sealed file that was read back and decrypted to exactly the bytes read from the camera."""

    sealed: Sealed
    ciphertext_sha256: str
    read_back: ReadBack


@dataclass(frozen=True, slots=True)
class Stored:
    """A proven file that has its name in the store, durably, with its signed sidecar."""

    proven: Proven
    recording_id: str
    partition: str
    object_path: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A stored recording whose entry is durable on both register media: the only thing that may be cleared."""

    recording: Recording
    recording_id: str
    plaintext_sha256: str
    seq: int


@dataclass(frozen=True, slots=True)
class Salvaged:
    """The readable rest of a recording, stored, and its entry durable on both register media.

    The recording is still on its camera, and no step leads from here to its being cleared.
    """

    recording: Recording
    recording_id: str
    seq: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """A registered recording that a fresh listing no longer shows."""

    registered: Registered

"""A partition with objects in it, made as the supervisor makes them."""

import hashlib
import itertools
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from dockd.descriptor import Descriptor
from dockd.model import Gap, Mp4Report, Proven, Recording, RecordingPath, Sealed, Stored, recording_id
from dockd.register.note import SigningKey
from dockd.store.objects import object_path, place
from dockd.store.partition import Partition, create, open_partition
from dockd.store.sidecar import Sidecar, write_sidecar

DAY = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
RECIPIENT = "age13aqvttdk3ujkyjh9kg2w5an6dmy5mq5a84a4uxk3hfhnugfc9p0sy5p2wh"
_names = itertools.count()


class FixedClock:
    def now(self) -> datetime:
        return DAY

    def monotonic(self) -> float:
        return 0.0

    def zone(self) -> str:
        return "UTC"

    def trusted(self) -> bool:
        return False


def new_partition(folder: Path, name: str = "police") -> Partition:
    folder.mkdir(exist_ok=True)
    create(folder, name, "dock-7", FixedClock(), lambda _uuid: None)
    return open_partition(folder, name, "dock-7", 0, (RECIPIENT,))


def new_key(folder: Path) -> SigningKey:
    return SigningKey.generate(folder / f"dock{next(_names)}.key", "dock-7")


@dataclass
class Sale:
    """One recording that is proven: its nameless file, its sidecar, and where it shall lie."""

    partition: Partition
    file: Descriptor
    content: bytes
    proven: Proven
    sidecar: Sidecar
    signed: bytes
    path: str

    def place(self, **changes: object) -> Stored:
        sale = replace(self, **changes)
        return place(sale.partition, sale.file, sale.proven, sale.sidecar, sale.signed, sale.path)

    @property
    def object(self) -> Path:
        return self.partition.path / self.path

    @property
    def signed_file(self) -> Path:
        return self.object.with_suffix(".json")


REPORT = Mp4Report("suspect", ("nal-chain", "zero-run"), 5000, ("avc1",), 1920, 1080, 3_878_157_600, True)


def proven_file(
    partition: Partition,
    key: SigningKey,
    content: bytes = b"sealed" * 1000,
    name: bytes = b"a.mp4",
    gaps: tuple[Gap, ...] = (),
) -> Sale:
    recording = Recording(RecordingPath(name), 6000, 1_790_000_000_123_456_789, RecordingPath(b"first \xff.mp4"))
    plaintext = hashlib.sha256(b"plain").hexdigest()
    ciphertext = hashlib.sha256(content).hexdigest()
    proven = Proven(Sealed(recording, plaintext, len(content), REPORT, gaps), ciphertext, "direct")
    sidecar = describe(partition, proven)
    file = Descriptor(os.open(partition.path, os.O_TMPFILE | os.O_RDWR, 0o600))
    os.write(file.fileno(), content)
    os.fsync(file.fileno())
    signed = write_sidecar(sidecar, key.verifier.text, key.sign)
    return Sale(partition, file, content, proven, sidecar, signed, object_path(sidecar.recording_id, DAY))


def describe(partition: Partition, proven: Proven) -> Sidecar:
    sealed = proven.sealed
    return Sidecar(
        v=1,
        dock_id="dock-7",
        recording_id=recording_id("cam-1", sealed.recording, sealed.plaintext_sha256, salvaged=bool(sealed.gaps)),
        camera_id="cam-1",
        bay="dock/cam-1",
        driver="folder",
        driver_version="1",
        path=sealed.recording.path.text,
        size=sealed.recording.size,
        mtime_ns=str(sealed.recording.mtime_ns),
        part_of=sealed.recording.part_of.text if sealed.recording.part_of else None,
        plaintext_sha256=sealed.plaintext_sha256,
        ciphertext_sha256=proven.ciphertext_sha256,
        ciphertext_size=sealed.ciphertext_size,
        read_back=proven.read_back,
        mp4=sealed.mp4,
        gaps=sealed.gaps,
        partition=partition.name,
        partition_uuid=partition.uuid,
        recipients=[RECIPIENT],
        proven_at="2026-11-22T23:30:00.000000Z",
    )


def tree(root: Path) -> dict[str, bytes]:
    """Every file below, with its content."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """Let the kernel cut every write short at this size, as a medium does that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

"""A small dock to test a register on, also usable by a child process: `python -m tests.register.dock`."""

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dockd.errors import RegisterError
from dockd.model import Mp4Report
from dockd.register.journal import Journal
from dockd.register.kinds import Collected, Refused, Salvaged
from dockd.register.mirror import Mirror
from dockd.register.note import SigningKey
from dockd.register.verify import Report, open_readonly, verify

DOCK_ID = "dock-7"
MTIME_NS = 1_790_000_000_123_456_789


class TestClock:
    __test__ = False

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
        self.behind = 0.0

    def now(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp() - self.behind

    def zone(self) -> str:
        return "Europe/Paris"

    def trusted(self) -> bool:
        return False


class Dock:
    def __init__(self, folder: Path) -> None:
        self.register = folder / "register.db"
        self.mirror_path = folder / "mirror"
        self.key_path = folder / "dock.key"
        self.clock = TestClock()

    def create(self, stolen_key: Path | None = None) -> Journal:
        if stolen_key is None:
            SigningKey.generate(self.key_path, DOCK_ID)
        else:
            shutil.copy(stolen_key, self.key_path)
        Mirror.create(self.mirror_path, DOCK_ID)
        mirror = Mirror.open(self.mirror_path, DOCK_ID)
        return Journal.create(
            self.register, key=self.key, dock_id=DOCK_ID, clock=self.clock, mirror=mirror, software="dockd 0"
        )

    def open(self) -> Journal:
        mirror = Mirror.open(self.mirror_path, DOCK_ID)
        return Journal.open(self.register, key=self.key, dock_id=DOCK_ID, clock=self.clock, mirror=mirror)

    @property
    def key(self) -> SigningKey:
        return SigningKey.load(self.key_path, DOCK_ID)

    def verify(self) -> Report:
        with open_readonly(self.register) as reader:
            return verify(reader.rows(), reader.checkpoints(), self.key.verifier, DOCK_ID)

    def segment(self) -> Path:
        return max(self.mirror_path.glob("*.jsonl"))

    def mirror_lines(self) -> list[bytes]:
        return b"".join(path.read_bytes() for path in sorted(self.mirror_path.glob("*.jsonl"))).splitlines()


def refused(number: int = 0) -> Refused:
    return Refused(bay="bay-1", claimed_id=f"stranger-{number}", code="admit.unknown", reason="not ours: é\u2028\x7f")


def collected(number: int = 0, **changes: object) -> Collected:
    facts = {
        "recording_id": f"{number:032x}",
        "camera_id": "cam-1",
        "bay": "bay-1",
        "driver": "folder",
        "driver_version": "1",
        "path": f"DCIM/{number}.mp4",
        "size": 1000 + number,
        "mtime_ns": str(MTIME_NS),
        "part_of": None,
        "plaintext_sha256": "a" * 64,
        "ciphertext_sha256": "b" * 64,
        "ciphertext_size": 2000,
        "partition": "police",
        "partition_uuid": "6c0f6e5e-95f0-4a3c-8f3c-9d2f2c9e1a11",
        "object_path": f"objects/2026/11/22/{number:032x}.age",
        "recipients": ("age1one", "age1two"),
        "read_back": "direct",
        "mp4": Mp4Report("truncated", ("box-past-end",), 61_333, ("avc1", "mp4a"), 1920, 1080, 3_878_157_600, True),
        "collected_at": "2026-11-22T01:00:00.000000Z",
        "recovered": False,
        "name_date": None,
        "clock_findings": (),
        "wearer": None,
        "wearer_basis": "nobody",
        "replaces": None,
    }
    return Collected.model_validate({**facts, **changes})


def salvaged(number: int = 0, **changes: object) -> Salvaged:
    facts = dict(collected(number))
    del facts["replaces"]
    return Salvaged.model_validate({**facts, "gaps": ((0, 4096),), **changes})


def append_for_ever(dock: Dock) -> None:
    """Say every acknowledged recording on standard output until something ends it."""
    journal = dock.open()
    number = journal.size
    while True:
        recording_id = f"{number:032x}"
        journal.open_intent(recording_id, camera_id="cam-1", partition="police", object_path="o")
        journal.append(collected(number), marks=[recording_id])
        print(number, flush=True)
        journal.append(refused(number), closes=[recording_id])
        number += 1


def fill(dock: Dock, ballast: Path) -> None:
    """Append until the medium is full, free some of it, append again."""
    journal = dock.open()
    while True:
        before = journal.size
        try:
            journal.append(*(refused(number) for number in range(20)))
        except RegisterError as error:
            print("full" if "full" in error.message else error.message)
            assert journal.size == before
            break
    ballast.unlink()
    journal.append(refused())
    assert journal.size == before + 1
    journal.checkpoint()
    journal.close()
    print("problems", len(dock.verify().problems))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["append", folder]:
            append_for_ever(Dock(Path(folder)))
        case ["fill", folder]:
            (Path(folder) / "ballast").write_bytes(b"\0" * 512 * 1024)
            Dock(Path(folder)).create().close()
            fill(Dock(Path(folder)), Path(folder) / "ballast")

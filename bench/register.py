"""What the register costs when it is large: `python -m bench.register [ENTRIES]`, a million unless said otherwise.

A register of so many entries is made beside one of a few, half of them collections and half clearings, with a
checkpoint every fifty. Everything is of this process: CPU seconds, and bytes that it handed to write(2).
"""

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from dockd.clock import SystemClock, utc_text
from dockd.model import Mp4Report
from dockd.register import schema
from dockd.register.body import Facts
from dockd.register.entry import compose
from dockd.register.journal import Journal
from dockd.register.kinds import Cleared, Collected
from dockd.register.merkle import Frontier, leaf_data
from dockd.register.mirror import Mirror
from dockd.register.note import Checkpoint, SigningKey
from dockd.register.verify import open_readonly, verify

DOCK = "bench"
ENTRIES = 1_000_000
FEW = 1_000
CHECKPOINT_EVERY = 50
APPENDS = 300
ROUNDS = 7
PROOFS = 300
_PLACE = 7_777_777
"""Stands in a template where the number of an entry belongs."""


def main() -> None:
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    with tempfile.TemporaryDirectory(dir=os.environ.get("DOCKD_BENCH_DIR")) as folder:
        small, large = Path(folder) / "small", Path(folder) / "large"
        for place, number in ((small, FEW), (large, entries)):
            make(place, number)
        size = (large / "register.db").stat().st_size
        print(f"register of {entries:,} entries, {size / 1e6:,.0f} MB; the small one has {FEW:,}")
        report("opening", "ms of CPU", opening(large), opening(small))
        report("inclusion proof", "ms of CPU", proving(large, entries), proving(small, FEW))
        pages = [written(place) for place in (large, small)]
        report("append", "pages of 4 KiB handed to the kernel", *pages)
        ratios = [appending(large) / appending(small) for _round in range(ROUNDS)]
        print(f"append, CPU: {statistics.median(ratios):.2f} x that of the small one (median of {ROUNDS} pairs)")
        print(f"full verification: {verifying(large, entries):.1f} s of CPU")


def report(what: str, unit: str, large: float, small: float) -> None:
    print(f"{what}: {large:.2f} {unit}; the small one {small:.2f}")


def make(folder: Path, entries: int) -> None:
    """Make a register of so many entries in a new folder, with its key and its mirror."""
    folder.mkdir()
    key = SigningKey.generate(folder / "dock.key", DOCK)
    Mirror.create(folder / "mirror", DOCK)
    opened(folder, new=True).close()
    fill(folder / "register.db", key, entries)
    # A mirror that has everything is the ordinary one.
    opened(folder).close()


def fill(register: Path, key: SigningKey, entries: int) -> None:
    """Write entries as the journal would, but past it, which takes a hundred times as long; the mirror is left out."""
    templates = _templates()
    engine = schema.connect(register, "rw")
    with engine.begin() as connection:
        database = connection.connection.dbapi_connection
        assert database is not None
        cursor = database.cursor()
        tree = Frontier()
        for (leaf,) in cursor.execute("SELECT leaf FROM entry ORDER BY seq").fetchall():
            tree.append(leaf)
        for seq in range(tree.size, entries):
            salt, body = os.urandom(32), templates[seq % 2].replace(b"%d" % _PLACE, b"%d" % seq)
            leaf = leaf_data(salt, body)
            keys = (f"{seq:032x}", os.urandom(32)) if seq % 2 == 0 else (None, None)
            cursor.execute("INSERT INTO entry VALUES (?, ?)", (seq, leaf))
            cursor.execute("INSERT INTO payload VALUES (?, ?, ?, ?, ?)", (seq, salt, body.decode(), *keys))
            if nodes := tree.append(leaf):
                cursor.execute("INSERT INTO node VALUES (?, ?)", (seq, nodes))
            if (seq + 1) % CHECKPOINT_EVERY == 0 or seq + 1 == entries:
                note = key.sign_note(Checkpoint(DOCK, seq + 1, tree.root()).text)
                cursor.execute("INSERT INTO checkpoint VALUES (?, ?)", (seq + 1, note))
    engine.dispose()


def opened(folder: Path, *, new: bool = False) -> Journal:
    key, mirror = SigningKey.load(folder / "dock.key", DOCK), Mirror.open(folder / "mirror", DOCK)
    if new:
        return Journal.create(
            folder / "register.db", key=key, dock_id=DOCK, clock=SystemClock(), mirror=mirror, software="bench"
        )
    return Journal.open(folder / "register.db", key=key, dock_id=DOCK, clock=SystemClock(), mirror=mirror)


def opening(folder: Path) -> float:
    def once() -> float:
        begun = time.process_time()
        opened(folder).close()
        return (time.process_time() - begun) * 1000

    return statistics.median(once() for _round in range(ROUNDS))


def proving(folder: Path, entries: int) -> float:
    key, rng = SigningKey.load(folder / "dock.key", DOCK), random.Random(1)
    with open_readonly(folder / "register.db") as reader:
        begun = time.process_time()
        for _each in range(PROOFS):
            reader.prove_entry(rng.randrange(entries), key.verifier)
        return (time.process_time() - begun) / PROOFS * 1000


def appending(folder: Path) -> float:
    return _per_append(folder, time.process_time)


def written(folder: Path) -> float:
    return _per_append(folder, _bytes_written) / 4096


def verifying(folder: Path, entries: int) -> float:
    key = SigningKey.load(folder / "dock.key", DOCK)
    with open_readonly(folder / "register.db") as reader:
        begun = time.process_time()
        found = verify(reader.rows(), reader.checkpoints(), key.verifier, DOCK)
        seconds = time.process_time() - begun
    assert found.problems == () and found.size >= entries, found
    return seconds


def _per_append(folder: Path, measure: Callable[[], float]) -> float:
    """Append a few hundred entries, which stay: in all some two thousand, beside a million and beside a thousand."""
    journal = opened(folder)
    facts = [collected(10**9 + time.time_ns() % 10**9 + number) for number in range(APPENDS)]
    before = measure()
    for each in facts:
        journal.append(each)
    after = measure()
    journal.checkpoint()
    journal.close()
    return (after - before) / APPENDS


def _bytes_written() -> float:
    lines = Path("/proc/self/io").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("wchar")))


def _templates() -> list[bytes]:
    head = {
        "seq": _PLACE,
        "dock_id": DOCK,
        "author": "dockd",
        "at": utc_text(datetime.now(UTC)),
        "zone": "Europe/Paris",
        "clock_trusted": False,
        "boot_id": "0f5f2a50-6f0c-4a0e-9c39-5f9a4c3a7f11",
        "monotonic_ms": 73518,
    }
    cleared = Cleared(recording_id=f"{1:032x}", camera_id="BWC0000001", collected_seq=_PLACE, inferred=False)
    kinds: list[Facts] = [collected(1), cleared]
    return [compose(facts, **head) for facts in kinds]


def collected(number: int) -> Collected:
    return Collected(
        recording_id=f"{number:032x}",
        camera_id="BWC0000001",
        bay="accueil-3",
        driver="mass-storage",
        driver_version="1",
        path=f"DCIM/100MEDIA/VID{number:05}.MP4",
        size=1_734_000_000,
        mtime_ns="1790000000123456789",
        part_of=None,
        plaintext_sha256="a" * 64,
        ciphertext_sha256="b" * 64,
        ciphertext_size=1_734_500_000,
        partition="police-municipale",
        partition_uuid="6c0f6e5e-95f0-4a3c-8f3c-9d2f2c9e1a11",
        object_path=f"objects/2026/11/22/{number:032x}.age",
        recipients=("age1" + "q" * 58, "age1" + "p" * 58),
        read_back="direct",
        mp4=Mp4Report("ok", (), 61_333, ("avc1", "mp4a"), 1920, 1080, 3_878_157_600, True),
        collected_at=utc_text(datetime.now(UTC)),
        recovered=False,
        name_date=None,
        clock_findings=(),
        wearer="Dominique Leroy",
        wearer_basis="standing",
        replaces=None,
    )


if __name__ == "__main__":
    main()

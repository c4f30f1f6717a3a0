"""Fuzz who reads a register that others may have had in hand: `python tests/fuzz/fuzz_register.py --cases 100000`.

A case is a genuine export with a few lies: bytes, fields, whole lines. It is read by the script for third parties, and
its entries by what rebuilds a register from its mirror.

What must hold: nothing but the faults that are meant comes out; what is verified against a checkpoint from outside has
the root that was signed, to the last entry; no case takes more than a second of processor time, and the process never
grows by more than 100 MB.
"""

import importlib.util
import json
import random
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from dockd.errors import RegisterTampered
from dockd.register import bundle, rebuild
from dockd.register.note import SigningKey
from dockd.register.verify import open_readonly
from tests.fuzz import course
from tests.register.dock import DOCK_ID, Dock, collected, refused

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_register.py"
VALUES: tuple[Any, ...] = (None, True, -1, 0, 7, 2**64, 1.5, "", "00", "x", [], {}, "\ud800", [[]] * 3)


@cache
def script() -> Any:
    """Load the script as a module."""
    spec = importlib.util.spec_from_file_location("verify_register", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def genuine() -> tuple[SigningKey, list[bytes], str]:
    """Give a key, the lines of an export, and its last checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        dock = Dock(Path(folder))
        journal = dock.create()
        for number in range(1, 12):
            journal.append(collected(number) if number % 2 else refused(number))
            if number % 3 == 0:
                journal.checkpoint()
        note = journal.checkpoint()
        journal.close()
        with open_readonly(dock.register) as reader:
            return dock.key, list(bundle.export(reader.rows(), reader.checkpoints(), dock.key.verifier)), note


def lie_in_bytes(rng: random.Random, lines: list[bytes]) -> None:
    at = rng.randrange(len(lines))
    line = bytearray(lines[at])
    for _ in range(rng.choice((1, 1, 3))):
        line[rng.randrange(len(line))] = rng.randrange(256)
    lines[at] = bytes(line)


def lie_in_a_field(rng: random.Random, lines: list[bytes]) -> None:
    at = rng.randrange(len(lines))
    try:
        fields = json.loads(lines[at])
        name = rng.choice([*fields, "checkpoint", "seq", "body"])
    except (ValueError, TypeError):
        return
    if rng.random() < 0.2:
        fields.pop(name, None)
    else:
        fields[name] = rng.choice(VALUES)
    lines[at] = json.dumps(fields).encode() + b"\n"


def lie_in_a_body(rng: random.Random, lines: list[bytes]) -> None:
    """Have an entry say something else, with the leaf that belongs to it."""
    at = rng.randrange(len(lines))
    try:
        fields = json.loads(lines[at])
        body = json.loads(fields["body"])
        body[rng.choice(list(body))] = rng.choice(VALUES)
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        leaf = script().sha256(bytes.fromhex(fields["salt"]), text.encode())
    except (ValueError, TypeError, KeyError):
        return
    lines[at] = json.dumps({**fields, "body": text, "leaf": leaf.hex()}).encode() + b"\n"


def shuffle(rng: random.Random, lines: list[bytes]) -> None:
    at = rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, rng.choice(lines))
        case 2:
            lines.append(lines.pop(at))
        case _:
            del lines[at:]


LIES: tuple[Callable[[random.Random, list[bytes]], None], ...] = (lie_in_bytes, lie_in_a_field, lie_in_a_body, shuffle)


class Lines:
    """Stands for a mirror."""

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines

    def rows(self) -> Any:
        return enumerate(line for line in self._lines if b'"seq"' in line)


def check(path: Path, lines: list[bytes]) -> str:
    """Read one export both ways; give how it ended."""
    key, whole, note = genuine()
    path.write_bytes(b"".join(lines))
    size, root = (outside := script().Key(key.verifier.text)).checkpoint(note)
    problems, verified = script().check_register(outside, [path], [note])
    assert bool(problems) or (verified.startswith(f"verified: {size} entries, ") and verified.endswith(root.hex()))
    try:
        entries = list(rebuild._entries(Lines(lines), key))  # type: ignore[arg-type]
    except RegisterTampered:
        return "not verified, not rebuilt" if problems else "verified, not rebuilt"
    assert all(entry.dock_id == DOCK_ID and entry.seq == row.seq for row, entry in entries)
    if lines == whole:
        assert not problems and len(entries) == size
        return "genuine"
    return "not verified, rebuilt" if problems else "verified, rebuilt"


def fuzz(cases: int, seed: int) -> course.Tally:
    """Run so many cases; see `course.run`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export"

        def make_case(rng: random.Random) -> course.Case:
            lines = list(genuine()[1])
            for lie in rng.choices(LIES, k=rng.choice((0, 1, 1, 1, 2, 3))):
                if lines:
                    lie(rng, lines)
            return lambda: [check(path, lines)]

        return course.run(make_case, cases, seed)


if __name__ == "__main__":
    course.main(__doc__, fuzz)

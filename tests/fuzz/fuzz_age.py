"""Fuzz the age reader with objects that are nearly right.

    python tests/fuzz/fuzz_age.py --cases 1000000 [--seed N]

A case begins as a good object of either kind, is spoilt a few times where the format has joints (lines, stanzas,
base64, shares, MAC, chunks) or anywhere, and often gets a MAC that fits again, so that the spoilt part is reached. What
must hold: nothing but `SealError` comes out; whatever opens is a plaintext that was sealed; no case takes more than a
second of processor time or 100 MB.
"""

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from dockd.errors import SealError
from dockd.seal.header import MAX_HEADER
from dockd.seal.kinds import KINDS
from dockd.seal.recipients import Identity, Recipient
from dockd.seal.stream import CHUNK, SEALED_CHUNK, TAG, PayloadKey, unseal
from tests.fuzz import course
from tests.seal.writing import closed, stanza_lines

MINE = [Identity(kind, bytes(range(32))) for kind in KINDS]
OTHERS = [Identity(kind, bytes(range(32, 64))).recipient for kind in KINDS]
PLAINTEXTS = [b"", b"dockd", bytes(CHUNK), bytes(CHUNK + 5), bytes(2 * CHUNK)]
TOKENS = [
    *(
        b"age-encryption.org/v1\n",
        b"-> ",
        b"-> X25519 ",
        b"-> mlkem768x25519 ",
        b"-> scrypt ",
        b"-> a\n",
        b"--- ",
        b"---",
    ),
    *(
        b"\n",
        b"\n\n",
        b"\r\n",
        b" ",
        b"=",
        b"==",
        b"\0",
        b"\xff",
        b"A" * 43,
        b"A" * 64,
        b"-----BEGIN AGE ENCRYPTED FILE-----\n",
    ),
]
LOW_ORDER = [bytes(32), b"\1" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f", b"\xed" + b"\xff" * 30 + b"\x7f"]


@dataclass
class Case:
    """An object in parts: stanzas as lines, payload as nonce and chunks; `fits` says whether its MAC will."""

    file_key: bytes
    stanzas: list[bytes]
    nonce: bytes
    chunks: list[bytes]
    fits: bool = True
    tail: bytes = b""

    def object(self) -> bytes:
        header = closed(self.file_key if self.fits else bytes(16), self.stanzas)
        return header + self.nonce + b"".join(self.chunks) + self.tail


def payload(file_key: bytes, nonce: bytes, plain: bytes) -> list[bytes]:
    key = PayloadKey(file_key, nonce)
    parts = [plain[start : start + CHUNK] for start in range(0, max(1, len(plain)), CHUNK)]
    sealed = [bytearray(len(part) + TAG) for part in parts]
    for number, (part, out) in enumerate(zip(parts, sealed, strict=True)):
        key.seal_into(part, number == len(parts) - 1, memoryview(out))
    return [bytes(each) for each in sealed]


def stanza(recipient: Recipient, file_key: bytes) -> bytes:
    return stanza_lines(recipient.kind.stanza, *recipient.kind.wrap(recipient.public_key, file_key))


class Seeds:
    """Good stanzas and payloads, made once: the cases only put them together and spoil them."""

    def __init__(self, rng: random.Random) -> None:
        self.file_key, self.nonce = rng.randbytes(16), rng.randbytes(16)
        self.mine = [stanza(each.recipient, self.file_key) for each in MINE]
        self.others = [stanza(each, self.file_key) for each in OTHERS]
        self.grease = [b"-> grease a b c\n\n", b"-> g\n" + b"A" * 64 + b"\n" + b"A" * 4 + b"\n"]
        self.payloads = [payload(self.file_key, self.nonce, plain) for plain in PLAINTEXTS]

    def case(self, rng: random.Random) -> Case:
        # Long payloads cost the most and the reader treats their chunks alike: one in fifty.
        chunks = rng.choice(self.payloads if rng.random() < 0.02 else self.payloads[:2])
        stanzas = [
            rng.choice(self.mine),
            *rng.sample([*self.mine, *self.others, *self.grease], rng.choice([0, 0, 1, 3])),
        ]
        rng.shuffle(stanzas)
        return Case(self.file_key, stanzas, self.nonce, list(chunks))


def bent(rng: random.Random, data: bytes) -> bytes:
    """Spoil bytes at one place, knowing nothing of what they mean."""
    place, other = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
    start, end = min(place, other), max(place, other)
    match rng.randrange(7):
        case 0 if data:
            flipped = bytearray(data)
            flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            return bytes(flipped)
        case 1:
            return data[:place] + rng.choice(TOKENS) + data[place:]
        case 2:
            return data[:place] + rng.randbytes(rng.randrange(1, 8)) + data[place:]
        case 3:
            return data[:start] + data[end:]
        case 4:
            return data[:end] + data[start:]
        case 5:
            return data[:place]
        case _:
            return data[:place] + data[place + 1 :]


def one_stanza(change: Callable[[random.Random, bytes], bytes]) -> Callable[[random.Random, Case], None]:
    def spoil(rng: random.Random, case: Case) -> None:
        if case.stanzas:
            place = rng.randrange(len(case.stanzas))
            case.stanzas[place] = change(rng, case.stanzas[place])

    return spoil


def another_shape(rng: random.Random, _old: bytes) -> bytes:
    """A stanza of a known kind whose share or body has another size or is another point."""
    kind = rng.choice(KINDS)
    size = rng.choice([0, 1, 31, 32, 33, kind.share_size - 1, kind.share_size, kind.share_size + 1, 2000])
    share = rng.randbytes(size)[:-32] + rng.choice([*LOW_ORDER, rng.randbytes(32)])
    return stanza_lines(kind.stanza, share, rng.randbytes(rng.choice([0, 16, 31, 32, 32, 32, 33, 48, 49])))


def words_of_stanza(rng: random.Random, old: bytes) -> bytes:
    first, newline, rest = old.partition(b"\n")
    words = first.split(b" ")
    match rng.randrange(5):
        case 0:
            rng.shuffle(words)
        case 1:
            words.insert(rng.randrange(len(words) + 1), rng.choice([b"", b"x", b"=", b"\x80", *words]))
        case 2:
            del words[rng.randrange(len(words))]
        case 3:
            words = [word.swapcase() for word in words]
        case _:
            place = rng.randrange(len(words))
            words[place] = bent(rng, words[place])
    return b" ".join(words) + newline + rest


def lines_of_stanza(rng: random.Random, old: bytes) -> bytes:
    lines = old.split(b"\n")
    place = rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            del lines[place]
        case 1:
            lines.insert(place, rng.choice([b"", b"A" * 63, b"A" * 64, b"A" * 65, *lines]))
        case 2:
            lines[place] += rng.choice([b"=", b"\r", b" ", b"A", b"B"])
        case _:
            lines[place] = lines[place][:-1] + rng.choice([b"B", b"/", b"+", b"-", b"_"])
    return b"\n".join(lines)


def wrong_file_key(rng: random.Random, _old: bytes) -> bytes:
    """A stanza that is right in itself but holds another file key, or one of another length."""
    return stanza(rng.choice(MINE).recipient, rng.randbytes(rng.choice([0, 15, 16, 17, 32])))


def stanzas_about(rng: random.Random, case: Case) -> None:
    match rng.randrange(4):
        case 0:
            rng.shuffle(case.stanzas)
        case 1:
            case.stanzas = case.stanzas * rng.choice([0, 2, 3])
        case 2:
            case.stanzas.insert(0, rng.choice(TOKENS))
        case _:
            case.stanzas.append(b"-> a\n" + b"A" * 64 * rng.randrange(3))


def flood(rng: random.Random, case: Case) -> None:
    """As much of one thing as the header can hold, and a little more."""
    unit = rng.choice(
        [b"-> a\n\n", b"-> a\n" + b"A" * 64 + b"\n\n", b"A" * 64 + b"\n", b"\n", b"-> " + b"a " * 30, *case.stanzas]
    )
    room = rng.choice([1000, MAX_HEADER // 2, MAX_HEADER - 200, MAX_HEADER, MAX_HEADER + 1000])
    case.stanzas.insert(rng.randrange(len(case.stanzas) + 1), unit * (room // max(1, len(unit))))


def mac(rng: random.Random, case: Case) -> None:
    case.fits = False


def nonce(rng: random.Random, case: Case) -> None:
    case.nonce = bent(rng, case.nonce)


def chunks(rng: random.Random, case: Case) -> None:
    if not case.chunks:
        return
    place = rng.randrange(len(case.chunks))
    match rng.randrange(5):
        case 0:
            case.chunks[place] = bent(rng, case.chunks[place])
        case 1:
            rng.shuffle(case.chunks)
        case 2:
            case.chunks.insert(place, rng.choice(case.chunks))
        case 3:
            del case.chunks[place]
        case _:
            edge = rng.choice([0, 1, TAG - 1, TAG, TAG + 1, SEALED_CHUNK - 1])
            case.chunks[place] = case.chunks[place][:edge]


def tail(rng: random.Random, case: Case) -> None:
    case.tail += rng.choice([b"\0", bytes(TAG), rng.randbytes(20), *case.chunks[:1]])


SPOILERS: list[tuple[Callable[[random.Random, Case], None], int]] = [
    (one_stanza(bent), 6),
    (one_stanza(words_of_stanza), 6),
    (one_stanza(lines_of_stanza), 6),
    (one_stanza(another_shape), 6),
    (one_stanza(wrong_file_key), 1),
    (stanzas_about, 4),
    (mac, 2),
    (nonce, 2),
    (chunks, 4),
    (tail, 2),
]
FLOODS = 0.002


def spoilt(rng: random.Random, case: Case) -> bytes:
    """Spoil a case, mostly once; give its bytes, now and then spoilt once more without regard to parts."""
    functions, weights = zip(*SPOILERS, strict=True)
    for spoil in rng.choices(functions, weights, k=rng.choice([0, 1, 1, 1, 2, 4])):
        spoil(rng, case)
    if rng.random() < FLOODS:
        flood(rng, case)
    data = case.object()
    return bent(rng, data) if rng.random() < 0.2 else data


def read(data: bytes, identity: Identity, block: int) -> str:
    """Read one object as the CSU does: `parse_header`, `unwrap`, every chunk; give the class of its end."""
    try:
        opened = b"".join(unseal((data[at : at + block] for at in range(0, len(data), block)), identity))
    except SealError as error:
        return type(error).__name__
    assert opened in PLAINTEXTS, "what opens was never sealed"
    return "opened"


def fuzz(cases: int, seed: int) -> course.Tally:
    """Run so many cases; see `course.run`."""
    seeds = Seeds(random.Random(seed))

    def make_case(rng: random.Random) -> course.Case:
        data = spoilt(rng, seeds.case(rng))
        identity, block = rng.choice(MINE), rng.choice([1000, CHUNK, 1 << 20])
        return lambda: [read(data, identity, block)]

    return course.run(make_case, cases, seed)


if __name__ == "__main__":
    course.main(__doc__, fuzz)

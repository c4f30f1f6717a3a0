"""Fuzz the reader of USB descriptors: `python tests/fuzz/fuzz_usb.py --cases 1000000 [--seed N]`.

A case is a real device with a few lies, most of them where a descriptor says how long it is, what it is, or how many
follow; often the sums are mended afterwards, so that the lie is reached. Most are handed through a model of what the
kernel makes of a device that answers so (drivers/usb/core/config.c), the others as they are.

What must hold: nothing but `DescriptorsInvalid` comes out; whatever is understood is what the kernel understood and
what stands in the file, to the last interface; whatever is allowed is exactly the model; no case takes more than a
second of processor time, and the process never grows by more than 100 MB.
"""

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from dockd.detect.usb_descriptors import (
    MAX_BYTES,
    ClassCode,
    Interface,
    UsbDevice,
    parse,
)
from dockd.detect.usb_policy import Judged, UsbModel, difference, is_hub, judge
from dockd.errors import DescriptorsInvalid
from tests.detect.test_usb_samples import SAMPLES
from tests.fuzz import course

EDGES = (0, 1, 2, 6, 7, 8, 9, 10, 17, 18, 19, 31, 32, 33, 127, 128, 129, 254, 255)
TYPES = (1, 2, 3, 4, 5, 6, 7, 0x0B, 0x0F, 0x21, 0x24, 0x30, 0xFF)
CLASSES = tuple(sorted({each[2] for sample in SAMPLES for each in sample.interfaces}))

Shown = list[tuple[int, set[tuple[int, int, ClassCode]]]]
"""Configurations by value, with number, alternate setting and class of their interfaces."""


@dataclass
class Case:
    """A device descriptor, and for each configuration the descriptors of the answer."""

    device: bytearray
    answers: list[list[bytearray]]

    @property
    def file(self) -> bytes:
        return bytes(self.device) + b"".join(b"".join(answer) for answer in self.answers)


def cut(raw: bytes) -> list[bytearray]:
    """Cut sound bytes into descriptors."""
    pieces = []
    while raw:
        pieces.append(bytearray(raw[: raw[0]]))
        raw = raw[raw[0] :]
    return pieces


SOUND = [cut(sample.raw) for sample in SAMPLES]


def a_case(rng: random.Random) -> tuple[Case, UsbModel]:
    """Give a real device, now and then with a second configuration, and the model that a fleet has for it."""
    number = rng.randrange(len(SAMPLES))
    device, *answer = (bytearray(piece) for piece in SOUND[number])
    case = Case(device, [answer])
    if rng.random() < 0.2:
        second = [bytearray(piece) for piece in (SOUND[number] if rng.random() < 0.5 else rng.choice(SOUND))[1:]]
        second[0][5] = 2
        case.answers.append(second)
        device[17] = 2
    return case, SAMPLES[number].model


def somewhere(rng: random.Random, case: Case) -> tuple[list[bytearray], int]:
    """Give an answer and a place in it."""
    answer = rng.choice([each for each in case.answers if each] or [[bytearray(b"\2\2")]])
    return answer, rng.randrange(len(answer))


def lie_in_a_field(rng: random.Random, case: Case) -> None:
    answer, at = somewhere(rng, case)
    piece = answer[at]
    if piece:
        piece[rng.randrange(len(piece))] = rng.choice((*EDGES, rng.randrange(256)))


def lie_about_length(rng: random.Random, case: Case) -> None:
    answer, at = somewhere(rng, case)
    answer[at][:1] = bytes([rng.choice((*EDGES, (len(answer[at]) + rng.choice((-1, 1, 2))) & 0xFF))])


def lie_about_type(rng: random.Random, case: Case) -> None:
    answer, at = somewhere(rng, case)
    answer[at][1:2] = bytes([rng.choice(TYPES)])


def lie_in_the_device(rng: random.Random, case: Case) -> None:
    at = rng.choice((0, 1, 4, 8, 10, 17, 17, 17, rng.randrange(18)))
    case.device[at] = rng.choice((*EDGES, rng.randrange(256)))


def lie_about_an_interface(rng: random.Random, case: Case) -> None:
    """Change number, alternate setting, endpoint count or class of an interface."""
    answer, _at = somewhere(rng, case)
    interfaces = [piece for piece in answer if len(piece) == 9 and piece[1] == 4]
    if not interfaces:
        return
    piece = rng.choice(interfaces)
    if rng.random() < 0.5:
        piece[5:8] = bytes(rng.choice(CLASSES))
    else:
        piece[rng.choice((2, 3, 4))] = rng.choice((0, 1, 2, 3, *EDGES))


def add_an_interface(rng: random.Random, case: Case) -> None:
    answer, at = somewhere(rng, case)
    numbers = [piece[2] for piece in answer if len(piece) == 9 and piece[1] == 4]
    number = rng.choice((max(numbers, default=-1) + 1, *numbers, rng.choice(EDGES))) & 0xFF
    extra = [bytearray((9, 4, number, rng.choice((0, 0, 1, 7)), 1, *rng.choice(CLASSES), 0))]
    extra.append(bytearray((7, 5, rng.choice((0x88, 0x81, 0x02)), 3, 8, 0, 10)))
    if rng.random() < 0.3:
        extra.pop()
        extra[0][4] = 0
    where = len(answer) if rng.random() < 0.7 else at
    answer[where:where] = extra


def shuffle(rng: random.Random, case: Case) -> None:
    answer, at = somewhere(rng, case)
    match rng.randrange(4):
        case 0:
            del answer[at]
        case 1:
            answer.insert(at, bytearray(rng.choice(answer)))
        case 2:
            answer.append(answer.pop(at))
        case _:
            answer[at:at] = [bytearray(piece) for piece in rng.choice(SOUND)]


def flood(rng: random.Random, case: Case) -> None:
    """As many of something as the file can hold, and a few more."""
    answer, at = somewhere(rng, case)
    unit = rng.choice((b"\2\x24", b"\2\4", bytes((9, 4, 0, 0, 0, *rng.choice(CLASSES), 0)), bytes(answer[at])))
    for number in range((0xFFFF - rng.choice((-99, 0, 9, 18, 60_000))) // max(1, len(unit))):
        piece = bytearray(unit)
        if len(piece) == 9:
            piece[2:4] = bytes((number // 128 & 0xFF, number % 128))
        answer.append(piece)


def spoil_bytes(rng: random.Random, case: Case) -> None:
    answer, at = somewhere(rng, case)
    match rng.randrange(3):
        case 0:
            del answer[at][rng.randrange(len(answer[at]) + 1) :]
        case 1:
            answer[at] += rng.randbytes(rng.choice((1, 1, 2, 9)))
        case _:
            answer[at] = bytearray(rng.randbytes(rng.randrange(20)))


def mend(rng: random.Random, case: Case) -> None:
    """Make the sums right again, so that what is wrong is something else."""
    for answer in (each for each in case.answers if each and len(each[0]) == 9):
        answer[0][2:4] = min(sum(map(len, answer)), 0xFFFF).to_bytes(2, "little")
        numbers = {piece[2] for piece in answer if len(piece) == 9 and piece[1] == 4}
        if rng.random() < 0.8:
            answer[0][4] = len(numbers) & 0xFF
    if rng.random() < 0.8:
        case.device[17] = len(case.answers)


LIES: list[tuple[Callable[[random.Random, Case], None], int]] = [
    (lie_in_a_field, 4),
    (lie_about_length, 3),
    (lie_about_type, 3),
    (lie_in_the_device, 2),
    (lie_about_an_interface, 6),
    (add_an_interface, 6),
    (shuffle, 4),
    (spoil_bytes, 2),
]
FLOODS, NOISE = 0.001, 0.02


def kernel(case: Case) -> tuple[bytes, Shown] | None:
    """Give what sysfs shows of a device that answers so, and the interfaces that the kernel knows of it.

    None if it does not get as far as sysfs. After `usb_get_configuration` and what that calls.
    """
    shown: list[bytes] = []
    known: Shown = []
    for answer in case.answers[: min(case.device[17], 8)]:
        data = b"".join(answer)[:0xFFFF]
        if len(data) < 9 or data[1] != 2 or not 9 <= data[0] <= len(data):
            return None
        end, interfaces = kernel_configuration(data)
        shown.append(data[:end])
        known.append((data[5], interfaces))
    if not shown:
        return None
    device = bytes(case.device[:17]) + bytes([len(shown)])
    return (device + b"".join(shown))[:MAX_BYTES], known


def kernel_configuration(data: bytes) -> tuple[int, set[tuple[int, int, ClassCode]]]:
    """Give how much of an answer is kept, and the interfaces in it, as `usb_parse_configuration` does."""
    at, alternates = data[0], dict[int, dict[int, ClassCode]]()
    while len(data) - at >= 2 and 2 <= data[at] <= len(data) - at:
        if data[at + 1] == 4 and data[at] >= 9:
            number, alternate = data[at + 2], data[at + 3]
            if number in alternates or len(alternates) < 32:
                known = alternates.setdefault(number, {})
                if len(known) < 128:
                    known.setdefault(alternate, ClassCode(*data[at + 5 : at + 8]))
        at += data[at]
    every = alternates.items()
    return at, {(number, alternate, kind) for number, known in every for alternate, kind in known.items()}


def standing(raw: bytes) -> list[tuple[int, int, ClassCode]]:
    """Give every interface descriptor in a file, walking from one descriptor to the next and nothing else."""
    found, at = [], 0
    while at < len(raw):
        if raw[at + 1] == 4:
            found.append((raw[at + 2], raw[at + 3], ClassCode(*raw[at + 5 : at + 8])))
        at += raw[at]
    return found


def is_exactly(raw: bytes, model: UsbModel) -> bool:
    """Tell from the bytes alone whether a device is what a model allows."""
    device, *pieces = cut(raw)
    groups: list[set[tuple[int, ClassCode]]] = []
    for piece in pieces:
        if piece[1] == 2:
            groups.append(set())
        elif piece[1] == 4:
            groups[-1].add((piece[2], ClassCode(*piece[5:8])))
    ids = (int.from_bytes(device[8:10], "little"), int.from_bytes(device[10:12], "little"))
    wanted = sorted(model.interfaces)
    same = all(sorted(kind for _number, kind in group) == wanted for group in groups)
    return bool(groups) and same and (*ids, tuple(device[4:7])) == (model.vendor, model.product, model.device)


def spoilt(rng: random.Random) -> tuple[bytes, Shown | None, UsbModel]:
    """Make a file, with what the kernel understood if it went through the kernel, and a model to judge it by."""
    case, model = a_case(rng)
    functions, weights = zip(*LIES, strict=True)
    for lie in rng.choices(functions, weights, k=rng.choice((0, 1, 1, 1, 2, 2, 4))):
        lie(rng, case)
    if rng.random() < FLOODS:
        flood(rng, case)
    if rng.random() < 0.7:
        mend(rng, case)
    if rng.random() < 0.7 and (through := kernel(case)):
        return (*through, model)
    raw = case.file
    if rng.random() < NOISE:
        raw = rng.choice((raw + rng.randbytes(rng.randrange(30)), raw[: rng.randrange(len(raw))], rng.randbytes(99)))
    return raw, None, model


def check(raw: bytes, known: Shown | None, model: UsbModel) -> str:
    """Read and judge one file; give how it ended."""
    try:
        device = parse(raw)
    except DescriptorsInvalid:
        return "malformed"
    flat = [(each.number, each.alternate, each.kind) for every in device.configurations for each in every.interfaces]
    assert flat == standing(raw), "not what stands in the file"
    if known is not None:
        ours = [
            (every.value, {(each.number, each.alternate, each.kind) for each in every.interfaces})
            for every in device.configurations
        ]
        assert ours == known, "not what the kernel knows"
    verdict = judge(device, model)
    assert isinstance(verdict, Judged) == (is_exactly(raw, model) and not is_hub(device)), "allowed or refused wrongly"
    if isinstance(verdict, Judged):
        check_appearance(verdict, device)
        return "allowed"
    assert len(verdict.reason) < 1000
    return verdict.code


def check_appearance(judged: Judged, device: UsbDevice) -> None:
    """What was judged is what must appear: all of one configuration, and nothing that is not in it."""
    for every in device.configurations:
        first = [each for each in every.interfaces if not each.alternate]
        keyboard = Interface(len(first), 0, ClassCode(3, 1, 1))
        assert difference(judged, device.raw, every.value, first) is None
        assert difference(judged, device.raw, every.value, first[1:]) is not None
        assert difference(judged, device.raw, every.value, [*first, keyboard]) is not None
        assert difference(judged, device.raw + b"\0", every.value, first) is not None


def fuzz(cases: int, seed: int) -> course.Tally:
    """Run so many cases; see `course.run`. Those that went through the kernel are counted as such."""

    def make_case(rng: random.Random) -> course.Case:
        raw, known, model = spoilt(rng)
        return lambda: [check(raw, known, model), *(["through the kernel"] if known is not None else [])]

    return course.run(make_case, cases, seed)


if __name__ == "__main__":
    course.main(__doc__, fuzz)

"""The course that every fuzz program runs: case after case, watched for what it raises, its time and its memory.

Each case has a randomness of its own, `seed/number`, so that one can be repeated alone. What a case raises ends a run;
time and memory are judged by the program alone, never by a test: machines are shared.
"""

import argparse
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

MAX_SECONDS = 1.0
MAX_GROWTH = 100_000_000

Case = Callable[[], Iterable[str]]
"""Runs what is under test on one input that was made before; gives words for how it ended, to be counted."""
MakeCase = Callable[[random.Random], Case]


@dataclass
class Tally:
    """What a run saw. `seconds` are processor time of the cases alone; `growth` is in bytes."""

    cases: int = 0
    seconds: float = 0.0
    worst_seconds: float = 0.0
    worst_case: int = -1
    growth: int = 0
    ends: Counter[str] = field(default_factory=Counter)


def run(make_case: MakeCase, cases: int, seed: int) -> Tally:
    """Run so many cases; raises AssertionError, naming the case, for the first that raises anything."""
    tally, before = Tally(), _peak()
    for number in range(cases):
        case = make_case(random.Random(f"{seed}/{number}"))
        started = time.thread_time()
        try:
            ends = case()
        except Exception as error:
            raise AssertionError(f"seed {seed}, case {number}: {error!r}") from error
        took = time.thread_time() - started
        tally.ends.update(ends)
        tally.cases, tally.seconds = number + 1, tally.seconds + took
        if took > tally.worst_seconds:
            tally.worst_seconds, tally.worst_case = took, number
    tally.growth = _peak() - before
    return tally


def main(doc: str | None, fuzz: Callable[[int, int], Tally]) -> None:
    """Be the program: run `fuzz(cases, seed)`, say what it saw, and fail if a limit was broken."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    tally = fuzz(options.cases, options.seed)
    print(f"{tally.cases} cases, {tally.seconds:.0f} s of processor time")
    print(f"worst case: {tally.worst_seconds * 1000:.1f} ms (case {tally.worst_case})")
    print(f"peak memory grew by {tally.growth / 1e6:.1f} MB")
    print(", ".join(f"{end} {count}" for end, count in tally.ends.most_common()))
    if tally.worst_seconds > MAX_SECONDS or tally.growth > MAX_GROWTH:
        sys.exit("over the limits")


def _peak() -> int:
    """Give the most memory this process ever held, in bytes: no case can have needed more than it grew."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

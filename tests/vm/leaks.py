"""Looks for secrets in the raw bytes of a disk: windows of originals, and keys."""

import random
from collections.abc import Iterable
from pathlib import Path

WINDOW = 64
_WORD = 8
_BLOCK = 16 << 20
_DISTINCT = 24
"""Fewer distinct bytes than this in 64, and a window may well be somewhere by chance."""


def windows(content: bytes, number: int, rng: random.Random) -> set[bytes]:
    """Sample windows that occur nowhere by chance."""
    found: set[bytes] = set()
    while len(found) < number:
        start = rng.randrange(len(content) - WINDOW + 1)
        window = content[start : start + WINDOW]
        if len(set(window)) >= _DISTINCT:
            found.add(window)
    return found


def found_in(image: Path, secrets: Iterable[bytes]) -> set[bytes]:
    """Give the secrets, each of 15 bytes or more, that lie anywhere in an image, at any offset.

    Wherever a secret lies, one of its first eight words of eight bytes is aligned in the image: only these are
    looked for, and where one is found, the whole secret.
    """
    by_word: dict[int, list[tuple[int, bytes]]] = {}
    longest = _WORD
    for secret in secrets:
        longest = max(longest, len(secret))
        for start in range(_WORD):
            word = int.from_bytes(secret[start : start + _WORD], "little")
            by_word.setdefault(word, []).append((start, secret))
    words = set(by_word)
    found: set[bytes] = set()
    with image.open("rb") as file:
        while block := file.read(_BLOCK):
            after = file.tell()
            if block.count(0) < len(block):
                aligned = memoryview(block[: len(block) // _WORD * _WORD]).cast("Q")
                if not words.isdisjoint(aligned):
                    file.seek(max(0, after - len(block) - longest))
                    around = file.read(len(block) + 2 * longest)
                    found |= {
                        secret
                        for near in words.intersection(aligned)
                        for _, secret in by_word[near]
                        if secret in around
                    }
                    file.seek(after)
    return found

"""A set of fingerprints, small enough to keep one for each camera of 100,000 files: eight bytes for each."""

from array import array
from collections.abc import Iterable

_UINT64 = "Q"
_BUCKETS = 256


class Snapshot:
    """Fingerprints below 2**64 of all that lies in a folder. Never changes; compares as a set does."""

    __slots__ = ("_sorted",)

    def __init__(self, fingerprints: Iterable[int] = ()) -> None:
        # Sorted bucket by bucket, by their highest byte: sorting all at once would hold each as a Python number.
        buckets = [array(_UINT64) for _number in range(_BUCKETS)]
        for fingerprint in fingerprints:
            buckets[fingerprint >> 56].append(fingerprint)
        self._sorted = array(_UINT64)
        for bucket in buckets:
            self._sorted.extend(sorted(set(bucket)))

    def __bool__(self) -> bool:
        return bool(self._sorted)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Snapshot) and self._sorted == other._sorted

    def __hash__(self) -> int:
        return hash(self._sorted.tobytes())

    def __le__(self, other: "Snapshot") -> bool:
        """Whether nothing is here that is not in `other`: merges the two, which both are sorted."""
        theirs = iter(other._sorted)
        return all(fingerprint in theirs for fingerprint in self._sorted)

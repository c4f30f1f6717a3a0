"""What the check can say: a closed list of findings, and the verdict that each leads to."""

from collections.abc import Iterable
from enum import StrEnum

from dockd.model import Verdict


class Finding(StrEnum):
    """One thing that is wrong. The codes are stable; docs/mp4-check.md says what each means."""

    NO_BOXES = "no-boxes"

    EMPTY = "empty"
    HEADER_CUT = "header-cut"
    BOX_PAST_END = "box-past-end"
    SAMPLE_PAST_END = "sample-past-end"
    FRAGMENTS_MISSING = "fragments-missing"
    READ_SHORT = "read-short"

    NO_MOOV = "no-moov"
    NO_SAMPLES = "no-samples"

    ZEROS = "zeros"
    NO_FTYP = "no-ftyp"
    BOX_SIZE = "box-size"
    TRAILING_BYTES = "trailing-bytes"
    MOOV_TWICE = "moov-twice"
    TRACK_INCOMPLETE = "track-incomplete"
    TABLE_COUNT = "table-count"
    TABLES_DISAGREE = "tables-disagree"
    SAMPLE_OUTSIDE = "sample-outside"
    FRAGMENT_ORPHAN = "fragment-orphan"
    FRAGMENT_ORDER = "fragment-order"
    NAL_CHAIN = "nal-chain"
    ZERO_RUN = "zero-run"
    TOO_LARGE = "too-large"
    UNCHECKED = "unchecked"


_BY_FINDING: dict[Finding, Verdict] = {
    Finding.NO_BOXES: "opaque",
    **dict.fromkeys(
        (
            Finding.EMPTY,
            Finding.HEADER_CUT,
            Finding.BOX_PAST_END,
            Finding.SAMPLE_PAST_END,
            Finding.FRAGMENTS_MISSING,
            Finding.READ_SHORT,
        ),
        "truncated",
    ),
    Finding.NO_MOOV: "no-index",
    Finding.NO_SAMPLES: "no-index",
}
_PRECEDENCE: tuple[Verdict, ...] = ("opaque", "truncated", "no-index", "suspect")


class Damage(Exception):
    """A part of the file cannot be read on: ends the look at that part and becomes a finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.value)
        self.finding = finding


def leads_to(finding: Finding) -> Verdict:
    """Give the verdict on a file with this finding alone."""
    return _BY_FINDING.get(finding, "suspect")


def verdict(findings: Iterable[Finding]) -> Verdict:
    """Give the first that applies of: opaque, truncated, no-index, suspect, ok."""
    found = {leads_to(finding) for finding in findings}
    return next((each for each in _PRECEDENCE if each in found), "ok")

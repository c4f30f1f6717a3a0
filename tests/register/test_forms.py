"""What is read fast by a million is what is read one by one."""

import json
from typing import get_origin

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from dockd.errors import RegisterTampered
from dockd.register.body import Facts
from dockd.register.entry import KINDS, compose, read
from dockd.register.forms import head_of
from tests.register import test_entry
from tests.register.dock import collected, refused, salvaged
from tests.register.test_entry import examples

HEAD = {**test_entry.HEAD, "monotonic_ms": 73518}
BODIES = [
    compose(facts, seq=seq, **HEAD) for seq, facts in enumerate([collected(1), refused(), salvaged(3), collected(4)])
]
REACH_OUT = {"log_opened", "pruned"}
WITH_MAPPING = {
    kind.KIND for kind in KINDS for field in kind.model_fields.values() if get_origin(field.annotation) is dict
}
WITH_GAPS = {"salvaged"}
WITH_PARTS = {"camera_findings"}
WITH_NEWLINES = {"witness_disagreed"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.KIND)
def test_every_ordinary_kind_is_read_fast(kind: type[Facts]) -> None:
    example = examples()[kind.KIND]
    head = head_of(rfc8785.dumps(example))
    if kind.KIND in REACH_OUT | WITH_MAPPING | WITH_GAPS | WITH_PARTS | WITH_NEWLINES:
        assert head is None
    else:
        assert head is not None
        assert (head["dock_id"].decode(), int(head["seq"])) == (example["dock_id"], example["seq"])


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.integers(0, 2**53 - 1))
def test_whatever_is_read_fast_is_read_alone_with_the_same_head(reason: str, number: int) -> None:
    for seq, facts in enumerate(
        [refused().model_copy(update={"reason": reason}), collected(0, size=number, path=reason)]
    ):
        body = compose(facts, seq=seq, **HEAD)
        head, entry = head_of(body), read(seq, body)
        if head is not None:
            assert (head["dock_id"].decode(), int(head["seq"])) == (entry.dock_id, entry.seq)
        else:
            rare = {'"', "\\", "\x7f", *map(chr, range(32))}
            assert rare & set(reason) or number >= 10**15


@given(st.sampled_from(BODIES), st.integers(0), st.binary(max_size=3), st.integers(0, 3))
def test_a_body_that_was_changed_anywhere_is_read_fast_only_if_it_is_read_alone(
    body: bytes, place: int, put: bytes, cut: int
) -> None:
    place %= len(body)
    changed = body[:place] + put + body[place + cut :]
    if (head := head_of(changed)) is not None:
        assert read(int(head["seq"]), changed).dock_id == head["dock_id"].decode()


KEYS = st.sampled_from(["about", "at", "dock_id", "kind", "mp4", "seq", "v", "x"])
VALUES = st.none() | st.booleans() | st.integers(-1, 2**60) | st.text(max_size=5) | st.lists(st.text(max_size=3))


@given(st.sampled_from(BODIES), st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES), max_size=3))
def test_a_field_that_was_changed_is_read_fast_only_if_it_is_read_alone(body: bytes, fields: dict) -> None:
    changed = json.dumps({**json.loads(body), **fields}, separators=(",", ":"), sort_keys=True).encode()
    if (head := head_of(changed)) is not None:
        read(int(head["seq"]), changed)


@given(st.binary(max_size=80))
def test_foreign_bytes_are_not_read_and_break_nothing(body: bytes) -> None:
    assert head_of(body) is None


def test_what_is_longer_than_the_longest_text_is_for_the_careful_reader() -> None:
    assert head_of(compose(refused().model_copy(update={"reason": "x" * 15000}), seq=1, **HEAD)) is not None
    assert head_of(compose(refused().model_copy(update={"reason": "x" * 16384}), seq=1, **HEAD)) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a" * 64, b"a" * 63 + b"g"),
        (b"a" * 64, b"a" * 64 + b"\\n"),
        (b"a" * 64, b"a" * 64 + b"\n"),
        (b"2026-11-22T01:00:00.000000Z", b"yesterday"),
        (b"2026-11-22T01:00:00.000000Z", b"\xef\xbc\x92026-11-22T01:00:00.000000Z"),
        (b"box-past-end", b"b" * 33),
        (b'["box-past-end"]', b"[" + b",".join([b'"b"'] * 65) + b"]"),
        (b'"width":1920', b'"width":-1'),
        (b'"width":1920', b'"width":01920'),
        (b'"width":1920', b'"width":1920.0'),
        (b'"width":1920', b'"width":1e3'),
        (b'"size":1001', b'"size":9007199254740992'),
        (b'"v":1', b'"v":2'),
        (b'"v":1', b'"v":true'),
        (b'{"at"', b'{ "at"'),
        (b'"author":"', b'"author":"\x7f'),
        (b'"author":"', b'"author":"\t'),
        (b'"author":"', b'"author":"\xff'),
        (b'"author":"', b'"author":"\xed\xa0\x80'),
        (b"box-past-end", "é".encode()),
    ],
)
def test_a_value_of_another_form_is_not_read_fast(old: bytes, new: bytes) -> None:
    changed = BODIES[0].replace(old, new)
    assert changed != BODIES[0]
    assert head_of(changed) is None


def test_what_is_read_by_neither_is_tampered_with() -> None:
    changed = BODIES[0].replace(b"a" * 64, b"a" * 63 + b"g")
    with pytest.raises(RegisterTampered):
        read(0, changed)

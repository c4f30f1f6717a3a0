"""What is read a million at once is what is read one by one."""

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from dockd.errors import RegisterTampered
from dockd.register.body import Facts
from dockd.register.entry import KINDS, compose, read
from dockd.register.forms import read_all
from tests.register.dock import collected, refused, salvaged
from tests.register.test_entry import HEAD, examples

BODIES = [
    compose(facts, seq=seq, **HEAD) for seq, facts in enumerate([collected(1), refused(), salvaged(3), collected(4)])
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.KIND)
def test_every_kind_is_read(kind: type[Facts]) -> None:
    example = examples()[kind.KIND]
    [head] = read_all([rfc8785.dumps(example)]) or [None]  # type: ignore[arg-type]
    assert head is not None
    assert (head.seq, head.dock_id, head.reaches_out) == (
        example["seq"],
        example["dock_id"],
        kind.KIND in ("log_opened", "pruned"),
    )


def test_the_heads_are_those_of_the_bodies_in_their_order() -> None:
    assert [head.seq for head in read_all(BODIES) or []] == [0, 1, 2, 3]
    assert read_all([]) == []


@given(st.text(st.characters(codec="utf-8")), st.integers(0, 2**53 - 1))
def test_whatever_can_be_entered_is_read(reason: str, number: int) -> None:
    facts = (refused().model_copy(update={"reason": reason}), collected(0, size=number, path=reason))
    assert read_all([compose(each, seq=seq, **HEAD) for seq, each in enumerate(facts)]) is not None


@given(st.sampled_from(BODIES), st.integers(0), st.binary(max_size=3), st.integers(0, 3))
def test_a_body_that_was_changed_anywhere_is_read_only_if_it_is_read_alone(
    body: bytes, place: int, put: bytes, cut: int
) -> None:
    place %= len(body)
    changed = body[:place] + put + body[place + cut :]
    if read_all([changed]) is None:
        with pytest.raises(RegisterTampered):
            read(_seq(changed), changed)
        return
    read(_seq(changed), changed)


def _seq(body: bytes) -> int:
    try:
        seq = json.loads(body)["seq"]
    except (ValueError, KeyError, TypeError):
        return 0
    return seq if isinstance(seq, int) else 0


@given(st.integers(0), st.binary(min_size=1, max_size=3))
def test_one_that_is_not_in_order_keeps_all_from_being_read_together(place: int, put: bytes) -> None:
    body = BODIES[0]
    changed = body[: place % len(body)] + put + body[place % len(body) :]
    if read_all([changed]) is None:
        assert read_all([*BODIES, changed]) is None


@pytest.mark.parametrize("bodies", [[BODIES[0] + b"\n" + BODIES[1]], [b""], [b"", BODIES[0]]])
def test_bodies_are_not_mistaken_for_one_another(bodies: list[bytes]) -> None:
    assert read_all(bodies) is None


def test_a_body_that_is_cut_in_two_is_none() -> None:
    body = BODIES[0]
    place = body.index(b",") + 1
    assert read_all([body[:place], body[place:]]) is None
    assert read_all([body[:place] + b"\n" + body[place:]]) is None


@given(st.binary(max_size=80))
def test_foreign_bytes_are_not_read_and_break_nothing(body: bytes) -> None:
    assert read_all([body]) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a" * 64, b"a" * 63 + b"g"),
        (b"a" * 64, b"a" * 64 + b"\\n"),
        (b"2026-11-22T01:00:00.000000Z", b"yesterday"),
        (b"box-past-end", b"b" * 33),
        (b'"width":1920', b'"width":-1'),
    ],
)
def test_a_value_of_another_form_is_read_by_neither(old: bytes, new: bytes) -> None:
    changed = BODIES[0].replace(old, new)
    assert changed != BODIES[0]
    assert read_all([changed]) is None
    with pytest.raises(RegisterTampered):
        read(0, changed)

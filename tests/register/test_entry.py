import json
import re
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dockd.errors import RegisterTampered
from dockd.model import GAP_UNIT, MAX_GAPS
from dockd.register.body import Entry, Facts
from dockd.register.entry import KINDS, compose, read
from dockd.register.kinds import Collected, CollectedEntry, Refused, SalvagedEntry, ServiceStarted
from tests.register.dock import collected, refused, salvaged

DOCUMENT = (Path(__file__).parents[2] / "docs" / "register-format.md").read_text()
HEAD = {
    "dock_id": "dock-7",
    "author": "dockd",
    "at": "2026-11-22T01:00:00.000000Z",
    "zone": "UTC",
    "clock_trusted": False,
    "boot_id": "b",
    "monotonic_ms": 2**53 - 1,
}


def test_a_body_reads_back_as_what_was_entered() -> None:
    entry = read(5, compose(collected(3), seq=5, **HEAD))
    assert isinstance(entry, CollectedEntry)
    assert (entry.seq, entry.kind, entry.path, entry.VERB) == (5, "collected", "DCIM/3.mp4", "collected")
    assert entry.recipients == ("age1one", "age1two")


def test_a_salvage_reads_back_with_its_gaps_and_is_no_collection() -> None:
    gaps = tuple((2 * n * GAP_UNIT, GAP_UNIT) for n in range(MAX_GAPS))
    entry = read(5, compose(salvaged(3, gaps=gaps), seq=5, **HEAD))
    assert isinstance(entry, SalvagedEntry) and not isinstance(entry, Collected)
    assert (entry.kind, entry.VERB, entry.gaps) == ("salvaged", "collected", gaps)


@pytest.mark.parametrize("gaps", [(), ((0,),), ((0, -1),), ((0, 1.0),), ((0, 1),) * (MAX_GAPS + 1)])
def test_a_salvage_without_gaps_or_with_impossible_ones_cannot_be_said(gaps: object) -> None:
    with pytest.raises(ValidationError):
        salvaged(3, gaps=gaps)


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_any_text_is_written_as_rfc_8785_and_reads_back(claimed_id: str, reason: str) -> None:
    body = compose(Refused(bay="b", claimed_id=claimed_id, code="c", reason=reason), seq=0, **HEAD)
    assert body == rfc8785.dumps(json.loads(body))
    entry = read(0, body)
    assert isinstance(entry, Refused) and (entry.claimed_id, entry.reason) == (claimed_id, reason)


@given(st.dictionaries(st.from_regex(r"\A[!-~]{1,12}\Z"), st.just("a" * 64)))
def test_names_of_files_are_sorted_as_rfc_8785_sorts_them(digests: dict[str, str]) -> None:
    read(0, compose(ServiceStarted(software="s", config_sha256=digests), seq=0, **HEAD))


def change(body: bytes, old: str, new: str) -> bytes:
    assert old.encode() in body
    return body.replace(old.encode(), new.encode(), 1)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"seq":5', '"seq":6', "says that it is entry 6"),
        ('"kind":"collected"', '"kind":"invented"', "known kind"),
        ('"v":1', '"v":2', "known kind"),
        ('"v":1', '"v":1,"w":1', "known kind"),
        ('"v":1', '"v":true', "entry 5"),
        ('"v":1', '"v":1.0', "entry 5"),
        ('"v":1', '"v": 1', "not canonical"),
        ('"v":1', '"v":1,"v":1', "not canonical"),
        ('"zone":"UTC"', '"zone":"\\u0055TC"', "not canonical"),
        ('"size":1000', '"size":-1', "known kind"),
        ('"size":1000', '"size":9007199254740992', "known kind"),
        (f'"mtime_ns":"{1790000000123456789}"', '"mtime_ns":"-0"', "known kind"),
        ('"at":"2026-11-22T01:00:00.000000Z"', '"at":"yesterday"', "known kind"),
        ('"author":"dockd",', "", "known kind"),
        ("}", "", "known kind"),
    ],
)
def test_a_body_that_is_not_the_canonical_entry_of_its_place_is_refused(old: str, new: str, fault: str) -> None:
    body = compose(collected(0), seq=5, **HEAD)
    with pytest.raises(RegisterTampered, match=fault) as caught:
        read(5, change(body, old, new))
    assert caught.value.seq == 5


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.text(max_size=3), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_foreign_bytes_are_refused_and_never_break_the_reader(body: bytes) -> None:
    with pytest.raises(RegisterTampered):
        read(0, body)


def test_facts_with_a_field_too_many_or_of_another_type_cannot_be_made() -> None:
    for changes in ({"extra": 1}, {"size": "1"}, {"size": True}, {"recovered": 1}, {"path": "\ud800"}):
        with pytest.raises(ValidationError):
            collected(0, **changes)


def test_no_kind_has_a_field_of_the_head() -> None:
    for kind in KINDS:
        assert not set(kind.model_fields) & set(Entry.model_fields), kind


def examples() -> dict[str, dict[str, object]]:
    blocks = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL))
    return {block["kind"]: block for block in blocks if "kind" in block}


def test_the_document_has_an_example_of_exactly_the_kinds_there_are() -> None:
    assert set(examples()) == {kind.KIND for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.KIND)
def test_the_example_of_a_kind_is_an_entry_and_its_fields_and_verb_are_explained(kind: type[Facts]) -> None:
    example = examples()[kind.KIND]
    body = rfc8785.dumps(example)  # type: ignore[arg-type]
    assert isinstance(read(int(str(example["seq"])), body), kind)
    section = DOCUMENT.split(f"### `{kind.KIND}`")[1].split("\n### ")[0]
    assert f"verb: {kind.VERB or 'none'}" in section.lower()
    prose = section.split("```json")[0]
    assert [field for field in kind.model_fields if f"`{field}`" not in prose] == []


def test_every_field_of_the_head_is_explained() -> None:
    head = DOCUMENT.split("## Body")[1].split("\n## ")[0]
    assert [field for field in Entry.model_fields if f"`{field}`" not in head] == []


def test_a_refused_stranger_is_an_entry_too() -> None:
    assert isinstance(read(0, compose(refused(), seq=0, **HEAD)), Refused)

import base64
import json
from dataclasses import asdict, fields, replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dockd.errors import PartitionError
from dockd.model import GAP_UNIT, MAX_GAPS, MAX_SIZE, Gap, RecordingPath
from dockd.store.sidecar import MAX_SIDECAR, Sidecar, read_sidecar, write_sidecar
from tests.store.shop import new_key


@pytest.fixture(scope="module")
def verify(tmp_path_factory):
    return new_key(tmp_path_factory.mktemp("key")).verifier.verify


def test_a_sidecar_reads_back_as_it_was_written(sale, key):
    assert read_sidecar(sale.signed, key.verifier.verify) == sale.sidecar
    assert len(sale.signed) < MAX_SIDECAR


def test_a_sidecar_with_as_many_gaps_as_there_may_be_reads_back_too(sale, key):
    gaps = tuple(Gap(2 * n * GAP_UNIT + 2**52, GAP_UNIT) for n in range(MAX_GAPS))
    longest = RecordingPath(b"\xff" * 4096).text
    sidecar = replace(sale.sidecar, path=longest, part_of=longest, size=MAX_SIZE, gaps=gaps)
    signed = write_sidecar(sidecar, key.verifier.text, key.sign)
    assert read_sidecar(signed, key.verifier.verify) == sidecar
    assert len(signed) < MAX_SIDECAR


@pytest.mark.parametrize("name", [field.name for field in fields(Sidecar)])
def test_a_changed_missing_or_renamed_field_is_refused(sale, key, name):
    outer = json.loads(sale.signed)
    value = outer["sidecar"][name]
    other = {
        int: lambda: value + 1,
        str: lambda: value + "x",
        list: lambda: [*value, "age1evil"],
        dict: lambda: {**value, "verdict": "ok"},
    }[type(value)]()
    for body in (
        {**outer["sidecar"], name: other},
        {key_: each for key_, each in outer["sidecar"].items() if key_ != name},
        {key_ + ("x" if key_ == name else ""): each for key_, each in outer["sidecar"].items()},
        {**outer["sidecar"], "more": 1},
    ):
        with pytest.raises(PartitionError):
            read_sidecar(json.dumps({**outer, "sidecar": body}).encode(), key.verifier.verify)


@pytest.mark.parametrize("change", [{"more": 1}, {"signature": ""}, {"signature": None}, {"sidecar": None}])
def test_an_outer_form_that_is_not_ours_is_refused(sale, key, change):
    with pytest.raises(PartitionError):
        read_sidecar(json.dumps({**json.loads(sale.signed), **change}).encode(), key.verifier.verify)


def test_every_bit_of_the_signature_matters(sale, key):
    outer = json.loads(sale.signed)
    signature = base64.b64decode(outer["signature"])
    for place in range(len(signature) * 8):
        wrong = bytearray(signature)
        wrong[place // 8] ^= 1 << place % 8
        content = json.dumps({**outer, "signature": base64.b64encode(wrong).decode()}).encode()
        with pytest.raises(PartitionError):
            read_sidecar(content, key.verifier.verify)


def test_the_signature_of_another_key_or_domain_is_refused(sale, key, tmp_path):
    stranger = new_key(tmp_path)
    with pytest.raises(PartitionError):
        read_sidecar(write_sidecar(sale.sidecar, "k", stranger.sign), key.verifier.verify)
    other_domain = write_sidecar(sale.sidecar, "k", lambda _domain, message: key.sign(b"dockd other v1", message))
    with pytest.raises(PartitionError):
        read_sidecar(other_domain, key.verifier.verify)


@pytest.mark.parametrize("change", [{"v": 2}, {"v": None}])
def test_a_version_that_we_do_not_know_is_refused_even_when_signed(sale, key, change):
    body = {**asdict(sale.sidecar), **change}
    import rfc8785

    from dockd.store.sidecar import DOMAIN

    signature = base64.b64encode(key.sign(DOMAIN, rfc8785.dumps(body))).decode()
    content = json.dumps({"sidecar": body, "key": "k", "signature": signature}).encode()
    with pytest.raises(PartitionError):
        read_sidecar(content, key.verifier.verify)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
OUTER = st.fixed_dictionaries({"sidecar": JSON, "signature": JSON | st.just("AAAA")})


@settings(max_examples=200)
@given(st.binary(max_size=200) | OUTER.map(lambda outer: json.dumps(outer).encode()))
@example(b"[" * 60_000)
@example(b'{"sidecar": ' + b"[" * 60_000)
@example(b'{"signature": "AAAA", "sidecar": ' + b"[" * 700 + b"]" * 700 + b"}")
@example(b'{"signature": "AAAA", "sidecar": ' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}")
@example(b'{"signature": "AAAA", "sidecar": {"size": ' + b"9" * 5000 + b"}}")
@example(b'{"signature": "AAAA", "sidecar": {"size": 9007199254740993}}')
@example(b'{"signature": "AAAA", "sidecar": {"size": NaN}}')
@example(b'{"signature": "AAAA", "sidecar": {"size": -Infinity, "v": 1e999}}')
@example(b'{"signature": "AAAA", "sidecar": {"path": "\\ud800"}}')
@example(b'{"signature": "AAAA", "sidecar": {"\\udfff": 1}}')
@example(b'{"signature": "\\ud800", "sidecar": {}}')
@example(b'{"signature": [], "sidecar": {}}')
@example(b"\xff\xfe\x00")
@example(b"")
def test_any_bytes_as_a_sidecar_only_raise_a_partition_error(verify, content):
    with pytest.raises(PartitionError):
        read_sidecar(content, verify)

"""The public age test vectors (C2SP CCTV, npm package cctv-age): our reader accepts and refuses what they say, and why.

Not applicable, by the key that marks them, see `NOT_APPLICABLE`; every other vector must agree.
"""

import hashlib
import json
import zlib
from base64 import b64decode
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

import pytest

from dockd.errors import HeaderChanged, HeaderInvalid, NotForIdentity, PayloadInvalid, SealError
from dockd.seal.header import parse_header, unwrap
from dockd.seal.recipients import Identity
from dockd.seal.stream import CHUNK, PAYLOAD_NONCE, SEALED_CHUNK, TAG, PayloadKey, unseal
from tests.seal.sealing import FIXED, blocks

NOT_APPLICABLE = {
    "armored": "objects are binary files; the text form of age is not read",
    "passphrase": "objects are sealed to public keys; passphrases (scrypt) are not read",
}
KNOWN_KEYS = {"expect", "payload", "identity", "file key", "compressed", "comment", *NOT_APPLICABLE}

OUTCOMES: dict[type[SealError], str] = {
    HeaderInvalid: "header failure",
    NotForIdentity: "no match",
    HeaderChanged: "HMAC failure",
    PayloadInvalid: "payload failure",
}

# Other readers let a full chunk out as soon as it decrypts, ours only once the bytes behind it show whether it is the
# last: where those are missing or wrong, it lets out one genuine chunk less.
WITHHELD = {
    "stream_no_final_full",
    "stream_no_final_two_chunks_full",
    "stream_trailing_garbage_long",
    "stream_trailing_garbage_short",
    "stream_two_final_chunks",
    "stream_two_final_chunks_full",
    "stream_two_final_chunks_second",
}


@dataclass(frozen=True)
class Vector:
    facts: dict[str, str]
    identities: tuple[Identity, ...]
    object: bytes

    @classmethod
    def read(cls, content: bytes) -> "Vector":
        head, _, sealed = content.partition(b"\n\n")
        pairs = [line.split(": ", 1) for line in head.decode().splitlines()]
        facts = {key: value for key, value in pairs}
        assert set(facts) <= KNOWN_KEYS, facts
        assert facts.get("compressed", "zlib") == "zlib"
        identities = tuple(Identity.parse(value) for key, value in pairs if key == "identity")
        return cls(facts, identities or (FIXED,), zlib.decompress(sealed) if "compressed" in facts else sealed)


def opened(sealed: bytes, identity: Identity, size: int) -> tuple[str, bytes]:
    """Give the outcome in the words of the vectors, and all that was let out."""
    let_out = bytearray()
    try:
        for part in unseal(blocks(sealed, size), identity):
            let_out += part
    except SealError as error:
        return OUTCOMES[type(error)], bytes(let_out)
    return "success", bytes(let_out)


def outcome(vector: Vector, size: int) -> tuple[str, bytes]:
    """Try one identity after the other, as `age -i FILE` does, until one is meant."""
    found = [opened(vector.object, identity, size) for identity in vector.identities]
    return next((each for each in found if each[0] != "no match"), found[0])


def withheld(vector: Vector, index: int) -> bytes:
    """Decrypt one whole chunk of a broken payload with whichever flag fits; nothing if none does."""
    header = parse_header(vector.object)
    start = header.size + PAYLOAD_NONCE
    key = PayloadKey(unwrap(header, vector.identities[0]), vector.object[header.size : start])
    chunk = vector.object[start + index * SEALED_CHUNK :][:SEALED_CHUNK]
    out = bytearray(max(0, len(chunk) - TAG))
    for last in (False, True):
        with suppress(SealError):
            key.open_into(index, last, chunk, memoryview(out))
            return bytes(out)
    return b""


@pytest.fixture(scope="module")
def vectors(peers):
    texts = json.loads(peers.ask("vectors"))
    return {name: Vector.read(b64decode(text)) for name, text in texts.items()}


def applicable(vectors):
    return {name: vector for name, vector in vectors.items() if not set(vector.facts) & set(NOT_APPLICABLE)}


@pytest.mark.parametrize("size", [1 << 20, 1000])
def test_every_applicable_vector_ends_as_it_must(vectors, size):
    found = {name: outcome(vector, size)[0] for name, vector in applicable(vectors).items()}
    expected = {name: vector.facts["expect"] for name, vector in applicable(vectors).items()}
    print(Counter(expected.values()))
    assert found == expected
    assert set(expected.values()) == {"success", *OUTCOMES.values()}
    assert len(expected) >= 85


def test_what_is_let_out_of_a_vector_is_what_it_says(vectors):
    short = set()
    for name, vector in applicable(vectors).items():
        expected = vector.facts.get("payload", hashlib.sha256().hexdigest())
        _, let_out = outcome(vector, 1000)
        if hashlib.sha256(let_out).hexdigest() != expected:
            short.add(name)
            let_out += withheld(vector, len(let_out) // CHUNK)
        assert hashlib.sha256(let_out).hexdigest() == expected, name
    assert short == WITHHELD


def test_the_vectors_left_out_are_only_those_with_armor_or_a_passphrase(vectors):
    left_out = set(vectors) - set(applicable(vectors))
    assert {name.partition("_")[0] for name in left_out} == {"armor", "scrypt"}


def test_an_armored_vector_is_refused_as_no_age_file(vectors):
    for vector in vectors.values():
        if "armored" in vector.facts:
            assert opened(vector.object, vector.identities[0], 1000)[0] == "header failure"

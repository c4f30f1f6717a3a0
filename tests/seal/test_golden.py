"""Frozen bytes: a change of the format, even one that we would read back ourselves, fails here by name."""

from base64 import b64decode

from dockd.seal.header import parse_header, unwrap
from dockd.seal.stream import PayloadKey, sealed_size
from tests.seal.sealing import BOUNDARIES, FIXED, pattern, seal, seal_parts, unsealed

SECRET = "AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0SWRYDWG"
PUBLIC = "age13aqvttdk3ujkyjh9kg2w5an6dmy5mq5a84a4uxk3hfhnugfc9p0sy5p2wh"

# Made by age 1.1.1 for PUBLIC.
MADE_BY_AGE = b64decode(
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBqSFJzUVk1czh3K09XRXIveEZHZVFLQ0RkS2JBNS9hSC9LYmFYTnV0VzFJCkU1c3hCUmVU"
    "dy9PNXN2VFBhd0hBM3lHVGhtYlI3TSthd240UXR3QkMzbXMKLS0tIFRuM3lTWG5MZ09UdWt1c2p3Y1krVjhtbzhFN29SUGh3ckIvbnh2NTg1c1UK"
    "T9UDM/+XWevu2YpVWPYw5w5pqIDDgb48CHnthsjAbQlg/WrxoB8U54kHnw=="
)


def test_the_key_of_the_vector_has_its_text():
    assert (FIXED.text, FIXED.recipient.text) == (SECRET, PUBLIC)


def test_the_file_made_by_age_opens():
    assert unsealed(MADE_BY_AGE) == b"made by age"


def test_the_header_of_the_file_made_by_age_is_understood():
    header = parse_header(MADE_BY_AGE)
    assert header.size == 168
    assert header.covered == MADE_BY_AGE[: MADE_BY_AGE.index(b"---") + 3]
    assert [stanza.args[0] for stanza in header.stanzas] == [b"X25519"]
    assert header.mac.hex() == "4e7df24979cb80e4ee92eb23c1c63e57c9a8f04ee844f870ac1fe7c6fe7ce6c5"
    assert len(unwrap(header, FIXED)) == 16


def test_a_chunk_under_a_fixed_key_has_fixed_bytes():
    key = PayloadKey(bytes(range(16)), bytes(range(16, 32)))
    out = bytearray(21)
    key.seal_into(b"dockd", False, memoryview(out))
    assert out.hex() == "8d635e323120e2f73b3df71ae3f454b80e8c87c6b9"
    key.seal_into(b"dockd", True, memoryview(out))
    assert out.hex() == "3fff02ec6741302b77bf0d907956cc11036e9aa4ff"


def test_our_header_has_the_lines_of_an_age_header():
    prefix, _sealed = seal_parts(b"")
    version, stanza, body, mac = prefix[:-16].split(b"\n")[:4]
    assert version == b"age-encryption.org/v1"
    assert stanza.startswith(b"-> X25519 ") and len(stanza) == 53
    assert len(body) == 43
    assert mac.startswith(b"--- ") and len(mac) == 47


def test_the_size_of_an_object_is_known_beforehand():
    for size in BOUNDARIES:
        prefix, _sealed = seal_parts(b"")
        assert sealed_size(len(prefix), size) == len(seal(pattern(size)))

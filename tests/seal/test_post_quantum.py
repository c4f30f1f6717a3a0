"""What must hold of `age1pq` without any other program at hand: frozen bytes, no mixing, and room for its size."""

import hashlib
import itertools
import json
from base64 import b64decode

import pytest

from dockd.docking.messages import MAX_PACKET, Camera, decode_order, encode
from dockd.errors import HeaderInvalid, NotForIdentity, SealError
from dockd.seal import bech32
from dockd.seal.header import MAX_HEADER, parse_header, unwrap
from dockd.seal.kinds import KINDS, POST_QUANTUM
from dockd.seal.recipients import Identity, Recipient
from dockd.seal.stream import begin, prefix_size, sealed_size
from dockd.settings.models import Partition
from dockd.store.sidecar import MAX_SIDECAR
from dockd.testing.fake_camera import FakeCamera
from tests.docking.bench import a_worker, nameless
from tests.seal.sealing import FIXED, FIXED_PQ, OTHER, OTHER_PQ, pattern, seal, unsealed
from tests.seal.writing import header_of

(MOST,) = (m.max_length for m in Partition.model_fields["recipients"].metadata if hasattr(m, "max_length"))

# C2SP age.md, "The MLKEM768-X25519 … recipient type": the example identity, and the SHA-256 of its recipient's text.
SPECIFIED = "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR"
SPECIFIED_RECIPIENT = "a091dd7e0ee9d62b75173dcc98441a0424baa941e66a8776e570a4ae60ff61ea"

# Made by typage 0.3.1 for FIXED_PQ.
MADE_BY_TYPAGE = b64decode(
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IG1sa2VtNzY4eDI1NTE5IGtSNXE5WGZrVVBiK3Y5UWFJanlEZlRncng5M1JlaU9DZ1BIMG1UT1pEWXBQ"
    "ZjJxQWU3SDBaSHlvTm1QWmJabmkwbVBPYjJwVmx4QmRVeS9obUY0SG1YeDVyZjVOT3RJS3dSd0w1dHJYL3dvL05TZmQ2eCt6TEx1NXg5Z1pZTnNS"
    "NXZIbHJ5UnlEREpEcFErSm1HcHJrdnJ0Mjk0UDFuY0ZQL25ERUU2ZFhCZndPMHM1bHJmci94NExvMERYQzRHaDFVdnRzSXdWdjNkQWk4N0lobTRL"
    "djVPNE1GUlpmVWx6Z0lFbVFOcys1b09HalppSjRIMjJNZjhWV05ORklrZm55WUJJSUVEZ3ZNR3FHT2szWnVSMmk2V0xnendlaFo0WjB6djNsL2Ev"
    "UGgyRTNndEFqdUo4anVuNUNDbEpkN0ViLzh2aHFBZEdySWxVWmtjdzNwNEVBSDBhUVIwOHBuS3Yyc1NPVWF6M2MwbU92Rjh5bDBuZFRBd0t6K0Vp"
    "RXh1a2F4OCtlWnhFMXl3MWlOYlQ0aklBMWNTYjZtR0JYRmRRUFFlR1NxbmlBSkVYMDUvM1NTNnJYVVNMcERVd2ZjaVpzSllScmVHQVdqV1RqSEUz"
    "T2VqWTM2emRxMW9uNDRYWGhEL2pRSWFHVGE2NEN3MDk2SC9Gb04yNWZLQStzMThlS2M1QkE2b2ZuMkJISGZEZ0QxQW1mWXFrS0ZBR3U3aWR6aVEz"
    "OElMVEZqMmhOdGdTOFU3b1FXQitMdUNzSm96SEV1a2dKSS9BdStRWE9DRFg0bXlzWERBVWp2Sm1TTXU0ZXZoWjBzSFh4WENqNFBxSG44dy9LNnpK"
    "WW5qVms1TDlDY3I5ajVucXRiVVZOT0xXNTRFUEl0NWFMS0tPSmFJNlhkMGdWMVRwcmlmS0lhOW15SnNkcFhleHFJVGdwZlBnaGVPMUI2QmxFTlNu"
    "TUEvZDVzaE96cXE3SEVlRUpaUnQzaTBFZXFaMjRnNDBhdGFpMmNmYUI1ckpDNDJoanJhbFp5YzZHV1hhWnNxQ0NFcHRtbG5ZWW5FV0MyeW5EZEhl"
    "RS9TMnRxSGoxL3VBR0pBTjN4b29WbzU0L3BseG9rblkrc3RIZ09WdCtKSGFMZDRUVXFpamNlOGJxemlUcER0KytmNEs2TktPVFBXRWdQaWtEY25L"
    "R0hrUFB0dDJMQ3oyZkEvVEM2M0NSTEkxNFhNOFp6WUc0UEd4V1JwNGt2UDAwbVdWLzJUZnFWODZ6aXRLM0YyWGZPOEZhdEdURUlrakVqbHhYajJE"
    "Q1ZVWENpVXI4cy9VZjRBaFJkY1pZTkp1ZlFUTUlCL2REMHRZa2FXTCtxaG83RmN6RytFMDJWU0ZWRWxPbGdOdDYvdkFWSEtMeTZmcE1iZThEaytX"
    "MGhkcmc1ZTdUZm51ZHFuRW5QejBSbHVkVVJFaUlYRDlxdG1IOVJUWXBvcE9PL3FvNnU2QllxbUlGN3ZoblcwRmlOdGdmOUZ5aitKM1dLb3JCV2RM"
    "cmg2WnNjbHphVHhuVFozNWxsVzFRcmN2YnlkaWpjWS9GOTRXaFBqdGVLb0p2dnhram55a3RGYjMvWEl3c1FmSGR1Wm15NmVrbUl6VlJSZFFEWmZw"
    "S3FlNGRxbGRERk9RYTJaOG5NNTQwdEtxQnI0cnNVRWdHbUI1enVScE5HN1h0UGt2bFEydnRJaEdFTGVVRFNRZ1JOSk9sQkw4RWQ2QXJ2dXdtMzNs"
    "QVQ5WHVlOHBBUG52VnFicE9sWTlYSS91TmtsOFJUQjMwZjhZb1dPV3N0bmlGYWkwRXlFTWtxYXhFbHo4MTVNUHJYdmM4VUl0dVFoeHNIS0Z0cmRl"
    "RVp6Q2dIbE9ZS0FuVDhLbTJNTGI2Wjl3bnU0Wk9pMHByRFl0ZlBLNEFUNUNmOEg3dFJUZ3F5eFptaFZ0NVZMeE9zc1RvOEJ5ZmRlL3Yyd2dUeHZZ"
    "KzM1anhkSUFVV2RLWTl5UWJJWHRmZwp1Ukd4VkZXSy9rRm1KWUhqazE2dnRCRHMvb2c4dXMyZnVSQ3F6MEUwQWdFCi0tLSAxSHI2VzNLUjNaOUlT"
    "MjZmdUl2NVFGaklPaGI3WlZGMURMTk5XUGlhemY4Cmj4WtnoEoC/ANK2DWHIFSnvxsudrLzhav0le6z4NjAawARGkDP9qTP8T1yCFR0="
)


def test_the_key_of_the_specification_has_its_text():
    identity = Identity.parse(SPECIFIED)
    assert identity.text == SPECIFIED
    assert hashlib.sha256(identity.recipient.text.encode()).hexdigest() == SPECIFIED_RECIPIENT


def test_the_file_made_by_typage_opens():
    assert unsealed(MADE_BY_TYPAGE, FIXED_PQ) == b"made by typage"
    header = parse_header(MADE_BY_TYPAGE)
    assert [stanza.args[0] for stanza in header.stanzas] == [b"mlkem768x25519"]
    assert unwrap(header, FIXED_PQ).hex() == "e877e3cd34d262eb0ada1c484b27859c"


def test_our_header_has_the_lines_of_a_post_quantum_header():
    prefix, _key = begin([FIXED_PQ.recipient])
    version, stanza, body, mac = prefix[:-16].split(b"\n")[:4]
    assert version == b"age-encryption.org/v1"
    assert stanza.startswith(b"-> mlkem768x25519 ") and len(stanza) == 18 + 1494
    assert len(body) == 43
    assert mac.startswith(b"--- ") and len(mac) == 47


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, MOST])
def test_every_recipient_opens_and_the_prefix_has_the_size_that_was_foretold(kind, count):
    identities = [Identity.generate(kind) for _ in range(count)]
    recipients = [Recipient.parse(each.recipient.text) for each in identities]
    prefix, _key = begin(recipients)
    assert len(prefix) == prefix_size(recipients)
    sealed = seal(pattern(100), *recipients)
    assert [unsealed(sealed, each) == pattern(100) for each in identities] == [True] * count


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_for_another_is_told_apart_from_what_is_damaged(kind):
    mine, other = Identity.generate(kind), Identity.generate(kind)
    sealed = seal(b"secret", other.recipient)
    with pytest.raises(NotForIdentity):
        unsealed(sealed, mine)
    with pytest.raises(HeaderInvalid):
        unsealed(sealed[:50], other)


@pytest.mark.parametrize("mixed", [*itertools.permutations([FIXED.recipient, FIXED_PQ.recipient])])
def test_both_kinds_are_never_written_into_one_object(mixed):
    with pytest.raises(SealError, match="mixed"):
        begin(mixed)


def test_an_object_with_both_kinds_that_somebody_made_opens_for_both():
    """The specification asks writers not to do this, and readers to pass over what they do not recognise."""
    file_key = bytes(range(16))
    header = parse_header(header_of(file_key, FIXED.recipient, FIXED_PQ.recipient))
    assert unwrap(header, FIXED) == unwrap(header, FIXED_PQ) == file_key
    for identity in (OTHER, OTHER_PQ):
        with pytest.raises(NotForIdentity):
            unwrap(header, identity)


@pytest.mark.parametrize(
    "unusable",
    [
        bech32.encode("age", bytes(32)),
        bech32.encode("age", b"\1" + bytes(31)),
        bech32.encode("age1pq", FIXED_PQ.recipient.public_key[:1184] + bytes(32)),
        bech32.encode("age1pq", b"\xff" * 1184 + FIXED.recipient.public_key),
    ],
)
def test_a_key_that_nothing_can_be_sealed_to_is_no_recipient(unusable):
    with pytest.raises(SealError, match="not a usable"):
        Recipient.parse(unusable)


@pytest.mark.parametrize(
    "text",
    [
        FIXED_PQ.recipient.text[:-1],
        FIXED_PQ.recipient.text.upper(),
        FIXED_PQ.text,
        bech32.encode("age", FIXED_PQ.recipient.public_key),
        bech32.encode("age1pq", FIXED.recipient.public_key),
        bech32.encode("age1pq", FIXED_PQ.recipient.public_key + b"\0"),
        bech32.encode("age1tag", b"\2" + bytes(32)),
    ],
)
def test_a_text_that_is_nearly_a_recipient_is_refused(text):
    with pytest.raises(SealError):
        Recipient.parse(text)


def test_one_wrong_character_in_a_long_recipient_is_found_wherever_it_is(rng):
    text = FIXED_PQ.recipient.text
    for place in [7, 8, len(text) - 1, *rng.sample(range(len(text)), 40)]:
        wrong = rng.choice([char for char in "qpzry9x8gf2tvdw0s3jn54khce6mua7l" if char != text[place]])
        with pytest.raises(SealError):
            Recipient.parse(text[:place] + wrong + text[place + 1 :])


def test_a_header_that_our_own_reader_would_refuse_is_never_written():
    most = next(n for n in itertools.count() if prefix_size([FIXED_PQ.recipient] * (n + 1)) - 16 > MAX_HEADER)
    assert most >= 2 * MOST
    assert unsealed(seal(b"", *[FIXED_PQ.recipient] * most), FIXED_PQ) == b""
    with pytest.raises(SealError, match="more recipients"):
        begin([FIXED_PQ.recipient] * (most + 1))


def test_as_many_post_quantum_recipients_as_a_partition_may_have_fit_wherever_they_go():
    texts = tuple(Identity.generate(POST_QUANTUM).recipient.text for _ in range(MOST))
    order = Camera(
        camera_id="c" * 64,
        must_state_id=False,
        driver="folder",
        driver_reference="drivers.folder:FolderDriver",
        options={},
        recipients=texts,
    )
    packet = encode(order)
    assert decode_order(packet) == order
    assert len(packet) < MAX_PACKET // 2
    # The rest of a sidecar: a path of 4096 bytes, each as %XX, and a few short fields.
    assert len(json.dumps(texts, indent=2)) + 3 * 4096 + 4096 < MAX_SIDECAR


def test_a_worker_seals_to_as_many_post_quantum_recipients_as_a_partition_may_have(tmp_path):
    identities = [Identity.generate(POST_QUANTUM) for _ in range(MOST)]
    recipients = [each.recipient for each in identities]
    camera = FakeCamera()
    camera.put(b"a.mp4", pattern(100_000))
    with a_worker(camera) as bench, open(nameless(tmp_path), "rb") as file:
        listing = bench.open(recipients=tuple(each.text for each in recipients))
        proven = bench.ingest(bench.index(listing, b"a.mp4"), file.fileno())
        assert proven.ciphertext_size == sealed_size(prefix_size(recipients), 100_000)
        assert unsealed(file.read(), identities[-1]) == pattern(100_000)

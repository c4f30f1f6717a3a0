import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.errors import SealError
from dockd.seal import bech32
from dockd.seal.kinds import X25519
from dockd.seal.recipients import Identity, Recipient
from tests.seal.sealing import FIXED

# BIP 173, "Test vectors", those whose data is a whole number of bytes.
VALID = [
    "A12UEL5L",
    "a12uel5l",
    "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
    "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
    "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
    "?1ezyfcl",
]
INVALID = [
    "\x201nwldj5",
    "\x7f1axkwrx",
    "\x801eym55h",
    "pzry9x0s0muk",
    "1pzry9x0s0muk",
    "x1b4n0q5v",
    "li1dgmt3",
    "de1lg7wt\xff",
    "A1G7SGD8",
    "10a06t8",
    "1qzzfhee",
    "A12uEL5L",
    "",
    "1",
    "age1",
    "a" * 5000 + "12uel5l",
]


@pytest.mark.parametrize("text", VALID)
def test_what_bip_173_calls_valid_is_read(text):
    hrp, _data = bech32.decode(text)
    assert hrp == text.lower().rpartition("1")[0]


@pytest.mark.parametrize("text", INVALID)
def test_what_bip_173_calls_invalid_is_refused_everywhere(text):
    for read in (bech32.decode, Recipient.parse, Identity.parse):
        with pytest.raises(SealError):
            read(text)


@given(st.binary(min_size=32, max_size=32))
def test_every_key_survives_its_text(raw):
    identity = Identity(X25519, raw)
    recipient = Recipient.parse(identity.recipient.text)
    assert recipient == identity.recipient
    assert Identity.parse(identity.text).text == identity.text


@given(st.integers(0, len(FIXED.recipient.text) - 1), st.characters(min_codepoint=1, max_codepoint=0x2FF))
def test_one_wrong_character_in_a_recipient_is_always_refused(place, character):
    text = FIXED.recipient.text
    if text[place] != character:
        with pytest.raises(SealError):
            Recipient.parse(text[:place] + character + text[place + 1 :])


@given(st.integers(0, len(FIXED.text) - 1), st.characters(min_codepoint=1, max_codepoint=0x2FF))
def test_one_wrong_character_in_an_identity_is_refused_and_never_repeated(place, character):
    text = FIXED.text
    if text[place] != character:
        with pytest.raises(SealError) as caught:
            Identity.parse(text[:place] + character + text[place + 1 :])
        said = "".join(traceback.format_exception(caught.value)) + repr(caught.value.args) + caught.value.advice
        assert text[20:40] not in said.upper()


@pytest.mark.parametrize("length", [0, 1, 16, 31, 33, 64])
def test_a_key_of_another_length_is_refused(length):
    with pytest.raises(SealError):
        Recipient.parse(bech32.encode("age", bytes(length)))
    with pytest.raises(SealError):
        Identity.parse(bech32.encode("age-secret-key-", bytes(length)).upper())


def test_a_recipient_in_capitals_and_an_identity_in_small_letters_are_refused():
    with pytest.raises(SealError):
        Recipient.parse(FIXED.recipient.text.upper())
    with pytest.raises(SealError):
        Identity.parse(FIXED.text.lower())


def test_an_identity_is_not_taken_for_a_recipient_nor_the_other_way_round():
    with pytest.raises(SealError):
        Recipient.parse(FIXED.text.lower())
    with pytest.raises(SealError):
        Identity.parse(FIXED.recipient.text.upper())


def test_an_identity_does_not_show_itself():
    assert FIXED.text.split("1", 1)[1][:8] not in f"{FIXED} {FIXED!r}".upper()
    assert "secret=" not in repr(FIXED) and repr(FIXED.secret) not in repr(FIXED)


@given(st.text(max_size=100) | st.binary(max_size=100).map(lambda raw: "age1" + raw.decode("latin-1")))
def test_any_text_is_a_key_or_a_seal_error(text):
    for read in (Recipient.parse, Identity.parse):
        try:
            read(text)
        except SealError:
            continue

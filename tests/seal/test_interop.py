"""Our objects are age files: the real program opens them, and we open what it makes."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockd.seal.recipients import Identity
from tests.seal.sealing import BOUNDARIES, FIXED, OTHER, pattern, seal, unsealed

pytestmark = pytest.mark.skipif(shutil.which("age") is None, reason="the age program is not installed")


@pytest.fixture(scope="module")
def key_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "key.txt"
    path.write_text(FIXED.text + "\n")
    return path


def age(*arguments, data):
    return subprocess.run(["age", *map(str, arguments)], input=data, capture_output=True, timeout=60)


@pytest.mark.parametrize("size", BOUNDARIES)
def test_age_opens_what_we_seal(key_file, size):
    plain = pattern(size)
    assert age("-d", "-i", key_file, data=seal(plain)).stdout == plain


@pytest.mark.parametrize("size", BOUNDARIES)
def test_we_open_what_age_seals(size):
    plain = pattern(size)
    assert unsealed(age("-r", FIXED.recipient.text, data=plain).stdout) == plain


@settings(max_examples=12)
@given(st.integers(0, 300_000), st.integers(1, 200_000))
def test_any_size_goes_both_ways(key_file, size, block):
    plain = pattern(size)
    assert age("-d", "-i", key_file, data=seal(plain)).stdout == plain
    assert unsealed(age("-r", FIXED.recipient.text, data=plain).stdout, block=block) == plain


@pytest.mark.parametrize("count", [2, 5, 40])
def test_every_one_of_several_recipients_opens_it(tmp_path, count):
    identities = [Identity.generate() for _ in range(count)]
    sealed = seal(b"for all", *(each.recipient for each in identities))
    made = age(*(part for each in identities for part in ("-r", each.recipient.text)), data=b"by age").stdout
    for number in (0, count // 2, count - 1):
        (tmp_path / "key").write_text(identities[number].text)
        assert age("-d", "-i", tmp_path / "key", data=sealed).stdout == b"for all"
        assert unsealed(made, identities[number]) == b"by age"


def test_age_refuses_what_is_not_for_it(tmp_path):
    (tmp_path / "key").write_text(OTHER.text)
    assert age("-d", "-i", tmp_path / "key", data=seal(b"secret")).returncode != 0


def test_age_keygen_and_we_agree_on_keys(tmp_path):
    (tmp_path / "key").write_text(FIXED.text + "\n")
    shown = subprocess.run(["age-keygen", "-y", tmp_path / "key"], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == FIXED.recipient.text
    made = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout.splitlines()
    public, secret = made[-2].split()[-1], made[-1]
    assert Identity.parse(secret).recipient.text == public

"""Secrets of systemd: read when they are needed, believed only in the form that a camera can want."""

import pytest

from dockd.driver.unlocking import MAX_CREDENTIAL
from dockd.errors import CredentialMissing
from dockd.ops import credentials


def read(folder, name="bwc"):
    return credentials.read(name, {"CREDENTIALS_DIRECTORY": str(folder)})


@pytest.mark.parametrize("raw", [b"000000", b"000000\n", b"000000\r\n"])
def test_a_credential_is_given_without_the_end_of_its_line(tmp_path, raw):
    (tmp_path / "bwc").write_bytes(raw)
    assert read(tmp_path) == "000000"


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"a\nb", b"\xff", "é".encode(), b"a\0", b"x" * (MAX_CREDENTIAL + 1), b"\x1b[31m"]
)
def test_what_no_camera_can_want_is_refused_and_not_shown(tmp_path, raw):
    (tmp_path / "bwc").write_bytes(raw)
    with pytest.raises(CredentialMissing) as caught:
        read(tmp_path)
    assert "bwc" in caught.value.message and "x" * 10 not in caught.value.message
    assert caught.value.message.isprintable()


def test_one_that_the_service_was_not_given_is_named_with_where_to_look(tmp_path):
    for environment in ({}, {"CREDENTIALS_DIRECTORY": str(tmp_path)}):
        with pytest.raises(CredentialMissing, match="not given the credential bwc") as caught:
            credentials.read("bwc", environment)
        assert "docs/usb.md" in caught.value.advice

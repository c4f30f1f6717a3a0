import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.errors import RegisterError, RegisterTampered
from dockd.register.note import Checkpoint, SigningKey, Verifier

# The vector of the reference implementation (Go, sumdb/note) that C2SP signed-note grew out of.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_KEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
NOTE = f"{TEXT}\n{SIGNATURE}"


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.generate(tmp_path / "key", "dock-7")


def peter(tmp_path: Path) -> SigningKey:
    path = tmp_path / "peter"
    path.touch(0o600)
    path.write_text(PETER_KEY)
    return SigningKey.load(path, "PeterNeumann")


def test_the_published_note_opens() -> None:
    assert Verifier.parse(PETER).open_note(NOTE) == TEXT
    assert Verifier.parse(PETER).text == PETER


def test_the_published_key_signs_the_published_note_to_the_byte(tmp_path: Path) -> None:
    assert peter(tmp_path).sign_note(TEXT) == NOTE


@pytest.mark.parametrize(
    "broken",
    [
        NOTE.replace("think", "thimk"),
        NOTE.replace("x08go/ZJ", "x08go/ZK"),
        NOTE[:-1],
        TEXT,
        "",
        "\n\n",
        f"{TEXT}\n",
        f"{NOTE}— other",
        f"{NOTE}— other !!!!\n",
        f"{TEXT}\n— other {SIGNATURE.split()[2]}\n",
        NOTE.replace("your", "yo\tur"),
        f"{NOTE}{SIGNATURE.replace('JkuBS', 'JkuBT')}",
        TEXT + "\n" + SIGNATURE * 101,
    ],
)
def test_a_note_that_is_not_the_signed_one_does_not_open(broken: str) -> None:
    with pytest.raises(RegisterTampered):
        Verifier.parse(PETER).open_note(broken)


def test_signatures_of_others_beside_ours_are_ignored(key: SigningKey) -> None:
    assert Verifier.parse(PETER).open_note(NOTE + key.sign_note(TEXT).rpartition("\n\n")[2]) == TEXT


@given(st.text(max_size=80))
def test_foreign_text_is_refused_as_a_note_and_as_a_key_and_never_breaks_the_reader(text: str) -> None:
    with pytest.raises(RegisterTampered):
        Verifier.parse(PETER).open_note(text)
    with pytest.raises(RegisterError):
        Verifier.parse(text)
    with pytest.raises(RegisterTampered):
        Checkpoint.parse(text)


@pytest.mark.parametrize("at", range(len(PETER)))
def test_a_verifier_key_with_one_other_character_is_refused(at: int) -> None:
    with pytest.raises(RegisterError):
        Verifier.parse(PETER[:at] + chr(ord(PETER[at]) + 1) + PETER[at + 1 :])


def test_a_checkpoint_reads_back_as_it_was_written() -> None:
    checkpoint = Checkpoint("dock-7", 20852163, bytes(range(32)))
    assert checkpoint.text == "dock-7\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert Checkpoint.parse(checkpoint.text) == checkpoint


@pytest.mark.parametrize("change", [("\n2", "\n02"), ("=\n", "=\nmore\n"), ("h8=", "h9="), ("dock-7", "")])
def test_a_checkpoint_has_one_form_only(change: tuple[str, str]) -> None:
    with pytest.raises(RegisterTampered):
        Checkpoint.parse(Checkpoint("dock-7", 2, bytes(range(32))).text.replace(*change))


def test_what_was_signed_in_one_domain_verifies_in_no_other(key: SigningKey) -> None:
    signature = key.sign(b"sidecar", b"message")
    key.verifier.verify(b"sidecar", b"message", signature)
    for domain, message in ((b"sideca", b"rmessage"), (b"other", b"message"), (b"sidecar", b"massage")):
        with pytest.raises(RegisterTampered):
            key.verifier.verify(domain, message, signature)


def test_a_new_key_is_private_and_loads_again(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        made = SigningKey.generate(tmp_path / "key", "dock-7")
    finally:
        os.umask(previous)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert SigningKey.load(tmp_path / "key", "dock-7").verifier.text == made.verifier.text


def test_a_key_is_never_written_over(tmp_path: Path, key: SigningKey) -> None:
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(RegisterError, match="already a key"):
        SigningKey.generate(tmp_path / "key", "dock-7")
    assert (tmp_path / "key").read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, key: SigningKey, mode: int) -> None:
    (tmp_path / "key").chmod(mode)
    with pytest.raises(RegisterError, match="others than its owner"):
        SigningKey.load(tmp_path / "key", "dock-7")


def test_the_key_of_another_dock_is_refused(tmp_path: Path, key: SigningKey) -> None:
    with pytest.raises(RegisterError, match="not of dock-8"):
        SigningKey.load(tmp_path / "key", "dock-8")


def test_a_key_behind_a_symbolic_link_and_a_file_that_is_no_key_are_refused(tmp_path: Path, key: SigningKey) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "key")
    (tmp_path / "empty").touch(0o600)
    for name in ("link", "empty", "missing"):
        with pytest.raises(RegisterError):
            SigningKey.load(tmp_path / name, "dock-7")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb"])
def test_a_name_that_would_break_a_note_cannot_name_a_key(tmp_path: Path, name: str) -> None:
    with pytest.raises(RegisterError, match="cannot name a key"):
        SigningKey.generate(tmp_path / "key", name)


@pytest.mark.parametrize("text", ["no newline", "tab\t\n", "return\r\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(key: SigningKey, text: str) -> None:
    with pytest.raises(ValueError, match="newline"):
        key.sign_note(text)

"""The age v1 header (C2SP age.md, "Header"): a file key wrapped for each recipient, closed by an HMAC."""

import binascii
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dockd.errors import SealError
from dockd.i18n import _
from dockd.seal.recipients import Identity, Recipient

VERSION_LINE = b"age-encryption.org/v1"
MAX_HEADER = 64 * 1024
"""Longest header that is read, in bytes: room for a hundred recipients, no room for a bomb."""

_X25519_INFO = b"age-encryption.org/v1/X25519"
_FILE_KEY_SIZE = 16
_WRAPPED_SIZE = _FILE_KEY_SIZE + 16
_SHARE_SIZE = 32
_MAC_SIZE = 32
_COLUMNS = 64
_ZERO_NONCE = bytes(12)


@dataclass(frozen=True, slots=True)
class Stanza:
    """One wrapped file key: arguments of its first line and its body."""

    args: tuple[bytes, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed header. `covered` is what its MAC covers, `size` where the payload begins, in bytes."""

    stanzas: tuple[Stanza, ...]
    covered: bytes
    mac: bytes
    size: int


def derive(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 to 32 bytes, as every derivation of age."""
    return HKDF(hashes.SHA256(), 32, salt or None, info).derive(key)


def new_file_key() -> bytes:
    return secrets.token_bytes(_FILE_KEY_SIZE)


def write_header(file_key: bytes, recipients: Sequence[Recipient]) -> bytes:
    """Make the header that gives `file_key` to every recipient; raises `SealError` if there is none."""
    if not recipients:
        raise SealError(_("no recipient: nobody could ever open this"))
    covered = VERSION_LINE + b"\n" + b"".join(_wrap(file_key, recipient) for recipient in recipients) + b"---"
    return covered + b" " + _encode(_mac(file_key, covered)) + b"\n"


def unwrap(header: Header, identity: Identity) -> bytes:
    """Give the file key that `header` holds for `identity`; raises `SealError` if there is none or the MAC is wrong."""
    for stanza in header.stanzas:
        file_key = _unwrap(stanza, identity)
        if file_key is not None:
            if not hmac.compare_digest(_mac(file_key, header.covered), header.mac):
                raise SealError(_("the header was changed: its MAC does not fit"))
            return file_key
    raise SealError(_("not sealed to this identity"))


def parse_header(data: bytes) -> Header:
    """Read the header at the start of `data`; raises `SealError` for whatever the format does not allow."""
    lines = data[:MAX_HEADER].split(b"\n")
    if lines[0] != VERSION_LINE or len(lines) < 2:
        raise SealError(_("not an age v1 file"))
    stanzas: list[Stanza] = []
    place = 1
    while place < len(lines) - 1 and not lines[place].startswith(b"---"):
        stanza, place = _parse_stanza(lines, place)
        stanzas.append(stanza)
    if place >= len(lines) - 1 or not lines[place].startswith(b"--- ") or not stanzas:
        raise SealError(_("the header does not end as an age header must"))
    before = b"\n".join(lines[:place]) + b"\n"
    mac = _decode(lines[place][4:], _MAC_SIZE)
    return Header(tuple(stanzas), before + b"---", mac, len(before) + len(lines[place]) + 1)


def _parse_stanza(lines: list[bytes], place: int) -> tuple[Stanza, int]:
    arrow, *args = lines[place].split(b" ")
    if arrow != b"->" or not args or any(not arg or not _printable(arg) for arg in args):
        raise SealError(_("a stanza of the header does not begin as it must"))
    body = b""
    for number in range(place + 1, len(lines) - 1):
        line = lines[number]
        if len(line) > _COLUMNS:
            break
        body += _decode(line)
        if len(line) < _COLUMNS:
            return Stanza(tuple(args), body), number + 1
    raise SealError(_("a stanza of the header does not end as it must"))


def _printable(arg: bytes) -> bool:
    return all(0x21 <= byte <= 0x7E for byte in arg)


def _wrap(file_key: bytes, recipient: Recipient) -> bytes:
    ephemeral = X25519PrivateKey.generate()
    share = ephemeral.public_key().public_bytes_raw()
    try:
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient.public_key))
    except ValueError as error:
        raise SealError(_("the recipient is not a usable X25519 point")) from error
    key = derive(shared, share + recipient.public_key, _X25519_INFO)
    body = _encode(ChaCha20Poly1305(key).encrypt(_ZERO_NONCE, file_key, None))
    return b"-> X25519 " + _encode(share) + b"\n" + body + b"\n"


def _unwrap(stanza: Stanza, identity: Identity) -> bytes | None:
    if stanza.args[0] != b"X25519":
        return None
    if len(stanza.args) != 2 or len(stanza.body) != _WRAPPED_SIZE:
        raise SealError(_("an X25519 stanza has the wrong shape"))
    share = _decode(stanza.args[1], _SHARE_SIZE)
    key = derive(identity.exchange(share), share + identity.recipient.public_key, _X25519_INFO)
    try:
        return ChaCha20Poly1305(key).decrypt(_ZERO_NONCE, stanza.body, None)
    except InvalidTag:
        return None


def _mac(file_key: bytes, covered: bytes) -> bytes:
    return hmac.digest(derive(file_key, b"", b"header"), covered, "sha256")


def _encode(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


def _decode(text: bytes, size: int | None = None) -> bytes:
    """Canonical base64 without padding, as the format demands: one text for one value."""
    try:
        data = b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SealError(_("the header holds text that is not base64")) from error
    if _encode(data) != text or (size is not None and len(data) != size):
        raise SealError(_("the header holds base64 that is not canonical or not of the right length"))
    return data

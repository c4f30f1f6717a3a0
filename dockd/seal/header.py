"""The age v1 header (C2SP age.md, "Header"): a file key wrapped for each recipient, closed by an HMAC."""

import binascii
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dockd.errors import HeaderChanged, HeaderInvalid, NotForIdentity, SealError
from dockd.i18n import _
from dockd.seal.kinds import FILE_KEY_SIZE, WRAPPED_SIZE, derive
from dockd.seal.recipients import Identity, Recipient

VERSION_LINE = b"age-encryption.org/v1"
MAX_HEADER = 64 * 1024
"""Longest header, in bytes: room for forty post-quantum recipients, no room for a bomb."""

_MAC_SIZE = 32
_COLUMNS = 64


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


def new_file_key() -> bytes:
    return secrets.token_bytes(FILE_KEY_SIZE)


def write_header(file_key: bytes, recipients: Sequence[Recipient]) -> bytes:
    """Make the header that gives `file_key` to every recipient.

    Raises `SealError` if there is none, if there are more than `MAX_HEADER` holds, if one cannot be sealed to, or if
    their kinds are mixed (C2SP age.md, "The MLKEM768-X25519 hybrid post-quantum recipient type").
    """
    if not recipients:
        raise SealError(_("no recipient: nobody could ever open this"))
    if len({recipient.kind for recipient in recipients}) > 1:
        raise SealError(_("recipients of both kinds: age1… and age1pq… may never be mixed in one object"))
    if header_size(recipients) > MAX_HEADER:
        raise SealError(_("more recipients than a header holds"))
    covered = VERSION_LINE + b"\n" + b"".join(_wrap(file_key, recipient) for recipient in recipients) + b"---"
    return covered + b" " + _encode(_mac(file_key, covered)) + b"\n"


def header_size(recipients: Iterable[Recipient]) -> int:
    """Bytes of the header for these recipients, known before it is made."""
    shares = ((recipient.kind.stanza, recipient.kind.share_size) for recipient in recipients)
    stanzas = (len(_stanza(name, bytes(size), bytes(WRAPPED_SIZE))) for name, size in shares)
    return len(VERSION_LINE + b"\n") + sum(stanzas) + len(b"--- " + _encode(bytes(_MAC_SIZE)) + b"\n")


def unwrap(header: Header, identity: Identity) -> bytes:
    """Give the file key that `header` holds for `identity`.

    Stanzas of other kinds are passed over, as every age reader does: what to seal to was the writer's choice, and
    refusing here would protect nothing. Raises `NotForIdentity` if there is no stanza for it, `HeaderChanged` if the
    MAC is wrong and `HeaderInvalid` for a stanza of its kind that is malformed.
    """
    for stanza in header.stanzas:
        file_key = _unwrap(stanza, identity)
        if file_key is not None:
            if not hmac.compare_digest(_mac(file_key, header.covered), header.mac):
                raise HeaderChanged(_("the header was changed: its MAC does not fit"))
            return file_key
    raise NotForIdentity(_("not sealed to this identity"))


def parse_header(data: bytes) -> Header:
    """Read the header at the start of `data`; raises `HeaderInvalid` for whatever the format does not allow."""
    lines = data[:MAX_HEADER].split(b"\n")
    if lines[0] != VERSION_LINE or len(lines) < 2:
        raise HeaderInvalid(_("not an age v1 file"))
    stanzas: list[Stanza] = []
    place = 1
    while place < len(lines) - 1 and not lines[place].startswith(b"---"):
        stanza, place = _parse_stanza(lines, place)
        stanzas.append(stanza)
    if place >= len(lines) - 1 or not lines[place].startswith(b"--- ") or not stanzas:
        raise HeaderInvalid(_("the header does not end as an age header must"))
    before = b"\n".join(lines[:place]) + b"\n"
    mac = _decode(lines[place][4:], _MAC_SIZE)
    return Header(tuple(stanzas), before + b"---", mac, len(before) + len(lines[place]) + 1)


def _parse_stanza(lines: list[bytes], place: int) -> tuple[Stanza, int]:
    arrow, *args = lines[place].split(b" ")
    if arrow != b"->" or not args or any(not arg or not _printable(arg) for arg in args):
        raise HeaderInvalid(_("a stanza of the header does not begin as it must"))
    body = b""
    for number in range(place + 1, len(lines) - 1):
        line = lines[number]
        if len(line) > _COLUMNS:
            break
        body += _decode(line)
        if len(line) < _COLUMNS:
            return Stanza(tuple(args), body), number + 1
    raise HeaderInvalid(_("a stanza of the header does not end as it must"))


def _printable(arg: bytes) -> bool:
    return all(0x21 <= byte <= 0x7E for byte in arg)


def _wrap(file_key: bytes, recipient: Recipient) -> bytes:
    return _stanza(recipient.kind.stanza, *recipient.kind.wrap(recipient.public_key, file_key))


def _stanza(name: bytes, share: bytes, body: bytes) -> bytes:
    # A wrapped file key always fits on one line that is shorter than the full one.
    return b"-> " + name + b" " + _encode(share) + b"\n" + _encode(body) + b"\n"


def _unwrap(stanza: Stanza, identity: Identity) -> bytes | None:
    kind = identity.kind
    if stanza.args[0] != kind.stanza:
        return None
    # The size of the body is checked before it is decrypted, or one body could be tried against many keys.
    if len(stanza.args) != 2 or len(stanza.body) != WRAPPED_SIZE:
        raise HeaderInvalid(_("a stanza of the header has the wrong shape for its kind"))
    return kind.unwrap(identity.secret, _decode(stanza.args[1], kind.share_size), stanza.body)


def _mac(file_key: bytes, covered: bytes) -> bytes:
    return hmac.digest(derive(file_key, b"", b"header"), covered, "sha256")


def _encode(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


def _decode(text: bytes, size: int | None = None) -> bytes:
    """Canonical base64 without padding, as the format demands: one text for one value."""
    try:
        data = b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise HeaderInvalid(_("the header holds text that is not base64")) from error
    if _encode(data) != text or (size is not None and len(data) != size):
        raise HeaderInvalid(_("the header holds base64 that is not canonical or not of the right length"))
    return data

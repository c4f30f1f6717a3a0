"""Bech32 (BIP 173) without its limit of 90 characters, as age writes its keys (C2SP age.md, "Conventions")."""

from dockd.errors import SealError
from dockd.i18n import _

MAX_TEXT = 4096
"""Longest text that is read, in characters: a post-quantum recipient has 1959. age has no limit; this one is ours."""

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LENGTH = 6


def decode(text: str) -> tuple[str, bytes]:
    """Give prefix (in small letters) and data; raises `SealError`, one wrong character is always found.

    Several wrong characters pass with a chance of one in a thousand million, however long the text is.
    """
    if len(text) > MAX_TEXT or not text.isascii() or text not in (text.lower(), text.upper()):
        raise SealError(_("not Bech32: too long, mixed case or characters outside ASCII"))
    prefix, separator, tail = text.lower().rpartition("1")
    if not separator or not prefix or len(tail) < _CHECKSUM_LENGTH or any(not "!" <= char <= "~" for char in prefix):
        raise SealError(_("not Bech32: no key after the prefix"))
    if any(char not in _CHARSET for char in tail):
        raise SealError(_("not Bech32: a character that Bech32 does not use"))
    values = [_CHARSET.index(char) for char in tail]
    if _polymod(_prefix_values(prefix) + values) != 1:
        raise SealError(_("the checksum does not fit: at least one character is wrong"))
    return prefix, _to_bytes(values[:-_CHECKSUM_LENGTH])


def encode(prefix: str, data: bytes) -> str:
    """Write `data` behind a prefix in small letters."""
    number, bits = int.from_bytes(data, "big"), len(data) * 8
    padding = -bits % 5
    number <<= padding
    values = [number >> shift & 31 for shift in range(bits + padding - 5, -1, -5)]
    checksum = _polymod([*_prefix_values(prefix), *values, *[0] * _CHECKSUM_LENGTH]) ^ 1
    values += [checksum >> 5 * (5 - place) & 31 for place in range(_CHECKSUM_LENGTH)]
    return prefix + "1" + "".join(_CHARSET[value] for value in values)


def _polymod(values: list[int]) -> int:
    state = 1
    for value in values:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            state ^= generator if top >> bit & 1 else 0
    return state


def _prefix_values(prefix: str) -> list[int]:
    return [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]


def _to_bytes(values: list[int]) -> bytes:
    bits = pending = 0
    out = bytearray()
    for value in values:
        pending, bits = pending << 5 | value, bits + 5
        if bits >= 8:
            bits -= 8
            out.append(pending >> bits & 0xFF)
            pending &= (1 << bits) - 1
    if bits >= 5 or pending:
        raise SealError(_("not Bech32: padding that is too long or not zero"))
    return bytes(out)

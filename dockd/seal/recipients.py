"""age X25519 recipients and identities as text (C2SP age.md, "The X25519 recipient type"; Bech32: BIP 173)."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from dockd.errors import SealError
from dockd.i18n import _

RECIPIENT_HRP = "age"
IDENTITY_HRP = "AGE-SECRET-KEY-"

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LENGTH = 6
_KEY_BYTES = 32
# One X25519 recipient takes 62 characters; BIP 173's limit of 90 does not bind age, so the bound is ours.
_MAX_TEXT = 4096


@dataclass(frozen=True, slots=True)
class Recipient:
    """A public key of the CSU. `text` is its `age1…` form and its `key_id`: it is public and unique."""

    text: str
    public_key: bytes

    @classmethod
    def parse(cls, text: str) -> "Recipient":
        """Read an `age1…` recipient; raises `SealError` for anything else, a single wrong character included."""
        hrp, data = _bech32_decode(text)
        if hrp != RECIPIENT_HRP or text != text.lower():
            raise SealError(_("not an age X25519 recipient (age1…)"))
        if len(data) != _KEY_BYTES:
            raise SealError(
                _("an age X25519 recipient holds {n} bytes, this one {m}").format(n=_KEY_BYTES, m=len(data))
            )
        return cls(text, data)


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """A private key of the CSU. The dock never holds one; `keygen`, the demo and the CSU do."""

    private_key: X25519PrivateKey

    @classmethod
    def generate(cls) -> "Identity":
        return cls(X25519PrivateKey.generate())

    @classmethod
    def parse(cls, text: str) -> "Identity":
        """Read an `AGE-SECRET-KEY-1…` line; raises `SealError` without ever repeating the text."""
        try:
            hrp, data = _bech32_decode(text)
        except SealError:
            raise SealError(_("not an age X25519 identity (AGE-SECRET-KEY-1…)")) from None
        if hrp != IDENTITY_HRP.lower() or text != text.upper() or len(data) != _KEY_BYTES:
            raise SealError(_("not an age X25519 identity (AGE-SECRET-KEY-1…)"))
        return cls(X25519PrivateKey.from_private_bytes(data))

    @property
    def text(self) -> str:
        return _bech32_encode(IDENTITY_HRP.lower(), self.private_key.private_bytes_raw()).upper()

    @property
    def recipient(self) -> Recipient:
        public = self.private_key.public_key().public_bytes_raw()
        return Recipient(_bech32_encode(RECIPIENT_HRP, public), public)

    def exchange(self, share: bytes) -> bytes:
        """Compute the shared secret with an ephemeral share; raises `SealError` for a low-order point."""
        try:
            return self.private_key.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError as error:
            raise SealError(_("the ephemeral share is not a usable X25519 point")) from error


def _polymod(values: list[int]) -> int:
    state = 1
    for value in values:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            state ^= generator if top >> bit & 1 else 0
    return state


def _hrp_values(hrp: str) -> list[int]:
    return [ord(char) >> 5 for char in hrp] + [0] + [ord(char) & 31 for char in hrp]


def _bech32_decode(text: str) -> tuple[str, bytes]:
    if len(text) > _MAX_TEXT or not text.isascii() or text not in (text.lower(), text.upper()):
        raise SealError(_("not Bech32: too long, mixed case or characters outside ASCII"))
    hrp, separator, tail = text.lower().rpartition("1")
    if not separator or not hrp or len(tail) < _CHECKSUM_LENGTH or any(not "!" <= char <= "~" for char in hrp):
        raise SealError(_("not Bech32: no key after the prefix"))
    if any(char not in _CHARSET for char in tail):
        raise SealError(_("not Bech32: a character that Bech32 does not use"))
    values = [_CHARSET.index(char) for char in tail]
    if _polymod(_hrp_values(hrp) + values) != 1:
        raise SealError(_("the checksum does not fit: at least one character is wrong"))
    return hrp, _to_bytes(values[:-_CHECKSUM_LENGTH])


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


def _bech32_encode(hrp: str, data: bytes) -> str:
    number, bits = int.from_bytes(data, "big"), len(data) * 8
    padding = -bits % 5
    number <<= padding
    values = [number >> shift & 31 for shift in range(bits + padding - 5, -1, -5)]
    checksum = _polymod([*_hrp_values(hrp), *values, *[0] * _CHECKSUM_LENGTH]) ^ 1
    values += [checksum >> 5 * (5 - place) & 31 for place in range(_CHECKSUM_LENGTH)]
    return hrp + "1" + "".join(_CHARSET[value] for value in values)

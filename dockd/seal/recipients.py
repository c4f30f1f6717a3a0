"""age recipients and identities of either kind, as text (C2SP age.md, "Native recipient types")."""

import secrets
from dataclasses import dataclass

from dockd.errors import SealError
from dockd.i18n import _
from dockd.seal import bech32
from dockd.seal.kinds import FILE_KEY_SIZE, KINDS, SECRET_SIZE, X25519, Kind


@dataclass(frozen=True, slots=True)
class Recipient:
    """A public key of the CSU. `text` is its `age1…` or `age1pq…` form and its `key_id`: it is public and unique."""

    kind: Kind
    text: str
    public_key: bytes

    @classmethod
    def parse(cls, text: str) -> "Recipient":
        """Read a recipient; raises `SealError` for anything that nothing can be sealed to.

        A single wrong character is always found.
        """
        prefix, data = bech32.decode(text)
        kind = next((kind for kind in KINDS if kind.recipient_prefix == prefix), None)
        if kind is None or text != text.lower():
            raise SealError(_("not an age recipient (age1… or age1pq…)"))
        if len(data) != kind.public_size:
            raise SealError(
                _("an {prefix}1… recipient holds {n} bytes, this one {m}").format(
                    prefix=prefix, n=kind.public_size, m=len(data)
                )
            )
        # Text that decodes can still be a key that no sealing would take: better found here than at the first camera.
        kind.wrap(data, bytes(FILE_KEY_SIZE))
        return cls(kind, text, data)


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """A private key of the CSU. The dock never holds one; `keygen`, the demo and the CSU do."""

    kind: Kind
    secret: bytes

    @classmethod
    def generate(cls, kind: Kind = X25519) -> "Identity":
        return cls(kind, secrets.token_bytes(SECRET_SIZE))

    @classmethod
    def parse(cls, text: str) -> "Identity":
        """Read an `AGE-SECRET-KEY-1…` or `AGE-SECRET-KEY-PQ-1…` line.

        Raises `SealError` without ever repeating the text.
        """
        wrong = _("not an age identity (AGE-SECRET-KEY-1… or AGE-SECRET-KEY-PQ-1…)")
        try:
            prefix, data = bech32.decode(text)
        except SealError:
            raise SealError(wrong) from None
        kind = next((kind for kind in KINDS if kind.identity_prefix == prefix), None)
        if kind is None or text != text.upper() or len(data) != SECRET_SIZE:
            raise SealError(wrong)
        return cls(kind, data)

    @property
    def text(self) -> str:
        return bech32.encode(self.kind.identity_prefix, self.secret).upper()

    @property
    def recipient(self) -> Recipient:
        public = self.kind.public_key(self.secret)
        return Recipient(self.kind, bech32.encode(self.kind.recipient_prefix, public), public)

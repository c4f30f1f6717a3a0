"""The two kinds of key that an object can be sealed to, down to the primitives (C2SP age.md, "Native recipient types").

Both wrap the file key into a stanza of one form: the name of the kind, one share, a body of 32 bytes. Which one a
partition uses is the choice of its keys; they are never mixed in one object, since the weaker one would decide.
"""

import hashlib
from abc import ABC, abstractmethod
from typing import ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dockd.errors import HeaderInvalid, SealError
from dockd.i18n import _

FILE_KEY_SIZE = 16
WRAPPED_SIZE = FILE_KEY_SIZE + 16
SECRET_SIZE = 32

_X25519_SIZE = 32
_ZERO_NONCE = bytes(12)


def derive(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 to 32 bytes, as every derivation of age."""
    return HKDF(hashes.SHA256(), 32, salt or None, info).derive(key)


class Kind(ABC):
    """One recipient type of age. A secret has 32 bytes in both; the sizes below are in bytes."""

    stanza: ClassVar[bytes]
    recipient_prefix: ClassVar[str]
    identity_prefix: ClassVar[str]
    public_size: ClassVar[int]
    share_size: ClassVar[int]

    @abstractmethod
    def public_key(self, secret: bytes) -> bytes:
        """Compute the public key of a secret."""

    @abstractmethod
    def wrap(self, public_key: bytes, file_key: bytes) -> tuple[bytes, bytes]:
        """Give a fresh share and the file key sealed under it; raises `SealError` if nothing can be sealed to this."""

    @abstractmethod
    def unwrap(self, secret: bytes, share: bytes, body: bytes) -> bytes | None:
        """Give the file key, or None if it was wrapped for another; sizes are checked by the caller.

        Raises `HeaderInvalid` for a share that an honest sender cannot have made.
        """


class X25519Kind(Kind):
    """`age1…`, "The X25519 recipient type": every age program opens it."""

    stanza = b"X25519"
    recipient_prefix = "age"
    identity_prefix = "age-secret-key-"
    public_size = _X25519_SIZE
    share_size = _X25519_SIZE

    def public_key(self, secret: bytes) -> bytes:
        return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()

    def wrap(self, public_key: bytes, file_key: bytes) -> tuple[bytes, bytes]:
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        try:
            shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public_key))
        except ValueError as error:
            raise SealError(_("the recipient is not a usable X25519 point")) from error
        return share, self._cipher(shared, share, public_key).encrypt(_ZERO_NONCE, file_key, None)

    def unwrap(self, secret: bytes, share: bytes, body: bytes) -> bytes | None:
        private = X25519PrivateKey.from_private_bytes(secret)
        shared = _exchange(private, share)
        try:
            return self._cipher(shared, share, self.public_key(secret)).decrypt(_ZERO_NONCE, body, None)
        except InvalidTag:
            return None

    @staticmethod
    def _cipher(shared: bytes, share: bytes, public_key: bytes) -> ChaCha20Poly1305:
        return ChaCha20Poly1305(derive(shared, share + public_key, b"age-encryption.org/v1/X25519"))


class PostQuantumKind(Kind):
    """`age1pq…`, "The MLKEM768-X25519 hybrid post-quantum recipient type": HPKE with X-Wing; age opens it from 1.3.

    Broken only by who breaks ML-KEM-768 and X25519 both.
    """

    stanza = b"mlkem768x25519"
    recipient_prefix = "age1pq"
    identity_prefix = "age-secret-key-pq-"
    public_size = 1184 + _X25519_SIZE
    share_size = 1088 + _X25519_SIZE

    _suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    _info = b"age-encryption.org/mlkem768x25519"

    def public_key(self, secret: bytes) -> bytes:
        mlkem, x25519 = self._private_keys(secret)
        return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()

    def wrap(self, public_key: bytes, file_key: bytes) -> tuple[bytes, bytes]:
        try:
            key = hpke.MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(public_key[:-_X25519_SIZE]),
                X25519PublicKey.from_public_bytes(public_key[-_X25519_SIZE:]),
            )
            sealed = self._suite.encrypt(file_key, key, info=self._info)
        except ValueError as error:
            raise SealError(_("the recipient is not a usable ML-KEM-768 key with an X25519 point")) from error
        return sealed[: self.share_size], sealed[self.share_size :]

    def unwrap(self, secret: bytes, share: bytes, body: bytes) -> bytes | None:
        mlkem, x25519 = self._private_keys(secret)
        # HPKE refuses a low-order point too, but as it refuses a share for another identity.
        _exchange(x25519, share[-_X25519_SIZE:])
        try:
            return self._suite.decrypt(share + body, hpke.MLKEM768X25519PrivateKey(mlkem, x25519), info=self._info)
        except InvalidTag:
            return None

    @staticmethod
    def _private_keys(secret: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        # draft-connolly-cfrg-xwing-kem, "Key derivation": one seed of 32 bytes makes both keys.
        seed = hashlib.shake_256(secret).digest(64 + SECRET_SIZE)
        return MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:])


def _exchange(private: X25519PrivateKey, share: bytes) -> bytes:
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError as error:
        raise HeaderInvalid(_("the ephemeral share is not a usable X25519 point")) from error


X25519 = X25519Kind()
POST_QUANTUM = PostQuantumKind()
KINDS: tuple[Kind, ...] = (X25519, POST_QUANTUM)

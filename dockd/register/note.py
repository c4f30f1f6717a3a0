"""The dock's signature: C2SP signed-note and tlog-checkpoint with Ed25519 (RFC 8032).

A checkpoint is three lines (origin, number of entries, base64 of the Merkle root), an empty line and the signature.
The key is kept as one line of text in the form that the Go `note` package gives its signer keys.
"""

import base64
import binascii
import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from dockd.errors import RegisterError, RegisterTampered
from dockd.i18n import _
from dockd.register import durable

_ED25519 = b"\x01"  # signature type of signed-note, section "Signature types"
_SIGNATURE_LINES_MAX = 100
_PRIVATE = "PRIVATE+KEY+"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_KEY_FILE_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: the log `origin` had this root at this number of entries."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read the text of an opened note; extension lines are not ours and are refused. Raises RegisterTampered."""
        match = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]{44})\n", text)
        root = _unbase64(match[3]) if match else None
        if match is None or root is None:
            raise RegisterTampered(_("a checkpoint is not origin, size and root"))
        return cls(match[1], int(match[2]), root)


class Verifier:
    """The public side of a dock's key: what a third party needs to check a register."""

    def __init__(self, name: str, public_key: Ed25519PublicKey) -> None:
        _check_name(name)
        self.name = name
        self._public_key = public_key
        self._material = _ED25519 + public_key.public_bytes_raw()
        self.key_id = hashlib.sha256(name.encode() + b"\n" + self._material).digest()[:4]

    @classmethod
    def parse(cls, vkey: str) -> "Verifier":
        """Read `name+key id+base64`. Raises RegisterError when it is no Ed25519 verifier key."""
        name, key_id, material = _split_key(vkey)
        verifier = cls(name, Ed25519PublicKey.from_public_bytes(material))
        if key_id != verifier.key_id.hex():
            raise RegisterError(_("a verifier key does not have the id that it says"))
        return verifier

    @property
    def text(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_base64(self._material)}"

    def open_note(self, note: str) -> str:
        """Return the text of a note that carries a valid signature of this key.

        Signatures of other keys are ignored, as witnesses may add theirs. Raises RegisterTampered.
        """
        text, separator, signatures = note.rpartition("\n\n")
        lines = signatures.split("\n")
        if not separator or not text or lines.pop() or not 0 < len(lines) <= _SIGNATURE_LINES_MAX or not _plain(note):
            raise RegisterTampered(_("this is not a signed note"))
        text += "\n"
        ours = [line.split(" ")[2] for line in lines if self._is_ours(line)]
        if not ours:
            raise RegisterTampered(_("the note carries no signature of {name}").format(name=self.name))
        for signature in ours:
            self._check(base64.b64decode(signature)[4:], text.encode())
        return text

    def verify(self, domain: bytes, message: bytes, signature: bytes) -> None:
        """Check what `SigningKey.sign` made. Raises RegisterTampered."""
        self._check(signature, _separated(domain, message))

    def _is_ours(self, line: str) -> bool:
        match line.split(" "):
            case ["\N{EM DASH}", str(name), str(encoded)] if signature := _unbase64(encoded):
                return name == self.name and signature.startswith(self.key_id)
        raise RegisterTampered(_("this is not a signed note"))

    def _check(self, signature: bytes, message: bytes) -> None:
        try:
            self._public_key.verify(signature, message)
        except InvalidSignature:
            raise RegisterTampered(_("the signature of {name} is wrong").format(name=self.name)) from None


def is_signed(note: str, verifier: Verifier) -> bool:
    """Whether a note carries a valid signature of this key."""
    try:
        verifier.open_note(note)
    except RegisterTampered:
        return False
    return True


class SigningKey:
    """A signing key: that of a dock, or of somebody outside who signs checkpoints too."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self.verifier = Verifier(name, private_key.public_key())

    @property
    def name(self) -> str:
        return self.verifier.name

    @classmethod
    def generate(cls, path: Path, name: str) -> "SigningKey":
        """Make a new key in a new file that only its owner can read, durably. Raises RegisterError."""
        key = cls(name, Ed25519PrivateKey.generate())
        seed = _ED25519 + key._private_key.private_bytes_raw()
        text = f"{_PRIVATE}{name}+{key.verifier.key_id.hex()}+{_base64(seed)}\n"
        try:
            durable.create(path, text.encode())
        except FileExistsError:
            raise RegisterError(
                _("there is already a key in {path}").format(path=path),
                advice=_("A dock keeps its key for life. Move the old one away yourself if it is really not needed."),
            ) from None
        except OSError as error:
            raise RegisterError(_("the key {path} cannot be made: {error}").format(path=path, error=error)) from error
        return key

    @classmethod
    def load_any(cls, path: Path) -> "SigningKey":
        """Read a key, whatever its name. Raises RegisterError, also when others than the owner can reach the file."""
        text = _read_private(path)
        if not text.startswith(_PRIVATE):
            raise RegisterError(_("{path} is not a signing key").format(path=path))
        name, key_id, seed = _split_key(text.removeprefix(_PRIVATE).removesuffix("\n"))
        key = cls(name, Ed25519PrivateKey.from_private_bytes(seed))
        if key_id != key.verifier.key_id.hex():
            raise RegisterError(_("{path} is not a signing key").format(path=path))
        return key

    @classmethod
    def load(cls, path: Path, name: str) -> "SigningKey":
        """Read the key of the dock `name`. Raises RegisterError as `load_any`."""
        key = cls.load_any(path)
        if key.name != name:
            raise RegisterError(
                _("{path} is the key of {found}, not of {name}").format(path=path, found=key.name, name=name),
                advice=_("Put the key of this dock back, or correct dock_id in the configuration."),
            )
        return key

    def cosign(self, note: str) -> str:
        """Return a signed note with one more signature, of this key, over the same text."""
        text, _separator, _signatures = note.rpartition("\n\n")
        return note + self.sign_note(f"{text}\n").rpartition("\n\n")[2]

    def sign_note(self, text: str) -> str:
        """Return `text`, which ends in a newline, as a signed note."""
        if not text.endswith("\n") or not _plain(text):
            raise ValueError("the text of a note ends in a newline and has no other control character")
        signature = self.verifier.key_id + self._private_key.sign(text.encode())
        return f"{text}\n\N{EM DASH} {self.name} {_base64(signature)}\n"

    def sign(self, domain: bytes, message: bytes) -> bytes:
        """Sign bytes of a named domain (1 to 255 bytes); no note and no other domain can have the same signature."""
        return self._private_key.sign(_separated(domain, message))


def _separated(domain: bytes, message: bytes) -> bytes:
    # A note has no NUL, and the length closes the domain: what is signed here can be read in one way only.
    return b"\x00dockd v1\x00" + len(domain).to_bytes(1, "big") + domain + message


def _plain(text: str) -> bool:
    return _CONTROL.search(text) is None


def _check_name(name: str) -> None:
    if not name or "+" in name or not name.isprintable() or any(character.isspace() for character in name):
        raise RegisterError(_("{name!r} cannot name a key: no spaces, no plus, not empty").format(name=name))


def _split_key(text: str) -> tuple[str, str, bytes]:
    name, key_id, encoded = [*text.split("+", 2), "", ""][:3]
    material = _unbase64(encoded)
    if material is None or len(material) != 33 or material[:1] != _ED25519:
        raise RegisterError(_("this is not an Ed25519 key in the signed-note form"))
    return name, key_id, material[1:]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _unbase64(text: str) -> bytes | None:
    """Decode the one canonical encoding (RFC 4648 section 4), None for every other text."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if _base64(raw) == text else None


def _read_private(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            mode = os.fstat(descriptor).st_mode
            content = os.read(descriptor, _KEY_FILE_BYTES_MAX) if stat.S_ISREG(mode) else b""
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RegisterError(
            _("the key {path} cannot be read: {error}").format(path=path, error=error),
            advice=_("`dockd init` makes the key of a new dock."),
        ) from error
    if mode & 0o077:
        raise RegisterError(
            _("the key {path} can be reached by others than its owner").format(path=path),
            advice=_("Run: chmod 600 {path}").format(path=path),
        )
    return content.decode("utf-8", "replace")

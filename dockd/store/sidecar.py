"""The sidecar: a small signed file beside an object that says what it is, so that the object can be found, scrubbed
and entered in the register again without this dock. It binds the object to camera, recording and partition.

Form: `{"sidecar": {...}, "key": verifier, "signature": base64}`; the signature covers the canonical JSON (RFC 8785)
of `sidecar` under the domain `dockd sidecar v1`.
"""

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

import rfc8785

from dockd.errors import DockdError, PartitionError
from dockd.i18n import _
from dockd.model import Gap, Mp4Report, ReadBack

DOMAIN = b"dockd sidecar v1"
_OUTER = {"sidecar", "key", "signature"}
MAX_SIDECAR = 256 * 1024

Sign = Callable[[bytes, bytes], bytes]
"""Sign a message under a domain, with the dock's key."""
Verify = Callable[[bytes, bytes, bytes], None]
"""Check domain, message and signature; raises a `DockdError` if they do not belong together."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What is known of an object when it is proven.

    Sizes in bytes; `mtime_ns` is text, it outgrows JSON numbers. `path` and `part_of` are `RecordingPath.text`. `gaps`
    are those of a salvage; a whole recording has none.
    """

    v: int
    dock_id: str
    recording_id: str
    camera_id: str
    bay: str
    driver: str
    driver_version: str
    path: str
    size: int
    mtime_ns: str
    part_of: str | None
    plaintext_sha256: str
    ciphertext_sha256: str
    ciphertext_size: int
    read_back: ReadBack
    mp4: Mp4Report
    gaps: tuple[Gap, ...]
    partition: str
    partition_uuid: str
    recipients: list[str]
    proven_at: str


def write_sidecar(sidecar: Sidecar, key: str, sign: Sign) -> bytes:
    """Give the signed file's bytes."""
    body = asdict(sidecar)
    signature = b64encode(sign(DOMAIN, rfc8785.dumps(body))).decode()
    return json.dumps({"sidecar": body, "key": key, "signature": signature}, indent=1).encode() + b"\n"


def read_sidecar(content: bytes, verify: Verify) -> Sidecar:
    """Read and check a signed sidecar; raises `PartitionError` if it is not exactly one of ours."""
    try:
        outer = json.loads(content[:MAX_SIDECAR])
        body: dict[str, Any] = outer["sidecar"]
        verify(DOMAIN, rfc8785.dumps(body), b64decode(outer["signature"], validate=True))
    except DockdError as error:
        raise PartitionError(_("the sidecar is not signed by this dock")) from error
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error, rfc8785.CanonicalizationError) as error:
        raise PartitionError(_("the sidecar cannot be read")) from error
    if set(outer) != _OUTER or set(body) != {field.name for field in fields(Sidecar)} or body["v"] != 1:
        raise PartitionError(_("the sidecar does not have the fields of a sidecar"))
    try:
        gaps = tuple(Gap(*gap) for gap in body["gaps"])
        return Sidecar(**{**body, "mp4": _report(**body["mp4"]), "gaps": gaps})
    except (TypeError, ValueError) as error:
        raise PartitionError(_("the sidecar does not have the fields of a sidecar")) from error


def _report(findings: list[str], codecs: list[str], **told: Any) -> Mp4Report:
    return Mp4Report(findings=tuple(findings), codecs=tuple(codecs), **told)

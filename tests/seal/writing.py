"""Headers as somebody else might write them: what our own writer refuses to make, yet with a MAC that fits."""

from base64 import b64encode
from collections.abc import Iterable

from dockd.seal.header import VERSION_LINE, _mac
from dockd.seal.recipients import Recipient


def unpadded(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


def stanza_lines(name: bytes, share: bytes, body: bytes) -> bytes:
    """Write one stanza, its body wrapped as the format demands."""
    text = unpadded(body)
    lines = [text[start : start + 64] for start in range(0, len(text) + 1, 64)]
    return b"\n".join([b"-> " + name + b" " + unpadded(share), *lines]) + b"\n"


def closed(file_key: bytes, stanzas: Iterable[bytes]) -> bytes:
    """Put stanzas between the version line and a MAC that fits."""
    covered = VERSION_LINE + b"\n" + b"".join(stanzas) + b"---"
    return covered + b" " + unpadded(_mac(file_key, covered)) + b"\n"


def header_of(file_key: bytes, *recipients: Recipient) -> bytes:
    wrapped = ((each.kind.stanza, *each.kind.wrap(each.public_key, file_key)) for each in recipients)
    return closed(file_key, (stanza_lines(*each) for each in wrapped))

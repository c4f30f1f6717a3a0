"""Secrets that systemd hands to the service (`LoadCredential=` in systemd.exec): read when they are needed."""

import os
from collections.abc import Mapping
from pathlib import Path

from dockd.driver.unlocking import MAX_CREDENTIAL
from dockd.errors import CredentialMissing
from dockd.i18n import _

_ADVICE = _("See docs/usb.md: how a camera's credential is given to dockd.service.")


def read(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """Give the credential of this name, without the end of its line; raises `CredentialMissing`."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    try:
        raw = (Path(folder) / name).read_bytes() if folder else None
    except OSError:
        raw = None
    if raw is None:
        raise CredentialMissing(_("the service was not given the credential {name}").format(name=name), advice=_ADVICE)
    text = raw.decode("ascii", "replace").removesuffix("\n").removesuffix("\r")
    if not 1 <= len(text) <= MAX_CREDENTIAL or not text.isascii() or not text.isprintable():
        wrong = _("the credential {name} is not a line of 1 to {n} printable characters")
        raise CredentialMissing(wrong.format(name=name, n=MAX_CREDENTIAL), advice=_ADVICE)
    return text

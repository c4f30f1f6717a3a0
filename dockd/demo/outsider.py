"""What an outsider can check once the daemon is gone: with the files and the CSU's keys, and no trust in dockd."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockd.demo.site import CAMERA, HOME_PARTITION, OTHER_PARTITION, STRANGER, UNKNOWN_FILE, Site
from dockd.errors import SealError
from dockd.i18n import _
from dockd.seal.recipients import Identity
from dockd.seal.stream import unseal

_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One question, its answer, and what the answer rests on."""

    question: str
    holds: bool
    because: str


def check(site: Site) -> list[Finding]:
    """Ask every question; the demonstration succeeded only if each holds."""
    shown = site.do("register", "show", "--json")
    entries: list[dict[str, Any]] = json.loads(shown.stdout) if shown.returncode == 0 else []
    collected = [entry for entry in entries if entry["kind"] == "collected"]
    return [
        _register(site),
        _objects(site, collected),
        _other_key(site, collected),
        _camera(site, collected, entries),
        _stranger(site, entries),
    ]


def _register(site: Site) -> Finding:
    done = site.do("register", "verify")
    return Finding(_("Does the register verify?"), done.returncode == 0, (done.stdout or done.stderr).strip())


def _objects(site: Site, collected: list[dict[str, Any]]) -> Finding:
    """Each object, opened with the CSU's key, has the digest of the original and of its entry."""
    opened = 0
    for entry in collected:
        digest = _digest(site.store(entry["partition"]) / entry["object_path"], site.identities[HOME_PARTITION])
        original = site.originals.get(Path(entry["path"]).name)
        opened += digest == original == entry["plaintext_sha256"]
    return Finding(
        _("Does the CSU's key open every object, to the very bytes of the original?"),
        opened == len(collected) == len(site.originals),
        _("{n} of {m} recordings").format(n=opened, m=len(site.originals)),
    )


def _other_key(site: Site, collected: list[dict[str, Any]]) -> Finding:
    """The key of another partition opens nothing, and nothing lies in that partition."""
    refused = sum(
        _digest(site.store(entry["partition"]) / entry["object_path"], site.identities[OTHER_PARTITION]) is None
        for entry in collected
    )
    strays = list(site.store(OTHER_PARTITION).rglob("*.age"))
    return Finding(
        _("Is the other partition kept apart?"),
        refused == len(collected) > 0 and not strays,
        _("its key opens none of {n} objects, and it holds {m}").format(n=len(collected), m=len(strays)),
    )


def _camera(site: Site, collected: list[dict[str, Any]], entries: list[dict[str, Any]]) -> Finding:
    """Exactly what was registered is gone from the camera; everything else is where it was."""
    left = _files(site.dock / CAMERA)
    cleared = {entry["recording_id"] for entry in entries if entry["kind"] == "cleared"}
    holds = left == {"camera_id.txt", UNKNOWN_FILE} and cleared == {entry["recording_id"] for entry in collected}
    return Finding(
        _("Is the camera empty of exactly what is registered?"),
        holds,
        _("{n} cleared; left alone: {names}").format(n=len(cleared), names=", ".join(sorted(left))),
    )


def _stranger(site: Site, entries: list[dict[str, Any]]) -> Finding:
    refusals = [entry for entry in entries if entry["kind"] == "refused" and entry["claimed_id"] == STRANGER]
    untouched = len(_files(site.dock / STRANGER)) == len(site.originals) + 2
    return Finding(
        _("Was the camera that is not ours refused, entered and left untouched?"),
        len(refusals) == 1 and untouched,
        refusals[0]["reason"] if refusals else _("no entry says so"),
    )


def _digest(path: Path, identity: Identity) -> str | None:
    """Give the SHA-256 of what is sealed in an object, or None if this key does not open it."""
    digest = hashlib.sha256()
    try:
        for chunk in unseal(_blocks(path), identity):
            digest.update(chunk)
    except SealError:
        return None
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}

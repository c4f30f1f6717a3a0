"""What an outsider can check once the daemon is gone: with the files and the CSU's keys, and no trust in dockd.

He put the cameras in and knows what was on them; everything else is read from the store, the register and the cameras.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockd.demo.cameras import DAMAGED, IDENTITY_FILE, OURS, STRANGER, Camera, Original, files_of
from dockd.demo.play import Played
from dockd.demo.site import HOME_PARTITION, OTHER_PARTITION, Site
from dockd.errors import SealError
from dockd.i18n import _
from dockd.seal.recipients import Identity
from dockd.seal.stream import unseal

_BLOCK = 1024 * 1024

Entry = dict[str, Any]
Contents = dict[tuple[str, str], Original | None]
"""What is in the store, by camera and path there; None where the CSU's key opens nothing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One question, its answer, and what the answer rests on."""

    question: str
    holds: bool
    because: str


def check(site: Site, played: Played, entries: list[Entry]) -> list[Finding]:
    """Ask every question; the demonstration succeeded only if each holds."""
    return [verified(site), *compared(site, played, entries)]


def verified(site: Site) -> Finding:
    """Have the register verified, as anybody can with its verifier key."""
    done = site.do("register", "verify")
    return Finding(_("Does the register verify?"), done.returncode == 0, (done.stdout or done.stderr).strip())


def compared(site: Site, played: Played, entries: list[Entry]) -> list[Finding]:
    """Compare store, register and cameras with each other and with what was put in."""
    ours = [camera for camera in played.cameras if camera.camera_id in OURS]
    collected = [entry for entry in entries if entry["kind"] == "collected"]
    contents = _contents(site, collected)
    return [
        _objects(ours, contents),
        _cut(site.cameras[DAMAGED], contents),
        _once(site, ours, collected),
        _other_key(site, collected),
        _emptied(site, ours, entries),
        _left_alone(site, ours, entries),
        _interrupted(site, played, entries),
        _stranger(site, entries),
    ]


def _objects(ours: list[Camera], contents: Contents) -> Finding:
    """Each object, opened with the CSU's key, is the original, and every original has its object."""
    originals = _originals(ours)
    same = sum(contents.get(where) == original for where, original in originals.items())
    return Finding(
        _("Does the CSU's key open every object, to the very bytes of the original?"),
        same == len(originals) == len(contents),
        _("{n} of {m} recordings").format(n=same, m=len(originals)),
    )


def _cut(camera: Camera, contents: Contents) -> Finding:
    stored = contents.get((camera.camera_id, camera.cut))
    return Finding(
        _("Is the recording that ends in the middle kept as it was, byte for byte?"),
        stored == camera.recordings[camera.cut],
        _("{path}: {n} bytes, SHA-256 {digest}…").format(path=camera.cut, n=stored.size, digest=stored.sha256[:16])
        if stored
        else _("{path} is not in the store").format(path=camera.cut),
    )


def _once(site: Site, ours: list[Camera], collected: list[Entry]) -> Finding:
    """As many objects and entries as recordings, whatever was pulled out and put back."""
    objects = list(site.store(HOME_PARTITION).rglob("*.age"))
    recordings = len(_originals(ours))
    return Finding(
        _("Is nothing stored twice?"),
        len(objects) == len(collected) == recordings,
        _("{n} recordings, {k} entries, {m} objects").format(n=recordings, k=len(collected), m=len(objects)),
    )


def _other_key(site: Site, collected: list[Entry]) -> Finding:
    """The key of another partition opens nothing, and nothing lies in that partition."""
    identity = site.identities[OTHER_PARTITION]
    refused = sum(_unsealed(_object(site, entry), identity) is None for entry in collected)
    strays = list(site.store(OTHER_PARTITION).rglob("*.age"))
    return Finding(
        _("Is the other partition kept apart?"),
        refused == len(collected) > 0 and not strays,
        _("its key opens none of {n} objects, and it holds {m}").format(n=refused, m=len(strays)),
    )


def _emptied(site: Site, ours: list[Camera], entries: list[Entry]) -> Finding:
    """Exactly what was registered is gone from the cameras."""
    left = [path for camera in ours for path in files_of(site.dock / camera.camera_id) if path not in camera.others]
    cleared = [entry["recording_id"] for entry in entries if entry["kind"] == "cleared"]
    registered = [entry["recording_id"] for entry in entries if entry["kind"] == "collected"]
    return Finding(
        _("Are our cameras empty of exactly what is registered?"),
        not left and sorted(cleared) == sorted(registered) and len(registered) == len(_originals(ours)),
        _("{n} registered, {k} cleared, {m} left").format(n=len(registered), k=len(cleared), m=len(left)),
    )


def _left_alone(site: Site, ours: list[Camera], entries: list[Entry]) -> Finding:
    """What is no recording is on its camera as it was, and the register names it."""
    reported = {
        (entry["camera_id"], path)
        for entry in entries
        if entry["kind"] == "docking_ended"
        for path in entry["left_alone_paths"]
    }
    stray = {(camera.camera_id, path) for camera in ours for path in camera.others if path != IDENTITY_FILE}
    untouched = all(camera.others.items() <= files_of(site.dock / camera.camera_id).items() for camera in ours)
    return Finding(
        _("Is the file that is no recording reported, and left as it was?"),
        untouched and reported == stray,
        ", ".join(f"{camera_id}: {path}" for camera_id, path in sorted(reported)) or _("no entry names it"),
    )


def _interrupted(site: Site, played: Played, entries: list[Entry]) -> Finding:
    """The docking that broke is in the register, and the next one took up what was safe instead of storing it again."""
    question = _("Is the broken transfer in the register, and was it taken up where it stood?")
    if played.pulled is None:
        return Finding(question, False, _("no camera could be pulled out in mid-transfer"))
    about = [entry for entry in entries if entry.get("camera_id") == played.pulled]
    ended = [entry for entry in about if entry["kind"] == "docking_ended"]
    attempts = [entry for entry in about if entry["kind"] == "attempt_failed" and entry["path"] is None]
    if [entry["outcome"] for entry in ended] != ["failed", "complete"] or not attempts:
        return Finding(question, False, _("the register does not tell of it"))
    (broken, taken_up), recordings = ended, len(site.cameras[played.pulled].recordings)
    return Finding(
        question,
        0 < broken["collected"] == taken_up["already_registered"] < recordings
        and not broken["cleared"]
        and broken["collected"] + taken_up["collected"] == taken_up["cleared"] == recordings,
        _("{code} after {n}; then {known} known again, {k} collected, {m} cleared").format(
            code=attempts[0]["code"],
            n=broken["collected"],
            known=taken_up["already_registered"],
            k=taken_up["collected"],
            m=taken_up["cleared"],
        ),
    )


def _stranger(site: Site, entries: list[Entry]) -> Finding:
    refusals = [entry for entry in entries if entry["kind"] == "refused" and entry["claimed_id"] == STRANGER]
    stranger = site.cameras[STRANGER]
    untouched = files_of(site.dock / STRANGER) == stranger.recordings | stranger.others
    return Finding(
        _("Was the camera that is not ours refused, entered and left untouched?"),
        len(refusals) == 1 and untouched,
        refusals[0]["reason"] if refusals else _("no entry says so"),
    )


def _originals(ours: list[Camera]) -> dict[tuple[str, str], Original]:
    return {(camera.camera_id, path): file for camera in ours for path, file in camera.recordings.items()}


def _contents(site: Site, collected: list[Entry]) -> Contents:
    """Open every object that an entry speaks of; one that is not what its entry says counts as not opened."""
    contents: Contents = {}
    for entry in collected:
        found = _unsealed(_object(site, entry), site.identities[HOME_PARTITION])
        as_entered = found and (found.size, found.sha256) == (entry["size"], entry["plaintext_sha256"])
        contents[entry["camera_id"], entry["path"]] = found if as_entered else None
    return contents


def _object(site: Site, entry: Entry) -> Path:
    return site.store(entry["partition"]) / str(entry["object_path"])


def _unsealed(path: Path, identity: Identity) -> Original | None:
    """Give size and SHA-256 of what is sealed in an object, or None if it is not there or not for this key."""
    digest, size = hashlib.sha256(), 0
    try:
        for chunk in unseal(_blocks(path), identity):
            digest.update(chunk)
            size += len(chunk)
    except (SealError, OSError):
        return None
    return Original(size, digest.hexdigest())


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block

"""The audit of an outsider who has the CSU's keys: are the promises kept, whatever happened?"""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from dockd.register.verify import open_readonly, verify
from dockd.seal.stream import unseal
from dockd.store.sidecar import Sidecar, read_sidecar
from tests.integration.site import DOCK_ID, Original, Site

Entry = dict[str, Any]


def entries(site: Site) -> list[Entry]:
    """Read the register of a dock that is stopped, and have it verified."""
    with open_readonly(site.register) as reader:
        rows = list(reader.rows())
        report = verify(rows, reader.checkpoints(), site.verifier, DOCK_ID)
    assert report.problems == ()
    return [json.loads(row.body or b"null") for row in rows]


def of_kind(site: Site, kind: str) -> list[Entry]:
    return [entry for entry in entries(site) if entry["kind"] == kind]


def live(register: list[Entry]) -> list[Entry]:
    """Give the collections that no later one replaces."""
    replaced = {entry["replaces"] for entry in register if entry["kind"] == "collected"}
    return [entry for entry in register if entry["kind"] == "collected" and entry["seq"] not in replaced]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def assert_promises(site: Site) -> None:
    """Stop whatever runs, then look: the register, the store, the cameras, and how they fit together."""
    site.close()
    register = entries(site)
    collected = live(register)
    salvaged = [entry for entry in register if entry["kind"] == "salvaged"]
    objects = _audit_store(site, [*collected, *salvaged])
    for original in site.originals:
        _audit_recording(original, collected, objects)
    _audit_salvages(site, salvaged, objects)
    known = {_identity(original) for original in site.originals}
    assert {_entered(entry) for entry in collected} <= known, "something was collected that no camera held"
    _audit_clearings(register)


def assert_all_cleared(site: Site) -> None:
    """The promises are kept, and nothing is left to do: cameras empty of recordings, nothing under way."""
    assert_promises(site)
    register = entries(site)
    assert not [original.file.name for original in site.originals if original.file.exists()]
    assert len(live(register)) == len(site.originals)
    cleared = [entry["collected_seq"] for entry in register if entry["kind"] == "cleared"]
    assert sorted(cleared) == [entry["seq"] for entry in live(register)]
    assert site.under_way() == []


def _audit_store(site: Site, collected: list[Entry]) -> dict[str, bytes]:
    """Check every file of the store; give what each live object decrypts to."""
    objects: dict[str, bytes] = {}
    for name, identity in site.identities.items():
        root = site.partition(name)
        here = {entry["object_path"]: entry for entry in collected if entry["partition"] == name}
        found = {str(path.relative_to(root)) for path in root.glob("objects/**/*") if path.is_file()}
        sidecars = {path.removesuffix(".age") + ".json" for path in here}
        assert found == here.keys() | sidecars, "what lies in the store is not what the register says"
        for path, entry in here.items():
            ciphertext = (root / path).read_bytes()
            assert digest(ciphertext) == entry["ciphertext_sha256"]
            assert (root / path).stat().st_mode & 0o777 == 0o440
            _audit_sidecar(_sidecar(site, root / path), entry)
            objects[path] = b"".join(unseal([ciphertext], identity))
            assert digest(objects[path]) == entry["plaintext_sha256"]
    return objects


def _sidecar(site: Site, path: Path) -> Sidecar:
    return read_sidecar(path.with_suffix(".json").read_bytes(), site.verifier.verify)


def _audit_sidecar(sidecar: Sidecar, entry: Entry) -> None:
    assert list(map(list, sidecar.gaps)) == entry.get("gaps", [])
    same = ("recording_id", "camera_id", "path", "size", "mtime_ns", "plaintext_sha256", "ciphertext_sha256")
    assert {key: getattr(sidecar, key) for key in same} == {key: entry[key] for key in same}


def _identity(original: Original) -> tuple[str, str, int, str, str]:
    recording = original.recording
    sha256 = digest(original.content)
    return original.camera_id, recording.path.text, recording.size, str(recording.mtime_ns), sha256


def _entered(entry: Entry) -> tuple[str, str, int, str, str]:
    return tuple(entry[key] for key in ("camera_id", "path", "size", "mtime_ns", "plaintext_sha256"))  # type: ignore[return-value]


def _audit_recording(original: Original, collected: list[Entry], objects: dict[str, bytes]) -> None:
    own = [entry for entry in collected if _entered(entry) == _identity(original)]
    assert len(own) <= 1, f"{original.file.name} has {len(own)} live entries"
    if own:
        assert objects[own[0]["object_path"]] == original.content
    else:
        assert original.on_camera(), f"{original.file.name} is neither on its camera nor safe"


def _audit_salvages(site: Site, salvaged: list[Entry], objects: dict[str, bytes]) -> None:
    """One of a recording, right but for zeros in its gaps. That none is cleared is seen by `_audit_clearings`."""
    originals = {_identity(original)[:4]: original.content for original in site.originals}
    assert len({_entered(entry)[:4] for entry in salvaged}) == len(salvaged), "something was salvaged twice"
    for entry in salvaged:
        content = bytearray(originals[_entered(entry)[:4]])
        for offset, size in entry["gaps"]:
            content[offset : offset + size] = bytes(size)
        assert objects[entry["object_path"]] == content


def _audit_clearings(register: list[Entry]) -> None:
    by_seq = {entry["seq"]: entry for entry in register}
    for cleared in (entry for entry in register if entry["kind"] == "cleared"):
        earlier = by_seq[cleared["collected_seq"]]
        assert earlier["kind"] == "collected"
        assert earlier["seq"] < cleared["seq"]
        assert earlier["recording_id"] == cleared["recording_id"]
    times = Counter(entry["collected_seq"] for entry in register if entry["kind"] == "cleared")
    assert max(times.values(), default=1) == 1, "a recording was entered as cleared twice"

"""What the register says of an object: what its sidecar says of it."""

from dataclasses import dataclass
from typing import Any

from dockd.model import WearerBasis
from dockd.register.kinds import Collected, Ingested, Salvaged
from dockd.store.sidecar import Sidecar


@dataclass(frozen=True, slots=True)
class Custody:
    """What an entry says of a recording besides its sidecar, which tells no more of a person than the law needs."""

    wearer: str | None = None
    basis: WearerBasis = "nobody"
    name_date: str | None = None
    clock_findings: tuple[str, ...] = ()


NOT_SAID = Custody()


def entry_of(sidecar: Sidecar, object_path: str) -> Ingested:
    """Say it as it will be entered once the object is placed; raises ValueError for what the register cannot hold."""
    if sidecar.gaps:
        return salvaged(sidecar, object_path, NOT_SAID, recovered=False)
    return collected(sidecar, object_path, NOT_SAID, replaces=None, recovered=False)


def collected(
    sidecar: Sidecar, object_path: str, custody: Custody, *, replaces: int | None, recovered: bool
) -> Collected:
    return Collected(**_common(sidecar, object_path, custody), recovered=recovered, replaces=replaces)


def salvaged(sidecar: Sidecar, object_path: str, custody: Custody, *, recovered: bool) -> Salvaged:
    gaps = tuple((gap.offset, gap.size) for gap in sidecar.gaps)
    return Salvaged(**_common(sidecar, object_path, custody), recovered=recovered, gaps=gaps)


def _common(sidecar: Sidecar, object_path: str, custody: Custody) -> dict[str, Any]:
    return {
        "recording_id": sidecar.recording_id,
        "camera_id": sidecar.camera_id,
        "bay": sidecar.bay,
        "driver": sidecar.driver,
        "driver_version": sidecar.driver_version,
        "path": sidecar.path,
        "size": sidecar.size,
        "mtime_ns": sidecar.mtime_ns,
        "part_of": sidecar.part_of,
        "plaintext_sha256": sidecar.plaintext_sha256,
        "ciphertext_sha256": sidecar.ciphertext_sha256,
        "ciphertext_size": sidecar.ciphertext_size,
        "partition": sidecar.partition,
        "partition_uuid": sidecar.partition_uuid,
        "object_path": object_path,
        "recipients": tuple(sidecar.recipients),
        "read_back": sidecar.read_back,
        "mp4": sidecar.mp4,
        "collected_at": sidecar.proven_at,
        "name_date": custody.name_date,
        "clock_findings": custody.clock_findings,
        "wearer": custody.wearer,
        "wearer_basis": custody.basis,
    }

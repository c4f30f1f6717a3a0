"""What to do with an interrupted placing, found by its intent: adopt what is provably whole, set aside the rest."""

import os
from dataclasses import dataclass

from dockd.errors import PartitionError
from dockd.i18n import _
from dockd.model import Proven, Recording, RecordingPath, Sealed, Stored
from dockd.store.medium import as_partition_error, flush
from dockd.store.objects import is_intact, link_aside, load_sidecar, sidecar_path
from dockd.store.partition import Partition
from dockd.store.sidecar import Sidecar, Verify, read_sidecar


@dataclass(frozen=True, slots=True)
class Adopted:
    """The object is whole and its sidecar is ours: it can be entered in the register as it stands."""

    stored: Stored
    sidecar: Sidecar


@dataclass(frozen=True, slots=True)
class SetAside:
    """Something lies there that cannot be vouched for; it has a second name at these paths (`objects.link_aside`)."""

    moved_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Nothing:
    """The interruption came before anything had a name."""


Recovered = Adopted | SetAside | Nothing


def recover(partition: Partition, recording_id: str, path: str, verify: Verify) -> Recovered:
    """Look at one interrupted placing.

    The object is adopted only if 1. its sidecar carries our signature, 2. the sidecar speaks of this recording in
    this very partition, and 3. the object, read past the cache, has the ciphertext digest in the sidecar. Raises
    `PartitionError` if the partition cannot be read; nothing is decided then.
    """
    if not _exists(partition, path) and not _exists(partition, sidecar_path(path)):
        return Nothing()
    sidecar = _own_sidecar(partition, recording_id, path, verify)
    if sidecar is not None and is_intact(partition, path, sidecar.ciphertext_sha256):
        # The interruption may have come between the link and this flush.
        _flush_directory(partition, path)
        return Adopted(Stored(_attested(sidecar), recording_id, partition.name, path), sidecar)
    return SetAside(tuple(link_aside(partition, path)))


def _attested(sidecar: Sidecar) -> Proven:
    """Give the proof that this dock attested to when it signed; only for a sidecar whose signature was checked."""
    part_of = RecordingPath.parse(sidecar.part_of) if sidecar.part_of else None
    recording = Recording(RecordingPath.parse(sidecar.path), sidecar.size, int(sidecar.mtime_ns), part_of)
    sealed = Sealed(recording, sidecar.plaintext_sha256, sidecar.ciphertext_size, sidecar.mp4, sidecar.gaps)
    return Proven(sealed, sidecar.ciphertext_sha256, sidecar.read_back)


def _own_sidecar(partition: Partition, recording_id: str, path: str, verify: Verify) -> Sidecar | None:
    content = load_sidecar(partition, path)
    if content is None:
        return None
    try:
        sidecar = read_sidecar(content, verify)
    except PartitionError:
        return None
    ours = (sidecar.recording_id, sidecar.partition, sidecar.partition_uuid)
    return sidecar if ours == (recording_id, partition.name, partition.uuid) else None


def _flush_directory(partition: Partition, path: str) -> None:
    try:
        directory = partition.open_directory(*path.split("/")[:-1])
        try:
            flush(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise as_partition_error(error, _("flushing the directory of {path}").format(path=path)) from error


def _exists(partition: Partition, path: str) -> bool:
    try:
        os.stat(path, dir_fd=partition.root, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise as_partition_error(error, _("looking for {path}").format(path=path)) from error
    return True

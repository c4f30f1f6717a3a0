"""A partition as a docking uses it: the same calls on the partition's own thread, and whether it can be trusted now."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from dockd.descriptor import Descriptor
from dockd.errors import FlushFailed, PartitionError
from dockd.i18n import _
from dockd.model import Proven, Stored
from dockd.seal.recipients import Recipient
from dockd.seal.stream import prefix_size, sealed_size
from dockd.store import objects, recovery
from dockd.store.medium import as_partition_error
from dockd.store.partition import Partition
from dockd.store.sidecar import Sidecar, Sign, Verify, write_sidecar
from dockd.store.space import Promises
from dockd.volume import Volume

_ASSUMED_BYTES_PER_SECOND = 10_000_000
"""Slowest reading that is still waited for when a whole object is read back."""

_FILESYSTEM_ROOM = 1024 * 1024

TRAIL = 64 * 2**20
TRAIL_ON_ROTATING_DISK = 1024 * 2**20
"""Its heads go to and fro between what is written and what is read back, so they are to do it seldom."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Signer:
    """The dock's signature, injected: the store knows of no key."""

    key: str
    sign: Sign
    verify: Verify


class Shelf:
    """One partition. A fault stays until a later check finds it gone; meanwhile nothing of it is pulled or cleared.

    `trail`: so many bytes of a recording are written before they are read back and proven.
    """

    def __init__(self, partition: Partition, volume: Volume, signer: Signer, trail: int = TRAIL) -> None:
        self._partition = partition
        self.trail = trail
        self._volume = volume
        self._signer = signer
        self._prefix = prefix_size(Recipient.parse(text) for text in partition.recipients)
        self.promises = Promises()
        self.fault: PartitionError | None = None
        self._flush_failed: FlushFailed | None = None

    @property
    def name(self) -> str:
        return self._partition.name

    @property
    def uuid(self) -> str:
        return self._partition.uuid

    @property
    def recipients(self) -> tuple[str, ...]:
        return self._partition.recipients

    def is_answering(self) -> bool:
        """Whether work on the partition is under way that still has time."""
        return self._volume.is_answering()

    async def check(self) -> PartitionError | None:
        """Look whether the partition works now; gives its fault, or None."""
        try:
            await self._run(self._partition.check)
            self.fault = self._flush_failed
        except PartitionError as error:
            self.fault = self._flush_failed or error
        return self.fault

    async def in_root(self, call: Callable[[int], T]) -> T:
        """Run a call on the partition's directory, given as a descriptor, on the partition's own thread."""
        return await self._run(partial(call, self._partition.root))

    async def free_bytes(self) -> int:
        return await self._run(self._partition.free_bytes)

    def room(self, plaintext: int) -> int:
        """Bytes to promise to a recording of this size."""
        return self.size_of(plaintext) + _FILESYSTEM_ROOM

    def size_of(self, plaintext: int) -> int:
        """Bytes of the object that a recording of this size becomes here, to the byte."""
        return sealed_size(self._prefix, plaintext)

    async def new_file(self, room: int) -> Descriptor:
        """Open a nameless file that may take `room` bytes, already promised; raises `PartitionFull`."""
        return await self._run(partial(self._partition.new_file, room, self.promises.total - room))

    async def empty(self, file: Descriptor) -> None:
        """Throw away what a nameless file holds; raises `PartitionError` where the medium fails."""

        def empty() -> None:
            try:
                os.ftruncate(file.fileno(), 0)
            except OSError as error:
                raise as_partition_error(
                    error, _("emptying a file in partition {name}").format(name=self.name)
                ) from error

        await self._run(empty)

    async def place(self, file: Descriptor, proven: Proven, sidecar: Sidecar, object_path: str) -> Stored:
        """Give the proven file behind `file` its name. See `objects.place`."""
        signed = write_sidecar(sidecar, self._signer.key, self._signer.sign)
        return await self._run(partial(objects.place, self._partition, file, proven, sidecar, signed, object_path))

    async def is_intact(self, object_path: str, ciphertext_sha256: str, size: int) -> bool:
        """Whether the stored object, read back now, still has its digest; raises if the partition is at fault."""
        await self._run(self._partition.check)
        return await self._run(
            partial(objects.is_intact, self._partition, object_path, ciphertext_sha256),
            extra_seconds=size / _ASSUMED_BYTES_PER_SECOND,
        )

    async def link_aside(self, object_path: str) -> tuple[str, ...]:
        return tuple(await self._run(partial(objects.link_aside, self._partition, object_path)))

    async def drop_names(self, object_path: str) -> None:
        await self._run(partial(objects.drop_names, self._partition, object_path))

    async def recover(self, recording_id: str, object_path: str) -> recovery.Recovered:
        """Decide what an interrupted placing left behind. See `recovery.recover`."""
        await self._run(self._partition.check)
        return await self._run(
            partial(recovery.recover, self._partition, recording_id, object_path, self._signer.verify),
            extra_seconds=await self._size(object_path) / _ASSUMED_BYTES_PER_SECOND,
        )

    async def _size(self, object_path: str) -> int:
        def size() -> int:
            try:
                return os.stat(object_path, dir_fd=self._partition.root, follow_symlinks=False).st_size
            except OSError:
                return 0

        return await self._run(size)

    async def _run(self, call: Callable[[], T], extra_seconds: float = 0) -> T:
        try:
            return await self._volume.run(call, extra_seconds)
        except FlushFailed as error:
            # Asked again, the kernel would say that all is well: believed only after a restart.
            self.fault = self._flush_failed = error
            raise


class Shelves:
    """All partitions by name."""

    def __init__(self, shelves: dict[str, Shelf]) -> None:
        self._shelves = shelves

    def usable(self, name: str) -> Shelf:
        """Give a partition that can be used now; raises its fault otherwise."""
        shelf = self._shelves.get(name)
        if shelf is None:
            raise PartitionError(
                _("there is no partition {name}").format(name=name),
                advice=_("It is named by an earlier, interrupted placing: configure it again."),
            )
        if shelf.fault is not None:
            raise shelf.fault
        return shelf

    def __iter__(self) -> Iterator[Shelf]:
        return iter(self._shelves.values())

"""exFAT without a kernel or root: puts files on a volume that mkfs.exfat made, and reads what is on one.

After Microsoft's specification, https://learn.microsoft.com/windows/win32/fileio/exfat-specification. What is put on
lies in one piece, as on a card that was formatted before; what is read may lie anywhere.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

_ENTRY = 32
_BITMAP, _FILE, _STREAM, _NAME = 0x81, 0x85, 0xC0, 0xC1
_NAME_PART = 30
_DIRECTORY = 0x10
_ARCHIVE = 0x20
_ALLOCATED, _IN_ONE_PIECE = 1, 2
_LAST_CLUSTER = 0xFFFFFFF8
_UTC = 0x80


@dataclass(frozen=True)
class Node:
    """What an entry of a directory stands for."""

    name: str
    modified: int
    is_directory: bool
    first: int
    size: int
    in_one_piece: bool


class Volume:
    """A volume that begins at byte `start` of a file, which nothing else may use meanwhile."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file, self._start = file, start
        boot = self._at(0, 512)
        assert boot[3:11] == b"EXFAT   ", "not exFAT"
        fat, _, heap, _, self._root = struct.unpack_from("<5I", boot, 80)
        sector, per_cluster = 1 << boot[108], 1 << boot[109]
        self._fat, self._heap, self._cluster = fat * sector, heap * sector, sector * per_cluster

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Give every file by its path: its content, and when it was modified, in seconds since 1970."""
        return dict(self._walk(self._read(self._root), ""))

    def put(self, files: dict[str, tuple[bytes, int]]) -> None:
        """Put files on a volume that is empty; their directories are made."""
        root = bytearray(self._read(self._root))
        used = next(start for start in range(0, len(root), _ENTRY) if not root[start])
        entries = self._store(_tree(files))
        assert used + len(entries) <= len(root), "too many for a root directory of one cluster"
        root[used : used + len(entries)] = entries
        self._write(self._root, bytes(root))

    def _walk(self, directory: bytes, above: str) -> Iterator[tuple[str, tuple[bytes, int]]]:
        for node in _nodes(directory):
            content = self._read(node.first, node.size, node.in_one_piece) if node.first else b""
            if node.is_directory:
                yield from self._walk(content, f"{above}{node.name}/")
            else:
                yield f"{above}{node.name}", (content, node.modified)

    def _store(self, tree: "_Tree") -> bytes:
        """Write everything below a directory; give the entries for it."""
        entries = bytearray()
        for name, node in tree.items():
            if isinstance(node, dict):
                below = self._store(node)
                size = max(1, _pieces(len(below), self._cluster)) * self._cluster
                entries += _entries(Node(name, 0, True, self._allocate(below.ljust(size, b"\0")), size, True))
            else:
                content, modified = node
                first = self._allocate(content) if content else 0
                entries += _entries(Node(name, modified, False, first, len(content), True))
        return bytes(entries)

    def _allocate(self, content: bytes) -> int:
        """Write to clusters that are free from here to the end; give the first."""
        bitmap = next(each for each in _slots(self._read(self._root)) if each[0] == _BITMAP)
        place, size = struct.unpack_from("<IQ", bitmap, 20)
        taken = bytearray(self._read(place, size, True))
        first = 8 * len(taken.rstrip(b"\0"))
        for number in range(first, first + _pieces(len(content), self._cluster)):
            taken[number // 8] |= 1 << number % 8
        self._write(place, bytes(taken))
        self._write(first + 2, content)
        return first + 2

    def _read(self, first: int, size: int | None = None, in_one_piece: bool = False) -> bytes:
        if in_one_piece:
            assert size is not None
            return self._at(self._place(first), size)
        content, cluster = bytearray(), first
        while 2 <= cluster < _LAST_CLUSTER:
            content += self._at(self._place(cluster), self._cluster)
            (cluster,) = struct.unpack("<I", self._at(self._fat + 4 * cluster, 4))
        return bytes(content[:size])

    def _write(self, first: int, content: bytes) -> None:
        self._file.seek(self._start + self._place(first))
        self._file.write(content)

    def _place(self, cluster: int) -> int:
        return self._heap + (cluster - 2) * self._cluster

    def _at(self, place: int, size: int) -> bytes:
        self._file.seek(self._start + place)
        content = self._file.read(size)
        assert len(content) == size, "beyond the end of the volume"
        return content


def _pieces(size: int, of: int) -> int:
    return (size + of - 1) // of


_Tree = dict[str, "_Tree | tuple[bytes, int]"]


def _tree(files: dict[str, tuple[bytes, int]]) -> _Tree:
    top: _Tree = {}
    for path, file in files.items():
        *above, name = path.split("/")
        place = top
        for each in above:
            below = place.setdefault(each, {})
            assert isinstance(below, dict), f"{path}: {each} is a file"
            place = below
        place[name] = file
    return top


def _slots(directory: bytes) -> Iterator[bytes]:
    for start in range(0, len(directory), _ENTRY):
        if not directory[start]:
            return
        yield directory[start : start + _ENTRY]


def _nodes(directory: bytes) -> Iterator[Node]:
    slots = _slots(directory)
    for head in slots:
        if head[0] == _FILE:
            stream, *names = [next(slots) for _ in range(head[1])]
            first, size = struct.unpack_from("<IQ", stream, 20)
            name = b"".join(each[2:] for each in names)[: 2 * stream[3]].decode("utf-16-le")
            attributes, modified = struct.unpack_from("<H", head, 4)[0], _seconds(*struct.unpack_from("<I", head, 12))
            is_directory = bool(attributes & _DIRECTORY)
            yield Node(name, modified, is_directory, first, size, bool(stream[1] & _IN_ONE_PIECE))


def _entries(node: Node) -> bytes:
    """Make the set of entries for a file or directory (7.4, 7.6 and 7.7 of the specification)."""
    name = node.name.encode("utf-16-le")
    parts = [name[start : start + _NAME_PART].ljust(_NAME_PART, b"\0") for start in range(0, len(name), _NAME_PART)]
    stamp = _stamp(node.modified)
    attributes = _DIRECTORY if node.is_directory else _ARCHIVE
    zone = bytes([0, 0, _UTC, _UTC, _UTC]).ljust(12, b"\0")
    head = struct.pack("<BBHHHIII", _FILE, 1 + len(parts), 0, attributes, 0, stamp, stamp, stamp) + zone
    flags = _ALLOCATED | (_IN_ONE_PIECE if node.first else 0)
    letters, hashed = len(name) // 2, _checksum(node.name.upper().encode("utf-16-le"))
    stream = struct.pack("<BBBBHHQIIQ", _STREAM, flags, 0, letters, hashed, 0, node.size, 0, node.first, node.size)
    entries = bytearray(head + stream + b"".join(bytes([_NAME, 0]) + part for part in parts))
    struct.pack_into("<H", entries, 2, _checksum(entries[:2] + entries[4:]))
    return bytes(entries)


def _checksum(content: bytes | bytearray) -> int:
    """Of a set of entries, without its own field (6.3.3), and of a name in capitals (7.6.4)."""
    total = 0
    for byte in content:
        total = ((total << 15 | total >> 1) + byte) & 0xFFFF
    return total


def _stamp(seconds: int) -> int:
    """Give a time as DOS wrote it, from 1980 on and to two seconds; both ends of it are in UTC here."""
    time = datetime.fromtimestamp(max(seconds, 315532800), UTC)
    date = (time.year - 1980) << 9 | time.month << 5 | time.day
    return date << 16 | time.hour << 11 | time.minute << 5 | time.second // 2


def _seconds(stamp: int) -> int:
    date, clock = stamp >> 16, stamp & 0xFFFF
    day = (1980 + (date >> 9), date >> 5 & 15, date & 31)
    return int(datetime(*day, clock >> 11, clock >> 5 & 63, 2 * (clock & 31), tzinfo=UTC).timestamp())

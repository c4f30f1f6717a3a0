"""What an MTP camera tells of itself and its objects, taken out of the bytes that it sends (PIMA 15740, 5.3 and 5.5).

Each raises `CameraProtocol` for what ends too soon.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from dockd.errors import CameraProtocol
from dockd.i18n import _

UNKNOWN_SIZE = 0xFFFFFFFF
"""What an ObjectInfo says of an object that its 32 bits cannot (MTP 1.1, 5.3.1)."""

FOLDER = 0x3001


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What the camera says of itself; `operations` and `properties` are numbers of what it can do, and has."""

    operations: frozenset[int]
    properties: frozenset[int]
    version: str
    serial: str

    @classmethod
    def of(cls, data: bytes) -> "DeviceInfo":
        dataset = Dataset(data)
        dataset.skip(8)
        dataset.text()
        dataset.skip(2)
        operations = frozenset(dataset.numbers(2))
        _events, properties, _captures, _formats = (frozenset(dataset.numbers(2)) for _each in range(4))
        _manufacturer, _model, version, serial = (dataset.text() for _each in range(4))
        return cls(operations, properties, version, serial)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One file or folder. `size` in bytes, None if the camera tells none; `mtime_ns` as if its clock showed UTC."""

    name: bytes
    is_folder: bool
    size: int | None
    mtime_ns: int

    @classmethod
    def of(cls, data: bytes) -> "ObjectInfo":
        """Take one; its size is None also if it is too long for an ObjectInfo, and told elsewhere."""
        dataset = Dataset(data)
        dataset.skip(4)
        is_folder = dataset.number(2) == FOLDER
        dataset.skip(2)
        size = dataset.number(4)
        dataset.skip(40)
        name, captured, modified = dataset.text(), dataset.text(), dataset.text()
        mtime_ns = time_ns(modified) or time_ns(captured) or 0
        return cls(_file_name(name), is_folder, None if size == UNKNOWN_SIZE else size, mtime_ns)


@dataclass(frozen=True, slots=True)
class StorageInfo:
    """One memory of the camera: bytes in all, and free."""

    capacity: int
    free: int

    @classmethod
    def of(cls, data: bytes) -> "StorageInfo":
        dataset = Dataset(data)
        dataset.skip(6)
        return cls(dataset.number(8), dataset.number(8))


class Dataset:
    """Reads a dataset from its beginning."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def skip(self, size: int) -> bytes:
        part = self._data[self._place : self._place + size]
        if len(part) < size:
            raise CameraProtocol(_("the camera answers with too few bytes"))
        self._place += size
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.skip(size), "little")

    def numbers(self, size: int) -> Iterator[int]:
        """Take all of an array of numbers."""
        part = self.skip(self.number(4) * size)
        return (int.from_bytes(part[place : place + size], "little") for place in range(0, len(part), size))

    def text(self) -> str:
        """Take a string: a count of UTF-16 units, the last of which is zero (PIMA 15740, 5.3.8)."""
        units = self.skip(2 * self.number(1))
        return units.decode("utf-16-le", "surrogatepass").partition("\0")[0]


def numbers_of(data: bytes) -> list[int]:
    return list(Dataset(data).numbers(4))


def text_of(words: str) -> bytes:
    """Write a string as `Dataset.text` reads it; it is short."""
    return bytes([len(words) + 1]) + (words + "\0").encode("utf-16-le")


def _file_name(name: str) -> bytes:
    """Give a name that is one part of a path, whatever the camera calls a file, and another for another."""
    return name.replace("/", "\0").encode("utf-8", "surrogatepass") or b"\0"


def moment(text: str) -> datetime | None:
    """Read `YYYYMMDDThhmmss.s`, with Z, +hhmm or nothing behind it (PIMA 15740, 5.3.9); None if it is no time.

    It has a zone if the text names one.
    """
    try:
        there = datetime.strptime(text[:15], "%Y%m%dT%H%M%S")
        zone = text[15:].lstrip(".0123456789")
        if zone[:1] in ("+", "-"):
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
            return there.replace(tzinfo=timezone(offset if zone[0] == "+" else -offset))
    except ValueError:
        return None
    return there.replace(tzinfo=UTC) if zone == "Z" else there


def time_ns(text: str) -> int | None:
    """Give the time of a file in nanoseconds, as if a clock without a zone showed UTC; None if it is none."""
    there = moment(text)
    if there is None:
        return None
    since = (there if there.tzinfo else there.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(seconds=1) * 10**9

"""How often each bay and each camera was connected, served and failed: what tells a bad bay from a bad camera.

Counted for each pair of bay and camera, so that it can be seen what a fault follows. Technical numbers, no evidence:
they are kept at the end of each docking and at the stop, never awaited by a docking, and begun anew where they cannot
be read.
"""

import asyncio
import json
import os
from collections.abc import Callable, Collection
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from dockd.clock import utc_text
from dockd.errors import CountersError
from dockd.events import Event
from dockd.i18n import _
from dockd.model import Counts
from dockd.register import durable
from dockd.volume import Volume

MAX_BYTES = 16 * 1024 * 1024
UNKNOWN = ""
"""The camera of what no fleet camera claims to be."""

_FORMAT = "dockd counters v1"
_LARGEST = 2**63 - 1
_MAX_NAME = 512


Rows = dict[tuple[str, str], Counts]
"""By bay and camera."""


class Counters:
    """The counters of one dock, kept in a file, for the `cameras` of its fleet; all others are one.

    Counts at once; what touches the file runs on the volume's thread.
    """

    def __init__(self, path: Path, dock_id: str, cameras: Collection[str], volume: Volume) -> None:
        self._path = path
        self._dock_id = dock_id
        self._cameras = cameras
        self._volume = volume
        self._since = ""
        self._rows: Rows = {}
        self._due = asyncio.Event()

    async def load(self, now: datetime) -> None:
        """Go on from the file; one that cannot be used is set aside, and counting begins `now`."""
        self._since = utc_text(now)
        try:
            content = await self._volume.run(self._read)
            if content is not None:
                self._since, self._rows = _decoded(content, self._dock_id)
        except (OSError, ValueError, CountersError) as error:
            structlog.get_logger().warning(Event.COUNTERS_SET_ASIDE, message=str(error))
            await self._try(self._set_aside)

    def count(self, bay: str, camera_id: str, more: Counts) -> None:
        """Add to what is known of a camera in a bay; the end of a docking is when it is kept."""
        # A device may claim any name, and each time another one.
        pair = bay, camera_id if camera_id in self._cameras else UNKNOWN
        self._rows[pair] = self._rows.get(pair, Counts()) + more
        if more.dockings:
            self._due.set()

    async def follow(self) -> None:
        """Keep the counters whenever a docking has ended, for ever."""
        while True:
            await self._due.wait()
            self._due.clear()
            await self.keep()

    async def keep(self) -> None:
        """Write them down, durably; what fails is logged, and written with what comes next."""
        rows = [{"bay": bay, "camera": camera, **asdict(each)} for (bay, camera), each in sorted(self._rows.items())]
        head = {"format": _FORMAT, "dock_id": self._dock_id, "since": self._since}
        content = json.dumps({**head, "rows": rows}, indent=1).encode()
        await self._try(lambda: _replace(self._path, content))

    def as_dict(self) -> dict[str, Any]:
        """Give them as JSON takes it: by bay, with how many cameras failed there, and by camera, in how many bays."""
        return {
            "since": self._since,
            "bays": self._summed(name_at=0, of="cameras"),
            "cameras": self._summed(name_at=1, of="bays"),
        }

    def _summed(self, *, name_at: int, of: str) -> list[dict[str, Any]]:
        """Sum over the other half of each pair; `name_at` says which half the sum is for."""
        grouped: dict[str, list[Counts]] = {}
        for pair, row in self._rows.items():
            grouped.setdefault(pair[name_at], []).append(row)
        return [
            {"name": name, **asdict(sum(rows, Counts())), f"failing_{of}": sum(1 for row in rows if row.failed)}
            for name, rows in sorted(grouped.items())
            if name != UNKNOWN
        ]

    def _read(self) -> bytes | None:
        try:
            with open(self._path, "rb", opener=_open) as file:
                return file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None

    def _set_aside(self) -> None:
        os.replace(self._path, self._path.with_name(f"{self._path.name}.set-aside"))
        durable.sync_directory(self._path.parent)

    async def _try(self, call: Callable[[], None]) -> None:
        try:
            await self._volume.run(call)
        except (OSError, CountersError) as error:
            structlog.get_logger().warning(Event.COUNTERS_FAILED, message=str(error))


def _open(path: str, flags: int) -> int:
    # Whatever stands there, reading it must not wait.
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)


def _replace(path: Path, content: bytes) -> None:
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        durable.replace(directory, path.name, content, 0o600)
    finally:
        os.close(directory)


def _decoded(content: bytes, dock_id: str) -> tuple[str, Rows]:
    """Give since when there are which rows; raises ValueError for what this dock did not write."""
    if len(content) > MAX_BYTES:
        raise ValueError(_("the file is too large"))
    try:
        value = json.loads(content)
    except RecursionError as error:
        raise ValueError(_("the file is nested too deeply")) from error
    match value:
        case {"format": str(form), "dock_id": str(of), "since": str(since), "rows": list(rows)} if form == _FORMAT:
            if of != dock_id:
                raise ValueError(_("the file is of another dock"))
            datetime.fromisoformat(since)
            return since, dict(_row(each) for each in rows)
    raise ValueError(_("the file holds no counters"))


def _row(value: Any) -> tuple[tuple[str, str], Counts]:
    match value:
        case {"bay": str(bay), "camera": str(camera)} if _is_name(bay) and _is_name(camera):
            numbers = {name: number for name, number in value.items() if name not in ("bay", "camera")}
            counts = [numbers.pop(field.name, None) for field in fields(Counts)]
            if not numbers and all(type(each) is int and 0 <= each <= _LARGEST for each in counts):
                return (bay, camera), Counts(*counts)
    raise ValueError(_("the file holds a row that is none"))


def _is_name(text: str) -> bool:
    return len(text) <= _MAX_NAME and text.isascii() and text.isprintable()

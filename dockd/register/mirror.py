"""The register's second medium: every entry once more, as lines of text in one segment a month.

A segment `YYYY-MM.jsonl` holds the entries whose `at` falls in that month; when the dock's clock went back, they go
on in the newest segment, so that the order of the names is the order of the entries. An entry is on the mirror
before anything is cleared because of it. SQLite has it first: what a crash keeps from the mirror is appended at the
next start, and a mirror that knows *more* than the register proves that the register was rolled back.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import rfc8785

from dockd.errors import MirrorError, OrderError
from dockd.i18n import _
from dockd.register import durable
from dockd.register.body import Row

MARKER = "dockd-mirror.json"

_SEGMENT = re.compile(r"\d{4}-\d\d\.jsonl")
_NO_MONTH = "0000-00.jsonl"
_TAIL_BYTES = 64 * 1024
_CATCH_UP_ROWS = 256


class _Tail(NamedTuple):
    """The newest segment that is not empty: where its last whole line ends, and that line without its newline."""

    segment: str
    end: int
    torn: bool
    line: bytes


def line_of(row: Row) -> bytes:
    """Write an entry as a line of a segment: canonical JSON, bytes in hex, the body as the text that was hashed.

    Of an entry without payload only its place and its leaf are left.
    """
    fields: dict[str, str | int] = {"seq": row.seq, "leaf": row.leaf.hex()}
    if row.salt is not None and row.body is not None:
        # What is no text has been tampered with: replaced, it still does not belong to its leaf.
        fields |= {"salt": row.salt.hex(), "body": row.body.decode("utf-8", "replace")}
    return rfc8785.dumps(fields) + b"\n"


class Mirror:
    """An open mirror, held by its directory descriptor: another medium mounted over the path changes nothing."""

    def __init__(self, path: Path, directory: int) -> None:
        self._path = path
        self._directory = directory
        self._failed = False
        self._tails: list[_Tail] = []
        self._segment = ""
        self.last_seq = -1
        """The newest entry on the mirror, -1 while it is empty."""
        self._last_line = b""

    @classmethod
    def create(cls, path: Path, dock_id: str) -> None:
        """Mark a directory, made if need be, as the mirror of a dock. Raises MirrorError when it is one already."""
        try:
            path.mkdir(mode=0o700, exist_ok=True)
            durable.create(path / MARKER, rfc8785.dumps({"v": 1, "dock_id": dock_id}))
            durable.sync_directory(path.parent)
        except FileExistsError:
            raise MirrorError(_("{path} is already the mirror of a register").format(path=path)) from None
        except OSError as error:
            raise MirrorError(_("the mirror cannot be made: {error}").format(error=error)) from error

    @classmethod
    def open(cls, path: Path, dock_id: str) -> "Mirror":
        """Open the mirror of this dock. Raises MirrorError, also where an unmounted mount point lies bare."""
        try:
            directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise cls._missing(path, str(error)) from error
        mirror = cls(path, directory)
        try:
            mirror._check_marker(dock_id)
            mirror._find_last()
        except BaseException:
            mirror.close()
            raise
        return mirror

    def close(self) -> None:
        os.close(self._directory)

    def must_be_empty(self) -> None:
        """Raise MirrorError where a new register may not begin."""
        if self.last_seq >= 0:
            raise MirrorError(
                _("the mirror holds the entries of another register"),
                advice=_(
                    "Keep it: it may be all that is left of that register. If this dock has lost its register, it is"
                    " made anew by `dockd register rebuild`; a new dock needs an empty mirror."
                ),
            )

    def append(self, rows: Sequence[Row], pruned_until: int = -1) -> None:
        """Append entries that follow the last one, durably; those up to `pruned_until` may have lost what they said.

        Raises MirrorError; after that the mirror takes nothing more until it is opened again, because what a failed
        write or fsync left behind is not known.
        """
        if self._failed:
            raise MirrorError(_("the mirror {path} failed before").format(path=self._path), advice=_advice())
        if [row.seq for row in rows] != list(range(self.last_seq + 1, self.last_seq + 1 + len(rows))):
            raise OrderError("the mirror takes entries in their order, without a gap")
        segments: dict[str, list[bytes]] = {}
        for row in rows:
            if (row.salt is None or row.body is None) and row.seq > pruned_until:
                raise MirrorError(_("entry {seq} has no payload in the register").format(seq=row.seq))
            self._segment = max(self._segment or _NO_MONTH, _month(row))
            segments.setdefault(self._segment, []).append(line_of(row))
        try:
            self._cut_torn()
            for segment, lines in segments.items():
                self._write(segment, b"".join(lines))
                self._last_line = lines[-1]
        except OSError as error:
            self._failed = True
            raise MirrorError(
                _("the mirror {path} failed: {error}").format(path=self._path, error=error), advice=_advice()
            ) from error
        self.last_seq += len(rows)

    def rows(self) -> Iterator[tuple[str, bytes]]:
        """Yield every whole line, in the order of the entries, with where it stands in words. Raises MirrorError."""
        try:
            for segment in sorted(name for name in os.listdir(self._directory) if _SEGMENT.fullmatch(name)):
                descriptor = os.open(segment, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._directory)
                with open(descriptor, "rb") as lines:
                    for number, line in enumerate(lines, start=1):
                        if line.endswith(b"\n"):
                            yield _("{segment}, line {number}").format(segment=segment, number=number), line
        except OSError as error:
            text = _("the mirror {path} cannot be read: {error}")
            raise MirrorError(text.format(path=self._path, error=error)) from error

    def prune_some(self, last_seq: int) -> bool:
        """Take from one segment what its entries up to `last_seq` say; False if no segment says anything of them.

        The segment is written anew and takes the old one's name when it is whole. Raises MirrorError.
        """
        try:
            self._cut_torn()
            for segment in sorted(name for name in os.listdir(self._directory) if _SEGMENT.fullmatch(name)):
                lines = self._read_all(segment).splitlines(keepends=True)
                if lines and json.loads(lines[0])["seq"] > last_seq:
                    return False
                pruned = [_pruned_line(line, last_seq) for line in lines]
                if pruned != lines:
                    durable.replace(self._directory, segment, b"".join(pruned), 0o600)
                    return True
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            # The old segment is whole: entries can still be appended.
            text = _("the mirror {path} cannot be pruned: {error}")
            advice = _("The medium may be worn out: a new, empty one is filled from the register at the next start.")
            raise MirrorError(text.format(path=self._path, error=error), advice=advice) from error
        return False

    def catch_up(self, size: int, rows: Callable[[int, int], list[Row]], pruned_until: int = -1) -> None:
        """Append what a register of `size` entries has and the mirror has not; `rows(after, limit)` reads it.

        A new medium gets of entries that were pruned what is left of them.

        Raises MirrorError, with nothing written, when the mirror holds what the register does not.
        """
        if self.last_seq >= size:
            text = _("the mirror holds entry {seq}, the register only {size} entries")
            raise MirrorError(
                text.format(seq=self.last_seq, size=size),
                advice=_("The register was rolled back or replaced. Keep both media as they are and call the admin."),
            )
        if self.last_seq >= 0 and [line_of(row) for row in rows(self.last_seq - 1, 1)] != [self._last_line]:
            raise MirrorError(
                _("entry {seq} is not the same in the register and on its mirror").format(seq=self.last_seq),
                advice=_("One of them was changed or replaced. Keep both as they are and run `dockd register verify`."),
            )
        while self.last_seq + 1 < size:
            self.append(rows(self.last_seq, _CATCH_UP_ROWS), pruned_until)

    def _check_marker(self, dock_id: str) -> None:
        try:
            marker = json.loads(self._read(MARKER, 0, _TAIL_BYTES))
        except (OSError, ValueError) as error:
            raise self._missing(self._path, str(error)) from error
        if marker != {"v": 1, "dock_id": dock_id}:
            raise MirrorError(
                _("{path} is not the mirror of {dock_id}").format(path=self._path, dock_id=dock_id),
                advice=_("Connect the second medium of this dock, or correct its path."),
            )

    def _find_last(self) -> None:
        """Find the last whole line. A line without its newline was torn by a power cut and never acknowledged."""
        try:
            segments = sorted(name for name in os.listdir(self._directory) if _SEGMENT.fullmatch(name))
            self._segment = segments[-1] if segments else ""
            for segment in reversed(segments):
                tail = self._tail(segment)
                self._tails.append(tail)
                if tail.line:
                    self.last_seq, self._last_line = int(json.loads(tail.line)["seq"]), tail.line
                    return
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MirrorError(
                _("the last line of the mirror {path} cannot be read: {error}").format(path=self._path, error=error),
                advice=_("Keep the medium as it is; a new one is filled from the register at the next start."),
            ) from error

    def _tail(self, segment: str) -> _Tail:
        """Read a segment backwards until its last whole line is in hand."""
        end = start = os.stat(segment, dir_fd=self._directory, follow_symlinks=False).st_size
        content = b""
        while start and content[: content.rfind(b"\n")].count(b"\n") < 1:
            length = min(_TAIL_BYTES, start)
            start -= length
            content = self._read(segment, start, length) + content
        whole, newline, torn = content.rpartition(b"\n")
        line = whole.rpartition(b"\n")[2] + newline
        return _Tail(segment, end - len(torn), bool(torn), line)

    def _cut_torn(self) -> None:
        for tail in self._tails:
            if tail.torn:
                self._at_end_of(tail.segment, partial(os.truncate, length=tail.end))
        self._tails = []

    def _write(self, segment: str, lines: bytes) -> None:
        def write(descriptor: int) -> None:
            if os.write(descriptor, lines) != len(lines):
                raise OSError(_("only a part of the line could be written"))

        self._at_end_of(segment, write)

    def _at_end_of(self, segment: str, change: Callable[[int], None]) -> None:
        """Change a segment and flush it; the directory too when the segment is new."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        new = False
        try:
            descriptor = os.open(segment, flags, dir_fd=self._directory)
        except FileNotFoundError:
            descriptor, new = os.open(segment, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._directory), True
        try:
            change(descriptor)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            os.fsync(self._directory)

    def _read_all(self, segment: str) -> bytes:
        descriptor = os.open(segment, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._directory)
        with open(descriptor, "rb") as file:
            return file.read()

    def _read(self, name: str, start: int, length: int) -> bytes:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._directory)
        try:
            return os.pread(descriptor, length, start)
        finally:
            os.close(descriptor)

    @staticmethod
    def _missing(path: Path, cause: str) -> MirrorError:
        return MirrorError(
            _("there is no mirror in {path}: {cause}").format(path=path, cause=cause),
            advice=_("Mount the second medium of the register there; a new one is marked by `dockd init`."),
        )


def _pruned_line(line: bytes, last_seq: int) -> bytes:
    """Give what is left of a line when its entry has been pruned."""
    fields = json.loads(line)
    if fields["seq"] > last_seq:
        return line
    return line_of(Row(fields["seq"], bytes.fromhex(fields["leaf"]), None, None, b""))


def _month(row: Row) -> str:
    """Give the segment of an entry; of one that was pruned it is not known any more."""
    if row.body is None:
        return _NO_MONTH
    at: str = json.loads(row.body or b"{}")["at"]
    return f"{at[:7]}.jsonl"


def _advice() -> str:
    return _("Check the second medium of the register (full, unplugged, worn out), then restart dockd.")

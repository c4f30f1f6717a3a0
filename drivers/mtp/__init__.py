"""Cameras that speak MTP: their files are objects with handles, which are asked for one by one over USB.

Spoken by dockd itself, in a dozen operations (ptp.py). libmtp and libgphoto2 look for cameras on the whole bus and open
what they find, which no worker may; libgphoto2 tells a recording of 5 GiB as one of 4 GiB - 1; both read every object's
name before the first can be asked for.

Handles are good for one session. A recording is the one that was listed as long as its name, size and time are the
same; the camera is asked before each read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from dockd.driver import MAX_FILES, Ability, Driver, Found, Session, SourceKind, UsbSource
from dockd.driver.abilities import MAX_SAID, CameraState, CameraTime
from dockd.driver.places import CardFile, Kinds, Places, wrong_option
from dockd.driver.usb import opened, release, reset
from dockd.errors import CameraBusy, CameraGone, CameraMedia, CameraProtocol, DriverError
from dockd.i18n import _
from dockd.model import Recording, RecordingPath
from drivers.mtp.dataset import UNKNOWN_SIZE, ObjectInfo, moment
from drivers.mtp.ptp import ROOT, Ptp

MAX_DEPTH = 16

_FOLDERS_KEPT = 16
_IDENTITIES = ("bus", "camera")


@dataclass(slots=True)
class _Folder:
    """What lies in a folder: files and folders by their names, with their handles."""

    files: dict[bytes, int]
    folders: dict[bytes, int]


@dataclass(slots=True)
class _Stream:
    """A recording that is given as a whole, and how far that has come. `rest` was given and not asked for yet."""

    recording: Recording
    pieces: Iterator[memoryview]
    place: int = 0
    rest: bytes = b""
    fault: DriverError | OSError | None = None


class MtpSession(Session):
    """One camera. Folders are looked through once, and kept until it is let go."""

    def __init__(self, source: UsbSource, abilities: frozenset[Ability], kinds: Kinds, states_identity: bool) -> None:
        super().__init__(abilities)
        self._kinds = kinds
        self._states_identity = states_identity
        self._read: dict[RecordingPath, Recording] = {}
        self._folders: dict[tuple[int, int], _Folder] = {}
        self._stream: _Stream | None = None
        self._ptp: Ptp | None = None
        self._memories: list[int] = []
        self._entries = 0
        self._connect(source)

    def _connect(self, source: UsbSource) -> None:
        self._device = opened(source)
        self._begin()

    def _begin(self) -> None:
        """Begin a session; what an earlier one, or an earlier worker, broke off is cut off by a reset."""
        self._folders.clear()
        self._stream = None
        try:
            self._ptp = Ptp(self._device)
        except (OSError, DriverError):
            reset(self._device)
            self._ptp = Ptp(self._device)

    def close(self) -> None:
        if self._ptp is not None and self._ptp.in_step:
            self._ptp.close()
        if self._ptp is not None:
            release(self._device)
        self._ptp = self._stream = None

    def _ready(self) -> Ptp:
        """Give the camera with nothing under way; what is, or was broken off, is cut off by a reset."""
        if self._stream is not None or (self._ptp is not None and not self._ptp.in_step):
            reset(self._device)
            self._begin()
        if self._ptp is None:
            raise CameraGone(_("the camera is closed"))
        return self._ptp

    def _identify(self) -> str | None:
        return self._ready().info.serial if self._states_identity else None

    def _fullness(self) -> float | None:
        infos = [self._ready().storage(number) for number in self._ready().storages()]
        capacity, free = sum(each.capacity for each in infos), sum(each.free for each in infos)
        return 1 - free / capacity if 0 <= free <= capacity and capacity else None

    def _list(self) -> Iterator[Found]:
        self._read.clear()
        self._folders.clear()
        self._entries = 0
        numbers = self._ready().storages()
        self._memories = self._memories or numbers
        if numbers != self._memories:
            raise CameraMedia(_("the camera does not show the memories that it did"))
        for storage, prefix in self._prefixes():
            yield from self._walk(storage, ROOT, prefix, 0)

    def _prefixes(self) -> list[tuple[int, bytes]]:
        """Give each memory and what stands before the paths in it: nothing if it is the only one."""
        return [(number, b"%08x/" % number if len(self._memories) > 1 else b"") for number in self._memories]

    def _walk(self, storage: int, handle: int, prefix: bytes, depth: int) -> Iterator[Found]:
        if depth > MAX_DEPTH:
            raise CameraProtocol(_("directories nested deeper than {n}").format(n=MAX_DEPTH))
        children = self._ready().children(storage, handle)
        self._entries += len(children)
        # Before they are asked about: each can have a long name, which is kept while its folder is walked.
        if self._entries > MAX_FILES:
            raise CameraProtocol(_("more than {n} files").format(n=MAX_FILES))
        infos = [(child, self._ready().object(child)) for child in children]
        folder = self._keep(storage, handle, infos)
        files = [_card_file(info) for _child, info in infos if not info.is_folder]
        del infos
        places = Places(files, self._kinds)
        for file in files:
            yield places.sort(prefix, file)
        for name, child in folder.folders.items():
            yield from self._walk(storage, child, prefix + name + b"/", depth + 1)

    def _keep(self, storage: int, handle: int, infos: list[tuple[int, ObjectInfo]]) -> _Folder:
        folder = _Folder({}, {})
        for child, info in infos:
            names = folder.folders if info.is_folder else folder.files
            if info.name in names:
                raise CameraProtocol(_("the camera holds two files of one name in one folder"))
            names[info.name] = child
        if len(self._folders) >= _FOLDERS_KEPT:
            del self._folders[next(iter(self._folders))]
        self._folders[(storage, handle)] = folder
        return folder

    def _folder(self, storage: int, handle: int) -> _Folder:
        if (storage, handle) in self._folders:
            return self._folders[(storage, handle)]
        children = self._ready().children(storage, handle)
        return self._keep(storage, handle, [(child, self._ready().object(child)) for child in children])

    def _handle(self, path: RecordingPath) -> int:
        for storage, prefix in self._prefixes():
            if path.raw.startswith(prefix):
                *above, name = path.raw.removeprefix(prefix).split(b"/")
                handle = ROOT
                try:
                    for each in above:
                        handle = self._folder(storage, handle).folders[each]
                    return self._folder(storage, handle).files[name]
                except KeyError:
                    break
        raise CameraBusy(_("the camera does not hold the recording any more"))

    def _unchanged(self, recording: Recording) -> int:
        """Give the handle of a recording that is still as it was listed, and as it was read."""
        handle = self._handle(recording.path)
        info = self._ready().object(handle)
        now = _card_file(info)
        as_listed = (recording.path.raw.rpartition(b"/")[2], recording.size, recording.mtime_ns)
        if (now.name, now.size, now.mtime_ns) != as_listed or self._read.get(recording.path, recording) != recording:
            raise CameraBusy(_("the recording changed since it was listed"))
        if info.size is None:
            raise CameraBusy(_("the camera does not tell how long the recording is"))
        return handle

    def _reads_parts(self, recording: Recording) -> bool:
        return self._ptp is not None and self._ptp.reads_parts(recording.size)

    def _read_into(self, recording: Recording, offset: int, into: memoryview) -> int:
        if not self._reads_parts(recording) and into:
            return self._read_on(recording, offset, into)
        handle = self._unchanged(recording)
        self._read[recording.path] = recording
        return self._ready().part(handle, offset, into) if into else 0

    def _read_on(self, recording: Recording, offset: int, into: memoryview) -> int:
        """Read on in a recording that comes as a whole, or once more from its beginning."""
        stream = self._stream
        if stream is None or stream.recording != recording or stream.place > offset:
            handle = self._unchanged(recording)
            stream = self._stream = _Stream(recording, self._ready().whole(handle, recording.size))
        try:
            return self._take_on(stream, offset, into)
        except (DriverError, OSError) as error:
            # It is no use to begin again for what comes behind: the same is in the way.
            stream.fault = stream.fault or error
            raise

    def _take_on(self, stream: _Stream, offset: int, into: memoryview) -> int:
        recording = stream.recording
        if stream.fault is not None:
            raise stream.fault
        while True:
            if not stream.rest:
                piece = next(stream.pieces, None)
                if piece is None:
                    raise CameraBusy(_("the recording ends before its listed size"))
                stream.rest = bytes(piece)
            skipped = min(len(stream.rest), offset - stream.place)
            got = min(len(stream.rest) - skipped, len(into))
            into[:got] = stream.rest[skipped : skipped + got]
            stream.rest = stream.rest[skipped + got :]
            if stream.place + skipped + got == recording.size:
                self._finish(stream)
            stream.place += skipped + got
            if got:
                self._read[recording.path] = recording
                return got

    def _finish(self, stream: _Stream) -> None:
        """See to its end: what the camera says last is whether it was all."""
        if next(stream.pieces, None):
            raise CameraBusy(_("the recording goes on after its listed size"))
        self._stream = None

    def _clear(self, recording: Recording) -> None:
        if self._read.get(recording.path) != recording:
            raise CameraBusy(_("the recording is not as it was read"))
        handle = self._unchanged(recording)
        self._ready().delete(handle)
        del self._read[recording.path]
        for folder in self._folders.values():
            folder.files = {name: each for name, each in folder.files.items() if each != handle}

    def tell_time(self) -> CameraTime:
        said = self._ready().date_time()
        shown = moment(said)
        if shown is None:
            raise CameraProtocol(_("the camera tells no time"))
        return CameraTime(shown, said)

    def take_time(self, now: datetime) -> None:
        """Without a zone: a camera that would not know what to do with one shows what it is told."""
        self._ready().set_date_time(now.strftime("%Y%m%dT%H%M%S"))

    def tell_state(self) -> CameraState:
        ptp = self._ready()
        version = ptp.info.version[:MAX_SAID]
        firmware = version if version and version.isprintable() else None
        return CameraState(battery_percent=ptp.battery_percent(), firmware=firmware)

    def _let_go(self) -> None:
        """What a camera says is erased, it has to have erased: there is no flush in MTP."""
        self.close()
        self._folders.clear()

    def _go_on(self, source: UsbSource) -> None:
        self._connect(source)


def _card_file(info: ObjectInfo) -> CardFile:
    return CardFile(info.name, UNKNOWN_SIZE if info.size is None else info.size, info.mtime_ns)


class MtpDriver(Driver):
    """A camera that speaks MTP. It is known by its serial on the bus, or by the one that it states over MTP."""

    name: ClassVar[str] = "mtp"
    version: ClassVar[str] = "1"
    source: ClassVar[SourceKind] = SourceKind.USB
    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.CLEAR, Ability.CLOCK, Ability.STATE})
    option_names: ClassVar[frozenset[str]] = Kinds.OPTIONS | {"identity"}
    usb_ids: ClassVar[frozenset[str]] = frozenset({"06:01:01"})

    def __init__(self, options: Mapping[str, str]) -> None:
        super().__init__(options)
        self._kinds = Kinds.of(self.name, options)
        if options.get("identity", "bus") not in _IDENTITIES:
            advice = _("It is bus, for the serial on the bus, or camera, for the one that the camera states over MTP.")
            raise wrong_option(self.name, options, "identity", advice)

    def _open(self, source: Any) -> Session:
        return MtpSession(source, self.abilities, self._kinds, self.options.get("identity") == "camera")

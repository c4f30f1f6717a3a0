"""A driver is code of others: whatever it does, only `DriverError` comes out, and only what the contract allows."""

import errno
import os
from typing import ClassVar

import pytest

from dockd import errors
from dockd.driver import MAX_OTHERS_NAMED, Ability, Contents, DirectorySource, Driver, Session, SourceKind
from dockd.errors import CameraProtocol, CameraUnsupported, DriverError
from dockd.model import Recording, RecordingPath

RECORDING = Recording(RecordingPath(b"a.mp4"), 100, 0)


class WrongSession(Session):
    """Gives, or raises, whatever it was told to."""

    def __init__(self, answer, abilities=frozenset(Ability)):
        super().__init__(abilities)
        self.answer = answer

    def _give(self, *_arguments):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    _identify = _list = _read_at = _clear = _give


def verbs(session):
    return [
        session.identify,
        session.list,
        lambda: session.read_at(RECORDING, 0, 10),
        lambda: session.clear(RECORDING),
    ]


class Mute(Exception):
    def __str__(self):
        raise ValueError("not even words")


RAISED = [
    ValueError("x"),
    RuntimeError(),
    RecursionError(),
    MemoryError(),
    AssertionError("x"),
    StopIteration(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"),
    OSError("no number"),
    OSError(errno.EIO, "x"),
    OSError(99999, None),
    TimeoutError(),
    errors.PartitionFull("a driver knows nothing of partitions"),
    errors.RegisterError("nor of the register"),
    Mute(),
]


@pytest.mark.parametrize("raised", RAISED, ids=lambda raised: type(raised).__name__)
@pytest.mark.parametrize("verb", range(4))
def test_only_driver_errors_come_out(raised, verb):
    with pytest.raises(DriverError):
        verbs(WrongSession(raised))[verb]()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, errors.CameraGone),
        (errno.ENODEV, errors.CameraGone),
        (errno.EBUSY, errors.CameraBusy),
        (errno.EACCES, errors.CameraDenied),
        (errno.EROFS, errors.CameraDenied),
        (errno.EIO, errors.CameraMedia),
        (errno.ENOSYS, errors.CameraUnsupported),
        (errno.EXDEV, errors.CameraProtocol),
    ],
)
def test_a_fault_of_the_kernel_gets_its_class(number, kind):
    with pytest.raises(kind) as caught:
        WrongSession(OSError(number, os.strerror(number))).list()
    assert type(caught.value) is kind


@pytest.mark.parametrize("wrong", [None, 7, b"cam-1", "", "x" * 65, "a\nb", "é", "a\0", ["cam-1"]])
def test_an_identity_that_is_no_plain_name_is_refused(wrong):
    with pytest.raises(CameraProtocol):
        WrongSession(wrong).identify()


@pytest.mark.parametrize("wrong", [None, "text", bytearray(10), memoryview(bytes(10)), b"x" * 11, [1], 10])
def test_a_read_of_the_wrong_type_or_too_many_bytes_is_refused(wrong):
    with pytest.raises(CameraProtocol):
        WrongSession(wrong).read_at(RECORDING, 0, 10)


def test_a_recording_that_ends_early_is_busy():
    with pytest.raises(errors.CameraBusy):
        WrongSession(b"").read_at(RECORDING, 0, 10)


PATH = RecordingPath(b"a.mp4")


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        Contents((RECORDING, RECORDING)),
        Contents((RECORDING, Recording(PATH, 5, 5))),
        Contents((Recording(PATH, -1, 0),)),
        Contents((Recording(PATH, 2**63, 0),)),
        Contents((Recording(PATH, 1.5, 0),)),
        Contents((Recording(PATH, True, 0),)),
        Contents((Recording(PATH, "7", 0),)),
        Contents((Recording(PATH, 7, None),)),
        Contents((Recording(PATH, 7, 1.5),)),
        Contents((Recording(PATH, 7, 2**64),)),
        Contents((Recording("a.mp4", 7, 0),)),
        Contents((Recording(RecordingPath("a.mp4"), 7, 0),)),
        Contents((Recording(RecordingPath(b""), 7, 0),)),
        Contents((Recording(RecordingPath(b"x" * 4097), 7, 0),)),
        Contents(("a.mp4",)),
        Contents([RECORDING]),
        Contents((), ("a.txt",), 1),
        Contents((), (RecordingPath(b""),), 1),
        Contents((), (), -1),
        Contents((), (), None),
        Contents((), (RecordingPath(b"a.txt"),), 0),
    ],
    ids=repr,
)
def test_a_listing_that_no_camera_can_give_is_refused(wrong):
    with pytest.raises(CameraProtocol):
        WrongSession(wrong).list()


def test_no_more_others_are_named_than_the_cap():
    others = tuple(RecordingPath(b"%d" % n) for n in range(MAX_OTHERS_NAMED + 5))
    contents = WrongSession(Contents((RECORDING,), others, 5000)).list()
    assert (contents.others, contents.others_count) == (others[:MAX_OTHERS_NAMED], 5000)


def test_a_driver_that_cannot_clear_is_never_asked_to():
    session = WrongSession(AssertionError("asked"), abilities=frozenset())
    with pytest.raises(CameraUnsupported):
        session.clear(RECORDING)


class WrongDriver(Driver):
    name: ClassVar[str] = "wrong"
    version: ClassVar[str] = "1"
    source: ClassVar[SourceKind] = SourceKind.DIRECTORY
    abilities: ClassVar[frozenset[Ability]] = frozenset()

    def _open(self, source):
        raise KeyError("open")


def test_a_driver_that_fails_to_open_raises_only_driver_errors():
    with pytest.raises(DriverError):
        WrongDriver({}).open(DirectorySource(-1))


def test_a_reader_is_never_asked_beyond_the_listed_end():
    asked = []

    class Asking(WrongSession):
        def _read_at(self, recording, offset, size):
            asked.append((offset, size))
            return b"x" * size

    session = Asking(None)
    assert session.read_at(RECORDING, 90, 1000) == b"x" * 10
    assert session.read_at(RECORDING, 100, 10) == session.read_at(RECORDING, 5000, 10) == b""
    assert [each for each in asked if each[1]] == [(90, 10)]

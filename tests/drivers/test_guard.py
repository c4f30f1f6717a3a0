"""A driver is code of others: whatever it does, only `DriverError` comes out, and only what the contract allows."""

import errno
import itertools
import os
from typing import ClassVar

import pytest

from dockd import driver, errors
from dockd.driver import Ability, DirectorySource, Driver, Other, Session, SourceKind
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

    _identify = _fullness = _list = _reads_parts = _read_into = _clear = _let_go = _go_on = _give


def verbs(session):
    return [
        session.identify,
        session.fullness,
        lambda: list(session.list()),
        lambda: session.reads_parts(RECORDING),
        lambda: session.read_at(RECORDING, 0, 10),
        lambda: session.clear(RECORDING),
        session.let_go,
        lambda: going_on(session),
    ]


def going_on(session):
    answer, session.answer = session.answer, None
    session.let_go()
    session.answer = answer
    session.go_on(DirectorySource(-1))


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
@pytest.mark.parametrize("verb", range(8))
def test_only_driver_errors_come_out(raised, verb):
    with pytest.raises(DriverError):
        verbs(WrongSession(raised))[verb]()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, errors.CameraGone),
        (errno.ENODEV, errors.CameraGone),
        (errno.ENOMEDIUM, errors.CameraGone),
        (errno.EBUSY, errors.CameraBusy),
        (errno.EACCES, errors.CameraDenied),
        (errno.EROFS, errors.CameraDenied),
        (errno.EIO, errors.CameraMedia),
        (errno.ENODATA, errors.CameraMedia),
        (errno.ENOSYS, errors.CameraUnsupported),
        (errno.EXDEV, errors.CameraProtocol),
    ],
)
def test_a_fault_of_the_kernel_gets_its_class(number, kind):
    with pytest.raises(kind) as caught:
        list(WrongSession(OSError(number, os.strerror(number))).list())
    assert type(caught.value) is kind


@pytest.mark.parametrize("wrong", [7, b"cam-1", "", "x" * 65, "a\nb", "é", "a\0", ["cam-1"]])
def test_an_identity_that_is_no_plain_name_is_refused(wrong):
    with pytest.raises(CameraProtocol):
        WrongSession(wrong).identify()


def test_a_camera_may_state_no_identity():
    assert WrongSession(None).identify() is None


def test_a_camera_that_could_not_be_let_go_is_not_gone_on_with():
    session = WrongSession(OSError(errno.EIO, "x"))
    with pytest.raises(errors.CameraMedia):
        session.let_go()
    session.answer = None
    for again in (session.let_go, lambda: session.go_on(DirectorySource(-1))):
        with pytest.raises(errors.CameraMedia):
            again()


def test_a_camera_that_could_not_be_gone_on_with_is_still_let_go():
    session = WrongSession(None)
    session.let_go()
    session.answer = OSError(errno.ENODEV, "x")
    with pytest.raises(errors.CameraGone):
        session.go_on(DirectorySource(-1))
    with pytest.raises(errors.CameraBusy):
        session.identify()


@pytest.mark.parametrize("wrong", [None, "text", b"x" * 10, [1], 11, -1, 2**70, True, 5.0])
def test_a_read_that_cannot_have_been_is_refused(wrong):
    with pytest.raises(CameraProtocol):
        WrongSession(wrong).read_at(RECORDING, 0, 10)


def test_a_recording_that_ends_early_is_busy():
    with pytest.raises(errors.CameraBusy):
        WrongSession(0).read_at(RECORDING, 0, 10)


PATH = RecordingPath(b"a.mp4")


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        7,
        [None],
        ["a.mp4"],
        [PATH],
        [(PATH, 7, 0)],
        [Recording(PATH, -1, 0)],
        [Recording(PATH, 2**63, 0)],
        [Recording(PATH, 1.5, 0)],
        [Recording(PATH, True, 0)],
        [Recording(PATH, "7", 0)],
        [Recording(PATH, 7, None)],
        [Recording(PATH, 7, 1.5)],
        [Recording(PATH, 7, 10**20 + 1)],
        [Recording("a.mp4", 7, 0)],
        [Recording(RecordingPath("a.mp4"), 7, 0)],
        [Recording(RecordingPath(b""), 7, 0)],
        [Recording(RecordingPath(b"x" * 4097), 7, 0)],
        [Recording(PATH, 7, 0, "b.mp4")],
        [Recording(PATH, 7, 0, RecordingPath(b""))],
        [Recording(PATH, 7, 0, RecordingPath("b.mp4"))],
        [Recording(PATH, 7, 0, b"b.mp4")],
        [Recording(PATH, 7, 0, PATH)],
        [Recording(PATH, 7, 0, None, "1")],
        [Recording(PATH, 7, 0, None, 10**20 + 1)],
        [Other("a.txt")],
        [Other(RecordingPath(b""))],
        [RECORDING, None],
    ],
    ids=repr,
)
def test_a_listing_that_no_camera_can_give_is_refused(wrong):
    with pytest.raises(CameraProtocol):
        list(WrongSession(wrong).list())


@pytest.mark.parametrize("raised", RAISED, ids=lambda raised: type(raised).__name__)
def test_a_listing_that_breaks_in_the_middle_raises_only_driver_errors(raised):
    def breaking():
        yield RECORDING
        raise raised

    listing = WrongSession(breaking()).list()
    assert next(listing) == RECORDING
    with pytest.raises(DriverError):
        next(listing)


def test_a_listing_that_does_not_end_is_refused(monkeypatch):
    monkeypatch.setattr(driver, "MAX_FILES", 50)
    with pytest.raises(CameraProtocol, match="50"):
        list(WrongSession(itertools.repeat(RECORDING)).list())
    assert len(list(WrongSession(itertools.repeat(RECORDING, 50)).list())) == 50


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
        def _read_into(self, recording, offset, into):
            asked.append((offset, len(into)))
            into[:] = b"x" * len(into)
            return len(into)

    session = Asking(None)
    assert session.read_at(RECORDING, 90, 1000) == b"x" * 10
    assert session.read_at(RECORDING, 100, 10) == session.read_at(RECORDING, 5000, 10) == b""
    assert [each for each in asked if each[1]] == [(90, 10)]


@pytest.mark.parametrize("answer", [None, 0, 1, "yes", []])
def test_whether_parts_can_be_read_is_yes_or_no(answer):
    """A method that forgot its `return` would quietly leave every recording unchecked."""
    with pytest.raises(CameraProtocol):
        WrongSession(answer).reads_parts(RECORDING)
    assert [WrongSession(each).reads_parts(RECORDING) for each in (True, False)] == [True, False]

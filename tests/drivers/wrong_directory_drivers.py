"""Drivers of a directory that each break in one way what `DirectoryContract` adds. `fails` as in wrong_drivers.py.

Each is a session of the folder driver with what it does differently, so that all else of it is right.
"""

import os
from dataclasses import replace

import pytest

from dockd.driver import Driver, Recording
from dockd.driver.directory import MAX_DEPTH
from dockd.errors import CameraBusy, CameraMedia, CameraProtocol
from dockd.model import RecordingPath
from dockd.testing.directory import DirectoryContract
from drivers.folder import IDENTITY_FILE, FolderDriver, FolderSession
from tests.drivers.test_folder import FolderScene


def stamp(status):
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def unlink_by_path(session, recording):
    session._must_be_flushed()
    os.unlink(recording.path.raw, dir_fd=session._root)
    session._unflushed = True
    del session._read[recording.path]
    session._flush(os.fsync, session._root)


class KeepsTheFileOpenWhenItLetsGo(FolderSession):
    fails = ("test_a_camera_that_was_let_go_is_held_by_no_descriptor_but_the_callers",)

    def _let_go(self):
        kept, self._open = self._open, None
        super()._let_go()
        self._open = kept


class KeepsTheWalkOpenWhenItLetsGo(FolderSession):
    """Only a generator is broken off by dockd."""

    fails = ("test_a_camera_that_was_let_go_is_held_by_no_descriptor_but_the_callers",)

    def _list(self):
        return map(lambda each: each, super()._list())


class FlushesNothing(FolderSession):
    fails = ("test_letting_go_flushes_the_filesystem_of_what_was_cleared",)

    def _let_go(self):
        self._unflushed = False
        super()._let_go()


class FlushesEachTime(FolderSession):
    fails = ("test_letting_go_flushes_the_filesystem_of_what_was_cleared",)

    def _let_go(self):
        self._unflushed = True
        super()._let_go()


class SaysNothingOfAFailedFlush(FolderSession):
    fails = (
        "test_what_could_not_be_flushed_is_the_end_of_the_session",
        "test_after_a_directory_could_not_be_flushed_nothing_is_cleared_or_called_durable",
    )

    def _let_go(self):
        try:
            super()._let_go()
        except OSError:
            self._unflushed = False


class TakesEachFailedFlushForABadDisk(FolderSession):
    fails = ("test_what_could_not_be_flushed_is_the_end_of_the_session",)

    def _let_go(self):
        try:
            super()._let_go()
        except OSError as error:
            raise CameraMedia("not flushed") from error


class GoesOnAfterAFailedFlush(FolderSession):
    fails = ("test_what_could_not_be_flushed_is_the_end_of_the_session",)

    def let_go(self):
        try:
            super().let_go()
        finally:
            self._lost = None


class KeepsItsOwnDescriptorAfterAFailedFlush(FolderSession):
    fails = ("test_what_could_not_be_flushed_is_the_end_of_the_session",)

    def _let_go(self):
        own = os.dup(self._root)
        super()._let_go()
        os.close(own)


class FlushesNoDirectory(FolderSession):
    fails = ("test_after_a_directory_could_not_be_flushed_nothing_is_cleared_or_called_durable",)

    def _flush(self, flush, fd):
        if flush is not os.fsync:
            super()._flush(flush, fd)


class SaysOnlyLaterThatADirectoryWasNotFlushed(FolderSession):
    fails = ("test_after_a_directory_could_not_be_flushed_nothing_is_cleared_or_called_durable",)

    def _clear(self, recording):
        self._must_be_flushed()
        try:
            super()._clear(recording)
        except OSError:
            if self._flush_failed is None:
                raise


class ErasesBeforeItRefuses(FolderSession):
    fails = ("test_after_a_directory_could_not_be_flushed_nothing_is_cleared_or_called_durable",)

    def _clear(self, recording):
        if self._flush_failed:
            os.unlink(recording.path.raw, dir_fd=self._root)
        self._must_be_flushed()
        super()._clear(recording)


class ClearsOnAfterAFailedFlush(FolderSession):
    fails = ("test_after_a_directory_could_not_be_flushed_nothing_is_cleared_or_called_durable",)

    def _clear(self, recording):
        failed, self._flush_failed = self._flush_failed, None
        super()._clear(recording)
        self._flush_failed = failed


class BelievesTheNextFlush(FolderSession):
    """Of an earlier one that failed the kernel does not speak again."""

    fails = ("test_after_a_directory_could_not_be_flushed_nothing_is_cleared_or_called_durable",)

    def _let_go(self):
        self._flush_failed = None
        super()._let_go()


class WalksWithoutBounds(FolderSession):
    fails = (
        "test_a_walk_is_bounded_also_where_there_are_only_directories",
        "test_a_tree_beyond_the_cap_is_refused_whole",
    )

    def _list(self):
        self.close()
        self._read.clear()
        for folder, _folders, names, fd in os.fwalk(b".", dir_fd=self._root):
            for name in names:
                path = os.path.normpath(os.path.join(folder, name))
                if name.endswith(b".mp4"):
                    status = os.stat(name, dir_fd=fd, follow_symlinks=False)
                    yield Recording(RecordingPath(path), status.st_size, status.st_mtime_ns)


class EndsTheListingAtABound(FolderSession):
    """It looks as if it were complete."""

    fails = WalksWithoutBounds.fails

    def _list(self):
        try:
            yield from super()._list()
        except CameraProtocol:
            return


class RefusesWhatIsJustNotTooDeep(FolderSession):
    fails = ("test_a_tree_beyond_the_cap_is_refused_whole",)

    def _list(self):
        for each in super()._list():
            if each.path.raw.count(b"/") == MAX_DEPTH:
                raise CameraProtocol("too deep")
            yield each


class ListsWhereOthersLeftTheDescriptor(FolderSession):
    fails = ("test_a_listing_does_not_depend_on_where_others_left_the_descriptor",)

    def _list(self):
        names = {os.fsencode(name) for name in os.listdir(self._root)}
        for each in super()._list():
            if each.path.raw.partition(b"/")[0] in names:
                yield each


class ReadsWhateverHasThePath(FolderSession):
    """It follows links, too."""

    fails = ("test_a_recording_that_turns_into_something_else_is_neither_read_nor_cleared",)

    def _read_into(self, recording, offset, into):
        fd = os.open(recording.path.raw, os.O_RDONLY | os.O_NONBLOCK, dir_fd=self._root)
        try:
            self._read[recording.path] = self._stamp(os.fstat(fd))
            return os.preadv(fd, [into], offset)
        finally:
            os.close(fd)


class ClearsWhateverHasThePath(FolderSession):
    fails = ("test_a_recording_that_turns_into_something_else_is_neither_read_nor_cleared",)

    def _clear(self, recording):
        if recording.path not in self._read:
            raise CameraBusy("not read")
        unlink_by_path(self, recording)


class ClearsThroughALink(FolderSession):
    """The file is the one that was read; the directory that it lies in is no longer the camera's."""

    fails = ("test_a_directory_that_turns_into_a_link_is_not_followed",)

    def _clear(self, recording):
        status = os.stat(recording.path.raw, dir_fd=self._root, follow_symlinks=False)
        if self._stamp(status) != self._read.get(recording.path):
            raise CameraBusy("not as it was read")
        unlink_by_path(self, recording)


class TakesACameraThatIsGoneForABusyOne(FolderSession):
    fails = ("test_a_camera_that_goes_away_is_gone_or_empty_but_never_an_error_of_ours",)

    def _descriptor(self, recording):
        try:
            return super()._descriptor(recording)
        except FileNotFoundError as error:
            raise CameraBusy("not as it was listed") from error


class TakesWhatItMayNotReadForBusy(FolderSession):
    fails = ("test_a_recording_that_may_not_be_read_is_denied",)

    def _descriptor(self, recording):
        try:
            return super()._descriptor(recording)
        except PermissionError as error:
            raise CameraBusy("not as it was listed") from error


class ForgetsTheFirstReadingInTheSecond(FolderSession):
    fails = ("test_two_readings_are_of_the_same_recording_or_the_second_is_busy",)

    def _descriptor(self, recording):
        if self._open and self._open[0] == recording.path:
            return super()._descriptor(recording)
        self._read.pop(recording.path, None)
        now = os.stat(recording.path.raw, dir_fd=self._root, follow_symlinks=False).st_mtime_ns
        return super()._descriptor(replace(recording, mtime_ns=now))


def driver_of(session: type[FolderSession]) -> type[Driver]:
    class Wrong(FolderDriver):
        def _open(self, source):
            return session(source, self.abilities, stamp, os.fsencode(IDENTITY_FILE))

    return Wrong


def tests_of(session: type[FolderSession]) -> type[DirectoryContract]:
    class Tests(DirectoryContract):
        @pytest.fixture
        def scene(self, tmp_path):
            scene = FolderScene(tmp_path / "camera")
            scene.driver = driver_of(session)
            yield scene
            scene.close()

    return Tests


WRONG = [each for each in FolderSession.__subclasses__() if each.__module__ == __name__]

globals().update({f"Test{each.__name__}": tests_of(each) for each in WRONG})

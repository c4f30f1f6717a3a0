"""What all drivers have in common: what they are called and handed, what may come out of them."""

import errno
import functools
from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, ParamSpec, TypeVar

from dockd.errors import (
    CameraBusy,
    CameraDenied,
    CameraGone,
    CameraMedia,
    CameraProtocol,
    CameraUnsupported,
    DriverError,
    unexpected,
)
from dockd.i18n import _

ENTRY_POINTS = "dockd.drivers"
MAX_IDENTITY = 64

_BY_ERRNO: dict[int, type[DriverError]] = {
    errno.ENOENT: CameraGone,
    errno.ENODEV: CameraGone,
    errno.ENXIO: CameraGone,
    errno.ENOMEDIUM: CameraGone,
    errno.ESHUTDOWN: CameraGone,
    errno.EBUSY: CameraBusy,
    errno.ESTALE: CameraBusy,
    errno.EACCES: CameraDenied,
    errno.EPERM: CameraDenied,
    errno.EROFS: CameraDenied,
    # A read says EIO; the flush of a disk gives its own reason (blk_errors in the kernel's block/blk-core.c).
    errno.EIO: CameraMedia,
    errno.ENODATA: CameraMedia,
    errno.EREMOTEIO: CameraMedia,
    errno.ETIMEDOUT: CameraMedia,
    errno.EUCLEAN: CameraMedia,
    errno.EOPNOTSUPP: CameraUnsupported,
    errno.ENOSYS: CameraUnsupported,
}


class SourceKind(StrEnum):
    """What a driver is handed to reach its camera."""

    DIRECTORY = "directory"
    USB = "usb"
    NODE = "node"


class Ability(StrEnum):
    """What a camera can do beyond being listed and read."""

    UNLOCK = "unlock"
    CLEAR = "clear"
    CLOCK = "clock"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class DirectorySource:
    """A camera that is a directory, reached through this descriptor and nothing else.

    The caller keeps it open for as long as the session holds the camera, and closes it.
    """

    fd: int


@dataclass(frozen=True, slots=True)
class UsbSource:
    """A camera on USB, reached through its opened device file (usbfs) and nothing else.

    The caller keeps it open for as long as the session holds the camera, and closes it. `dockd.driver.usb` speaks to
    the device behind it.
    """

    fd: int


@dataclass(frozen=True, slots=True)
class NodeSource:
    """A camera on USB for a library that finds and opens devices by itself: this is the only one it can open.

    `path` is its device file, such as `/dev/bus/usb/001/004`. For unlockers only.
    """

    path: str


Source = DirectorySource | UsbSource | NodeSource
BY_DESCRIPTOR: dict[SourceKind, type[DirectorySource] | type[UsbSource]] = {
    SourceKind.DIRECTORY: DirectorySource,
    SourceKind.USB: UsbSource,
}
"""Kinds of sources that are a descriptor, and nothing else."""


P = ParamSpec("P")
T = TypeVar("T")


def only_driver_errors(method: Callable[P, T]) -> Callable[P, T]:
    """Have nothing but `DriverError` come out of what a driver does."""

    @functools.wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except DriverError:
            raise
        except OSError as error:
            kind = _BY_ERRNO.get(error.errno or 0, CameraProtocol)
            raise kind(error.strerror or unexpected(error)) from error
        except Exception as error:
            raise CameraProtocol(unexpected(error)) from error

    return guarded


def checked_identity(identity: object) -> str:
    """Take the identity that a camera states; raises `CameraProtocol` unless it is 1 to 64 printable characters."""
    if not isinstance(identity, str) or not identity.isascii() or not identity.isprintable():
        raise CameraProtocol(_("the camera's identity is not plain text"))
    if not 1 <= len(identity) <= MAX_IDENTITY:
        raise CameraProtocol(_("the camera's identity has {n} characters").format(n=len(identity)))
    return identity


class AnyDriver(ABC):
    """Code for one kind of camera: what it is called, what it is handed, which options a technician may give it."""

    name: ClassVar[str]
    version: ClassVar[str]
    source: ClassVar[SourceKind]
    abilities: ClassVar[frozenset[Ability]]
    option_names: ClassVar[frozenset[str]] = frozenset()
    usb_ids: ClassVar[frozenset[str]] = frozenset()
    """For `dockd probe` alone, in lower-case hexadecimal: `vvvv:pppp`, or `vvvv` for all of a maker's.

    Or `cc:ss:pp`, the class of an interface that every one of its cameras shows.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        unknown = sorted(set(options) - self.option_names)
        if unknown:
            raise CameraUnsupported(
                _("the driver {driver} has no option {options}").format(driver=self.name, options=", ".join(unknown)),
                advice=_("It knows: {names}. Correct the camera's options in the fleet file.").format(
                    names=", ".join(sorted(self.option_names)) or "-"
                ),
            )
        self.options = dict(options)

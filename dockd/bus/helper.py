"""The only part of dockd that runs as root: it carries out a handful of requests about USB devices and their disks.

    python -I -m dockd.bus.helper --for dockd        started by dockd-bus.service on the socket of dockd-bus.socket

What an auditor may hold it to:

* It answers one user, whose uid the kernel vouches for. Anybody else is cut off unheard, with a line on stderr.
* It reads nothing that a camera holds: it mounts, and what is in the mount is for a worker without any right to read.
  It calls no other program, and needs nothing but the standard library.
* A device is meant by its name *and* its number on the bus. Its directory in sysfs is opened once; the number is read
  and everything else is reached through that descriptor, which fails for good once the device has gone, whatever
  comes to the same port. A disk is opened before it is judged, and the judged descriptor is what gets mounted.

One connection, one request, one answer, each a packet of JSON: {"do": "authorise", "device": "1-2", "number": 7,
"on": true} is answered by {"ok": true}, or by {"errno": 19, "message": "…"}; the answers to "mount" and "open" carry a
descriptor. Each connection has a thread, so that a device that hangs holds up none but its own request.

A mount is in no mount table and goes when the last descriptor of it, or of anything in it, is closed. Until then
"mount", "flush" and "eject" of the same disk are refused with EBUSY, so a new mount is always a fresh one, and a flush
that succeeds shows that nobody can write any more. A disk is read-only but from a writable mount to the flush after it.
"""

import ctypes
import errno
import fcntl
import grp
import json
import os
import pwd
import re
import socket
import stat
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

MAX_PACKET, MAX_AT_ONCE = 4096, 32
SILENCE_SECONDS = 5  # before it says what it wants
LENT_TO = "dockd-vendor"
_DEVICE = r"[1-9][0-9]{0,2}-[1-9][0-9]{0,2}(\.[1-9][0-9]{0,2}){0,5}"

# What each field of a request may be, whole; None is true or false.
_FIELDS: dict[str, re.Pattern[str] | range | None] = {
    "device": re.compile(_DEVICE),
    "number": range(1, 128),
    "node": re.compile(r"sd[a-z]{1,3}([1-9][0-9]{0,2})?"),
    "filesystem": re.compile(r"vfat|exfat"),
    "hub": re.compile(rf"{_DEVICE}|usb[1-9][0-9]{{0,2}}"),
    "port": range(1, 128),
    "name": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_:.+-]{0,63}"),
    "on": None,
    "writable": None,
}
# Modes are open on purpose: nothing but the descriptor leads into the mount, and workers have users of their own.
_OPTIONS = {
    "vfat": {"fmask": "0111", "dmask": "0000", "errors": "remount-ro", "utf8": "1", "tz": "UTC"},
    "exfat": {"fmask": "0111", "dmask": "0000", "errors": "remount-ro", "iocharset": "utf8"},
}
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
# linux/fs.h, scsi/scsi_ioctl.h, linux/cdrom.h (which says CD-ROM, and is for any SCSI disk)
_BLKROSET, _BLKFLSBUF, _DOORUNLOCK, _CDROMEJECT = 0x125D, 0x1261, 0x5381, 0x5309
# linux/mount.h; these system calls have the same numbers on every architecture of Debian
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_CLOEXEC, _SET_FLAG, _SET_STRING, _CREATE = 1, 0, 1, 6
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _NOATIME, _NOSYMFOLLOW = 1, 2, 4, 8, 0x10, 0x200000
_libc = ctypes.CDLL(None, use_errno=True)


class Descriptors(ExitStack):
    """Closes every descriptor that it was given, whatever happens."""

    def keep(self, fd: int) -> int:
        self.callback(os.close, fd)
        return fd

    def open(self, path: str | Path, flags: int, directory: int | None = None) -> int:
        return self.keep(os.open(path, flags, dir_fd=directory))


class BusHelper:
    """Answers the processes of one user. `sysfs` and `dev` are where the kernel shows its devices."""

    def __init__(self, uid: int, sysfs: Path = Path("/sys"), dev: Path = Path("/dev")) -> None:
        self._uid, self._sysfs, self._dev = uid, sysfs, dev
        self._free = threading.BoundedSemaphore(MAX_AT_ONCE)
        self._requests: dict[str, tuple[Callable[..., int | None], set[str]]] = {
            "authorise": (self._authorise, {"device", "number", "on"}),
            "keep_powered": (self._keep_powered, {"device", "number"}),
            "open": (self._open, {"device", "number"}),
            "lend": (self._lend, {"device", "number", "on"}),
            "mount": (self._mount, {"device", "number", "node", "filesystem", "writable"}),
            "flush": (self._flush, {"device", "number", "node"}),
            "eject": (self._eject, {"device", "number", "node"}),
            "port": (self._port, {"hub", "port", "on"}),
            "light": (self._light, {"name", "on"}),
        }

    def serve(self, listener: socket.socket) -> None:
        while True:
            connection, _address = listener.accept()
            pid, uid, _gid = struct.unpack("iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            if uid == self._uid and self._free.acquire(blocking=False):
                threading.Thread(target=self._converse, args=(connection,), daemon=True).start()
            else:
                reason = "too many requests at once" if uid == self._uid else f"process {pid} of user {uid}"
                sys.stderr.write(f"refused: {reason}\n")
                connection.close()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, Descriptors() as held:
                connection.settimeout(SILENCE_SECONDS)
                packet = connection.recv(MAX_PACKET + 1)
                answer, fd = self._answer(packet, held)
                sys.stderr.write(f"{packet[:200]!r}: {answer}\n")
                socket.send_fds(connection, [json.dumps(answer).encode()], [] if fd is None else [fd])
        except OSError as error:
            sys.stderr.write(f"a client that says nothing, or is gone: {error}\n")
        finally:
            self._free.release()

    def _answer(self, packet: bytes, held: Descriptors) -> tuple[dict[str, object], int | None]:
        try:
            action, request = self._understand(packet)
            return {"ok": True}, action(held, **request)
        except OSError as error:
            return {"errno": error.errno or errno.EIO, "message": error.strerror or str(error)}, None

    def _understand(self, packet: bytes) -> tuple[Callable[..., int | None], dict[str, object]]:
        """Check a request down to its last field; nothing is done before all of it is right."""
        try:
            request = json.loads(packet)
            action, fields = self._requests[request.pop("do")]
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            raise OSError(errno.EINVAL, "not a request") from None
        if len(packet) > MAX_PACKET or request.keys() != fields:
            raise OSError(errno.EINVAL, "not the fields of this request")
        if wrong := [field for field, value in request.items() if not _allowed(_FIELDS[field], value)]:
            raise OSError(errno.EINVAL, f"not a {wrong[0]}")
        return action, request

    def _authorise(self, held: Descriptors, device: str, number: int, on: bool) -> None:
        _write("authorized", "1" if on else "0", self._device(held, device, number))

    def _keep_powered(self, held: Descriptors, device: str, number: int) -> None:
        """Never suspend it: a suspended device does not charge."""
        _write("power/control", "on", self._device(held, device, number))

    def _open(self, held: Descriptors, device: str, number: int) -> int:
        """Open the device file of a camera that is no disk: what is sent through it reaches this device alone."""
        directory = self._device(held, device, number)
        path = self._dev / f"bus/usb/{int(_read('busnum', directory)):03}/{number:03}"
        return _judged(held.open(path, os.O_RDWR | os.O_NOFOLLOW), directory, stat.S_ISCHR)

    def _lend(self, held: Descriptors, device: str, number: int, on: bool) -> None:
        """Give the same device file to the group of workers whose library opens its camera by itself, or to none."""
        file = self._open(held, device, number)
        os.fchown(file, -1, grp.getgrnam(LENT_TO).gr_gid if on else 0)
        os.fchmod(file, 0o660 if on else 0o664)

    def _mount(self, held: Descriptors, device: str, number: int, node: str, filesystem: str, writable: bool) -> int:
        directory = self._device(held, device, number)
        disk, part = self._disk(held, directory, node)
        with Descriptors() as nobody_else:
            fcntl.ioctl(nobody_else.keep(_exclusive(part)), _BLKFLSBUF, 0)
        try:
            _set_read_only(disk, part, not writable)
            root = held.keep(_detached_mount(part, filesystem, writable))
            _check_number(directory, number)
        except OSError:
            _set_read_only(disk, part, True)
            raise
        return root

    def _flush(self, held: Descriptors, device: str, number: int, node: str) -> None:
        disk, part = self._disk(held, self._device(held, device, number), node)
        nobody_else = held.keep(_exclusive(part))
        try:
            os.fsync(nobody_else)
            fcntl.ioctl(nobody_else, _BLKFLSBUF, 0)
        finally:
            _set_read_only(disk, part, True)

    def _eject(self, held: Descriptors, device: str, number: int, node: str) -> None:
        """Have the kernel send START STOP UNIT (LoEj=1, Start=0), which is for whole disks only."""
        nobody_else = held.keep(_exclusive(self._disk(held, self._device(held, device, number), node)[0]))
        # The kernel has locked the medium in since the disk was opened, and the disk would refuse.
        fcntl.ioctl(nobody_else, _DOORUNLOCK, 0)
        if fcntl.ioctl(nobody_else, _CDROMEJECT, 0):
            raise OSError(errno.EIO, "the device refuses to eject")

    def _port(self, held: Descriptors, hub: str, port: int, on: bool) -> None:
        """Switch a port, and the other one of the same socket: a USB 3 hub is two hubs, and both give power."""
        interface = f"{hub.removeprefix('usb')}-0:1.0" if hub.startswith("usb") else f"{hub}:1.0"
        ports = [held.open(self._sysfs / "bus/usb/devices" / interface / f"{hub}-port{port}", _DIRECTORY)]
        with suppress(FileNotFoundError):
            ports.append(held.open("peer", _DIRECTORY, ports[0]))
        for each in ports:
            _write("disable", "0" if on else "1", each)

    def _light(self, held: Descriptors, name: str, on: bool) -> None:
        directory = held.open(self._sysfs / "class/leds" / name, _DIRECTORY)
        _write("brightness", _read("max_brightness", directory) if on else "0", directory)

    def _device(self, held: Descriptors, device: str, number: int) -> int:
        """Open the directory of a USB device and make sure that it is the one that is meant."""
        directory = held.open(self._sysfs / "bus/usb/devices" / device, _DIRECTORY)
        _check_number(directory, number)
        return directory

    def _disk(self, held: Descriptors, device: int, node: str) -> tuple[int, int]:
        """Open a disk of a device, and the part of it that is meant: a partition, or the whole disk again."""
        return self._block_file(held, device, node.rstrip("0123456789")), self._block_file(held, device, node)

    def _block_file(self, held: Descriptors, device: int, node: str) -> int:
        """Open a device file of this very device, and not of one behind it if it is a hub.

        Once it is open the kernel gives its number to no other disk; only then is that compared with what sysfs says
        through `entry`, which fails once the disk is gone.
        """
        entry = held.open(self._sysfs / "class/block" / node, _DIRECTORY)
        above = os.readlink(f"/proc/self/fd/{device}")
        if not os.readlink(f"/proc/self/fd/{entry}").startswith(f"{above}/{os.path.basename(above)}:"):
            raise OSError(errno.EPERM, "not a disk of this device")
        return _judged(held.open(self._dev / node, os.O_RDONLY | os.O_NOFOLLOW), entry, stat.S_ISBLK)


def _allowed(rule: re.Pattern[str] | range | None, value: object) -> bool:
    if isinstance(rule, re.Pattern):
        return isinstance(value, str) and rule.fullmatch(value) is not None
    return isinstance(value, bool) if rule is None else type(value) is int and value in rule


def _read(name: str, directory: int) -> str:
    with Descriptors() as held:
        return os.read(held.open(name, os.O_RDONLY | os.O_NOFOLLOW, directory), 64).decode("ascii").strip()


def _write(name: str, text: str, directory: int) -> None:
    with Descriptors() as held:
        os.write(held.open(name, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, directory), text.encode("ascii"))


def _check_number(directory: int, number: int) -> None:
    if _read("devnum", directory) != str(number):
        raise OSError(errno.ENODEV, "another device has come to this port")


def _judged(file: int, entry: int, is_kind: Callable[[int], bool]) -> int:
    found = os.fstat(file)
    if not is_kind(found.st_mode) or f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}" != _read("dev", entry):
        raise OSError(errno.EPERM, "the device file is not of this device")
    return file


def _exclusive(file: int) -> int:
    """Open a block device again; EBUSY as long as it, or what it is a part of, is mounted or held by anybody."""
    return os.open(f"/proc/self/fd/{file}", os.O_RDONLY | os.O_EXCL)


def _set_read_only(disk: int, part: int, on: bool) -> None:
    for file in (disk, part):
        fcntl.ioctl(file, _BLKROSET, struct.pack("i", on))


def _detached_mount(part: int, filesystem: str, writable: bool) -> int:
    """Mount where nobody sees it and give its root, which can be listed and keeps the mount alive."""
    attributes = _NOSUID | _NODEV | _NOEXEC | _NOATIME | _NOSYMFOLLOW | (0 if writable else _RDONLY)
    with Descriptors() as held:
        context = held.keep(_call(_FSOPEN, filesystem.encode(), _CLOEXEC))
        # By descriptor, for a name may stand for another disk by now.
        for key, value in {"source": f"/proc/self/fd/{part}", **_OPTIONS[filesystem]}.items():
            _call(_FSCONFIG, context, _SET_STRING, key.encode(), value.encode(), 0)
        if not writable:
            _call(_FSCONFIG, context, _SET_FLAG, b"ro", None, 0)
        _call(_FSCONFIG, context, _CREATE, None, None, 0)
        mount = held.keep(_call(_FSMOUNT, context, _CLOEXEC, attributes))
        return os.open(".", _DIRECTORY, dir_fd=mount)


def _call(number: int, *arguments: int | bytes | None) -> int:
    """Make a system call that has no name in Python; each argument is as wide as a register."""
    wide = (ctypes.c_long(each) if isinstance(each, int) else ctypes.c_char_p(each) for each in arguments)
    if (result := int(_libc.syscall(ctypes.c_long(number), *wide))) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def main() -> None:
    if len(sys.argv) != 3 or sys.argv[1] != "--for" or os.environ.get("LISTEN_FDS") != "1":
        sys.exit("started by dockd-bus.service, with its socket: dockd.bus.helper --for USER")
    BusHelper(pwd.getpwnam(sys.argv[2]).pw_uid).serve(socket.socket(fileno=3))


if __name__ == "__main__":
    main()

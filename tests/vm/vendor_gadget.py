"""Runs in the guest: pretends to be a camera that is locked, on the gadget's port, until it is terminated.

    python3 vendor_gadget.py SERIAL ID CREDENTIAL IMAGE CARD_SERIAL

Locked it is 4255:0001 with the bus serial SERIAL, and speaks the ASCII protocol of the driver `ambarella` through
FunctionFS (https://docs.kernel.org/usb/functionfs.html). Told to, it comes back on the same port as 4255:1000 with the
bus serial CARD_SERIAL: a card, which is IMAGE; with `never` in the place of IMAGE it does not come back.
"""

import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

GADGETS = Path("/sys/kernel/config/usb_gadget")
ENDPOINTS = Path("/run/vendor-endpoints")
UDC = "dummy_udc.0"

# linux/usb/functionfs.h: FUNCTIONFS_DESCRIPTORS_MAGIC_V2 with those of full and high speed, FUNCTIONFS_STRINGS_MAGIC.
_DESCRIPTORS, _STRINGS, _BOTH_SPEEDS = 3, 2, 1 | 2


def described(packet: int) -> bytes:
    interface = struct.pack("<BBBBBBBBB", 9, 4, 0, 0, 2, 0xFF, 0, 0, 0)
    pipes = (struct.pack("<BBBBHB", 7, 5, address, 2, packet, 0) for address in (0x01, 0x81))
    return interface + b"".join(pipes)


def plug(name: str, product: str, serial: str, function: str) -> Path:
    """Make a gadget with one function; it is on the bus once its UDC is written."""
    gadget = GADGETS / name
    for folder in ("strings/0x409", "configs/c.1", f"functions/{function}"):
        (gadget / folder).mkdir(parents=True)
    for attribute, text in (("idVendor", "0x4255"), ("idProduct", product), ("strings/0x409/serialnumber", serial)):
        (gadget / attribute).write_text(text)
    (gadget / "configs/c.1" / function).symlink_to(gadget / "functions" / function)
    return gadget


def leave_bus(gadget: Path) -> None:
    (gadget / "UDC").write_text("\n")


def remove(gadget: Path) -> None:
    for link in (gadget / "configs/c.1").glob("*.*"):
        link.unlink()
    for folder in (*(gadget / "functions").iterdir(), gadget / "configs/c.1", gadget / "strings/0x409", gadget):
        folder.rmdir()


class Locked:
    """The camera before it is told to come back."""

    def __init__(self, serial: str) -> None:
        self._gadget = plug("locked", "0x0001", serial, "ffs.vendor")
        ENDPOINTS.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "functionfs", "vendor", ENDPOINTS], check=True)
        self._control = os.open(ENDPOINTS / "ep0", os.O_RDWR)
        both = described(64) + described(512)
        os.write(self._control, struct.pack("<IIIII", _DESCRIPTORS, 20 + len(both), _BOTH_SPEEDS, 3, 3) + both)
        os.write(self._control, struct.pack("<IIII", _STRINGS, 16, 0, 0))
        self._out, self._in = (os.open(ENDPOINTS / name, os.O_RDWR) for name in ("ep1", "ep2"))
        (self._gadget / "UDC").write_text(UDC)

    def serve(self, identity: str, credential: str) -> None:
        """Answer until it is told to come back."""
        name = ""
        while name != "ATH":
            name, _length, argument, _end = os.read(self._out, 512).decode().removeprefix("@").split(";")
            is_refused = name in ("Gdv", "ATH") and argument != credential
            said = "ERR" if is_refused else identity if name == "Gdv" else "OK"
            os.write(self._in, f"{name};{said}".encode())
            name = "" if is_refused else name

    def leave(self) -> None:
        leave_bus(self._gadget)
        for end in (self._out, self._in, self._control):
            os.close(end)
        subprocess.run(["umount", ENDPOINTS], check=True)
        remove(self._gadget)


def main() -> None:
    serial, identity, credential, image, card_serial = sys.argv[1:]
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    locked = Locked(serial)
    locked.serve(identity, credential)
    locked.leave()
    if image == "never":
        signal.sigwait([signal.SIGUSR1])
        return
    card = plug("card", "0x1000", card_serial, "mass_storage.0")
    (card / "functions/mass_storage.0/lun.0/file").write_text(image)
    (card / "UDC").write_text(UDC)
    signal.sigwait([signal.SIGUSR1])
    leave_bus(card)
    remove(card)


if __name__ == "__main__":
    main()

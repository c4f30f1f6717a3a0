"""What a USB device says it is: the file `descriptors` that sysfs shows for it, understood whole or not at all.

The file holds the device descriptor, then for each configuration what the device answered for it, all of it in bus
order, which is little-endian (Linux Documentation/ABI/stable/sysfs-bus-usb; `read_descriptors` in
drivers/usb/core/sysfs.c. The files of /dev/bus/usb are others: `usbdev_read` in devio.c turns their device descriptor
into host order).

The kernel makes the best of a malformed answer: it cuts, skips, drops and goes on (drivers/usb/core/config.c). Here
nothing is mended. Whatever the kernel would read in another way than the specification is refused, so that what is
judged is exactly what the kernel knows.

Sections are those of the Universal Serial Bus Specification 2.0; 9.6.1, 9.6.3, 9.6.5 and 9.6.6 of 3.2 say the same.
"""

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from dockd.errors import DescriptorsInvalid
from dockd.i18n import _

MAX_BYTES = 18 + 0xFFFF
"""As much as the kernel ever shows (`dev_bin_attr_descriptors` in sysfs.c). To read it, ask for a byte more."""

MAX_CONFIGURATIONS = 7
"""The kernel keeps eight and drops the rest unseen (USB_MAXCONFIG): up to seven, those that it shows are all."""

MAX_INTERFACES = 32
"""In one configuration (USB_MAXINTERFACES)."""

MAX_ALTERNATES = 128
"""Alternate settings of one interface (USB_MAXALTSETTING)."""

# Descriptor types, table 9-5.
_DEVICE, _CONFIGURATION, _INTERFACE, _ENDPOINT = 1, 2, 4, 5

_HEADER_SIZE, _DEVICE_SIZE, _CONFIGURATION_SIZE, _INTERFACE_SIZE = 2, 18, 9, 9
_ENDPOINT_SIZES = (7, 9)  # nine in the audio class: USB Device Class Definition for Audio Devices 1.0, 4.6.1.1
_DEVICE_FIELDS = struct.Struct("<4x3Bx3H3xB")
_CONFIGURATION_FIELDS = struct.Struct("<2xHBB3x")
_INTERFACE_FIELDS = struct.Struct("<2x6Bx")


class ClassCode(NamedTuple):
    """A class, as https://www.usb.org/defined-class-codes numbers them."""

    base: int
    sub: int
    protocol: int

    def __str__(self) -> str:
        return f"{self.base:02x}:{self.sub:02x}:{self.protocol:02x}"


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface in one of its alternate settings."""

    number: int
    alternate: int
    kind: ClassCode


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration by the value that selects it, with every alternate setting in the order of the file."""

    value: int
    interfaces: tuple[Interface, ...]


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A device as it describes itself; every number in it is a claim. `release` is bcdDevice, `raw` the whole file."""

    vendor: int
    product: int
    release: int
    kind: ClassCode
    configurations: tuple[Configuration, ...]
    raw: bytes = field(repr=False)


class _Piece(NamedTuple):
    """One descriptor: where it begins in the file, its type and its bytes."""

    offset: int
    kind: int
    data: bytes


def parse(raw: bytes) -> UsbDevice:
    """Understand the content of a `descriptors` file; raises `DescriptorsInvalid` for all that is not well-formed.

    Beside devices, configurations, interfaces and endpoints, every descriptor is passed over by its length: what
    belongs to a class or a maker, and types that are younger than this code (9.5).
    """
    if len(raw) > MAX_BYTES:
        raise _malformed(MAX_BYTES, _("more than the kernel ever shows"))
    head, configurations = _split(list(_pieces(raw)), _CONFIGURATION)
    if [(piece.kind, len(piece.data)) for piece in head] != [(_DEVICE, _DEVICE_SIZE)]:
        raise _malformed(0, _("not a device descriptor of 18 bytes, then a configuration"))
    base, sub, protocol, vendor, product, release, count = _DEVICE_FIELDS.unpack(head[0].data)
    if not 1 <= count <= MAX_CONFIGURATIONS:
        raise _malformed(0, _("none or too many configurations: {count}").format(count=count))
    if count != len(configurations):
        raise _malformed(0, _("not the {count} configurations that it announces").format(count=count))
    parsed = tuple(_configuration(pieces) for pieces in configurations)
    if len({each.value for each in parsed}) != count:
        raise _malformed(0, _("two configurations of one value"))
    return UsbDevice(vendor, product, release, ClassCode(base, sub, protocol), parsed, raw)


def _pieces(raw: bytes) -> Iterator[_Piece]:
    """Cut the file into descriptors, each of which says in its first byte how long it is (9.5)."""
    offset = 0
    while offset < len(raw):
        length = raw[offset]
        if not _HEADER_SIZE <= length <= len(raw) - offset:
            raise _malformed(offset, _("a descriptor of {length} bytes").format(length=length))
        yield _Piece(offset, raw[offset + 1], raw[offset : offset + length])
        offset += length


def _split(pieces: Sequence[_Piece], kind: int) -> tuple[Sequence[_Piece], list[Sequence[_Piece]]]:
    """Part a row of descriptors before each of one type: what comes before the first, and the parts."""
    bounds = [*(at for at, piece in enumerate(pieces) if piece.kind == kind), len(pieces)]
    return pieces[: bounds[0]], [pieces[start:end] for start, end in pairwise(bounds)]


def _configuration(pieces: Sequence[_Piece]) -> Configuration:
    """Read a configuration and all that is returned with it (9.6.3).

    wTotalLength must be right. The file cannot be divided by it, because the kernel shows an answer without the part
    that it could not use, but with the length that the device claimed.
    """
    first = pieces[0]
    if len(first.data) != _CONFIGURATION_SIZE:
        raise _malformed(first.offset, _("a configuration descriptor of another size than 9 bytes"))
    total, count, value = _CONFIGURATION_FIELDS.unpack(first.data)
    if total != sum(len(piece.data) for piece in pieces):
        raise _malformed(first.offset, _("a configuration that is not as long as it says"))
    if not value:  # to select 0 is to select none: 9.4.7
        raise _malformed(first.offset, _("a configuration of value 0"))
    if any(piece.kind == _DEVICE for piece in pieces):
        raise _malformed(first.offset, _("a configuration with a device descriptor in it"))
    head, alternates = _split(pieces, _INTERFACE)
    if any(piece.kind == _ENDPOINT for piece in head):
        raise _malformed(first.offset, _("an endpoint before the first interface"))
    owners: dict[int, int] = {}
    interfaces = tuple(_interface(part, owners) for part in alternates)
    _check_numbers(first.offset, count, interfaces)
    return Configuration(value, interfaces)


def _interface(pieces: Sequence[_Piece], owners: dict[int, int]) -> Interface:
    """Read one interface descriptor and the endpoints that follow it (9.6.5).

    `owners` are the interfaces of the endpoint addresses seen so far: only alternate settings of one share them.
    """
    first = pieces[0]
    if len(first.data) != _INTERFACE_SIZE:
        raise _malformed(first.offset, _("an interface descriptor of another size than 9 bytes"))
    number, alternate, count, base, sub, protocol = _INTERFACE_FIELDS.unpack(first.data)
    addresses = [_endpoint(piece) for piece in pieces if piece.kind == _ENDPOINT]
    if len(addresses) != count:
        raise _malformed(first.offset, _("an interface that announces {count} endpoints").format(count=count))
    if len(set(addresses)) != count or any(owners.setdefault(each, number) != number for each in addresses):
        raise _malformed(first.offset, _("an endpoint that is there twice"))
    return Interface(number, alternate, ClassCode(base, sub, protocol))


def _endpoint(piece: _Piece) -> int:
    """Give the address of an endpoint: a direction, three bits that are zero, and a number that is not (9.6.6)."""
    if len(piece.data) not in _ENDPOINT_SIZES:
        raise _malformed(piece.offset, _("an endpoint descriptor of neither 7 nor 9 bytes"))
    address = piece.data[2]
    if not 1 <= address & 0x7F <= 15:
        raise _malformed(piece.offset, _("an endpoint of address {address}").format(address=f"{address:#04x}"))
    return address


def _check_numbers(offset: int, count: int, interfaces: Sequence[Interface]) -> None:
    """Check that interfaces are numbered from zero, as many as announced, and each has a setting zero (9.6.3, 9.6.5).

    The kernel passes over a second descriptor of the same interface and alternate setting.
    """
    alternates = Counter(each.number for each in interfaces)
    if not 1 <= count <= MAX_INTERFACES:
        raise _malformed(offset, _("none or too many interfaces: {count}").format(count=count))
    if set(alternates) != set(range(count)):
        raise _malformed(offset, _("not the {count} interfaces that it announces").format(count=count))
    seen = {(each.number, each.alternate) for each in interfaces}
    if len(seen) != len(interfaces):
        raise _malformed(offset, _("an alternate setting that is there twice"))
    if not all((number, 0) in seen for number in range(count)):
        raise _malformed(offset, _("an interface without alternate setting 0"))
    if max(alternates.values()) > MAX_ALTERNATES:
        raise _malformed(offset, _("an interface with more than {most} alternate settings").format(most=MAX_ALTERNATES))


def _malformed(offset: int, what: str) -> DescriptorsInvalid:
    return DescriptorsInvalid(
        _("what the device says of itself is malformed at byte {offset}: {what}").format(offset=offset, what=what)
    )

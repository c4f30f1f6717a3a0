"""What a camera says of itself over GA/T 947, taken out of the bytes that a vendor's library filled in.

The standard has one `ZFY_INFO` and the vendors two: with a NUL behind each field, or with none anywhere. The first
field, the serial number, is at the same place in both. Nobody's name is taken out: a dock has no use for it.
"""

from dataclasses import dataclass
from typing import ClassVar

from dockd.errors import CameraProtocol
from dockd.i18n import _

INFO_BYTES = ("auto", "89", "94")

_SERIAL = 7


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the fields that are used stand: first byte, and the one behind the last."""

    serial: tuple[int, int]
    officer: tuple[int, int]

    PLAIN: ClassVar["Layout"]
    TERMINATED: ClassVar["Layout"]

    @classmethod
    def of(cls, info_bytes: str, filled: bytes) -> "Layout":
        """Choose by what the technician says, or else by the byte behind the serial number.

        In the longer form that is a NUL, because no serial number is longer. In the shorter one it is the first
        character of the officer's number, which must not be empty either; where it is all the same, both forms read
        as none.
        """
        if info_bytes == "auto":
            return cls.PLAIN if filled[_SERIAL] else cls.TERMINATED
        return cls.PLAIN if info_bytes == "89" else cls.TERMINATED


Layout.PLAIN = Layout((0, 7), (7, 13))
Layout.TERMINATED = Layout((0, 8), (8, 15))


@dataclass(frozen=True, slots=True)
class Info:
    """Who the camera is, and whom it was handed to (None if it does not say, or what makes no sense)."""

    serial: str
    officer: str | None

    @classmethod
    def of(cls, filled: bytes, info_bytes: str) -> "Info":
        """Take it out; raises `CameraProtocol` for a serial number that tells no camera from another."""
        layout = Layout.of(info_bytes, filled)
        serial = text_of(filled[slice(*layout.serial)])
        if not serial:
            raise CameraProtocol(_("the camera states no serial number that can be read"))
        if not serial.strip("0"):
            raise CameraProtocol(
                _("the camera states the serial number {serial}, as each does that was never given one").format(
                    serial=serial
                ),
                advice=_("Give it a serial number with the vendor's program."),
            )
        return cls(serial, text_of(filled[slice(*layout.officer)]))


def text_of(field: bytes) -> str | None:
    """Give the text of a field that ends at a NUL, or at its last byte; None if there is none, or no text."""
    try:
        text = field.partition(b"\0")[0].decode("gbk").strip()
    except UnicodeDecodeError:
        return None
    return text if text and text.isprintable() else None


def percent_of(battery: int) -> int | None:
    """Give what a camera says of its battery, None if that is nonsense: honest ones count in steps of ten."""
    return battery if battery in range(10, 101, 10) else None

"""The forms of values: what a name, a path or a port may look like, and what to write instead."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from dockd.i18n import _

_LONGEST_NAME = 200


def _misspelt(wrong: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError("bad_form", "{wrong}", {"wrong": wrong, "remedy": remedy})


def _form(pattern: str, remedy: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def matching(text: str) -> str:
        if not compiled.fullmatch(text):
            raise _misspelt(_("is not a name of the allowed form"), remedy)
        return text

    return AfterValidator(matching)


def _path(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not value or not value.isprintable():
        raise _misspelt(_("is not a usable path"), _("write a path without control characters"))
    return Path(value)


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise _misspelt(_("is not an absolute path"), _("write the whole path, from / on"))
    return path


def _person(text: str) -> str:
    if text.lower() == "dockd" or not text[:1].isalnum() or not text.isprintable() or len(text) > _LONGEST_NAME:
        wrong = _("cannot name a person")
        remedy = _("write up to 200 printable characters, a letter first; “dockd” is the service itself")
        raise _misspelt(wrong, remedy)
    return text


def _day(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return datetime.strptime(value, "%Y-%m-%d").date()
    except ValueError:
        raise _misspelt(_("is not a day"), _('write year, month and day in quotes: "2026-11-22"')) from None


AnyPath = Annotated[Path, BeforeValidator(_path)]
AbsolutePath = Annotated[AnyPath, AfterValidator(_absolute)]
DockId = Annotated[
    str,
    _form(
        r"[a-z0-9][a-z0-9.-]{0,62}",
        _("write 1 to 63 of a-z, 0-9, “.” and “-”, beginning with a letter or digit"),
    ),
]
Name = Annotated[
    str, _form(r"[a-z0-9][a-z0-9-]{0,62}", _("write 1 to 63 of a-z, 0-9 and “-”, beginning with a letter or digit"))
]
CameraId = Annotated[
    str,
    _form(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
        _("write 1 to 64 of A-Z, a-z, 0-9, “.”, “_” and “-”, beginning with a letter or digit"),
    ),
]
Account = Annotated[
    str,
    _form(
        r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}",
        _(
            "write the name of an account of this dock, or its uid in quotes:"
            " 1 to 64 of A-Z, a-z, 0-9, “_”, “.”, “@” and “-”"
        ),
    ),
]
Person = Annotated[str, AfterValidator(_person)]
Day = Annotated[date, BeforeValidator(_day)]
VerifierKey = Annotated[
    str,
    _form(
        r"[!-*,-~]{1,100}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}",
        _("copy the verifier key again, whole: name, “+”, 8 digits, “+” and 44 characters"),
    ),
]
Text = Annotated[str, Field(min_length=1, max_length=4096)]
Port = Annotated[
    str,
    _form(
        r"[A-Za-z0-9_.:+-]{1,200}-usbv[0-9]-[0-9]+:[0-9]+(\.[0-9]+){0,6}",
        _("copy the port from `dockd probe`: pci-0000:00:14.0-usbv2-0:1.3"),
    ),
]
"""A place on the bus as udev names it (ID_PATH_WITH_USB_REVISION)."""
VendorProduct = Annotated[
    str, _form(r"[0-9a-f]{4}:[0-9a-f]{4}", _("copy it from `dockd probe`: 4 and 4 of 0-9 and a-f with “:” between"))
]
UsbClass = Annotated[
    str, _form(r"[0-9a-f]{2}(:[0-9a-f]{2}){2}", _("write class, subclass and protocol, such as 08:06:50"))
]
Resolution = Annotated[
    str, _form(r"[1-9][0-9]{1,4}x[1-9][0-9]{1,4}", _("write width and height in pixels, such as 1920x1080"))
]
LedName = Annotated[
    str, _form(r"[A-Za-z0-9_:+-][A-Za-z0-9_.:+-]{0,62}", _("write the name of a folder of /sys/class/leds"))
]

FROZEN = AfterValidator(MappingProxyType)


def nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


class Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

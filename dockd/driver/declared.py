"""Cameras that are known by name and cannot be spoken to, because their maker keeps to itself what that takes.

Such a driver refuses every camera before anything of it is opened. It is there so that a technician learns whose camera
it is, what is missing, who has it and where it goes, from a sentence instead of from silence.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from dockd.driver import ENTRY_POINTS, Ability, Driver, Session, SourceKind
from dockd.errors import CameraUnsupported
from dockd.i18n import _


def what_to_ask(driver: str, maker: str, needs: str) -> str:
    """Say what is to be asked of whom, and what to make of the answer."""
    return _(
        "Ask {maker} for {needs}. With that a driver can be written: a Python package of its own, with an entry point"
        " in the group {group} and another name than {driver} (docs/writing-a-driver.md). What is known of these"
        " cameras: docs/makers.md."
    ).format(maker=maker, needs=needs, group=ENTRY_POINTS, driver=driver)


class DeclaredDriver(Driver):
    """Left to a subclass: `name`, `maker`, `needs`, and `usb_ids` where somebody published them."""

    version: ClassVar[str] = "1"
    source: ClassVar[SourceKind] = SourceKind.USB
    abilities: ClassVar[frozenset[Ability]] = frozenset()
    maker: ClassVar[str]
    needs: ClassVar[str]
    """What a driver takes that only the maker can give, as it follows on "Ask the maker for"."""

    def __init__(self, options: Mapping[str, str]) -> None:
        raise self._refusal()

    def _open(self, source: Any) -> Session:
        raise self._refusal()

    @classmethod
    def _refusal(cls) -> CameraUnsupported:
        return CameraUnsupported(
            _("a camera of {maker}: the driver {driver} is declared only, it can read none").format(
                maker=cls.maker, driver=cls.name
            ),
            advice=what_to_ask(cls.name, cls.maker, cls.needs),
        )

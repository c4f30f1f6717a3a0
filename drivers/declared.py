"""Cameras in use in France whose makers publish no SDK: declared, so that they are refused with what to ask for.

Ids stand here only where a source states them, and no source states those of a body-worn camera: what is known are two
makers' vendor ids, seen on other devices of theirs. docs/makers.md names the sources, and what nobody has told.
"""

from typing import ClassVar

from dockd.driver.declared import DeclaredDriver
from dockd.i18n import _


class AxonDriver(DeclaredDriver):
    """Axon Body 2, 3 and 4."""

    name: ClassVar[str] = "axon"
    maker: ClassVar[str] = "Axon"
    needs: ClassVar[str] = _(
        "leave and documents to read a camera without Axon Evidence: how it is reached, which keys open its recordings,"
        " and how it is told that they may go"
    )


class HikvisionDriver(DeclaredDriver):
    """Hikvision's body-worn cameras."""

    name: ClassVar[str] = "hikvision"
    usb_ids: ClassVar[frozenset[str]] = frozenset({"2bdf"})
    maker: ClassVar[str] = "Hikvision"
    needs: ClassVar[str] = _(
        "the part of HCUsbSDK that is for body-worn cameras, for Linux, with its documents: how one is unlocked,"
        " listed, read and told to erase"
    )


class HyteraDriver(DeclaredDriver):
    """Hytera's body-worn cameras."""

    name: ClassVar[str] = "hytera"
    usb_ids: ClassVar[frozenset[str]] = frozenset({"238b"})
    maker: ClassVar[str] = "Hytera"
    needs: ClassVar[str] = _(
        "the USB protocol of its body-worn cameras, or an SDK for Linux that works without a network: how one is"
        " unlocked, listed, read and told to erase"
    )


class MotorolaDriver(DeclaredDriver):
    """Motorola Solutions VB400, formerly of Edesix."""

    name: ClassVar[str] = "motorola"
    maker: ClassVar[str] = "Motorola Solutions"
    needs: ClassVar[str] = _(
        "the protocol between VideoManager and a camera in a USB dock, with the keys it takes, or an SDK for Linux that"
        " works without a network"
    )

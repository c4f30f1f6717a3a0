"""The keys of `fleet.yaml`: closed, strict and frozen.

A description here is the sentence of docs/configuration.md (a test compares them).
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from dockd.model import WhenDone
from dockd.settings.forms import FROZEN, CameraId, Day, Keys, Name, Person, Text, UsbClass, VendorProduct, nothing


class Model(Keys):
    """One entry of `models`."""

    vendor_product: VendorProduct = Field(description="Vendor and product id on the bus, such as `46f4:0001`.")
    interfaces: tuple[UsbClass, ...] = Field(
        min_length=1,
        max_length=32,
        description="Class of each interface, such as `08:06:50`; a camera that shows more, less or others is refused.",
    )
    device_class: UsbClass = Field(
        default="00:00:00", description="Class of the device as a whole; `00:00:00` leaves it to the interfaces."
    )
    when_done: WhenDone = Field(
        default="stay",
        description="`stay` leaves the camera on the bus and powered, `eject` tells it to let go of its disk, "
        "`port-off` switches its port off, and needs `switches_power` of every bay.",
    )
    options: Annotated[Mapping[str, str], FROZEN] = Field(
        default_factory=nothing, description="Text for the driver of every camera of this model."
    )


class Wearer(Keys):
    """One entry of `wearers` of a camera."""

    wearer: Person = Field(description="Who wears it, as the register names them: a name or a number.")
    since: Day | None = Field(default=None, description='The first day, such as "2026-11-22"; none: from ever.')
    until: Day | None = Field(default=None, description="The last day; none: for ever.")


class Camera(Keys):
    """One entry of `cameras`."""

    driver: Text = Field(description="Name of an installed driver.")
    partition: Text = Field(description="Name of the partition that stores its recordings.")
    model: Text | None = Field(
        default=None, description="Name of its model, which a camera on USB must have; none in a folder dock."
    )
    important: bool = Field(
        default=False, description="Read before others when more cameras are docked than are read at the same time."
    )
    wearers: tuple[Wearer, ...] = Field(
        default=(),
        max_length=1000,
        description="Standing wearers of this camera; a shared camera has none, and is issued (docs/wearers.md).",
    )
    options: Annotated[Mapping[str, str], FROZEN] = Field(
        default_factory=nothing, description="Text for the driver, which alone knows what it means."
    )


class Fleet(Keys):
    """fleet.yaml."""

    models: Annotated[Mapping[Name, Model], FROZEN] = Field(
        default_factory=nothing, description="What the cameras on USB look like on the bus, by a name of your choice."
    )
    cameras: Annotated[Mapping[CameraId, Camera], FROZEN] = Field(
        description="The cameras of this service, by camera_id, on USB their serial number; no other is served. "
        "`{}` means none yet."
    )

"""The keys of `fleet.yaml`: closed, strict and frozen.

A description here is the sentence of docs/configuration.md (a test compares them).
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from dockd.model import ClockZone, KnownBy, SetClock, WhenDone
from dockd.settings.forms import (
    FROZEN,
    CameraId,
    Day,
    Keys,
    Name,
    Person,
    Resolution,
    Text,
    UsbClass,
    VendorProduct,
    nothing,
)

Kbps = Annotated[int, Field(ge=1, le=1_000_000)]
"""In thousands of bits a second."""


class Check(Keys):
    """`check` of a model or a camera. What is not given is not judged."""

    resolution: Resolution | None = Field(default=None, description="Width and height of its video, in pixels.")
    bitrate_kbps_min: Kbps | None = Field(
        default=None, description="Least average of a recording, sound included, in thousands of bits a second."
    )
    bitrate_kbps_max: Kbps | None = Field(
        default=None, description="Greatest average of a recording, sound included, in thousands of bits a second."
    )
    position: Literal["required"] | None = Field(
        default=None, description="`required`: each recording has a place for positions, or a file of them beside it."
    )
    clock_offset_seconds: float | None = Field(
        default=None,
        ge=1,
        le=86400,
        description="So far may the camera's clock be from the dock's, as far as its recordings can tell.",
    )
    gap_seconds: float | None = Field(
        default=None,
        ge=1,
        le=86400,
        description="So long may it take the camera to go on in the next file when one is full; FAT allows 4 GiB.",
    )
    segment_seconds: float | None = Field(
        default=None, ge=10, le=86400, description="A file of this length is full, too; needs `gap_seconds`."
    )
    numbers: Literal["consecutive"] | None = Field(
        default=None, description="`consecutive`: it counts its recordings, and nothing else, by the last number."
    )


class Look(Keys):
    """What a device shows on the bus."""

    vendor_product: VendorProduct = Field(description="Vendor and product id on the bus, such as `46f4:0001`.")
    interfaces: tuple[UsbClass, ...] = Field(
        min_length=1,
        max_length=32,
        description="Class of each interface, such as `08:06:50`; a camera that shows more, less or others is refused.",
    )
    device_class: UsbClass = Field(
        default="00:00:00", description="Class of the device as a whole; `00:00:00` leaves it to the interfaces."
    )


class Unlock(Look):
    """`unlock` of a model."""

    driver: Text = Field(description="Name of an installed driver that unlocks cameras.")
    known_by: KnownBy = Field(
        description="What shows that it is the same camera that comes back, by the id that it stated: `serial`, it is "
        "the serial number on the bus; `label`, that of its card; `driver`, the driver that reads it is told it."
    )
    within_seconds: float = Field(default=30, ge=1, le=600, description="So soon it is to be back on the bus.")
    credential: Name | None = Field(
        default=None, description="Name of the systemd credential that it wants (docs/usb.md); none: it wants none."
    )
    options: Annotated[Mapping[str, str], FROZEN] = Field(
        default_factory=nothing, description="Text for the driver that unlocks it."
    )


class Model(Look):
    """One entry of `models`."""

    when_done: WhenDone = Field(
        default="stay",
        description="`stay` leaves the camera on the bus and powered, `eject` tells it to let go of its disk, "
        "`port-off` switches its port off, and needs `switches_power` of every bay.",
    )
    options: Annotated[Mapping[str, str], FROZEN] = Field(
        default_factory=nothing, description="Text for the driver of every camera of this model."
    )
    set_clock: SetClock = Field(
        default="if_read",
        description="`if_read` sets the clock once the register has how far it was off, `always` also if it cannot be "
        "read, `never` leaves it; none does while nobody answers for the dock's own clock.",
    )
    clock_zone: ClockZone = Field(
        default="local", description="What the clock shows: `local`, the time of the dock's zone, or `utc`."
    )
    unlock: Unlock | None = Field(
        default=None,
        description="What it shows while it is locked, and who unlocks it; the keys above are what it comes back as.",
    )
    check: Check = Field(
        default=Check(),
        description="What its recordings should be like (docs/camera-check.md); without it nothing is judged.",
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
    check: Check = Field(
        default=Check(), description="The same for this camera alone, and as a whole instead of that of its model."
    )


class Fleet(Keys):
    """fleet.yaml."""

    models: Annotated[Mapping[Name, Model], FROZEN] = Field(
        default_factory=nothing, description="What the cameras on USB look like on the bus, by a name of your choice."
    )
    cameras: Annotated[Mapping[CameraId, Camera], FROZEN] = Field(
        description="The cameras of this service, by camera_id; no other is served. On USB that is the serial number, "
        "or what the camera states while it is locked. `{}` means none yet."
    )

"""The keys of `dockd.yaml` and `fleet.yaml`: closed, strict and frozen.

A description here is the sentence of docs/configuration.md (a test compares them).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from dockd.i18n import _
from dockd.model import AfterIngest, FleetCamera

GIB = 1 << 30


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
Text = Annotated[str, Field(min_length=1, max_length=4096)]

_FROZEN = AfterValidator(MappingProxyType)


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


class Register(_Keys):
    """`register` of dockd.yaml."""

    mirror: AbsolutePath = Field(
        description="Directory on a second medium; every entry of the register is written there too before anything "
        "is cleared."
    )
    mirror_on_same_filesystem: bool = Field(
        default=False,
        description="Says that the mirror shares the filesystem of `state_dir` on purpose. Only for trials.",
    )
    mirror_on_root_filesystem: bool = Field(
        default=False, description="Says that the mirror lies on the filesystem of `/` on purpose."
    )


class FolderDock(_Keys):
    """One entry of `folder_docks`."""

    path: AbsolutePath = Field(
        description="Directory in which the dock shows each camera as a directory named by its camera_id."
    )
    settle_seconds: float = Field(
        default=5,
        ge=0.1,
        le=600,
        description="A camera is taken once nothing in its directory has changed for this long.",
    )
    rescan_seconds: float = Field(
        default=5,
        ge=0.1,
        le=600,
        description="How often every camera is looked through; the kernel tells only which come and go.",
    )


class Partition(_Keys):
    """One entry of `partitions`."""

    path: AbsolutePath = Field(description="Directory of the partition, made by `dockd init-partition`.")
    recipients: tuple[Annotated[str, Field(max_length=4096)], ...] = Field(
        max_length=20, description="Public keys of those who can open the recordings: all `age1…`, or all `age1pq…`."
    )
    reserve_gib: float = Field(
        default=10, ge=0, le=1_000_000, description="Space that dockd leaves free on the volume, in GiB."
    )
    on_root_filesystem: bool = Field(
        default=False, description="Says that the partition lies on the filesystem of `/` on purpose."
    )

    @property
    def reserve_bytes(self) -> int:
        return int(self.reserve_gib * GIB)


class Ingest(_Keys):
    """`ingest` of dockd.yaml."""

    after_ingest: AfterIngest = Field(
        default="clear", description="`clear` empties the camera of what is registered; `keep` leaves it as it is."
    )
    worker_silence_seconds: float = Field(
        default=60, ge=0.1, le=3600, description="A worker that says nothing for this long is killed."
    )
    volume_deadline_seconds: float = Field(
        default=120, ge=0.1, le=3600, description="A volume that does not answer for this long counts as stuck."
    )
    retry_delays_seconds: tuple[Annotated[float, Field(ge=0, le=3600)], ...] = Field(
        default=(1, 5, 30),
        max_length=10,
        description="Waits before each new attempt on one docking; `[]` means one attempt.",
    )


class Network(_Keys):
    """`network` of dockd.yaml."""

    allow_route_for_trial: bool = Field(
        default=False,
        description="Works on a host that has a route, and says so wherever dockd is looked at. Only for trials.",
    )


class Site(_Keys):
    """dockd.yaml."""

    dock_id: DockId = Field(description="Name of this dock; it is the origin of its checkpoints, so never change it.")
    state_dir: AbsolutePath = Field(
        default=Path("/var/lib/dockd"), description="Directory of the dock's key and register."
    )
    runtime_dir: AbsolutePath = Field(default=Path("/run/dockd"), description="Directory of the control socket.")
    fleet_file: AnyPath = Field(
        default=Path("fleet.yaml"), description="The cameras; relative to the directory of this file."
    )
    # BaseModel inherits a method `register` from ABCMeta, so the attribute needs another name than the key.
    register_: Register = Field(alias="register", description="Where the second copy of the register goes.")
    folder_docks: Annotated[Mapping[Name, FolderDock], _FROZEN] = Field(
        default_factory=_nothing, description="Docks with a disk of their own, by a name of your choice."
    )
    partitions: Annotated[Mapping[Name, Partition], _FROZEN] = Field(
        min_length=1, description="Parts of the store, each with its own keys, by a name of your choice."
    )
    ingest: Ingest = Field(default=Ingest(), description="How recordings are taken in.")
    network: Network = Field(
        default=Network(), description="A dock has none: with a route on its host it does not work."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least that is logged."
    )

    @property
    def key_path(self) -> Path:
        """The dock's signing key."""
        return self.state_dir / "dock.key"

    @property
    def verifier_path(self) -> Path:
        """The public half of that key, for whoever verifies on this machine."""
        return self.state_dir / "dock.pub"

    @property
    def register_path(self) -> Path:
        return self.state_dir / "register.db"

    @property
    def control_path(self) -> Path:
        """The socket on which the running daemon answers."""
        return self.runtime_dir / "control.sock"


class Camera(_Keys):
    """One entry of `cameras`."""

    driver: Text = Field(description="Name of an installed driver.")
    partition: Text = Field(description="Name of the partition that stores its recordings.")
    options: Annotated[Mapping[str, str], _FROZEN] = Field(
        default_factory=_nothing, description="Text for the driver, which alone knows what it means."
    )


class Fleet(_Keys):
    """fleet.yaml."""

    cameras: Annotated[Mapping[CameraId, Camera], _FROZEN] = Field(
        description="The cameras of this service, by camera_id; no other is served. `{}` means none yet."
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """A site as configured. `sources` gives the SHA-256 of each file's bytes, by the path it was opened under."""

    site: Site
    fleet: Fleet
    sources: Mapping[str, str]

    def camera(self, camera_id: str) -> FleetCamera | None:
        """Return the camera of this exact id, or None if the fleet does not know it."""
        camera = self.fleet.cameras.get(camera_id)
        if camera is None:
            return None
        return FleetCamera(camera_id, camera.driver, camera.partition, tuple(camera.options.items()))

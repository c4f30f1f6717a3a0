"""The keys of `dockd.yaml`: closed, strict and frozen.

A description here is the sentence of docs/configuration.md (a test compares them).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dockd.model import AfterIngest, ClockRules, FleetCamera, Role
from dockd.settings.control import RUNTIME_DIR, SOCKET
from dockd.settings.fleet import Check, Fleet
from dockd.settings.forms import (
    FROZEN,
    AbsolutePath,
    Account,
    AnyPath,
    DockId,
    Keys,
    LedName,
    Name,
    Person,
    Port,
    VerifierKey,
    nothing,
)

GIB = 1 << 30
MIB = 1 << 20


class Register(Keys):
    """`register` of dockd.yaml."""

    mirror: AbsolutePath = Field(
        description="Directory on a second medium; every entry of the register is written there too before anything "
        "is cleared."
    )
    witness: AbsolutePath | None = Field(
        default=None,
        description="Directory on one more medium where the newest checkpoint is kept, as on every partition.",
    )
    cosigners: tuple[VerifierKey, ...] = Field(
        default=(),
        max_length=20,
        description="Verifier keys of those outside the dock who sign its checkpoints too (docs/witnesses.md).",
    )
    mirror_on_same_filesystem: bool = Field(
        default=False,
        description="Says that the mirror shares the filesystem of `state_dir` on purpose. Only for trials.",
    )
    mirror_on_root_filesystem: bool = Field(
        default=False, description="Says that the mirror lies on the filesystem of `/` on purpose."
    )


class FolderDock(Keys):
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


class Lights(Keys):
    """`leds` of a bay."""

    busy: LedName | None = Field(default=None, description="LED that shines while a camera is being served.")
    green: LedName | None = Field(
        default=None, description="LED that shines when everything is registered, cleared as configured and powered."
    )
    red: LedName | None = Field(default=None, description="LED that shines when a person is needed.")


class Bay(Keys):
    """One entry of `bays`."""

    ports: tuple[Port, ...] = Field(
        min_length=1,
        max_length=4,
        description="USB ports that are this bay, as `dockd probe` names them: a USB 3 socket is two.",
    )
    switches_power: bool = Field(
        default=False,
        description="Whether its hub really cuts the power of this port, as few do: only then dockd switches it.",
    )
    leds: Lights = Field(default=Lights(), description="Lights of the bay, by their names in /sys/class/leds.")


class Usb(Keys):
    """`usb` of dockd.yaml."""

    host_ports: tuple[Port, ...] = Field(
        default=(),
        max_length=64,
        description="Ports for keyboard and the like, with all that hangs on them: authorised unseen, never bays.",
    )
    settle_seconds: float = Field(
        default=2, ge=0, le=600, description="A camera is taken once it has stayed on the bus for this long."
    )
    rescan_seconds: float = Field(
        default=5, ge=0.1, le=600, description="How often the bus is looked at, whatever the kernel tells of it."
    )
    charge_wait_seconds: float = Field(
        default=600,
        ge=0,
        le=86400,
        description="How long a camera that fails again and again is left alone to charge; 0: not at all.",
    )
    light_command: tuple[Annotated[str, Field(min_length=1, max_length=4096)], ...] = Field(
        default=(),
        max_length=32,
        description="Program and its arguments, called with bay and light, `off` if it is empty, at each change.",
    )


class Partition(Keys):
    """One entry of `partitions`."""

    path: AbsolutePath = Field(description="Directory of the partition, made by `dockd init-partition`.")
    recipients: tuple[Annotated[str, Field(max_length=4096)], ...] = Field(
        max_length=20, description="Public keys of those who can open the recordings: all `age1…`, or all `age1pq…`."
    )
    reserve_gib: float = Field(
        default=10, ge=0, le=1_000_000, description="Space that dockd leaves free on the volume, in GiB."
    )
    proof_trail_mib: int | None = Field(
        default=None,
        ge=2,
        le=1_000_000,
        description="How much of a recording is written before that much is read back and proven, in MiB; none: 64, "
        "and 1024 on a disk that rotates.",
    )
    on_root_filesystem: bool = Field(
        default=False, description="Says that the partition lies on the filesystem of `/` on purpose."
    )

    @property
    def reserve_bytes(self) -> int:
        return int(self.reserve_gib * GIB)

    @property
    def proof_trail_bytes(self) -> int | None:
        return self.proof_trail_mib and self.proof_trail_mib * MIB


class Operator(Keys):
    """One entry of `operators`."""

    person: Person = Field(description="Who that is, as the register names the author of what they do.")
    role: Role = Field(description="What they may do (docs/commands.md).")


class Ingest(Keys):
    """`ingest` of dockd.yaml."""

    after_ingest: AfterIngest = Field(
        default="clear", description="`clear` empties the camera of what is registered; `keep` leaves it as it is."
    )
    worker_silence_seconds: float = Field(
        default=60,
        ge=0.1,
        le=3600,
        description="A worker that says nothing for this long is killed; one that starts has 90 seconds.",
    )
    volume_deadline_seconds: float = Field(
        default=120, ge=0.1, le=3600, description="A volume that does not answer for this long counts as stuck."
    )
    read_at_once: int = Field(
        default=8,
        ge=1,
        le=64,
        description="So many cameras are read at the same time; the others wait their turn, recording by recording.",
    )
    retry_delays_seconds: tuple[Annotated[float, Field(ge=0, le=3600)], ...] = Field(
        default=(1, 5, 30),
        max_length=10,
        description="Waits before each new attempt on one docking; `[]` means one attempt.",
    )


class Network(Keys):
    """`network` of dockd.yaml."""

    allow_route_for_trial: bool = Field(
        default=False,
        description="Works on a host that has a route, and says so wherever dockd is looked at. Only for trials.",
    )


class Site(Keys):
    """dockd.yaml."""

    dock_id: DockId = Field(description="Name of this dock; it is the origin of its checkpoints, so never change it.")
    state_dir: AbsolutePath = Field(
        default=Path("/var/lib/dockd"), description="Directory of the dock's key and register."
    )
    runtime_dir: AbsolutePath = Field(
        default=RUNTIME_DIR, description="Directory of the control socket; empty after a boot."
    )
    fleet_file: AnyPath = Field(
        default=Path("fleet.yaml"), description="The cameras; relative to the directory of this file."
    )
    # BaseModel inherits a method `register` from ABCMeta, so the attribute needs another name than the key.
    register_: Register = Field(alias="register", description="Where the second copy of the register goes.")
    folder_docks: Annotated[Mapping[Name, FolderDock], FROZEN] = Field(
        default_factory=nothing, description="Docks with a disk of their own, by a name of your choice."
    )
    bays: Annotated[Mapping[Name, Bay], FROZEN] = Field(
        default_factory=nothing, description="Bays with cameras on USB, by their labels."
    )
    usb: Usb = Field(default=Usb(), description="What goes for all USB ports of this machine.")
    partitions: Annotated[Mapping[Name, Partition], FROZEN] = Field(
        min_length=1, description="Parts of the store, each with its own keys, by a name of your choice."
    )
    operators: Annotated[Mapping[Account, Operator], FROZEN] = Field(
        default_factory=nothing, description="Who may give commands about the register, by their accounts on this dock."
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
    def counters_path(self) -> Path:
        """How often bays and cameras were served and failed."""
        return self.state_dir / "bays.json"

    @property
    def unlock_tries_path(self) -> Path:
        """Which locked cameras were asked since the last boot, and did not say who they are."""
        return self.runtime_dir / "unlock-tries.json"

    @property
    def control_path(self) -> Path:
        """The socket on which the running daemon answers."""
        return self.runtime_dir / SOCKET


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
        model = self.fleet.models.get(camera.model or "")
        options = {**(model.options if model else {}), **camera.options}
        return FleetCamera(
            camera_id,
            camera.driver,
            camera.partition,
            tuple(options.items()),
            camera.model,
            model.when_done if model else "stay",
            camera.important,
            ClockRules(model.set_clock, model.clock_zone) if model else ClockRules(),
        )

    def check(self, camera_id: str) -> Check:
        """Give what the recordings of a camera should be like: by its own keys, or by those of its model."""
        camera = self.fleet.cameras.get(camera_id)
        model = self.fleet.models.get((camera.model if camera else None) or "")
        own = camera.check if camera else Check()
        return own if model is None or own != Check() else model.check

"""Where everything of the dock in the guest is, and how it is set up."""

import json

from dockd.seal.recipients import Identity
from tests.integration.site import DOCK, DOCK_ID

CONFIG = "/etc/dockd/dockd.yaml"
FLEET = "/etc/dockd/fleet.yaml"
PROGRAM = "/opt/dockd/bin/dockd"
ACCOUNT = "dockd"

STATE = "/var/lib/dockd"
MIRROR = "/srv/mirror/dockd"
CAMERAS = "/srv/cameras"
SWAP = "/swap"

DISKS_MIB = {"state": 64, "mirror": 64, "pm": 192, "rural": 192, "cameras": 192}
"""The disks beside the root disk, each ext4 and labelled by its name; `guest/etc/fstab` mounts them."""

PARTITIONS = ("pm", "rural")
FLEET_OF = {"BWC1": "pm", "BWC2": "pm", "RUR1": "rural"}


def store(partition: str) -> str:
    return f"/srv/{partition}/store"


def site_yaml(identities: dict[str, Identity]) -> bytes:
    """Write dockd.yaml; YAML takes JSON."""
    partitions = {
        name: {"path": store(name), "recipients": [identity.recipient.text], "reserve_gib": 0}
        for name, identity in identities.items()
    }
    site = {
        "dock_id": DOCK_ID,
        "state_dir": STATE,
        "runtime_dir": "/run/dockd",
        "register": {"mirror": MIRROR},
        "folder_docks": {DOCK: {"path": f"{CAMERAS}/dock", "settle_seconds": 1, "rescan_seconds": 1}},
        "partitions": partitions,
        "ingest": {"volume_deadline_seconds": 10, "worker_silence_seconds": 30, "retry_delays_seconds": [1, 1]},
    }
    return json.dumps(site, indent=1).encode()


def fleet_yaml() -> bytes:
    cameras = {camera: {"driver": "folder", "partition": partition} for camera, partition in FLEET_OF.items()}
    return json.dumps({"cameras": cameras}, indent=1).encode()

"""Where everything of the dock in the guest is, and how it is set up."""

import json

from dockd.seal.recipients import Identity
from tests.integration.site import DOCK, DOCK_ID

CONFIG = "/etc/dockd/dockd.yaml"
FLEET = "/etc/dockd/fleet.yaml"
PROGRAM = "/opt/dockd/bin/dockd"
ACCOUNT = "dockd"
CHIEF = "Camille Martin"

STATE = "/var/lib/dockd"
RUNTIME = "/run/dockd"
MIRROR = "/srv/mirror/dockd"
CAMERAS = "/srv/cameras"
SWAP = "/swap"

DISKS_MIB = {"state": 64, "mirror": 64, "pm": 192, "rural": 192, "cameras": 192}
"""The disks beside the root disk, each ext4 and labelled by its name; `guest/etc/fstab` mounts them."""

PARTITIONS = ("pm", "rural")
VOLUMES = {"state": STATE, "mirror": "/srv/mirror", "pm": "/srv/pm", "rural": "/srv/rural", "cameras": CAMERAS}
"""Where each of these disks is mounted."""
FLEET_OF = {"BWC1": "pm", "BWC2": "pm", "RUR1": "rural"}
"""Cameras of the folder dock."""

BUS_ADDRESS = 0x10
"""Of the USB controller on the PCI bus: fixed, so that the names of the ports are."""

BAYS = {"b1": "1", "b2": "2", "b3": "3", "b4": "4"}
HUB, SWITCHED_HUB, HOST_PORT = "7", "8", "6"
HUB_BAYS = {f"h{number}": f"{HUB}.{number}" for number in range(1, 5)}
SWITCHED_BAYS = {f"s{number}": f"{SWITCHED_HUB}.{number}" for number in range(1, 3)}
"""Bays by their labels, and the port of each: on the controller, and on two hubs, of which one can switch power."""

GADGET_BAY, GADGET_PORT = "g1", "platform-dummy_hcd.0-usbv2-0:1"
"""For the device that the guest itself pretends to be (`gadget`)."""

USB_FLEET = {f"BWC000000{number}": "pm" for number in range(1, 5)} | {"RUR0000001": "rural"}
"""Cameras on USB, by their serial numbers."""

MODEL = "qemu-card"
GADGET_MODEL, GADGET_CAMERA = "gadget-card", "GAD0000001"
MTP_MODEL, MTP_CAMERA = "qemu-mtp", "MTP0000001"
LOCKED_MODEL, LOCKED_CAMERA, CREDENTIAL = "vendor-card", "VND0000001", "12345678"
UNLOCK_SECONDS = 15


def store(partition: str) -> str:
    return f"/srv/{partition}/store"


def ports(number: str) -> list[str]:
    """Name a socket as dockd does: its port of USB 2, and that of USB 3."""
    return [f"pci-0000:00:{BUS_ADDRESS:02x}.0-usbv{version}-0:{number}" for version in (2, 3)]


def bays() -> dict[str, list[str]]:
    """Give every USB bay and its ports."""
    numbers = {**BAYS, **HUB_BAYS, **SWITCHED_BAYS}
    return {label: ports(number) for label, number in numbers.items()} | {GADGET_BAY: [GADGET_PORT]}


def site_yaml(identities: dict[str, Identity]) -> bytes:
    """Write dockd.yaml; YAML takes JSON."""
    partitions = {
        name: {"path": store(name), "recipients": [identity.recipient.text], "reserve_gib": 0}
        for name, identity in identities.items()
    }
    site = {
        "dock_id": DOCK_ID,
        "state_dir": STATE,
        "runtime_dir": RUNTIME,
        "register": {"mirror": MIRROR},
        "folder_docks": {DOCK: {"path": f"{CAMERAS}/dock", "settle_seconds": 1, "rescan_seconds": 1}},
        "bays": {label: {"ports": ports, "switches_power": label in SWITCHED_BAYS} for label, ports in bays().items()},
        "usb": {
            "host_ports": ports(HOST_PORT),
            "settle_seconds": 1,
            "charge_wait_seconds": 2,
        },
        "partitions": partitions,
        "operators": {ACCOUNT: {"person": CHIEF, "role": "chief"}},
        "ingest": {"volume_deadline_seconds": 10, "worker_silence_seconds": 60, "retry_delays_seconds": [1]},
    }
    return json.dumps(site, indent=1).encode()


def fleet_yaml() -> bytes:
    card = {"interfaces": ["08:06:50"], "device_class": "00:00:00"}
    unlock = {
        "driver": "ambarella",
        "vendor_product": "4255:0001",
        "interfaces": ["ff:00:00"],
        "known_by": "label",
        "within_seconds": UNLOCK_SECONDS,
        "credential": LOCKED_MODEL,
    }
    models = {
        MODEL: {"vendor_product": "46f4:0001", **card},
        GADGET_MODEL: {"vendor_product": "1d6b:0104", **card},
        MTP_MODEL: {"vendor_product": "46f4:0004", "interfaces": ["06:01:01"]},
        LOCKED_MODEL: {"vendor_product": "4255:1000", **card, "unlock": unlock},
    }
    cameras = {camera: {"driver": "folder", "partition": partition} for camera, partition in FLEET_OF.items()}
    for camera, partition in USB_FLEET.items():
        cameras[camera] = {"driver": "mass-storage", "partition": partition, "model": MODEL}
    cameras[GADGET_CAMERA] = {"driver": "mass-storage", "partition": PARTITIONS[0], "model": GADGET_MODEL}
    cameras[LOCKED_CAMERA] = {"driver": "mass-storage", "partition": PARTITIONS[0], "model": LOCKED_MODEL}
    cameras[MTP_CAMERA] = {"driver": "mtp", "partition": PARTITIONS[0], "model": MTP_MODEL}
    return json.dumps({"models": models, "cameras": cameras}, indent=1).encode()

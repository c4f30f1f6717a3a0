"""`dockd probe`: what stands on the USB bus and where, as a technician needs it to set up a dock."""

import json
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dockd import catalogue
from dockd.catalogue import Look
from dockd.cli.drivers import look_at
from dockd.cli.options import json_option
from dockd.detect.udev import BusDevice, enumerate_bus
from dockd.detect.usb_descriptors import parse
from dockd.detect.usb_policy import in_words, is_hub, model_of
from dockd.driver import Ability
from dockd.driver.declared import what_to_ask
from dockd.errors import DescriptorsInvalid, DockUnreachable
from dockd.i18n import _
from dockd.model import RecordingPath
from dockd.settings.propose import Plugged, propose


@click.command(
    "probe",
    help=_(
        "Show what is plugged into the USB ports of this machine: its port, what it claims to be, its interfaces and"
        " disks, and which installed driver knows it. Looks only; nothing is opened, mounted or changed, and no daemon"
        " is needed."
    ),
)
@json_option
@click.option(
    "--yaml", "as_yaml", is_flag=True, help=_("Print bays for dockd.yaml, models and cameras for fleet.yaml.")
)
def probe(as_json: bool, as_yaml: bool) -> None:
    if as_json and as_yaml:
        raise click.UsageError(_("JSON or YAML, not both"))
    try:
        found = enumerate_bus()
    except OSError as error:
        raise DockUnreachable(_("the USB bus cannot be read: {error}").format(error=error.strerror)) from error
    looks = look_at(catalogue.declared()) if any(not _is_hub(device) for device in found) else {}
    if as_yaml:
        plugged = [each for device in found if (each := _plugged(device, looks)) is not None]
        click.echo(propose(plugged, catalogue.installed()), nl=False)
        return
    devices = [{**_told(device), "known_by": _known_by(device, looks)} for device in found]
    if as_json:
        click.echo(json.dumps(devices, indent=2))
    else:
        _show(Console(), devices)


def _is_hub(device: BusDevice) -> bool:
    try:
        return is_hub(parse(device.descriptors))
    except DescriptorsInvalid:
        return False


def _known_by(device: BusDevice, looks: Mapping[str, Look]) -> list[dict[str, Any]]:
    """Tell the drivers that know a device by its ids, and what each says of it."""
    names = [] if _is_hub(device) else catalogue.who_knows(device.vendor_product, _classes(device), looks)
    return [
        {
            "driver": name,
            "declared_only": bool(looks[name].needs),
            "abilities": looks[name].abilities,
            "says": _says(name, looks[name], device.vendor_product),
        }
        for name in names
    ]


def _classes(device: BusDevice) -> list[str]:
    try:
        described = parse(device.descriptors)
    except DescriptorsInvalid:
        return []
    return [str(each.kind) for configuration in described.configurations for each in configuration.interfaces]


def _says(name: str, look: Look, vendor_product: str) -> str:
    can = ", ".join(look.abilities) or "-"
    if Ability.UNLOCK in look.abilities:
        text = _("{driver} may be able to unlock it (can: {can}); what it shows now goes under `unlock` of its model")
        return text.format(driver=name, can=can)
    if not look.needs:
        return _("the driver {driver} may be able to read it (can: {can})").format(driver=name, can=can)
    if vendor_product in look.usb_ids:
        text = _("looks like a camera of {maker}, and no driver can read it: {driver} is declared only. {advice}")
    else:
        text = _(
            "looks like a device of {maker}; if it is a camera, no driver can read it: {driver} is declared only."
            " {advice}"
        )
    return text.format(maker=look.maker, driver=name, advice=what_to_ask(name, look.maker, look.needs))


def _plugged(device: BusDevice, looks: Mapping[str, Look]) -> Plugged | None:
    """Give what may be a camera, None for a hub."""
    known_by = _known_by(device, looks)
    known = " ".join(each["says"] for each in known_by)
    unlockers = tuple(each["driver"] for each in known_by if Ability.UNLOCK in each["abilities"])
    claims = device.port, device.vendor_product, device.serial, device.name
    try:
        described = parse(device.descriptors)
    except DescriptorsInvalid as error:
        return Plugged(*claims, fault=error.message, known=known)
    if is_hub(described):
        return None
    model = model_of(described)
    if model is None:
        fault = _("it shows other interfaces in other configurations, or none at all")
        return Plugged(*claims, fault=fault, known=known)
    classes = tuple(str(each) for each in model.interfaces)
    words = tuple(in_words(each) for each in model.interfaces)
    return Plugged(*claims, str(model.device), classes, words, known=known, unlockers=unlockers)


def _told(device: BusDevice) -> dict[str, Any]:
    return {
        "port": device.port,
        "vendor_product": device.vendor_product,
        "serial": _escaped(device.serial),
        "name": _escaped(device.name),
        "authorized": device.authorized,
        "disks": [{"node": disk.node, "size": disk.size} for disk in device.disks],
        **_described(device.descriptors),
    }


def _described(descriptors: bytes) -> dict[str, Any]:
    try:
        device = parse(descriptors)
    except DescriptorsInvalid as error:
        return {"kind": "malformed", "interfaces": [], "fault": error.message}
    kinds = [each.kind for configuration in device.configurations for each in configuration.interfaces]
    return {
        "kind": "hub" if is_hub(device) else "device",
        "interfaces": [in_words(kind) for kind in dict.fromkeys(kinds)],
        "fault": None,
    }


def _escaped(text: str) -> str:
    """Write what a device claims in printable ASCII: it chooses every character of it."""
    return RecordingPath(text.encode("utf-8", "backslashreplace")).text


def _show(console: Console, devices: list[dict[str, Any]]) -> None:
    if not devices:
        console.print(_("There is nothing on the USB bus, not even a hub: this machine has none, or shows none."))
        return
    table = Table(_("port"), _("claims to be"), _("serial"), _("interfaces"), _("disks"))
    for device in devices:
        table.add_row(
            Text(device["port"]),
            Text(f"{device['vendor_product']} {device['name']}".strip()),
            Text(device["serial"]),
            Text(device["fault"] or _("hub") if device["kind"] != "device" else "\n".join(device["interfaces"])),
            Text("\n".join(_disk(disk) for disk in device["disks"])),
        )
    console.print(table)
    for device in devices:
        for known in device["known_by"]:
            console.print(Text(f"{device['port']}: {known['says']}"))


def _disk(disk: dict[str, Any]) -> str:
    return _("{node}, {size} MB").format(node=disk["node"], size=disk["size"] // 1_000_000)

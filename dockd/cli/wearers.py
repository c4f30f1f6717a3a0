"""`dockd issue`, `dockd return`, `dockd justify`: who has a shared camera, and who wore one."""

from pathlib import Path

import click

from dockd.cli.options import config_option
from dockd.cli.register_source import ask
from dockd.cli.words import Words
from dockd.i18n import _
from dockd.ops import pages
from dockd.settings.shape import parse

_SERVICE = "service"

_reason = click.option(
    "--reason", default=_SERVICE, type=Words(), show_default=True, help=_("Why; it is entered with your name.")
)


@click.command("issue", help=_("Enter that a shared camera was given to a wearer, from now on."))
@click.argument("camera")
@click.option("--to", "wearer", required=True, type=Words(), help=_("Who wears it: a name or a number."))
@config_option
@_reason
def issue(camera: str, wearer: str, config: Path, reason: str) -> None:
    ask(parse(config).settings, pages.ISSUE, camera_id=camera, wearer=wearer, reason=reason)
    click.echo(_("Entered: {wearer} has camera {camera} from now on.").format(wearer=wearer, camera=camera))


@click.command("return", help=_("Enter that a shared camera came back."))
@click.argument("camera")
@config_option
@_reason
def return_camera(camera: str, config: Path, reason: str) -> None:
    wearer = ask(parse(config).settings, pages.RETURN, camera_id=camera, reason=reason)["wearer"]
    click.echo(_("Entered: {wearer} has given back camera {camera}.").format(wearer=wearer, camera=camera))


@click.command("justify", help=_("Enter who wore the camera of a recording, whatever its entry says."))
@click.argument("recording")
@click.option("--wearer", required=True, type=Words(), help=_("Who wore it: a name or a number."))
@config_option
@click.option("--reason", required=True, type=Words(), help=_("How you know; it is entered with your name."))
def justify(recording: str, wearer: str, config: Path, reason: str) -> None:
    ask(parse(config).settings, pages.JUSTIFY, recording_id=recording, wearer=wearer, reason=reason)
    click.echo(_("Entered: {wearer} wore the camera of {recording}.").format(wearer=wearer, recording=recording))

"""`dockd service-paths`: what systemd must be told of a site, from the one place where it is written."""

from pathlib import Path

import click

from dockd.cli.options import config_option
from dockd.i18n import _
from dockd.settings.models import Site
from dockd.settings.shape import parse


@click.command(
    "service-paths",
    help=_(
        "Print the drop-in that lets dockd.service write where the configuration says. Needed again after each change"
        " of a path; see docs/service.md."
    ),
)
@config_option
def service_paths(config: Path) -> None:
    click.echo(drop_in(parse(config).settings.site), nl=False)


def drop_in(site: Site) -> str:
    """Give a drop-in that makes the places of a site writable: the cameras' too, to be cleared."""
    places = {
        *(partition.path for partition in site.partitions.values()),
        *(dock.path for dock in site.folder_docks.values()),
        site.register_.mirror,
        site.state_dir,
        site.runtime_dir,
    }
    if site.register_.witness is not None:
        places.add(site.register_.witness)
    paths = sorted(_escaped(path) for path in places)
    # With "-" a path that is not there is dockd's to complain about, with the line of its configuration.
    writable = [f'ReadWritePaths="-{path}"' for path in paths]
    return "\n".join(["[Service]", *writable, ""])


def _escaped(path: Path) -> str:
    """Write a path as systemd.syntax(7) has it: quoting, C escapes, and `%%` for what would be a specifier."""
    return str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")

"""The command line: parses and prints, decides nothing. One small file for each group of commands.

Commands are imported when they are called, so that each carries only what it needs itself.
"""

import importlib
import sys
import traceback

import click

from dockd.errors import DockdError, ExitCode
from dockd.i18n import _

_COMMANDS = {
    "run": "dockd.cli.run:run",
    "check-config": "dockd.cli.check_config:check_config",
    "init": "dockd.cli.init:init",
    "init-partition": "dockd.cli.init:init_partition",
    "service-paths": "dockd.cli.service_paths:service_paths",
    "keygen": "dockd.cli.keygen:keygen",
    "status": "dockd.cli.status:status",
    "probe": "dockd.cli.probe:probe",
    "drivers": "dockd.cli.drivers:drivers",
    "health": "dockd.cli.health:health",
    "register": "dockd.cli.register:register",
    "issue": "dockd.cli.wearers:issue",
    "return": "dockd.cli.wearers:return_camera",
    "justify": "dockd.cli.wearers:justify",
    "cosigner-key": "dockd.cli.cosigner:cosigner_key",
    "countersign": "dockd.cli.cosigner:countersign",
    "clock": "dockd.cli.clock:clock",
    "demo": "dockd.cli.demo:demo",
}


class _Commands(click.Group):
    """Imports a command only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, name = place.split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(
    cls=_Commands,
    help=_("Take in the recordings of body-worn cameras: proven, sealed, registered, then cleared."),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="dockd")
def dockd() -> None:
    pass


def main() -> None:
    """Run one command; every `DockdError` becomes its message, its advice and its documented exit code."""
    try:
        # Without its standalone mode click returns the code of `Exit` instead of exiting with it.
        sys.exit(dockd.main(prog_name="dockd", standalone_mode=False) or ExitCode.OK)
    except click.Abort:
        sys.exit(ExitCode.FAILED_CHECK)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except DockdError as error:
        click.echo(_("dockd: {message}").format(message=error.message), err=True)
        if error.advice:
            click.echo(_("  what to do: {advice}").format(advice=error.advice), err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        # A fault of dockd itself: said in full, and never with a code that means something else.
        traceback.print_exception(error)
        sys.exit(ExitCode.INTERNAL)

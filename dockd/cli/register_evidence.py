"""`dockd register`: check the register, and give others what they need to check it without this dock."""

import json
import sys
from pathlib import Path

import click
import segno

from dockd import founding
from dockd.cli.options import config_option, read_note
from dockd.cli.register_source import Command, checkpoint_of, read_verifier, source
from dockd.cli.words import reason_option, to_option
from dockd.errors import ExitCode
from dockd.i18n import _, ngettext
from dockd.register import bundle
from dockd.register.snapshot import write_snapshot
from dockd.register.verify import verify
from dockd.settings.load import load
from dockd.settings.shape import parse

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("verify", help=_("Check every entry, the tree over them and every signature."))
@config_option
@click.option(
    "--key",
    type=_FILE,
    help=_("The dock's verifier key as it was kept outside the dock. Default: the one beside the register."),
)
@click.option(
    "--since",
    type=_FILE,
    multiple=True,
    help=_("A checkpoint that was kept outside the dock: the register must have grown from it. Can be repeated."),
)
def verify_command(config: Path, key: Path | None, since: tuple[Path, ...]) -> None:
    settings = parse(config).settings
    command = Command("register verify", "verification", {"checkpoints": str(len(since))} if since else {})
    with source(settings, command) as found:
        own = read_verifier(key) if key else found.verifier()
        outside = [checkpoint_of(own, read_note(path)) for path in since]
        report = verify(found.rows, found.checkpoints, own, settings.site.dock_id, outside)
    for problem in report.problems:
        click.echo(problem.message)
    if report.problems:
        count = len(report.problems)
        click.echo(ngettext("{n} problem: NOT verified", "{n} problems: NOT verified", count).format(n=count))
        raise click.exceptions.Exit(ExitCode.FAILED_CHECK)
    click.echo(
        _("verified: {size} entries, {covered} of them under a signature, root {root}").format(
            size=report.size, covered=report.covered, root=report.root.hex()
        )
    )


@click.command(
    "prove", help=_("Print what proves one entry to somebody without this dock: of a RECORDING, or of a number.")
)
@config_option
@click.argument("recording", required=False)
@click.option("--entry", type=click.IntRange(min=0), help=_("The entry with this number."))
@click.option(
    "--since", type=_FILE, help=_("Prove that the register has only grown since this checkpoint from outside the dock.")
)
@reason_option
@to_option
def prove(
    config: Path,
    recording: str | None,
    entry: int | None,
    since: Path | None,
    reason: str,
    recipients: tuple[str, ...],
) -> None:
    if sum(each is not None for each in (recording, entry, since)) != 1:
        raise click.UsageError(_("Name a recording, --entry or --since."))
    settings = parse(config).settings
    about = {"recording": recording} if recording is not None else {"entry": str(entry)}
    command = Command("register prove", reason, about, recipients) if since is None else None
    with source(settings, command) as found:
        if recording is not None:
            proven = found.prove_recording(recording)
        elif entry is not None:
            proven = found.prove_entry(entry)
        else:
            assert since is not None
            proven = found.prove_growth(read_note(since))
    click.echo(json.dumps(proven, ensure_ascii=False, indent=1))


@click.command("export", help=_("Print the whole register as lines of JSON, to be verified or kept elsewhere."))
@config_option
@reason_option
@to_option
def export(config: Path, reason: str, recipients: tuple[str, ...]) -> None:
    command = Command("register export", reason, {}, recipients)
    with source(parse(config).settings, command, sign=True) as found:
        for line in bundle.export(found.rows, found.checkpoints, found.verifier()):
            sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


@click.command(
    "snapshot",
    help=_(
        "Copy the register into a database of its own, with views to be asked with SQL by an auditor. Nothing in it is"
        " signed; FILE must not exist yet."
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@reason_option
@to_option
def snapshot(file: Path, config: Path, reason: str, recipients: tuple[str, ...]) -> None:
    command = Command("register snapshot", reason, {}, recipients)
    with source(parse(config).settings, command, sign=True) as found:
        count = write_snapshot(file, found.rows, found.checkpoints)
    click.echo(ngettext("{n} entry is in {file}.", "{n} entries are in {file}.", count).format(n=count, file=file))


@click.command("checkpoint", help=_("Print the newest signed checkpoint, to be kept outside this dock."))
@config_option
@click.option("--qr", is_flag=True, help=_("Print it as a QR code, to be photographed or put on paper."))
def checkpoint(config: Path, qr: bool) -> None:
    with source(parse(config).settings) as found:
        note = found.checkpoint()
    if qr:
        segno.make_qr(note, error="m").terminal(sys.stdout, compact=True)
    else:
        click.echo(note, nl=False)


@click.command("rebuild", help=_("Make a register that was lost anew from its mirror. The daemon must not run."))
@config_option
@click.option(
    "--since", type=_FILE, multiple=True, help=_("A checkpoint that was kept outside the dock. Can be repeated.")
)
@click.option(
    "--without-checkpoint",
    is_flag=True,
    help=_("There is none: the mirror is believed, whatever it lost or was given."),
)
def rebuild(config: Path, since: tuple[Path, ...], without_checkpoint: bool) -> None:
    if bool(since) == without_checkpoint:
        raise click.UsageError(_("Name the newest checkpoint that was kept outside the dock: --since."))
    entries, agreed = founding.rebuild_register(load(config), [read_note(path) for path in since])
    text = _(
        "The register is open again: {agreed} entries are as they were signed, {rest} more as the mirror has them."
    )
    click.echo(text.format(agreed=agreed, rest=entries - agreed))

"""`dockd cosigner-key` and `dockd countersign`: for somebody outside the dock who confirms its checkpoints."""

import json
from pathlib import Path

import click

from dockd.cli.options import read_note
from dockd.errors import RegisterError, RegisterTampered
from dockd.i18n import _
from dockd.register.note import Checkpoint, SigningKey, Verifier
from dockd.register.proof import check_consistency

_NEW = click.Path(path_type=Path)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(
    "cosigner-key",
    help=_(
        "Make a key with which somebody outside confirms the checkpoints of docks, on a machine of theirs. Prints the"
        " verifier key, which goes into the docks' configuration (register.cosigners)."
    ),
)
@click.argument("name")
@click.option("-o", "--output", type=_NEW, required=True, help=_("File for the private key; it must not exist yet."))
def cosigner_key(name: str, output: Path) -> None:
    click.echo(SigningKey.generate(output, name).verifier.text)


@click.command(
    "countersign",
    help=_(
        "Sign a checkpoint of a dock too, on a machine of your own, and print it. From the second time on, give the"
        " checkpoint that you signed before and the proof that the register has only grown since:"
        " `dockd register prove --since` prints both the proof and the new checkpoint."
    ),
)
@click.argument("file", type=_FILE)
@click.option("--key", type=_FILE, required=True, help=_("Your private key."))
@click.option("--dock", required=True, help=_("The verifier key of the dock, as it was written down at first."))
@click.option("--since", type=_FILE, help=_("The checkpoint that you signed before; FILE is then the proof of growth."))
def countersign(file: Path, key: Path, dock: str, since: Path | None) -> None:
    verifier = Verifier.parse(dock)
    note = _grown(file, verifier, read_note(since)) if since else read_note(file)
    _opened(verifier, note)
    click.echo(SigningKey.load_any(key).cosign(note), nl=False)


def _opened(verifier: Verifier, note: str) -> Checkpoint:
    signed = Checkpoint.parse(verifier.open_note(note))
    if signed.origin != verifier.name:
        raise RegisterTampered(_("a checkpoint from outside is of {origin}").format(origin=signed.origin))
    return signed


def _grown(proof: Path, verifier: Verifier, before: str) -> str:
    """Give the checkpoint of a proof of growth, once it proves that."""
    try:
        given = json.loads(read_note(proof))
        note, path = str(given["checkpoint"]), [bytes.fromhex(each) for each in given["consistency"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RegisterError(_("{path} is not a proof of growth").format(path=proof)) from error
    old, new = _opened(verifier, before), _opened(verifier, note)
    check_consistency(old.size, old.root, new.size, new.root, path)
    return note

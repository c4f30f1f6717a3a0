"""`dockd keygen`: a key pair for the CSU, made anywhere but on the dock."""

import os
from pathlib import Path

import click

from dockd.errors import ConfigError
from dockd.i18n import _
from dockd.seal.kinds import POST_QUANTUM, X25519
from dockd.seal.recipients import Identity


@click.command(
    "keygen",
    help=_(
        "Make an age key pair for the CSU. Run this on a machine of the CSU: the private key must never be on the dock."
        " The public key goes into the dock's configuration as a recipient."
    ),
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help=_("File for the private key; it must not exist yet."),
)
@click.option(
    "--post-quantum",
    is_flag=True,
    help=_(
        "Make a key (age1pq…) that holds against quantum computers too; the CSU then needs age 1.3 or later."
        " Without this, a key (age1…) that every age program can use."
    ),
)
def keygen(output: Path, post_quantum: bool) -> None:
    identity = Identity.generate(POST_QUANTUM if post_quantum else X25519)
    text = f"# public key: {identity.recipient.text}\n{identity.text}\n"
    try:
        fd = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(fd)
    except OSError as error:
        raise ConfigError(_("{path} cannot be written: {error}").format(path=output, error=error.strerror)) from error
    click.echo(identity.recipient.text)

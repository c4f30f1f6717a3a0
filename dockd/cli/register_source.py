"""Where the commands have the register from: the running daemon, or, when none runs, its file; never both."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click

from dockd.errors import AlreadyRunning, CommandDenied, ControlError, RegisterError, RegisterTampered
from dockd.i18n import _
from dockd.ops import pages
from dockd.ops.control_client import ControlClient
from dockd.ops.rights import TAKES_OUT
from dockd.register.body import Row
from dockd.register.bundle import Bundle, Growth
from dockd.register.note import Checkpoint, Verifier
from dockd.register.reading import LISTED, UNASSIGNED, Filter
from dockd.register.schema import StoredCheckpoint
from dockd.register.verify import Reader, open_readonly
from dockd.settings.models import Settings


@dataclass(frozen=True, slots=True)
class Source:
    """Rows and checkpoints come in their order; the others raise RegisterError. A running daemon signs for them first.

    `prove_growth` takes the note of the old checkpoint. `verifier` gives the key that lies beside the register.
    """

    rows: Iterator[Row]
    checkpoints: Iterator[StoredCheckpoint]
    checkpoint: Callable[[], str]
    prove_entry: Callable[[int], Bundle]
    prove_recording: Callable[[str], Bundle]
    prove_growth: Callable[[str], Growth]
    verifier: Callable[[], Verifier]


@dataclass(frozen=True, slots=True)
class Command:
    """What is asked of a running daemon, and entered there: see `dockd.ops.rights`."""

    name: str
    reason: str
    about: Mapping[str, str] = field(default_factory=dict)
    recipients: tuple[str, ...] = ()


@contextmanager
def source(
    settings: Settings, command: Command | None = None, *, after: int = -1, sign: bool = False
) -> Iterator[Source]:
    """Ask the daemon if one runs, else read the file; never the file of a running daemon.

    `command` is entered by a running daemon, and without one nothing is read but checkpoints and growth. `sign`: it
    signs a checkpoint over everything first. Raises CommandDenied.

    Checkpoints are read before the rows: one signed in between would speak of rows not yet read.
    """
    site = settings.site
    try:
        client = ControlClient(site.control_path)
    except CommandDenied:
        raise
    except ControlError as unreachable:
        try:
            with open_readonly(site.register_path) as reader:
                about = command.about if command else {}
                some = reader.unassigned(LISTED)[1] if UNASSIGNED in about else ()
                yield _from_file(reader, settings, after, Filter.of(about, some))
        except AlreadyRunning:
            raise unreachable from None
    else:
        try:
            if command is not None:
                _begin(client, command)
            if sign:
                client.ask(pages.CHECKPOINT)
            yield _from_daemon(client, after)
        finally:
            client.close()


def ask(settings: Settings, question: str, **arguments: str | int) -> dict[str, Any]:
    """Ask the daemon, which has to run, one question. Raises ControlError, CommandDenied."""
    client = ControlClient(settings.site.control_path)
    try:
        return client.ask(question, **arguments)
    finally:
        client.close()


def _begin(client: ControlClient, command: Command) -> None:
    if not command.reason:
        raise click.UsageError(_("dockd runs, and enters who gives this command and why: say --reason."))
    if command.name in TAKES_OUT and not command.recipients:
        raise click.UsageError(_("dockd runs, and enters for whom this is: say --to."))
    pages.begin(client, command.name, command.reason, command.about, command.recipients)


def read_verifier(path: Path) -> Verifier:
    """Read a dock's verifier key from a file. Raises RegisterError."""
    try:
        return Verifier.parse(path.read_text("ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise RegisterError(_("the verifier key cannot be read: {error}").format(error=error)) from error


def checkpoint_of(key: Verifier, note: str) -> Checkpoint:
    """Open a checkpoint that was kept outside the dock. Raises RegisterTampered if it is not of this dock."""
    return Checkpoint.parse(key.open_note(note))


def _from_file(reader: Reader, settings: Settings, after: int, those: Filter) -> Source:
    checkpoints = list(reader.checkpoints())
    verifier = partial(read_verifier, settings.site.verifier_path)

    def newest() -> str:
        if not checkpoints:
            raise RegisterTampered(_("the register has no checkpoint"))
        note = checkpoints[-1].note.decode("utf-8", "replace")
        verifier().open_note(note)
        return note

    return Source(
        rows=(row for row in reader.rows() if row.seq > after and those.takes(row)),
        checkpoints=iter(checkpoints),
        checkpoint=newest,
        prove_entry=lambda seq: reader.prove_entry(seq, verifier()),
        prove_recording=lambda recording_id: reader.prove_recording(recording_id, verifier()),
        prove_growth=lambda note: reader.prove_growth(checkpoint_of(verifier(), note), verifier()),
        verifier=verifier,
    )


def _from_daemon(client: ControlClient, after: int) -> Source:
    def asked(question: str, **arguments: int | str) -> dict[str, Any]:
        return client.ask(question, **arguments)

    checkpoints = list(pages.ask_checkpoints(client))
    return Source(
        rows=pages.ask_rows(client, after),
        checkpoints=iter(checkpoints),
        checkpoint=lambda: str(asked(pages.CHECKPOINT)["note"]),
        prove_entry=lambda seq: asked(pages.PROVE_ENTRY, seq=seq),
        prove_recording=lambda recording_id: asked(pages.PROVE_RECORDING, recording_id=recording_id),
        prove_growth=lambda note: asked(pages.PROVE_GROWTH, note=note),
        verifier=lambda: Verifier.parse(asked(pages.CHECKPOINT)["verifier_key"]),
    )

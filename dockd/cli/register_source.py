"""Where the commands have the register from: the running daemon, or, when none runs, its file; never both."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockd.errors import AlreadyRunning, ControlError, RegisterError, RegisterTampered
from dockd.i18n import _
from dockd.ops import pages
from dockd.ops.control import ControlClient
from dockd.register.bundle import Bundle, Growth
from dockd.register.entry import Row
from dockd.register.note import Checkpoint, Verifier
from dockd.register.schema import StoredCheckpoint
from dockd.register.verify import Reader, open_readonly
from dockd.settings import Settings


@dataclass(frozen=True, slots=True)
class Source:
    """Rows and checkpoints come in their order; the others raise RegisterError. A running daemon signs for them first.

    `prove_growth` takes the note of the old checkpoint.
    """

    rows: Iterator[Row]
    checkpoints: Iterator[StoredCheckpoint]
    checkpoint: Callable[[], str]
    prove_entry: Callable[[int], Bundle]
    prove_recording: Callable[[str], Bundle]
    prove_growth: Callable[[str], Growth]


@contextmanager
def source(settings: Settings, after: int = -1, *, sign: bool = False) -> Iterator[Source]:
    """Ask the daemon if one runs, else read the file; never the file of a running daemon.

    `sign`: a running daemon signs a checkpoint over everything first.

    Checkpoints are read before the rows: one signed in between would speak of rows not yet read.
    """
    site = settings.site
    try:
        client = ControlClient(site.control_path)
    except ControlError as unreachable:
        try:
            with open_readonly(site.register_path) as reader:
                yield _from_file(reader, settings, after)
        except AlreadyRunning:
            raise unreachable from None
    else:
        try:
            if sign:
                client.ask(pages.CHECKPOINT)
            yield _from_daemon(client, after)
        finally:
            client.close()


def verifier(settings: Settings, path: Path | None = None) -> Verifier:
    """Read the dock's verifier key: from a file that was kept outside the dock, else from beside the register."""
    try:
        return Verifier.parse((path or settings.site.verifier_path).read_text("ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise RegisterError(_("the verifier key cannot be read: {error}").format(error=error)) from error


def checkpoint_of(key: Verifier, note: str) -> Checkpoint:
    """Open a checkpoint that was kept outside the dock. Raises RegisterTampered if it is not of this dock."""
    return Checkpoint.parse(key.open_note(note))


def _from_file(reader: Reader, settings: Settings, after: int) -> Source:
    checkpoints = list(reader.checkpoints())

    def newest() -> str:
        if not checkpoints:
            raise RegisterTampered(_("the register has no checkpoint"))
        note = checkpoints[-1].note.decode("utf-8", "replace")
        verifier(settings).open_note(note)
        return note

    return Source(
        rows=(row for row in reader.rows() if row.seq > after),
        checkpoints=iter(checkpoints),
        checkpoint=newest,
        prove_entry=lambda seq: reader.prove_entry(seq, verifier(settings)),
        prove_recording=lambda recording_id: reader.prove_recording(recording_id, verifier(settings)),
        prove_growth=lambda note: reader.prove_growth(checkpoint_of(verifier(settings), note), verifier(settings)),
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
    )

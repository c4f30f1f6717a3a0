"""`dockd demo`: show the main job on a temporary site and have an outsider check it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column, Table
from rich.text import Text

from dockd.demo.outsider import Finding, check
from dockd.demo.play import Bays, play
from dockd.demo.site import HOME_PARTITION, Site, build
from dockd.demo.technician import Row, explain
from dockd.errors import ConfigError, ExitCode
from dockd.i18n import _

_CHECKOUT_MEDIA = Path(__file__).parents[2] / "tests" / "media"
_STYLES = {"green": "green", "red": "bold red", "busy": "yellow"}


@click.command(
    "demo",
    help=_(
        "Take in three cameras on a temporary site with a real daemon: a good one, one with a truncated recording and a"
        " stray file, and one that is pulled out in mid-transfer and comes back; refuse one that is not ours. Then say"
        " what each shows, and check the result as an outsider would. Needs no root, no hardware and no network."
    ),
)
@click.option(
    "--media",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help=_("Folder with at least three MP4 files. Default: those of the checkout."),
)
@click.option("--keep", type=click.Path(path_type=Path), help=_("Make the site in this new folder and leave it there."))
def demo(media: Path | None, keep: Path | None) -> None:
    console = Console()
    if media is None and not _CHECKOUT_MEDIA.is_dir():
        raise click.UsageError(_("this is not a checkout: name a folder with MP4 files by --media"))
    with _folder(keep) as path:
        site = build(path, media or _CHECKOUT_MEDIA)
        console.print(
            _("A site with two partitions is set up; the CSU's private keys stay outside the daemon's reach.")
        )
        with _lights(console) as lights:
            played = play(site, lights)
        entries = site.entries()
        console.print(_explained(explain(played, entries)))
        findings = check(site, played, entries)
        console.print(_answered(findings))
        if keep is not None:
            _hint(console, site)
    if not all(finding.holds for finding in findings):
        raise click.exceptions.Exit(ExitCode.FAILED_CHECK)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="dockd-demo-") as name:
            yield Path(name).resolve()
        return
    try:
        keep.mkdir(parents=True)
    except FileExistsError:
        raise ConfigError(_("{path} exists already; --keep needs a new folder").format(path=keep)) from None
    yield keep.resolve()


class _Lights:
    """One line for each bay: its light, what is being done, how far it is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def show(self, bays: Bays) -> None:
        for camera, bay in bays.items():
            if camera not in self._tasks:
                self._tasks[camera] = self._progress.add_task(bay["bay"], light="", what="")
            self._show_bay(self._tasks[camera], bay)
        for camera in self._tasks.keys() - bays.keys():
            self._progress.update(self._tasks[camera], completed=0, light="", what=_("empty"))

    def say(self, sentence: str) -> None:
        self._progress.console.print(Text(sentence))

    def _show_bay(self, task: TaskID, bay: dict[str, Any]) -> None:
        done, total = (1, 1) if bay["light"] != "busy" else (bay["done"], bay["size"] or 1)
        self._progress.update(task, completed=done, total=total, light=_light(bay["light"]), what=_what(bay))


def _light(light: str) -> str:
    return f"[{_STYLES[light]}]{light}[/]"


def _what(bay: dict[str, Any]) -> str:
    if bay["reason"]:
        return str(bay["reason"])
    return f"{bay['step']} {bay['path']} {bay['position']}/{bay['count']}" if bay["path"] else str(bay["step"])


@contextmanager
def _lights(console: Console) -> Iterator[_Lights]:
    columns = (
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[light]}"),
        BarColumn(20),
        TextColumn("{task.fields[what]}", markup=False),
    )
    with Progress(*columns, console=console) as progress:
        yield _Lights(progress)


def _columns(*titles: str) -> list[Column]:
    return [Column(title, overflow="fold") for title in titles]


def _explained(rows: list[Row]) -> Table:
    table = Table(*_columns(_("camera"), _("light"), _("what dockd did"), _("what you do")), show_lines=True)
    for row in rows:
        light = Text.assemble((row.light, _STYLES[row.light]), f"\n{row.shows}")
        table.add_row(Text(row.camera), light, Text(row.did), Text(row.to_do))
    return table


def _answered(findings: list[Finding]) -> Table:
    table = Table(*_columns(_("An outsider asks"), _("answer"), _("because")))
    for finding in findings:
        answer = Text(_("yes"), "green") if finding.holds else Text(_("NO"), "bold red")
        table.add_row(Text(finding.question), answer, Text(finding.because))
    return table


def _hint(console: Console, site: Site) -> None:
    """Say how to ask the same questions with somebody else's programs."""
    console.print(_("The site is kept in {path}. To check it with other programs:").format(path=site.path))
    for line in (
        f"dockd register show --json --config {site.config}",
        f"dockd register verify --config {site.config}",
        f"age -d -i {site.key_file(HOME_PARTITION)} {site.store(HOME_PARTITION)}/OBJECT_PATH | sha256sum",
    ):
        console.print(Text(f"  {line}"), soft_wrap=True)

"""The pages say what the code is: every event, code, command, exit code and field is there, and nothing else."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import click
import pytest

from dockd import admit, catalogue, cli, errors
from dockd.custody.camera_check import Code
from dockd.detect.usb_policy import UsbFault
from dockd.driver import MAX_FILES, places
from dockd.driver.directory import MAX_DEPTH
from dockd.errors import ExitCode
from dockd.events import FIELDS, Event
from dockd.ops.status import Light
from dockd.settings.fleet import Check
from dockd.store.sidecar import Sidecar
from drivers import folder
from drivers.gat947 import IDENTITIES, MAX_PASSWORD
from drivers.gat947.info import INFO_BYTES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def rows(page: str, heading: str) -> list[list[str]]:
    """Give the cells of the table that holds a heading cell, without its head."""
    lines = (ROOT / "docs" / page).read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    table = [line for line in lines[start + 2 :] if line.startswith("|") or not line]
    end = table.index("") if "" in table else len(table)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[:end]]


def names(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def subclasses(kind: type) -> set[type]:
    return {kind}.union(*(subclasses(each) for each in kind.__subclasses__() if each.__module__ == kind.__module__))


def spelled(cell: str) -> str:
    """Give the words of a command without its options and arguments."""
    return " ".join(word for word in cell.split() if re.fullmatch(r"[a-z][a-z-]*", word))


def commands(group: click.Group, context: click.Context, prefix: str = "dockd") -> set[str]:
    found = set()
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = commands(command, context, f"{prefix} {name}") if isinstance(command, click.Group) else None
        found |= inner or {f"{prefix} {name}"}
    return found


def test_every_event_is_documented_with_exactly_its_fields():
    documented = {cells[0].strip("`"): names(cells[2]) for cells in rows("logging.md", "event")}
    assert documented == {event.value: set(FIELDS[event]) for event in Event}


def test_every_error_code_is_documented():
    documented = {cells[0].strip("`") for cells in rows("logging.md", "code")}
    assert documented == {kind.code for kind in subclasses(errors.DockdError)}


def test_every_exit_code_is_documented():
    documented = {(int(cells[0]), cells[1].strip("`")) for cells in rows("commands.md", "code")}
    assert documented == {(code.value, code.name) for code in ExitCode}


def test_every_light_is_documented():
    assert {cells[0].strip("`") for cells in rows("commands.md", "light")} == {light.value for light in Light}


def test_every_command_is_documented_with_its_options():
    context = click.Context(cli.dockd)
    cells = [cells[0].strip("`") for cells in rows("commands.md", "command")]
    documented = {spelled(cell) for cell in cells}
    assert documented == commands(cli.dockd, context)
    for cell in cells:
        command = cli.dockd
        for word in spelled(cell).split()[1:]:
            command = command.get_command(context, word)
        long = {max(parameter.opts, key=len) for parameter in command.params if isinstance(parameter, click.Option)}
        assert {option for option in long if option not in ("--config", "--output")} <= set(
            re.findall(r"--[a-z-]+", cell)
        ), cell


def test_every_field_of_a_sidecar_is_documented():
    assert [cells[0].strip("`") for cells in rows("store.md", "field")] == [field.name for field in fields(Sidecar)]


def test_every_make_target_in_the_readme_exists():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^ +)make ([\w-]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_every_file_that_a_page_names_exists(page):
    text = page.read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []
    named = re.findall(r"`((?:dockd/|drivers/|tests/|config/|docs/|[a-z]+/)[\w./-]+\.(?:py|md|yaml))`", text)
    missing = [name for name in named if not (ROOT / name).exists() and not (ROOT / "dockd" / name).exists()]
    assert missing == []


def test_every_reason_of_refusal_is_documented():
    codes = {value for name, value in vars(admit).items() if name.isupper() and isinstance(value, str)} | {*UsbFault}
    assert {cells[0].strip("`") for cells in rows("logging.md", "refusal")} == codes


def test_every_option_of_every_driver_is_documented():
    documented: dict[str, set[str]] = {}
    for driver, option, *_rest in rows("drivers.md", "driver"):
        documented.setdefault(driver.strip("`"), set()).add(option.strip("`"))
    drivers = {name: catalogue.load(name, driver.reference) for name, driver in catalogue.installed().items()}
    assert documented == {name: set(driver.option_names) for name, driver in drivers.items() if driver.option_names}


def test_the_defaults_of_the_drivers_are_documented():
    defaults = {
        (cells[0].strip("`"), cells[1].strip("`")): cells[2].strip("`") for cells in rows("drivers.md", "driver")
    }
    assert defaults == {
        ("folder", "identity_file"): folder.IDENTITY_FILE,
        ("mass-storage", "extensions"): places.DEFAULT_EXTENSIONS,
        ("mtp", "extensions"): places.DEFAULT_EXTENSIONS,
        ("mtp", "sidecar_extensions"): places.DEFAULT_SIDECAR_EXTENSIONS,
        ("mass-storage", "sidecar_extensions"): places.DEFAULT_SIDECAR_EXTENSIONS,
        ("mass-storage", "identity_file"): "none",
        ("mtp", "identity"): "bus",
        ("gat947", "library"): "none",
        ("gat947", "info_bytes"): INFO_BYTES[0],
        ("gat947", "identity"): IDENTITIES[0],
        ("gat947", "id_code"): "none",
    }
    page = (ROOT / "docs" / "drivers.md").read_text()
    assert f"at most {MAX_PASSWORD} characters" in page
    assert f"more than {MAX_FILES:,} files" in page and f"deeper than {MAX_DEPTH}" in page
    assert f"{places.NEARLY_4_GIB // 2**20} MiB" in page


def test_every_finding_of_the_camera_check_is_documented_with_the_key_that_asks_for_it():
    documented = {cells[0].strip("`"): cells[1].strip("`") for cells in rows("camera-check.md", "finding")}
    assert set(documented) == set(get_args(Code))
    assert set(documented.values()) | {"segment_seconds"} == set(Check.model_fields)

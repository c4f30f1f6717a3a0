"""Who may import whom: the house of docs/architecture.md, read from the imports of every file.

A unit is a file or folder directly under dockd/ or drivers/. The table holds for units; inside a unit, and across
all of them, only cycles are forbidden.
"""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, sources, write

WORDS = {"errors", "model", "events", "clock", "i18n", "driver", "volume", "descriptor", "clock_state"}
TOOLS = {"detect", "bus", "seal", "mp4", "store", "register"}
WORK = {"ops", "docking", "custody", "admit", "catalogue"}

MAY_IMPORT: dict[str, set[str]] = {
    **dict.fromkeys(WORDS, WORDS),
    **dict.fromkeys(TOOLS, WORDS),
    # It asks whether a recipient and a verifier key can be read, and a driver is installed.
    "settings": WORDS | {"seal", "register", "catalogue"},
    **dict.fromkeys(("ops", "admit", "catalogue"), WORDS | TOOLS),
    "custody": WORDS | TOOLS | {"ops", "docking"},
    "docking": WORDS | {"seal", "mp4", "store", "register"},
    "health": WORDS | TOOLS | WORK,
    "attend": WORDS | TOOLS | WORK | {"health"},
    "usb_access": WORDS | TOOLS,
    "unlock_tries": WORDS | TOOLS,
    "unlock": WORDS | TOOLS | WORK | {"unlock_tries"},
    "usb_unlock": WORDS | TOOLS | WORK | {"unlock", "usb_access"},
    "usb_dock": WORDS | TOOLS | WORK | {"unlock", "usb_access", "usb_unlock"},
    "daemon": WORDS | TOOLS | WORK | {"settings", "attend", "unlock", "unlock_tries", "usb_dock", "usb_unlock"},
    "founding": WORDS | TOOLS | WORK | {"settings"},
    "demo": WORDS | TOOLS | WORK | {"settings", "daemon"},
    "cli": WORDS | TOOLS | WORK | {"settings", "daemon", "founding", "demo"},
    "__main__": {"cli"},
    # For whoever writes a driver; dockd itself never imports it.
    "testing": WORDS,
    "driver_look": WORDS | {"catalogue"},
    "worker_process": WORDS | {"docking", "ops", "catalogue"},
}
DRIVERS_MAY_IMPORT = {"driver", "errors", "model", "i18n"}

ONE_DOOR = {
    "usb": ("dockd.driver.usb",),
    "pyudev": ("dockd.detect.udev",),
    "watchdog": ("dockd.detect.folders",),
    "yaml": ("dockd.settings",),
    "cryptography": ("dockd.seal", "dockd.register.note"),
    "sqlalchemy": ("dockd.register",),
    "click": ("dockd.cli", "dockd.demo"),
    "rich": ("dockd.cli", "dockd.demo"),
    "pytest": ("dockd.testing",),
}

DRIVER_AS_TEXT = re.compile(r"(?<![\w./ ])drivers[.:](\w|$)")


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def unit(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def imports(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Yield what a file imports, wherever the import stands; `from a import b` is `a.b` if that is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "." * node.level
        elif isinstance(node, ast.ImportFrom):
            full = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in known else str(node.module) for name in full)


def forbidden(module: str, target: str) -> str | None:
    """Say why `module` may not import `target`, if it may not."""
    here, there = unit(module), unit(target)
    if target.startswith("."):
        return "relative import"
    if within(module, "drivers"):
        if within(target, "dockd") and there not in DRIVERS_MAY_IMPORT:
            return "a driver knows the contract and the words only"
        return "drivers do not know each other" if within(target, "drivers") and there not in ("", here) else None
    if within(target, "drivers"):
        return "the core knows no driver"
    if within(target, "dockd"):
        return "direction" if there not in ("", here) and there not in MAY_IMPORT.get(here, set()) else None
    doors = ONE_DOOR.get(target.partition(".")[0], (module,))
    return None if any(within(module, door) for door in doors) else f"one door per library: {', '.join(doors)}"


def tricks(tree: ast.Module) -> Iterator[str]:
    """Yield the ways round the rules above."""
    for node in ast.walk(tree):
        name = getattr(node, "id", getattr(node, "attr", getattr(node, "name", None)))
        if name == "TYPE_CHECKING":
            yield "TYPE_CHECKING"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and DRIVER_AS_TEXT.search(node.value):
            yield f"a driver named in a string: {node.value!r}"


def cycle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return ["cycle: " + " -> ".join(reversed(error.args[1]))]
    return []


def violations(root: Path) -> list[str]:
    """Check every file under `root`; one line for each thing that is wrong."""
    trees = {source.module: source.tree for source in sources(root, "dockd", "drivers")}
    graph = {module: set(imports(tree, set(trees))) for module, tree in trees.items()}
    found = [
        f"{module} imports {target}: {why}"
        for module, targets in graph.items()
        for target in sorted(targets)
        if (why := forbidden(module, target))
    ]
    core = {module: tree for module, tree in trees.items() if within(module, "dockd")}
    found += [f"{module}: no place in MAY_IMPORT" for module in core if unit(module) not in {"", *MAY_IMPORT}]
    found += [f"{module}: {trick}" for module, tree in core.items() for trick in tricks(tree)]
    return found + cycle({module: targets & set(trees) - {module} for module, targets in graph.items()})


def test_the_directions_hold():
    assert sources(ROOT, "dockd", "drivers"), "nothing was checked"
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("dockd/seal/header.py", "from dockd.store import objects", "direction"),
        ("dockd/store/space.py", "def f():\n    import dockd.docking.story", "direction"),
        ("dockd/docking/story.py", "import dockd.settings", "direction"),
        ("dockd/docking/story.py", "from dockd.ops import notify", "direction"),
        ("dockd/model.py", "from dockd.register import entry", "direction"),
        ("dockd/daemon.py", "from dockd.cli import main", "direction"),
        ("dockd/__init__.py", "from dockd import daemon", "direction"),
        ("dockd/misc.py", "", "no place"),
        ("dockd/catalogue.py", "from drivers import folder", "no driver"),
        ("dockd/catalogue.py", "name = 'drivers.folder:FolderDriver'", "in a string"),
        ("dockd/catalogue.py", "name = f'drivers.{kind}'", "in a string"),
        ("dockd/store/space.py", "from . import objects", "relative"),
        ("dockd/store/space.py", "from typing import TYPE_CHECKING", "TYPE_CHECKING"),
        ("dockd/store/space.py", "import typing\nif typing.TYPE_CHECKING: pass", "TYPE_CHECKING"),
        ("dockd/store/objects.py", "import dockd.store.space", "cycle"),
        ("dockd/store/space.py", "import yaml", "one door"),
        ("dockd/register/journal.py", "from cryptography.hazmat.primitives import hashes", "one door"),
        ("dockd/docking/story.py", "from sqlalchemy import Table", "one door"),
        ("drivers/mtp.py", "import dockd.clock", "words only"),
        ("drivers/mtp.py", "import dockd", "words only"),
        ("drivers/mtp.py", "from drivers.folder import FolderDriver", "each other"),
    ],
)
def test_each_forbidden_import_is_found(tmp_path, path, source, complaint):
    house = {
        "dockd/store/space.py": "from dockd.store import objects",
        "dockd/store/objects.py": "from dockd.model import Stored",
        "dockd/model.py": "import hashlib",
        "dockd/catalogue.py": "GROUP = 'dockd.drivers'  # lists the installed drivers.",
        "dockd/cli/__init__.py": "import click\nfrom dockd import daemon",
        "dockd/daemon.py": "import dockd.settings",
        "dockd/settings.py": "import yaml",
        "drivers/folder.py": "from dockd.driver import Driver",
    }
    write(tmp_path, house)
    assert violations(tmp_path) == []
    write(tmp_path, {path: source})
    assert any(complaint in line for line in violations(tmp_path)), violations(tmp_path)

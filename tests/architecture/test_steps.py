"""A step is made only by the module that takes it, so that no shorter way to `Cleared` can be written."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, Source, sources, write

# Step of dockd/model.py: the files that may call its constructor. Nobody else in dockd/ or drivers/ may.
MADE_IN = {
    "Arrival": ("dockd/detect/*.py",),
    "Refused": ("dockd/admit.py",),
    "Admitted": ("dockd/admit.py",),
    "Listed": ("dockd/docking/*.py",),
    # store/recovery.py: from a sidecar that this dock signed after the proof.
    "Sealed": ("dockd/docking/sealing.py", "dockd/docking/messages.py", "dockd/store/recovery.py"),
    "Proven": ("dockd/docking/prove.py", "dockd/docking/messages.py", "dockd/store/recovery.py"),
    "Stored": ("dockd/store/*.py",),
    "Registered": ("dockd/docking/registry.py", "dockd/docking/release.py"),
    "Salvaged": ("dockd/docking/registry.py",),
    "Cleared": ("dockd/docking/*.py",),
}


def step_names(tree: ast.Module) -> dict[str, str]:
    """Map the expressions that mean a step in this file to the step; other modules may use the same words."""
    names = {f"dockd.model.{step}": step for step in MADE_IN}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "dockd.model":
            names |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name in MADE_IN}
        elif isinstance(node, ast.ImportFrom) and node.module == "dockd":
            models = (alias.asname or alias.name for alias in node.names if alias.name == "model")
            names |= {f"{model}.{step}": step for model in models for step in MADE_IN}
        elif isinstance(node, ast.Import):
            models = (alias.asname for alias in node.names if alias.name == "dockd.model" and alias.asname)
            names |= {f"{model}.{step}": step for model in models for step in MADE_IN}
    return names


def makings(source: Source) -> Iterator[tuple[str, int]]:
    """Yield each step that a file makes: a call of its class, or a step handed to a call that could make it.

    `isinstance` and `issubclass` only look. `dataclasses.replace` is not found: that takes types, not syntax.
    """
    names = step_names(source.tree)
    for call in (node for node in ast.walk(source.tree) if isinstance(node, ast.Call)):
        called = ast.unparse(call.func)
        if called in names:
            yield names[called], call.lineno
        elif called not in ("isinstance", "issubclass"):
            yield from ((names[text], call.lineno) for arg in call.args if (text := ast.unparse(arg)) in names)


def violations(root: Path) -> list[str]:
    return [
        f"{source.path}:{line} makes {step}, which only {' and '.join(MADE_IN[step])} may"
        for source in sources(root, "dockd", "drivers")
        for step, line in makings(source)
        if not any(fnmatch(source.path, pattern) for pattern in MADE_IN[step])
    ]


def test_every_step_is_a_class_of_the_model():
    model = next(source for source in sources(ROOT, "dockd") if source.module == "dockd.model")
    assert set(MADE_IN) <= {node.name for node in model.tree.body if isinstance(node, ast.ClassDef)}


def test_steps_are_made_only_where_they_are_taken():
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    "source",
    [
        "from dockd.model import Registered\nRegistered(1, 2, 3, 4)",
        "from dockd.model import Registered as R\ndef f(): return R(1, 2, 3, 4)",
        "from dockd import model\nmodel.Registered(1, 2, 3, 4)",
        "import dockd.model\ndockd.model.Registered(1, 2, 3, 4)",
        "import dockd.model as m\nm.Registered(1, 2, 3, 4)",
        "from dockd.model import Registered\nlist(map(Registered, rows))",
    ],
)
def test_a_step_made_elsewhere_is_found(tmp_path, source):
    looking = "from dockd.model import Registered\nfrom dockd.docking.messages import Cleared\n"
    looking += "def f(x: Registered) -> bool: return isinstance(x, Registered) and Cleared(x) == x"
    write(tmp_path, {"dockd/docking/registry.py": source, "dockd/ops/status.py": looking})
    assert violations(tmp_path) == []
    write(tmp_path, {"drivers/mtp.py": source})
    assert [line.partition(":")[0] for line in violations(tmp_path)] == ["drivers/mtp.py"]

"""The Python files of a tree, parsed: what the architecture tests look at."""

import ast
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Source:
    """One file. `path` is relative to its tree, with slashes; `module` is its dotted name."""

    path: str
    text: str
    tree: ast.Module

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def sources(root: Path, *folders: str) -> list[Source]:
    """Parse every file of these folders."""
    paths = sorted(path for folder in folders for path in root.glob(f"{folder}/**/*.py"))
    texts = {path.relative_to(root).as_posix(): path.read_text() for path in paths}
    return [Source(path, text, ast.parse(text, path)) for path, text in texts.items()]


def write(root: Path, files: dict[str, str]) -> None:
    """Lay down files, for a tree that breaks a rule on purpose."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text + "\n")

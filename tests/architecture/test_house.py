"""The house rules that a linter does not know: names, lengths, swallowed errors, sentences, sleeps."""

import ast
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, Source, sources, write

FILE_LINES = 400
FUNCTION_LINES = 60
EMPTY_NAMES = ("util", "helper", "manager", "handler")
BUS_HELPER = "dockd.bus.helper"  # a kind of process, and a word of its own

# Calls whose first argument a person reads; the errors of dockd come on top.
SPOKEN = {"echo", "secho", "print", "confirm", "prompt", "add_column", "ClickException", "UsageError", "BadParameter"}
SPOKEN_KEYWORDS = {"help", "short_help", "epilog", "message", "advice"}

Rule = Callable[[Source], Iterator[str]]


def short_files(source: Source) -> Iterator[str]:
    if (lines := source.text.count("\n")) >= FILE_LINES:
        yield f"{lines} lines"


def short_functions(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines >= FUNCTION_LINES:
                yield f"{node.lineno} {node.name} has {lines} lines"


def telling_names(source: Source) -> Iterator[str]:
    name = source.module.rpartition(".")[2]
    if source.module != BUS_HELPER and any(empty in name for empty in EMPTY_NAMES):
        yield f"{name} says nothing"


def last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def named(node: ast.expr | None) -> set[str]:
    return {last_name(part) for part in ast.walk(node) if isinstance(part, ast.expr)} if node else set()


def no_swallowing(source: Source) -> Iterator[str]:
    """A broad `except` raises again, or at least looks at what it caught."""
    broad = {"Exception", "BaseException"}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or named(node.type) & broad):
            inside = [part for statement in node.body for part in ast.walk(statement)]
            looked_at = any(isinstance(part, ast.Name) and part.id == node.name for part in inside)
            if not looked_at and not any(isinstance(part, ast.Raise) for part in inside):
                yield f"{node.lineno} swallows everything"
        elif isinstance(node, ast.Call) and last_name(node.func) == "suppress" and named(node) & broad:
            yield f"{node.lineno} swallows everything"


def is_words(text: str) -> bool:
    """Tell a text for people from markup, separators and names: it has two letters outside `[markup]`."""
    plain = "".join(part.rpartition("]")[2] for part in text.split("["))
    return any(a.isalpha() and b.isalpha() for a, b in pairwise(plain))


def bare_words(node: ast.expr) -> bool:
    """Tell whether an expression puts words of its own before a person without `_()`."""
    match node:
        case ast.Constant(value=str(text)):
            return is_words(text)
        case ast.JoinedStr(values=parts):
            return any(bare_words(part) for part in parts)
        case ast.BinOp(left=left, right=right):
            return bare_words(left) or bare_words(right)
        case ast.IfExp(body=left, orelse=right):
            return bare_words(left) or bare_words(right)
        case ast.Call(func=ast.Attribute(value=text, attr="format")):
            return bare_words(text)
    return False


def spoken(call: ast.Call, errors: set[str]) -> list[ast.expr]:
    """Return the arguments of a call that a person will read."""
    name = last_name(call.func)
    of_click = name in {"command", "group", "option", "argument", "version_option"}
    if name not in SPOKEN | errors and not of_click:
        return []
    keywords = [keyword.value for keyword in call.keywords if keyword.arg in SPOKEN_KEYWORDS]
    return keywords if of_click else [*call.args[:1], *keywords]


def translated(errors: set[str]) -> Rule:
    def rule(source: Source) -> Iterator[str]:
        if source.module.startswith("dockd.testing"):
            return  # read by those who write drivers, in the failures of their tests
        for call in (node for node in ast.walk(source.tree) if isinstance(node, ast.Call)):
            yield from (f"{call.lineno} untranslated" for said in spoken(call, errors) if bare_words(said))

    return rule


def commands_with_help(source: Source) -> Iterator[str]:
    """Without `help=`, click shows the docstring of a command, which nobody translates."""
    for function in (node for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef)):
        for call in (node for node in function.decorator_list if isinstance(node, ast.Call)):
            given = {keyword.arg for keyword in call.keywords}
            if last_name(call.func) in {"command", "group"} and not given & {"help", "hidden"}:
                yield f"{function.lineno} {function.name} shows its docstring as help: untranslated"


def awake(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and last_name(node.func) == "sleep":
            yield f"{node.lineno} sleeps"


def dockd_errors(trees: list[Source]) -> set[str]:
    """Collect every class that descends from DockdError, whatever file it is in."""
    classes = [node for source in trees for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)]
    found: set[str] = set()
    while more := {
        node.name
        for node in classes
        if node.name not in found and (node.name == "DockdError" or {last_name(base) for base in node.bases} & found)
    }:
        found |= more
    return found


def violations(root: Path) -> list[str]:
    """Check every file under `root`; one line for each thing that is wrong."""
    code, tests = sources(root, "dockd", "drivers"), sources(root, "tests")
    sentences = (translated(dockd_errors(code)), commands_with_help)
    code_rules = (short_files, short_functions, telling_names, no_swallowing, *sentences)
    found = [(source.path, line) for source in code for rule in code_rules for line in rule(source)]
    found += [(source.path, line) for source in tests for rule in (telling_names, awake) for line in rule(source)]
    return [f"{path}: {line}" for path, line in found]


def test_the_house_rules_hold():
    assert violations(ROOT) == []


SWALLOW = "try:\n    f()\nexcept {}:\n    {}"
ERRORS = "from dockd.errors import CameraGone\nfrom dockd.i18n import _\n"


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("dockd/store/long.py", "\n" * FILE_LINES, "lines"),
        ("dockd/store/space.py", "def f():\n" + "    g()\n" * FUNCTION_LINES, "f has"),
        ("dockd/store/disk_utils.py", "", "says nothing"),
        ("tests/helpers.py", "", "says nothing"),
        ("dockd/daemon.py", SWALLOW.format("Exception", "pass"), "swallows"),
        ("dockd/daemon.py", SWALLOW.format("(OSError, BaseException) as e", "return"), "swallows"),
        ("dockd/daemon.py", SWALLOW.format("", "log()").replace(" :", ":"), "swallows"),
        ("dockd/daemon.py", "with contextlib.suppress(Exception):\n    f()", "swallows"),
        ("drivers/mtp.py", ERRORS + "raise CameraGone('it went away')", "untranslated"),
        ("drivers/mtp.py", ERRORS + "raise CameraGone(f'{x} went away')", "untranslated"),
        ("drivers/mtp.py", ERRORS + "raise CameraGone('{x} went'.format(x=1))", "untranslated"),
        ("drivers/mtp.py", ERRORS + "raise CameraGone(_('gone'), advice='plug it in')", "untranslated"),
        ("dockd/cli/run.py", "@click.option('--x', help='the x')\ndef f(x): ...", "untranslated"),
        ("dockd/cli/run.py", "@click.command()\ndef f():\n    'Run it.'", "untranslated"),
        ("dockd/cli/run.py", "click.echo('all' + ' good')", "untranslated"),
        ("dockd/cli/run.py", "console.print('[bold]all good[/bold]')", "untranslated"),
        ("tests/test_daemon.py", "time.sleep(1)", "sleeps"),
    ],
)
def test_each_broken_rule_is_found(tmp_path, path, text, complaint):
    sound = {
        "dockd/errors.py": "class DockdError(Exception): ...\nclass CameraGone(DockdError): ...",
        "dockd/ladder.py": SWALLOW.format("Exception as e", "log(e)"),
        "dockd/story.py": SWALLOW.format("BaseException", "raise"),
        "drivers/folder.py": ERRORS + "raise CameraGone(_('{x} went').format(x='name') + '; ', advice=_('plug it in'))",
        "dockd/cli/status.py": "@click.command(help=_('Say how it goes.'))\ndef f():\n    echo(f'[red]{x}[/red]')",
    }
    write(tmp_path, sound)
    assert violations(tmp_path) == []
    write(tmp_path, {path: text})
    assert any(complaint in line for line in violations(tmp_path)), violations(tmp_path)


def test_no_wait_can_lose_a_cancellation():
    """Before Python 3.12 `asyncio.wait_for` can: a daemon told to stop then ran on for ever."""
    calls = [node for source in sources(ROOT, "dockd") for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    assert calls
    assert [call.lineno for call in calls if ast.unparse(call.func) == "asyncio.wait_for"] == []

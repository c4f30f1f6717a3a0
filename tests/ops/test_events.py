"""Every event that dockd logs is a documented one with documented fields, and every documented one is logged."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockd.events import FIELDS, Event

ROOT = Path(__file__).parents[2] / "dockd"
BOUND = {"bay", "camera", "partition"}


def event_of(node: ast.expr | None) -> Event | None:
    match node:
        case ast.Attribute(value=ast.Name(id="Event"), attr=name):
            return Event[name]
    return None


def logged(text: str) -> Iterator[tuple[int, Event, set[str]]]:
    """Yield each call whose first argument is an event, with the fields it passes.

    structlog itself writes `exception`, when it is told to by `exc_info` or by the name of the method.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and node.args and (event := event_of(node.args[0])):
            fields = {keyword.arg or "**" for keyword in node.keywords}
            yield node.lineno, event, fields - {"exc_info"} | ({"exception"} & FIELDS[event])


def violations(text: str) -> list[str]:
    found = []
    for line, event, fields in logged(text):
        found += [f"{line}: {event} has no field {name}" for name in sorted(fields - FIELDS[event])]
        missing = FIELDS[event] - fields - BOUND
        found += [f"{line}: {event} lacks {name}" for name in sorted(missing)]
    return found


SOURCES = {path: path.read_text() for path in sorted(ROOT.rglob("*.py"))}


def test_every_event_carries_exactly_its_documented_fields():
    found = [f"{path.relative_to(ROOT)}:{line}" for path, text in SOURCES.items() for line in violations(text)]
    assert found == []


def test_every_event_has_documented_fields_and_is_logged_somewhere():
    assert set(FIELDS) == set(Event)
    emitted = {event for text in SOURCES.values() for _line, event, _fields in logged(text)}
    assert set(Event) - emitted == set()


def test_nothing_is_logged_under_a_name_that_is_no_event():
    """`log.info("text")` would be such a one."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, text in SOURCES.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"debug", "info", "warning", "error", "critical", "exception"}
        and (node.args or node.keywords)
        and not (node.args and event_of(node.args[0]))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        ("log.info(Event.DOCK_RECOVERED, dock='a', more=1)", "has no field more"),
        ("log.info(Event.DOCK_RECOVERED)", "lacks dock"),
        ("log.info(Event.DOCK_RECOVERED, **fields)", "has no field **"),
    ],
)
def test_a_wrong_field_is_found(call, complaint):
    assert violations("log.info(Event.DOCK_RECOVERED, dock='a')") == []
    assert complaint in violations(call)[0]

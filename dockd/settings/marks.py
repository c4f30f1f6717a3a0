"""YAML with positions: the one place that knows YAML.

Works on libyaml's events rather than on loaded values: only events show duplicate keys, anchors and tags, and they let
a hostile depth be refused before it is followed. What is accepted is a plain subset of YAML 1.1 in which every file
means the same to all readers: mappings, lists, and scalars without tag, anchor or alias.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from yaml.resolver import Resolver

from dockd.i18n import _
from dockd.settings.document import MAX_PROBLEMS, TOP, Document, Unreadable, bytes_of, end_of, stop, text_of, too_many
from dockd.settings.problems import Code, Loc, Problem, Spot, dotted, shown

MAX_DEPTH = 8

_TAG = "tag:yaml.org,2002:"
# YAML 1.1 also reads 010 as eight and 1:30 as ninety; only what a technician would call a number is taken for one.
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?")
_BOOLEANS = {"yes": True, "no": False, "true": True, "false": False, "on": True, "off": False}


@dataclass(frozen=True, slots=True)
class Unquoted:
    """A scalar that YAML reads as something no key of ours takes: a date, an octal or sexagesimal number, a merge."""

    text: str


def read(path: Path) -> Document:
    """Read one file. Raises nothing: whatever is wrong, an unreadable file included, is in `problems`."""
    document = Document(str(path))
    try:
        data = bytes_of(path, document)
        document.sha256 = hashlib.sha256(data).hexdigest()
        document.value = _Composition(document).compose(text_of(data, document))
    except Unreadable:
        document.value = None
    return document


class _Composition:
    """Turns the events of one file into plain values, noting where each key and value stands."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._resolver = Resolver()

    def compose(self, text: str) -> dict[str, object]:
        events = yaml.parse(text, Loader=yaml.CSafeLoader)
        try:
            return self._top(events)
        except yaml.MarkedYAMLError as error:
            raise self._syntax(error, text) from error
        except yaml.reader.ReaderError as error:
            spot, wrong = end_of(text[: error.position]), _("holds a control character")
            raise stop(self._document, spot, "syntax", wrong, _("remove it, or type the line anew")) from error

    def _syntax(self, error: yaml.MarkedYAMLError, text: str) -> Unreadable:
        mark = error.problem_mark or error.context_mark
        spot = Spot(mark.line + 1, mark.column + 1) if mark else TOP
        wrong = _("is not valid YAML: {reason}").format(reason=error.problem or error.context)
        line = "".join(text.split("\n")[spot.line - 1 : spot.line])
        if "\t" in line[: len(line) - len(line.lstrip())]:
            return stop(self._document, spot, "tab", wrong, _("write spaces instead of the tab on this line"))
        remedy = _("check the indentation, colons, brackets and quotes here and on the line above")
        return stop(self._document, spot, "syntax", wrong, remedy)

    def _top(self, events: Iterator[yaml.Event]) -> dict[str, object]:
        next(events)  # the stream's start
        started = next(events)
        node = next(events) if isinstance(started, yaml.DocumentStartEvent) else None
        if node is None or (isinstance(node, yaml.ScalarEvent) and not node.value):
            wrong, remedy = _("is empty"), _("write the keys of docs/configuration.md")
            raise stop(self._document, TOP, "empty", wrong, remedy)
        if not isinstance(node, yaml.MappingStartEvent):
            wrong, remedy = _("does not hold keys at its top level"), _("write “key: value” lines")
            raise stop(self._document, _spot(node), "not_keys", wrong, remedy)
        self._refuse_decoration(node, ())
        value = self._mapping(events, (), _spot(node))
        next(events)  # the document's end
        if not isinstance(after := next(events), yaml.StreamEndEvent):
            wrong, remedy = _("holds a second document"), _("remove the line “---” and what follows it")
            raise stop(self._document, _spot(after), "second_document", wrong, remedy)
        return value

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], loc: Loc) -> object:
        if isinstance(event, yaml.AliasEvent):
            self._add(loc, event, "alias", _("uses an alias (*)"), _("write the value out"))
            raise Unreadable
        if len(loc) > MAX_DEPTH:
            self._add(loc, event, "too_deep", _("is nested too deeply"), _("see docs/configuration.md for the keys"))
            raise Unreadable
        self._refuse_decoration(event, loc)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, loc, _spot(event))
        self._document.value_spots[loc] = _spot(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, loc)
        values: list[object] = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            values.append(self._node(item, events, (*loc, len(values))))
        return tuple(values)

    def _mapping(self, events: Iterator[yaml.Event], loc: Loc, spot: Spot) -> dict[str, object]:
        self._document.value_spots[loc] = spot
        values: dict[str, object] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._key(event, loc)
            key_loc = (*loc, key)
            if key in values:
                first = self._document.key_spots[key_loc].line
                wrong = _("is given twice, first on line {line}").format(line=first)
                self._add(key_loc, event, "duplicate_key", wrong, _("keep one of the two"))
                # Its value is read for its own faults only, under a name that leaves the marks of the first alone.
                self._node(next(events), events, (*loc, f"{key} (again)"))
                continue
            self._document.key_spots[key_loc] = _spot(event)
            values[key] = self._node(next(events), events, key_loc)
        return values

    def _key(self, event: yaml.Event, loc: Loc) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._add(loc, event, "key_not_text", _("has a key that is not text"), _("write “key: value” lines"))
            raise Unreadable
        self._refuse_decoration(event, (*loc, event.value))
        kind = self._kind(event)
        if kind != "str":
            wrong = _("YAML reads the key {text} as {kind}").format(text=shown(event.value), kind=_kind_name(kind))
            self._add((*loc, event.value), event, "key_not_text", wrong, _quoted(event.value))
        return str(event.value)

    def _scalar(self, event: yaml.ScalarEvent, loc: Loc) -> object:
        kind, text = self._kind(event), event.value
        if kind == "str":
            return text
        self._document.unquoted[loc] = (text, _kind_name(kind))
        if kind == "null":
            return None
        if kind == "bool":
            return _BOOLEANS[text.lower()]
        if kind in ("int", "float") and (number := _PLAIN_NUMBER.fullmatch(text)):
            return float(text) if number[2] else int(text)
        if kind in ("int", "float"):
            self._document.unquoted[loc] = (text, _("a number of an unusual form"))
        return Unquoted(text)

    def _kind(self, event: yaml.ScalarEvent) -> str:
        if event.tag is not None:
            return "str"  # already refused
        tag = self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]
        return str(tag).removeprefix(_TAG)

    def _refuse_decoration(self, event: yaml.Event, loc: Loc) -> None:
        if getattr(event, "anchor", None) is not None:
            self._add(loc, event, "anchor", _("has an anchor (&)"), _("remove the anchor"))
        if getattr(event, "tag", None) is not None:
            self._add(loc, event, "tag", _("has a YAML tag (!)"), _("remove the tag"))

    def _add(self, loc: Loc, event: yaml.Event, code: Code, wrong: str, remedy: str) -> None:
        if len(self._document.problems) >= MAX_PROBLEMS:
            raise too_many(self._document, _spot(event))
        self._document.problems.append(Problem(self._document.file, _spot(event), dotted(loc), code, wrong, remedy))


def _spot(event: yaml.Event) -> Spot:
    mark = event.start_mark
    return Spot(mark.line + 1, mark.column + 1) if mark else TOP


def _quoted(text: str) -> str:
    return _("put it in quotes: {text}").format(text=f'"{shown(text)}"')


def _kind_name(kind: str) -> str:
    names = {
        "bool": _("true or false"),
        "int": _("a number"),
        "float": _("a number"),
        "null": _("nothing"),
        "timestamp": _("a date"),
    }
    return names.get(kind, _("something special"))

"""The shape of the two files: which keys, which types, which bounds. Needs nothing of this machine but the files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dockd.i18n import _
from dockd.settings.document import MAX_PROBLEMS, Document, too_many
from dockd.settings.fleet import Fleet
from dockd.settings.marks import read
from dockd.settings.models import Settings, Site
from dockd.settings.problems import InvalidSettings, Loc, Problem, instead, shown

Model = TypeVar("Model", bound=BaseModel)

_QUOTABLE = ("string_type", "path_type")
# pydantic's type of error -> what the key needs, what to write.
_NEEDS = {
    "string_type": (_("text"), _("write one text")),
    "path_type": (_("a path"), _("write one path")),
    "int_type": (_("a number"), _("write a plain number such as 5, without quotes")),
    "float_type": (_("a number"), _("write a plain number such as 5, without quotes")),
    "bool_type": (_("true or false"), _("write true or false, without quotes")),
    "tuple_type": (_("a list"), _("write [one, two], or lines that begin with “- ”")),
    "model_type": (_("keys"), _("write indented “key: value” lines")),
    "mapping_type": (_("keys"), _("write indented “key: value” lines")),
    "dict_type": (_("keys"), _("write indented “key: value” lines")),
}
# pydantic's type of error -> what is wrong, what to write; the fields are pydantic's.
_BOUNDS = {
    "greater_than_equal": (_("is less than {ge}"), _("write {ge} or more")),
    "less_than_equal": (_("is more than {le}"), _("write {le} or less")),
    "too_short": (_("holds nothing"), _("write at least {min_length}")),
    "too_long": (_("holds more than {max_length}"), _("write {max_length} or fewer")),
    "string_too_short": (_("is empty"), _("write a text")),
    "string_too_long": (_("is longer than {max_length} characters"), _("shorten it")),
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """Settings of a right shape, with the marks that let `check` say where."""

    settings: Settings
    site: Document
    fleet: Document


def parse(path: Path) -> Parsed:
    """Read `dockd.yaml` at `path` and the fleet file it names; raises `InvalidSettings` with all faults of both."""
    site_document = read(path)
    site = _validated(site_document, Site)
    fleet_document = read(path.parent / _fleet_file(site_document, site))
    fleet = _validated(fleet_document, Fleet)
    problems = sorted(site_document.problems) + sorted(fleet_document.problems)
    if problems or site is None or fleet is None:
        raise InvalidSettings(problems)
    sources = {document.file: document.sha256 for document in (site_document, fleet_document)}
    return Parsed(Settings(site, fleet, MappingProxyType(sources)), site_document, fleet_document)


def _fleet_file(document: Document, site: Site | None) -> Path:
    """Find the fleet file even when its sibling is wrong somewhere, so that the faults of both come out at once."""
    if site is not None:
        return site.fleet_file
    written = (document.value or {}).get("fleet_file")
    default: Path = Site.model_fields["fleet_file"].default
    return Path(written) if isinstance(written, str) else default


def _validated(document: Document, model: type[Model]) -> Model | None:
    if document.value is None:
        return None
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        details = _without_empty(error.errors(include_url=False, include_input=True))
        document.problems += [_problem(document, model, detail) for detail in details[:MAX_PROBLEMS]]
        if len(details) > MAX_PROBLEMS:
            too_many(document, max(problem.spot for problem in document.problems))
        return None


def _without_empty(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out that a list holds too few where it only does because what it holds is wrong."""
    wrong = [each["loc"][:-1] for each in details]
    return [each for each in details if each["type"] != "too_short" or each["loc"] not in wrong]


def _problem(document: Document, model: type[BaseModel], detail: ErrorDetails) -> Problem:
    kind, loc, context = detail["type"], detail["loc"], detail.get("ctx", {})
    # pydantic marks a bad key of a mapping by one step more; a key that is really written so has a mark of its own.
    of_key = loc[-1:] == ("[key]",) and loc not in document.key_spots
    if of_key:
        loc = loc[:-1]
    if kind == "extra_forbidden":
        remedy = instead(str(loc[-1]), known_keys(model, loc[:-1]))
        return document.problem(loc, "unknown_key", _("is not a key here"), remedy, of_key=True)
    if kind == "missing":
        remedy = _("add it: “{key}: …”").format(key=loc[-1])
        return document.problem(loc, "missing_key", _("is missing"), remedy)
    if kind == "bad_form":
        return document.problem(loc, "bad_form", context["wrong"], context["remedy"], of_key=of_key)
    if kind == "literal_error":
        remedy = _("write {words}").format(words=context["expected"])
        return document.problem(loc, "unknown_word", _("is none of the allowed words"), remedy)
    if kind in _BOUNDS:
        wrong, remedy = (text.format(**context) for text in _BOUNDS[kind])
        return document.problem(loc, "out_of_bounds", wrong, remedy)
    return _wrong_type(document, loc, detail)


def _wrong_type(document: Document, loc: Loc, detail: ErrorDetails) -> Problem:
    needed, remedy = _NEEDS.get(detail["type"], (detail["msg"], _("see docs/configuration.md")))
    text, given = document.unquoted.get(loc, ("", _given(detail["input"])))
    if detail["input"] is None:
        remedy = _("write a value, or delete the line")
    elif text and detail["type"] in _QUOTABLE:
        given = _("what YAML reads as {kind}").format(kind=given)
        remedy = _("put it in quotes: {text}").format(text=f'"{shown(text)}"')
    wrong = _("needs {needed}, not {given}").format(needed=needed, given=given)
    return document.problem(loc, "wrong_type", wrong, remedy)


def _given(value: object) -> str:
    if isinstance(value, str):
        return _("text")
    return _("keys") if isinstance(value, dict) else _("a list")


def known_keys(model: type[BaseModel], loc: Loc = ()) -> list[str]:
    """List the keys that a model takes at a place below it."""
    here: Any = model
    for step in loc:
        here = _fields(here)[str(step)] if isinstance(here, type) else get_args(here)[1]
    return list(_fields(here))


def _fields(model: type[BaseModel]) -> Mapping[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}

"""The examples load and equal the defaults; the page on configuration names every key and every code."""

import re
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dockd.settings.fleet import Fleet
from dockd.settings.load import load
from dockd.settings.models import Site
from dockd.settings.problems import Code, InvalidSettings
from dockd.settings.shape import parse

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "configuration.md"
EXAMPLE = ROOT / "config" / "dockd.yaml"
EXAMPLE_FLEET = ROOT / "config" / "fleet.yaml"
KINDS: dict[object, str] = {
    str: "text",
    Path: "path",
    bool: "true or false",
    int: "whole number",
    float: "number",
    date: "text",
}


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Walk the keys of a model; NAME stands for a name that the technician chooses."""
    for name, field in model.model_fields.items():
        dotted = prefix + (field.alias or name)
        yield dotted, field
        inner = field.annotation
        if get_origin(inner) in (types.UnionType, typing.Union):
            inner = get_args(inner)[0]
        if get_origin(inner) is Mapping:
            inner, dotted = get_args(inner)[1], f"{dotted}.NAME"
        elif get_origin(inner) is tuple:
            inner, dotted = get_args(inner)[0], f"{dotted}[]"
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys(inner, f"{dotted}.")


def kind(annotation: Any) -> str:
    if get_origin(annotation) is typing.Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (types.UnionType, typing.Union):
        return kind(get_args(annotation)[0])
    if get_origin(annotation) is tuple:
        return f"list of {kind(get_args(annotation)[0])}s".replace("texts", "text").replace("keyss", "keys")
    if get_origin(annotation) is typing.Literal:
        return ", ".join(f"`{word}`" for word in get_args(annotation))
    if get_origin(annotation) is Mapping and kind(get_args(annotation)[1]) == "text":
        return "keys with text"
    return KINDS.get(annotation, "keys")


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "as below"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, types.MappingProxyType):
        return "`{}`"
    return f"`{list(value) if isinstance(value, tuple) else value}`"


def rows(model: type[BaseModel]) -> list[str]:
    return [f"| `{key}` | {kind(f.annotation)} | {default(f)} | {f.description} |" for key, f in keys(model)]


@pytest.mark.parametrize(("model", "heading"), [(Site, "## dockd.yaml"), (Fleet, "## fleet.yaml")])
def test_the_page_has_a_row_for_each_key_with_its_default_and_nothing_else(
    model: type[BaseModel], heading: str
) -> None:
    section = PAGE.read_text().partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    wanted = rows(model)
    print("\n".join(wanted))
    assert re.findall(r"^\| `.*$", section, re.MULTILINE) == wanted


def test_the_page_explains_every_code_and_no_other() -> None:
    section = PAGE.read_text().partition("\n## Messages\n")[2]
    assert sorted(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == sorted(get_args(Code))


def test_the_examples_load_and_equal_the_defaults() -> None:
    settings = parse(EXAMPLE).settings
    models: list[BaseModel] = [settings.site, settings.site.register_, settings.site.ingest, settings.site.network]
    models += [settings.site.usb, *settings.site.bays.values(), *settings.fleet.models.values()]
    models += [*settings.site.folder_docks.values(), *settings.site.partitions.values()]
    compared = 0
    for model in models:
        for name, field in type(model).model_fields.items():
            value = field.get_default(call_default_factory=True)
            if not field.is_required() and not isinstance(value, BaseModel | types.MappingProxyType | None):
                assert getattr(model, name) == value, name
                compared += 1
    assert compared == 27


@pytest.mark.parametrize(("model", "path"), [(Site, EXAMPLE), (Fleet, EXAMPLE_FLEET)])
def test_every_key_stands_in_the_examples(model: type[BaseModel], path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    for key, _ in keys(model):
        here = document
        for step in key.split("."):
            here = next(iter(here.values())) if step == "NAME" else here[step.removesuffix("[]")]
            here = here[0] if step.endswith("[]") else here


def test_the_example_is_refused_until_a_real_public_key_is_put_in() -> None:
    with pytest.raises(InvalidSettings) as caught:
        load(EXAMPLE)
    assert "recipient" in [problem.code for problem in caught.value.problems]

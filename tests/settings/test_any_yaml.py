"""Whatever bytes a file holds, `ConfigError` is the only thing that comes out, and before the deadline of a test."""

import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dockd.errors import ConfigError
from dockd.settings.load import load

WORDS = """a no 010 1:30 : - ? { } [ ] , | > ' " # &a *a !!b %YAML --- ... << = ~ \\ud800 \\UFFFFFFFF [key]
cameras partitions register dock_id recipients path"""
words = st.sampled_from([*WORDS.split(), ": ", "- ", "? ", "&a ", "!!b ", "\n", "\n  ", "\t", "\ufeff", "\x85"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text() | st.integers(), inner, max_size=4),
    max_leaves=12,
)
keys = st.sampled_from(
    ["dock_id", "state_dir", "runtime_dir", "fleet_file", "register", "folder_docks", "partitions", "ingest", "cameras"]
)


def refused(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "dockd.yaml")
        path.write_bytes(data)
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert all(line.isprintable() for line in caught.value.message.split("\n"))


@given(st.binary(max_size=300))
@example(b'a: "\\UFFFFFFFF"')
@example(b"%YAML 1.99999999999999999999\n--- {}")
@example(b"[key]: 1\n'[key]': 2\npartitions: {'[key]': {'[key]': 1}}")
def test_any_bytes_end_in_a_config_error(data: bytes) -> None:
    refused(data)


@given(st.text(max_size=300) | st.lists(words, max_size=40).map("".join))
def test_any_text_ends_in_a_config_error(text: str) -> None:
    refused(text.encode("utf-8", "replace"))


@given(st.dictionaries(keys, values, max_size=9))
def test_any_values_under_our_keys_end_in_a_config_error(document: dict[str, object]) -> None:
    refused(yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    "unit",
    ["[", "{", "- ", "? ", "a: {", "a:\n", "k", "'", "&a ", "!a ", "1:", "[a, ", "- a\n", "\t", "#", "\n", "1_", "0.0"],
)
def test_a_file_full_of_one_thing_is_refused_soon(unit: str) -> None:
    refused((unit * (1 << 20))[: 1 << 20].encode())


@pytest.mark.parametrize("count", [40_000])
def test_a_file_full_of_different_keys_is_refused_soon(count: int) -> None:
    refused("".join(f"key{n}: {{x: [1]}}\n" for n in range(count)).encode())


@settings(max_examples=20)
@given(st.integers(min_value=1, max_value=12))
def test_a_bomb_of_aliases_is_never_unfolded(levels: int) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels + 1)]
    refused("\n".join(lines).encode())

"""Where a dock is asked is read from its file alone, and from one that is otherwise wrong."""

from pathlib import Path

import pytest

from dockd.settings.control import RUNTIME_DIR, SOCKET, Asked, asked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dock_id: essai\n", RUNTIME_DIR),
        ("dock_id: essai\nruntime_dir: /srv/run\n", Path("/srv/run")),
        ("dock_id: essai\nruntime_dir: '/srv/run'\nno_key_of_ours: [\n  1,\n]\n", Path("/srv/run")),
        ("dock_id: essai\nruntime_dir: run\n", None),
        ("dock_id: essai\nruntime_dir: [/run]\n", None),
        ("dock_id: essai\nruntime_dir: {\n", None),
        ("runtime_dir: /srv/run\n", None),
        ("dock_id: [essai]\n", None),
        ("- /run\n", None),
    ],
)
def test_who_is_asked_and_where_is_as_the_file_says_or_it_does_not_say(
    tmp_path: Path, text: str, expected: Path | None
):
    config = tmp_path / "dockd.yaml"
    config.write_text(text)
    assert asked(config) == (expected and Asked("essai", expected / SOCKET))


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path):
    assert asked(tmp_path / "dockd.yaml") is None

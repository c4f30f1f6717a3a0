"""Where a dock is asked is read from its file alone, and from one that is otherwise wrong."""

from pathlib import Path

import pytest

from dockd.settings.control import RUNTIME_DIR, SOCKET, control_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dock_id: essai\n", RUNTIME_DIR),
        ("runtime_dir: /srv/run\n", Path("/srv/run")),
        ("runtime_dir: '/srv/run'\nno_key_of_ours: [\n  1,\n]\n", Path("/srv/run")),
        ("runtime_dir: run\n", None),
        ("runtime_dir: [/run]\n", None),
        ("runtime_dir: {\n", None),
        ("- /run\n", None),
    ],
)
def test_the_socket_is_where_the_file_says_or_the_file_does_not_say(tmp_path: Path, text: str, expected: Path | None):
    config = tmp_path / "dockd.yaml"
    config.write_text(text)
    assert control_path(config) == (expected and expected / SOCKET)


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path):
    assert control_path(tmp_path / "dockd.yaml") is None

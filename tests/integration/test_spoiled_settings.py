"""Settings that a hand has slipped in, or a hostile one written: refused by file and line, and nothing is touched."""

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from dockd.errors import ExitCode
from tests.integration.promises import entries
from tests.integration.site import MEDIA, Site, dockd

CLIPS = {name: (MEDIA / name).read_bytes() for name in ("moov-first.mp4", "fragmented.mp4")}

MOST_CPU_SECONDS = 20
MOST_MEMORY = 512 * 2**20
"""Address space in bytes of the whole process; the 100 MB of a hostile file, as text and as values, are more."""


def empty(_good: str) -> str:
    return ""


def a_list(good: str) -> str:
    return f"[{good}]"


def a_tab(_good: str) -> str:
    return "register:\n\tmirror: /srv/mirror\n"


def a_key_twice(good: str) -> str:
    first = good[1 : good.index(":")]
    return good.replace("{", f"{{{first}: null, ", 1)


def a_hundred_megabytes(good: str) -> str:
    return good + "\n" + "# a comment that goes on and on\n" * 3_200_000


def a_hundred_megabytes_of_keys(_good: str) -> str:
    return "".join(f"key{number:06}: {'x' * 86}\n" for number in range(1_000_000))


def anchors_that_explode(good: str) -> str:
    levels = ["bomb0: &b0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"bomb{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join([*levels, good])


def merges_that_explode(_good: str) -> str:
    levels = ["m0: &m0 {a: 1}"]
    levels += [f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    return "\n".join(levels)


def a_recipient_with_one_wrong_character(good: str) -> str:
    start = good.index('"age1') + 1
    last = good.index('"', start) - 1
    return good[:last] + ("q" if good[last] != "q" else "p") + good[last + 1 :]


SAID = {
    empty: "1:1: is empty; write the keys of docs/configuration.md [empty]",
    a_list: "1:1: does not hold keys at its top level; write “key: value” lines [not_keys]",
    a_tab: "2:1: is not valid YAML: found character that cannot start any token; "
    "write spaces instead of the tab on this line [tab]",
    a_key_twice: "is given twice, first on line 1; keep one of the two [duplicate_key]",
    a_hundred_megabytes: "1:1: is larger than 1048576 bytes; check that it is a configuration file of dockd",
    a_hundred_megabytes_of_keys: "1:1: is larger than 1048576 bytes;",
    anchors_that_explode: "1:8: bomb0: has an anchor (&); remove the anchor [anchor]",
    merges_that_explode: "1:5: m0: has an anchor (&); remove the anchor [anchor]",
    a_recipient_with_one_wrong_character: "partitions.pm.recipients[0]: is not a recipient: the checksum does not fit: "
    "at least one character is wrong; copy the public key",
}
OF_A_SITE = [spoil for spoil in SAID if spoil not in (a_hundred_megabytes_of_keys, merges_that_explode)]
OF_A_FLEET = [spoil for spoil in SAID if spoil not in (a_hundred_megabytes, a_recipient_with_one_wrong_character)]


def bounded() -> None:
    """Let this process end rather than take more than is decent."""
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_SECONDS, MOST_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def assert_refused(site: Site, file: Path, said: str) -> None:
    for command in ("check-config", "run"):
        refused = dockd(command, "--config", site.config, preexec_fn=bounded)
        assert refused.returncode == ExitCode.CONFIG, (command, refused.returncode, refused.stderr[-2000:])
        assert "Traceback" not in refused.stderr
        assert f"{file}:" in refused.stderr
        assert said in refused.stderr, refused.stderr[:2000]
        assert all(line.isprintable() for line in refused.stderr.splitlines())


@pytest.mark.parametrize(
    ("name", "spoil"),
    [("dockd.yaml", spoil) for spoil in OF_A_SITE] + [("fleet.yaml", spoil) for spoil in OF_A_FLEET],
)
def test_a_spoiled_file_is_refused_with_its_line_and_remedy_and_nothing_is_touched(
    site: Site, name: str, spoil: Callable[[str], str]
) -> None:
    site.dock_camera("BWC1", CLIPS)
    before = entries(site)
    file = site.folder / name
    file.write_text(spoil(file.read_text()))
    assert_refused(site, file, SAID[spoil])
    assert entries(site) == before, "a service that never began has entered something"
    assert all(original.on_camera() for original in site.originals)

"""Where a site may keep things, tried on real directories, symlinks and filesystems."""

import subprocess
import sys
from pathlib import Path

import pytest

from dockd.settings.load import load
from dockd.settings.problems import InvalidSettings
from tests.settings.a_site import Site


def found(site: Site) -> list[tuple[int, str, str, str]]:
    with pytest.raises(InvalidSettings) as caught:
        load(site.path)
    return [(problem.spot.line, problem.code, problem.key, problem.wrong) for problem in caught.value.problems]


def test_two_partitions_on_one_path_are_refused(site: Site) -> None:
    site.change(f"{site.folder}/rural", f"{site.folder}/police/")
    other = "is the same directory as partitions.police.path on line 12"
    assert found(site) == [(16, "places_overlap", "partitions.rural.path", other)]


def test_two_partitions_on_one_path_through_a_symlink_are_refused(site: Site) -> None:
    (site.folder / "link").symlink_to(site.folder)
    site.change(f"{site.folder}/rural", f"{site.folder}/link/police")
    assert [each[:3] for each in found(site)] == [(16, "places_overlap", "partitions.rural.path")]


def test_two_partitions_on_one_directory_through_a_bind_mount_are_refused(site: Site) -> None:
    unshared = ["unshare", "--mount", "--map-root-user", "sh", "-ec"]
    if subprocess.run([*unshared, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine gives no mount namespace")
    script = 'mount --bind "$1/police" "$1/rural"; shift; exec "$@"'
    code = (
        "import sys; from pathlib import Path; from dockd.settings.checks import check;"
        " from dockd.settings.shape import parse; print(check(parse(Path(sys.argv[1]))))"
    )
    command = [*unshared, script, "sh", str(site.folder), sys.executable, "-c", code, str(site.path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert "is the same directory as partitions.police.path on line 12" in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "wrong"),
    [
        ("/rural", "/police/sub", 16, "partitions.rural.path", "lies inside partitions.police.path on line 12"),
        ("/police", "/rural/sub", 16, "partitions.rural.path", "contains partitions.police.path on line 12"),
        ("/police", "/dock/sub", 12, "partitions.police.path", "lies inside folder_docks.accueil.path on line 9"),
        ("/dock}", "/police/sub}", 12, "partitions.police.path", "contains folder_docks.accueil.path on line 9"),
        ("/dock}", "/police}", 12, "partitions.police.path", "is the same directory as folder_docks.accueil.path"),
        ("/state", "/police/sub", 12, "partitions.police.path", "contains state_dir on line 2"),
        ("/state", "/dock/sub", 9, "folder_docks.accueil.path", "contains state_dir on line 2"),
        ("/mirror\n", "/police\n", 12, "partitions.police.path", "is the same directory as register.mirror on line 5"),
        ("/mirror\n", "/dock/m\n", 9, "folder_docks.accueil.path", "contains register.mirror on line 5"),
        ("/mirror\n", "/state\n", 5, "register.mirror", "is the same directory as state_dir on line 2"),
        ("/run", "/rural/run", 16, "partitions.rural.path", "contains runtime_dir on line 3"),
    ],
)
def test_places_on_one_another_are_refused(site: Site, old: str, new: str, line: int, key: str, wrong: str) -> None:
    (site.folder / "police" / "sub").mkdir()
    (site.folder / "rural" / "sub").mkdir()
    (site.folder / "dock" / "sub").mkdir()
    site.change(f"{site.folder}{old}", f"{site.folder}{new}")
    (each,) = found(site)
    assert each[:3] == (line, "places_overlap", key)
    assert each[3].startswith(wrong)


def test_a_name_that_only_begins_alike_is_no_overlap(site: Site) -> None:
    (site.folder / "police2").mkdir()
    site.change(f"{site.folder}/rural", f"{site.folder}/police2")
    assert load(site.path).site.partitions["rural"].path == site.folder / "police2"


def test_a_partition_below_state_dir_is_allowed_because_only_dockd_writes_there(site: Site) -> None:
    (site.folder / "state" / "police").mkdir()
    site.change(f"{site.folder}/police", f"{site.folder}/state/police")
    assert load(site.path).site.partitions["police"].path == site.folder / "state" / "police"


def test_a_partition_below_state_dir_is_allowed_whichever_stands_first_in_the_file(site: Site) -> None:
    (site.folder / "state" / "police").mkdir()
    site.change(f"{site.folder}/police", f"{site.folder}/state/police")
    site.change(f"state_dir: {site.folder}/state\n", "")
    site.change("log_level: info\n", f"log_level: info\nstate_dir: {site.folder}/state\n")
    assert load(site.path).site.state_dir == site.folder / "state"


def test_two_partitions_that_will_be_one_are_refused_before_they_exist(site: Site) -> None:
    (site.folder / "link").symlink_to(site.folder)
    site.change(f"{site.folder}/rural", f"{site.folder}/link/new")
    site.change(f"{site.folder}/police", f"{site.folder}/new")
    assert (16, "places_overlap", "partitions.rural.path") in [each[:3] for each in found(site)]


def test_a_partition_that_does_not_exist_is_told_how_to_make_it(site: Site) -> None:
    site.change(f"{site.folder}/police", f"{site.folder}/nowhere")
    assert [each[:3] for each in found(site)] == [(12, "missing_path", "partitions.police.path")]
    with pytest.raises(InvalidSettings, match=r"dockd init-partition police"):
        load(site.path)


def test_before_init_a_partition_need_not_exist(site: Site) -> None:
    site.change(f"{site.folder}/police", f"{site.folder}/nowhere")
    assert load(site.path, before_init=True).site.dock_id == "poste-central"


def test_a_partition_that_is_a_file_is_refused(site: Site) -> None:
    (site.folder / "police").rmdir()
    (site.folder / "police").write_text("")
    assert found(site) == [(12, "unusable_path", "partitions.police.path", "is not a directory")]


def test_a_partition_on_a_symlink_loop_is_refused(site: Site) -> None:
    (site.folder / "loop").symlink_to(site.folder / "loop")
    site.change(f"{site.folder}/police", f"{site.folder}/loop")
    assert [each[:3] for each in found(site)] == [(12, "unusable_path", "partitions.police.path")]


def test_docks_state_and_mirror_need_not_exist_yet(site: Site) -> None:
    for name in ("dock", "state", "run", "mirror"):
        (site.folder / name).rmdir()
    assert load(site.path).site.dock_id == "poste-central"


def on_root() -> Path:
    """Return a directory that lies on the root filesystem for certain; nothing is written there."""
    return next(each for each in Path("/").iterdir() if each.stat().st_dev == Path("/").stat().st_dev and each.is_dir())


def test_a_partition_on_the_root_filesystem_must_be_declared(site: Site) -> None:
    root = on_root()
    site.change(f"{site.folder}/rural", str(root))
    overlaps = [each for each in (site.folder / "rural").parents if each == root]
    site.change("    on_root_filesystem: true\ningest:", "    on_root_filesystem: false\ningest:")
    problems = [each for each in found(site) if each[1] != "places_overlap" or not overlaps]
    assert problems == [(16, "root_filesystem", "partitions.rural.path", "lies on the root filesystem")]


def test_a_partition_on_another_filesystem_needs_no_declaration(site: Site) -> None:
    assert Path("/proc").stat().st_dev != Path("/").stat().st_dev
    site.change(f"{site.folder}/rural", "/proc")
    site.change("    on_root_filesystem: true\ningest:", "    on_root_filesystem: false\ningest:")
    assert load(site.path).site.partitions["rural"].path == Path("/proc")


def test_a_mirror_on_the_root_filesystem_must_be_declared_even_if_it_does_not_exist_yet(site: Site) -> None:
    site.change(f"{site.folder}/mirror\n", "/dockd-no-such-mirror/below\n")
    site.change("mirror_on_root_filesystem: true", "mirror_on_root_filesystem: false")
    assert found(site) == [(5, "root_filesystem", "register.mirror", "lies on the root filesystem")]


def test_a_mirror_on_the_filesystem_of_state_dir_must_be_declared(site: Site) -> None:
    site.change("mirror_on_same_filesystem: true", "mirror_on_same_filesystem: false")
    assert [each[:3] for each in found(site)] == [(5, "same_filesystem", "register.mirror")]


def test_a_mirror_on_a_second_filesystem_needs_no_declaration(site: Site) -> None:
    site.change(f"{site.folder}/mirror\n", "/proc\n")
    site.change("mirror_on_same_filesystem: true", "mirror_on_same_filesystem: false")
    site.change("mirror_on_root_filesystem: true", "mirror_on_root_filesystem: false")
    assert load(site.path).site.register_.mirror == Path("/proc")


def test_a_partition_still_to_be_made_is_not_made_on_the_root_filesystem_unasked(site: Site) -> None:
    if site.folder.stat().st_dev != Path("/").stat().st_dev:
        pytest.skip("the temporary directory is not on the root filesystem")
    site.change("on_root_filesystem: true\n  rural", "on_root_filesystem: false\n  rural")
    (site.folder / "police").rmdir()
    with pytest.raises(InvalidSettings) as caught:
        load(site.path, before_init=True)
    assert [problem.code for problem in caught.value.problems] == ["root_filesystem"]

"""`dockd check-config` as a technician calls it."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from dockd.catalogue import Look
from dockd.cli import check_config as command
from dockd.cli.check_config import check_config
from dockd.errors import ConfigError, ExitCode
from tests.settings.a_site import Site


def test_a_good_configuration_is_summed_up_in_one_line(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    # Of a site of these tests the drivers are installed by name, with no code behind.
    monkeypatch.setattr(command, "look_at", lambda entries: {entry.name: Look("1", "directory") for entry in entries})
    result = CliRunner().invoke(check_config, ["--config", str(site.path)], catch_exceptions=False)
    assert result.exit_code == ExitCode.OK
    assert result.output == "The configuration of poste-central is good: 2 partitions, 1 folder dock, 2 cameras.\n"


def test_cameras_whose_driver_cannot_be_used_are_named_with_the_reason(site: Site) -> None:
    result = CliRunner().invoke(check_config, ["--config", str(site.path)], catch_exceptions=False)
    assert result.exit_code == ExitCode.FAILED_CHECK
    assert "is good: " in result.stdout
    [warning] = result.stderr.splitlines()
    cameras, said = warning.split(": the driver folder cannot be used: ")
    assert cameras.count(",") == 1 and "No module named 'no_such_module_folder'" in said


@pytest.mark.parametrize(
    ("abilities", "said"),
    [
        (
            ["unlock"],
            "BWC0000001, BWC0000002: the driver folder unlocks cameras and reads none; it goes under `unlock`",
        ),
        (["clear"], "bwc: the driver folder unlocks no cameras"),
    ],
)
def test_a_driver_that_is_named_for_what_it_does_not_do_is_said(
    site: Site, monkeypatch: pytest.MonkeyPatch, abilities: list[str], said: str
) -> None:
    looks = {"folder": Look("1", "directory", abilities)}
    monkeypatch.setattr(command, "look_at", lambda entries: {entry.name: looks[entry.name] for entry in entries})
    locked = '{driver: folder, vendor_product: "4255:0001", interfaces: ["ff:00:00"], known_by: label}'
    model = f'{{vendor_product: "4255:1000", interfaces: ["08:06:50"], unlock: {locked}}}'
    site.fleet_path.write_text(f"models: {{bwc: {model}}}\n" + site.fleet_path.read_text())
    result = CliRunner().invoke(check_config, ["--config", str(site.path)], catch_exceptions=False)
    assert result.exit_code == ExitCode.FAILED_CHECK
    assert result.stderr.startswith(said)


def test_a_bad_configuration_raises_the_error_that_main_prints(site: Site) -> None:
    site.change("dock_id: poste-central", "dock_id: no")
    with pytest.raises(ConfigError, match=r"^\S+dockd.yaml:1:10: dock_id: .*\"no\" \[wrong_type\]$") as caught:
        CliRunner().invoke(check_config, ["--config", str(site.path)], catch_exceptions=False)
    assert caught.value.exit_code == ExitCode.CONFIG


def test_checking_imports_nothing_that_only_the_daemon_needs() -> None:
    code = "import sys, dockd.settings.load; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert "yaml" in loaded
    assert not loaded & {"sqlalchemy", "watchdog", "structlog", "rich", "drivers"}

"""The drivers that are declared only: each refuses with whose camera it is, what is missing, and where that goes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dockd import catalogue
from dockd.catalogue import Look
from dockd.cli.check_config import check_config
from dockd.driver import ENTRY_POINTS
from dockd.driver.declared import DeclaredDriver
from dockd.errors import CameraUnsupported, ExitCode
from tests.docs.test_docs import names, rows
from tests.integration.conftest import make_site, nursery, site  # noqa: F401
from tests.integration.promises import assert_promises, of_kind
from tests.integration.site import Site

DECLARED = {
    name: driver
    for name, entry in catalogue.installed().items()
    if issubclass(driver := catalogue.load(name, entry.reference), DeclaredDriver)
}
each_driver = pytest.mark.parametrize("driver", DECLARED.values(), ids=list(DECLARED))


def test_those_that_come_with_dockd_are_installed():
    assert set(DECLARED) == {"axon", "hikvision", "hytera", "motorola"}


@each_driver
@pytest.mark.parametrize("options", [{}, {"password": "000000"}])
def test_it_refuses_with_whose_camera_it_is_and_what_to_ask_for(driver: type[DeclaredDriver], options: dict[str, str]):
    with pytest.raises(CameraUnsupported) as refused:
        driver(options)
    assert driver.maker in refused.value.message and "declared only" in refused.value.message
    assert refused.value.advice.startswith(f"Ask {driver.maker} for {driver.needs}.")
    for word in ("docs/writing-a-driver.md", "docs/makers.md", ENTRY_POINTS, driver.name):
        assert word in refused.value.advice


@each_driver
def test_it_can_nothing(driver: type[DeclaredDriver]):
    assert (driver.abilities, driver.option_names) == (frozenset(), frozenset())


@each_driver
def test_the_page_of_makers_names_it_with_its_ids_and_no_others(driver: type[DeclaredDriver]):
    [(maker, ids)] = [
        (cells[1], names(cells[3])) for cells in rows("makers.md", "driver") if cells[0] == f"`{driver.name}`"
    ]
    assert driver.maker in maker and ids == driver.usb_ids


def test_the_page_of_makers_names_no_other_driver():
    assert {cells[0].strip("`") for cells in rows("makers.md", "driver")} == set(DECLARED)


@pytest.mark.parametrize(
    ("usb_ids", "known_by"),
    [
        ({"one": ["0123"]}, ["one"]),
        ({"one": ["0123"], "two": ["0123:abcd"]}, ["two"]),
        ({"one": ["0123"], "reads": ["0123"]}, ["reads"]),
        ({"one": ["0123:abcd"], "reads": ["0123"]}, ["one"]),
        ({"two": ["0123"], "one": ["0123"]}, ["one", "two"]),
        ({"one": ["abcd"], "two": ["0123:abce"]}, []),
        ({"one": ["06:01:01"], "two": ["08:06:50"]}, ["two"]),
        ({"one": ["0123"], "two": ["08:06:50"]}, ["one"]),
    ],
)
def test_who_names_the_product_knows_it_better_and_who_can_read_it_best(
    usb_ids: dict[str, list[str]], known_by: list[str]
):
    looks = {name: Look("1", usb_ids=ids, needs="" if name == "reads" else "all") for name, ids in usb_ids.items()}
    assert catalogue.who_knows("0123:abcd", ["08:06:50"], looks) == known_by


def test_a_camera_of_such_a_driver_is_refused_at_its_first_docking_and_untouched(site: Site):  # noqa: F811
    driver = DECLARED["axon"]
    fleet = {"cameras": {"BWC1": {"driver": driver.name, "partition": "pm"}}}
    (site.folder / "fleet.yaml").write_text(json.dumps(fleet))
    daemon = site.start(trace=True)
    site.dock_camera("BWC1", {"0001.mp4": b"recording"})
    assert driver.maker in daemon.wait_red()["reason"]
    done = daemon.wait_for("docking.done", outcome="failed")
    assert done["code"] == CameraUnsupported.code and driver.needs in done["advice"]
    assert [line["event"] for line in daemon.log].count("docking.attempt_failed") == 1
    assert all(original.on_camera() for original in site.originals)
    assert_promises(site)
    assert of_kind(site, "collected") == []


def test_check_config_names_its_cameras_before_any_is_docked(site: Site):  # noqa: F811
    driver = DECLARED["hytera"]
    by_driver = {"A1": driver.name, "A2": driver.name, "B1": "folder"}
    cameras = {camera: {"driver": name, "partition": "pm"} for camera, name in by_driver.items()}
    (site.folder / "fleet.yaml").write_text(json.dumps({"cameras": cameras}))
    done = CliRunner().invoke(check_config, ["--config", str(Path(site.config))], catch_exceptions=False)
    assert done.exit_code == ExitCode.FAILED_CHECK
    good, warning = done.output.splitlines()
    assert "is good" in good
    assert warning.startswith("A1, A2: the driver hytera is declared only") and driver.needs in warning

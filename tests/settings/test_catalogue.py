"""Installed drivers are known by their metadata; none is imported."""

import sys

import pytest

from dockd.catalogue import DriverEntry, DuplicateDriver, installed
from dockd.settings.load import load
from dockd.settings.problems import InvalidSettings
from tests.settings.a_site import Site
from tests.settings.conftest import Install


def test_a_driver_is_known_by_name_distribution_and_version_without_being_imported(install: Install) -> None:
    install("dockd", "folder")
    install("gat947-driver", "gat947", version="4.5")
    assert installed() == {
        "folder": DriverEntry("folder", "dockd", "1.2.3", "no_such_module_folder:Driver"),
        "gat947": DriverEntry("gat947", "gat947-driver", "4.5", "no_such_module_gat947:Driver"),
    }
    assert not [name for name in sys.modules if name.startswith("no_such_module")]


def test_one_name_from_two_distributions_is_refused_with_both_names(install: Install) -> None:
    install("dockd", "folder")
    install("evil", "folder")
    with pytest.raises(DuplicateDriver, match=r"folder is given twice: by (dockd|evil) and by (evil|dockd)"):
        installed()


def test_a_driver_given_twice_is_a_problem_of_the_configuration(site: Site, install: Install) -> None:
    install("evil", "folder")
    with pytest.raises(InvalidSettings) as caught:
        load(site.path)
    (problem,) = caught.value.problems
    assert (problem.file, problem.spot.line, problem.code) == (str(site.fleet_path), 1, "driver_twice")


def test_a_driver_that_is_not_installed_is_named_with_the_nearest_that_is(site: Site) -> None:
    site.change_fleet("{driver: folder", "{driver: foldr")
    with pytest.raises(InvalidSettings) as caught:
        load(site.path)
    (problem,) = caught.value.problems
    assert (problem.spot.line, problem.spot.column, problem.code) == (2, 24, "unknown_driver")
    assert problem.wrong == "the driver foldr is not installed"
    assert problem.remedy == "did you mean folder?"

"""How partitions come to be."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dockd import founding
from dockd.errors import ConfigError
from dockd.settings import load
from dockd.store.partition import MARKER
from tests.integration.site import Site


def test_a_name_that_is_not_configured_keeps_every_partition_from_being_made(
    make_site: Callable[..., Site],
) -> None:
    site = make_site()
    settings = load(site.config, before_init=True)
    [first, *_others] = settings.site.partitions
    marker: Path = site.partition(first) / MARKER
    marker.unlink()
    with pytest.raises(ConfigError, match="no partition nowhere is configured"):
        list(founding.found_partitions(settings, [first, "nowhere"]))
    assert not marker.exists()

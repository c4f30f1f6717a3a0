"""How partitions come to be."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dockd import founding
from dockd.errors import ConfigError, ExitCode
from dockd.settings.load import load
from dockd.store.partition import MARKER
from tests.integration.promises import entries
from tests.integration.site import CHIEF, Site, dockd


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


def test_a_dock_that_lost_its_key_goes_on_in_a_new_register_that_begins_with_the_end_of_the_old(site: Site) -> None:
    site.start().ready()
    site.close()
    last, old_key = site.folder / "last.note", site.folder / "old.pub"
    last.write_text(dockd("register", "checkpoint", "--config", site.config).stdout)
    old_key.write_text(site.verifier.text)
    (site.folder / "state" / "dock.key").unlink()
    assert dockd("init", "--config", site.config).returncode == ExitCode.REGISTER, "the old register is in the way"
    for name in ("state", "mirror"):
        (site.folder / name).rename(site.folder / f"old-{name}")

    words = ("init", "--old-key", old_key, "--config", site.config, "--succeeds")
    forged = last.with_name("forged.note")
    forged.write_text(last.read_text().replace("\n", "0\n", 2).replace("0\n", "\n", 1))
    assert dockd(*words, forged).returncode == ExitCode.FAILED_CHECK
    assert not site.register.exists()
    assert dockd("init", "--succeeds", last, "--config", site.config).returncode == ExitCode.USAGE
    done = dockd(*words, last)
    assert done.returncode == ExitCode.OK, done.stderr
    first = entries(site)[0]
    assert (first["kind"], first["author"]) == ("log_opened", CHIEF)
    assert (first["succeeds_key"], first["succeeds_note"]) == (old_key.read_text(), last.read_text())
    assert first["verifier_key"] == site.verifier.text != first["succeeds_key"]
    assert dockd("register", "verify", "--config", site.config).returncode == ExitCode.OK

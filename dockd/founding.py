"""Making what a dock is made of: its key, its register with its mirror, its partitions. Each once, each entered."""

from pathlib import Path

from dockd.clock import SystemClock
from dockd.daemon import KEY_NAME, REGISTER_NAME, VERIFIER_NAME, software
from dockd.errors import ConfigError, PartitionError, RegisterError
from dockd.i18n import _
from dockd.register.entry import PartitionCreated
from dockd.register.journal import Journal
from dockd.register.mirror import MARKER, Mirror
from dockd.register.note import DockKey
from dockd.settings import Settings
from dockd.store import partition


def found_dock(settings: Settings) -> str:
    """Make key, mirror and register, in this order; give the verifier key.

    May be called again after an interruption and goes on where it stopped; raises `RegisterError` once all is made.
    """
    site = settings.site
    register = site.state_dir / REGISTER_NAME
    if register.exists():
        raise RegisterError(
            _("there is already a register in {path}").format(path=register),
            advice=_("A dock is founded once. To check what it holds: dockd register verify"),
        )
    key = _found_key(site.state_dir, site.dock_id)
    if not (site.register_.mirror / MARKER).exists():
        Mirror.create(site.register_.mirror, site.dock_id)
    mirror = Mirror.open(site.register_.mirror, site.dock_id)
    try:
        clock = SystemClock()
        Journal.create(register, key=key, dock_id=site.dock_id, clock=clock, mirror=mirror, software=software()).close()
    finally:
        mirror.close()
    return key.verifier.text


def found_partition(settings: Settings, name: str) -> Path:
    """Make a partition of this name, and enter that; gives its path.

    Raises `ConfigError` for a name that is not configured, `AlreadyRunning` while the daemon runs.
    """
    site = settings.site
    configured = site.partitions.get(name)
    if configured is None:
        raise ConfigError(
            _("no partition {name} is configured").format(name=name),
            advice=_("Configured are: {names}").format(names=", ".join(site.partitions)),
        )
    try:
        configured.path.mkdir(mode=0o750, exist_ok=True)
    except OSError as error:
        raise PartitionError(
            _("{path} cannot be made: {error}").format(path=configured.path, error=error.strerror)
        ) from error
    key, clock = DockKey.load(site.state_dir / KEY_NAME, site.dock_id), SystemClock()
    mirror = Mirror.open(site.register_.mirror, site.dock_id)
    try:
        journal = Journal.open(
            site.state_dir / REGISTER_NAME, key=key, dock_id=site.dock_id, clock=clock, mirror=mirror
        )
        try:
            partition.create(
                configured.path,
                name,
                site.dock_id,
                clock,
                lambda uuid: _enter(journal, PartitionCreated(partition=name, partition_uuid=uuid)),
            )
        finally:
            journal.close()
    finally:
        mirror.close()
    return configured.path


def _enter(journal: Journal, facts: PartitionCreated) -> None:
    journal.append(facts)
    journal.checkpoint()


def _found_key(state_dir: Path, dock_id: str) -> DockKey:
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = state_dir / KEY_NAME
        key = DockKey.load(path, dock_id) if path.exists() else DockKey.generate(path, dock_id)
        (state_dir / VERIFIER_NAME).write_text(key.verifier.text + "\n")
    except OSError as error:
        raise RegisterError(
            _("{path} cannot be made: {error}").format(path=error.filename, error=error.strerror)
        ) from error
    return key

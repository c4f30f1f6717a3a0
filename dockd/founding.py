"""Making what a dock is made of: its key, its register with its mirror, its partitions. Each once, each entered."""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from dockd import software
from dockd.clock import SystemClock
from dockd.errors import ConfigError, PartitionError, RegisterError, RegisterTampered
from dockd.i18n import _
from dockd.ops.rights import Operator, caller
from dockd.register.body import Facts
from dockd.register.journal import Journal
from dockd.register.kinds import PartitionCreated
from dockd.register.mirror import MARKER, Mirror
from dockd.register.note import Checkpoint, SigningKey, Verifier
from dockd.register.rebuild import rebuild
from dockd.settings.models import Settings, Site
from dockd.store import partition


def found_dock(settings: Settings, succeeds: tuple[str, str] | None = None) -> str:
    """Make mirror, key and register, in this order; give the verifier key.

    `succeeds` are the verifier key and the last checkpoint of the register that this one takes the place of, because
    its key was lost; raises `RegisterTampered` if they do not belong together or are of another dock.

    May be called again after an interruption and goes on where it stopped; raises `RegisterError` once all is made.
    """
    site = settings.site
    register = site.register_path
    old = None if succeeds is None else (_old_key(site, *succeeds), succeeds[1])
    if register.exists():
        raise RegisterError(
            _("there is already a register in {path}").format(path=register),
            advice=_("A dock is founded once. To check what it holds: dockd register verify"),
        )
    if not (site.register_.mirror / MARKER).exists():
        Mirror.create(site.register_.mirror, site.dock_id)
    mirror = Mirror.open(site.register_.mirror, site.dock_id)
    try:
        mirror.must_be_empty()
        key = _found_key(site)
        Journal.create(
            register,
            key=key,
            dock_id=site.dock_id,
            clock=SystemClock(),
            mirror=mirror,
            software=software(),
            author=_person(settings),
            succeeds=old,
        ).close()
    finally:
        mirror.close()
    return key.verifier.text


def rebuild_register(settings: Settings, notes: Sequence[str]) -> tuple[int, int]:
    """Make the register anew from its mirror; give how many entries that had, and how many of them were signed.

    `notes` are checkpoints that were kept elsewhere. Raises RegisterError when there is a register, RegisterTampered
    when the mirror does not agree with a checkpoint.
    """
    site, clock = settings.site, SystemClock()
    key = SigningKey.load(site.key_path, site.dock_id)
    outside = [Checkpoint.parse(key.verifier.open_note(note)) for note in notes]
    mirror = Mirror.open(site.register_.mirror, site.dock_id)
    try:
        entries = rebuild(
            site.register_path, mirror, outside, key=key, clock=clock, software=software(), author=_person(settings)
        )
        Journal.open(site.register_path, key=key, dock_id=site.dock_id, clock=clock, mirror=mirror).close()
    finally:
        mirror.close()
    return entries, max((each.size for each in outside), default=0)


def found_partitions(settings: Settings, names: Collection[str]) -> Iterator[tuple[str, Path]]:
    """Make partitions and enter that, one by one; gives name and path of each once it is made.

    Raises `ConfigError` before the first is made if a name is not configured, `AlreadyRunning` while the daemon runs.
    """
    configured = settings.site.partitions
    for name in names:
        if name not in configured:
            raise ConfigError(
                _("no partition {name} is configured").format(name=name),
                advice=_("Configured are: {names}").format(names=", ".join(configured)),
            )
    for name in names:
        yield name, _found_partition(settings, name)


def _found_partition(settings: Settings, name: str) -> Path:
    site = settings.site
    configured = site.partitions[name]
    try:
        configured.path.mkdir(mode=0o750, exist_ok=True)
    except OSError as error:
        raise PartitionError(
            _("{path} cannot be made: {error}").format(path=configured.path, error=error.strerror)
        ) from error
    key, clock = SigningKey.load(site.key_path, site.dock_id), SystemClock()
    mirror = Mirror.open(site.register_.mirror, site.dock_id)
    try:
        journal = Journal.open(site.register_path, key=key, dock_id=site.dock_id, clock=clock, mirror=mirror)
        try:
            partition.create(
                configured.path,
                name,
                site.dock_id,
                clock,
                lambda uuid: _enter(journal, PartitionCreated(partition=name, partition_uuid=uuid), _person(settings)),
            )
        finally:
            journal.close()
    finally:
        mirror.close()
    return configured.path


def _enter(journal: Journal, facts: Facts, author: str) -> None:
    journal.append(facts, author=author)
    journal.checkpoint()


def _person(settings: Settings) -> str:
    """Name whoever gives this command: a dock is made by a person, not by the daemon."""
    operators = {account: Operator(each.person, each.role) for account, each in settings.site.operators.items()}
    return caller(os.getuid(), operators).author


def _old_key(site: Site, key: str, note: str) -> Verifier:
    verifier = Verifier.parse(key)
    signed = Checkpoint.parse(verifier.open_note(note))
    if (verifier.name, signed.origin) != (site.dock_id, site.dock_id):
        raise RegisterTampered(_("a checkpoint from outside is of {origin}").format(origin=signed.origin))
    return verifier


def _found_key(site: Site) -> SigningKey:
    try:
        site.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = site.key_path.exists()
        key = (SigningKey.load if made else SigningKey.generate)(site.key_path, site.dock_id)
        site.verifier_path.write_text(key.verifier.text + "\n")
    except OSError as error:
        raise RegisterError(
            _("{path} cannot be made: {error}").format(path=error.filename, error=error.strerror)
        ) from error
    return key

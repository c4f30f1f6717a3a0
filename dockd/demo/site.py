"""A temporary site as a technician would set it up, and the CSU's keys, which stay outside it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockd.demo.cameras import OURS, Camera, make_cameras
from dockd.errors import ConfigError, RegisterError
from dockd.i18n import _
from dockd.register.verify import open_readonly
from dockd.seal.recipients import Identity

HOME_PARTITION = "police-municipale"
OTHER_PARTITION = "environnement"

# A demonstration keeps everything on one disk of a host that has a network, and says so; a dock in service has none,
# two media, and volumes of their own.
_DOCKD_YAML = """\
dock_id: demo
state_dir: {state}
runtime_dir: {run}
register:
  mirror: {mirror}
  mirror_on_same_filesystem: true
  mirror_on_root_filesystem: true
folder_docks:
  accueil: {{path: {dock}, settle_seconds: 0.5, rescan_seconds: 1}}
partitions:
  {home}:
    path: {home_path}
    recipients: [{home_key}]
    reserve_gib: 0.1
    on_root_filesystem: true
  {other}:
    path: {other_path}
    recipients: [{other_key}]
    reserve_gib: 0.1
    on_root_filesystem: true
operators:
  "{account}": {{person: "Camille Martin", role: chief}}
network: {{allow_route_for_trial: true}}
"""
_FLEET_LINE = "  {camera}: {{driver: folder, partition: {home}}}\n"


@dataclass(frozen=True, slots=True)
class Site:
    """Where everything of the demonstration lies. `cameras` are as they were before the daemon saw them."""

    path: Path
    identities: dict[str, Identity]
    cameras: dict[str, Camera]

    @property
    def config(self) -> Path:
        return self.path / "dockd.yaml"

    @property
    def socket(self) -> Path:
        return self.path / "run" / "control.sock"

    @property
    def dock(self) -> Path:
        return self.path / "dock"

    @property
    def hand(self) -> Path:
        """Where a camera lies that is in no bay."""
        return self.path / "hand"

    def store(self, partition: str) -> Path:
        return self.path / "store" / partition

    def key_file(self, partition: str) -> Path:
        return self.path / "csu" / f"{partition}.key"

    def command(self, *words: str) -> list[str]:
        """Give the command line of dockd for this site, as its own process would be started."""
        return [sys.executable, "-P", "-m", "dockd", *words, "--config", str(self.config)]

    def do(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run one command of dockd on this site to its end."""
        return subprocess.run(self.command(*words), capture_output=True, text=True, check=False)

    def entries(self) -> list[dict[str, Any]]:
        """Read every entry from the register's file, unverified; none if it cannot be read. No daemon may run."""
        try:
            with open_readonly(self.path / "state" / "register.db") as reader:
                return [json.loads(row.body) for row in reader.rows() if row.body is not None]
        except (RegisterError, ValueError):
            return []


def build(path: Path, media: Path) -> Site:
    """Make the site in an empty directory with `dockd init` and `dockd init-partition`, and the cameras beside it."""
    identities = {name: Identity.generate() for name in (HOME_PARTITION, OTHER_PARTITION)}
    site = Site(path, identities, make_cameras(path / "hand", media))
    for folder in ("csu", "run", "dock", "mirror", "store"):
        (path / folder).mkdir()
    _write_keys(site)
    _write_config(site)
    for words in (("init",), ("init-partition", HOME_PARTITION, OTHER_PARTITION)):
        done = site.do(*words)
        if done.returncode:
            raise ConfigError(_("dockd {words} failed: {text}").format(words=" ".join(words), text=done.stderr))
    return site


def _write_keys(site: Site) -> None:
    for name, identity in site.identities.items():
        site.key_file(name).touch(mode=0o600)
        site.key_file(name).write_text(f"# public key: {identity.recipient.text}\n{identity.text}\n")


def _write_config(site: Site) -> None:
    # A path may hold whatever YAML reads as something else; a JSON string is always a YAML string.
    folders = {name: json.dumps(str(site.path / name)) for name in ("state", "run", "mirror", "dock")}
    site.config.write_text(
        _DOCKD_YAML.format(
            home=HOME_PARTITION,
            other=OTHER_PARTITION,
            account=os.getuid(),
            home_path=json.dumps(str(site.store(HOME_PARTITION))),
            other_path=json.dumps(str(site.store(OTHER_PARTITION))),
            home_key=site.identities[HOME_PARTITION].recipient.text,
            other_key=site.identities[OTHER_PARTITION].recipient.text,
            **folders,
        )
    )
    lines = (_FLEET_LINE.format(camera=camera_id, home=HOME_PARTITION) for camera_id in OURS)
    (site.path / "fleet.yaml").write_text("cameras:\n" + "".join(lines))

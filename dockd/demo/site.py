"""A temporary site as a technician would set it up, and the CSU's keys, which stay outside it."""

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from dockd.errors import ConfigError
from dockd.i18n import _
from dockd.seal.recipients import Identity

CAMERA = "BWC0000001"
STRANGER = "UNKNOWN42"
CLIPS = 3
HOME_PARTITION = "police-municipale"
OTHER_PARTITION = "environnement"
UNKNOWN_FILE = "LISEZMOI.TXT"

# A demonstration keeps everything on one disk and says so; a dock in service has two media and volumes of their own.
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
"""
_FLEET_YAML = """\
cameras:
  {camera}: {{driver: folder, partition: {home}}}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Where everything of the demonstration lies. `originals` gives the SHA-256 of each clip by its name."""

    path: Path
    identities: dict[str, Identity]
    originals: dict[str, str]

    @property
    def config(self) -> Path:
        return self.path / "dockd.yaml"

    @property
    def socket(self) -> Path:
        return self.path / "run" / "control.sock"

    @property
    def dock(self) -> Path:
        return self.path / "dock"

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


def build(path: Path, media: Path) -> Site:
    """Make the site in an empty directory with `dockd init` and `dockd init-partition`, and the cameras beside it."""
    clips = sorted(media.glob("*.mp4"))[:CLIPS]
    if len(clips) < CLIPS:
        raise ConfigError(
            _("{media} holds fewer than {n} MP4 files").format(media=media, n=CLIPS),
            advice=_("Name a folder with some: dockd demo --media FOLDER"),
        )
    identities = {name: Identity.generate() for name in (HOME_PARTITION, OTHER_PARTITION)}
    originals = {clip.name: hashlib.sha256(clip.read_bytes()).hexdigest() for clip in clips}
    site = Site(path, identities, originals)
    for folder in ("csu", "run", "dock", "mirror", "store", "arriving"):
        (path / folder).mkdir()
    _write_keys(site)
    _write_config(site)
    for words in (("init",), ("init-partition", HOME_PARTITION), ("init-partition", OTHER_PARTITION)):
        done = site.do(*words)
        if done.returncode:
            raise ConfigError(_("dockd {words} failed: {text}").format(words=" ".join(words), text=done.stderr))
    _fill_cameras(site, clips)
    return site


def plug(site: Site, camera: str) -> None:
    """Put a camera into its bay: all at once, as a dock shows one that was just inserted."""
    (site.path / "arriving" / camera).rename(site.dock / camera)


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
            home_path=json.dumps(str(site.store(HOME_PARTITION))),
            other_path=json.dumps(str(site.store(OTHER_PARTITION))),
            home_key=site.identities[HOME_PARTITION].recipient.text,
            other_key=site.identities[OTHER_PARTITION].recipient.text,
            **folders,
        )
    )
    (site.path / "fleet.yaml").write_text(_FLEET_YAML.format(camera=CAMERA, home=HOME_PARTITION))


def _fill_cameras(site: Site, clips: list[Path]) -> None:
    for camera in (CAMERA, STRANGER):
        folder = site.path / "arriving" / camera
        (folder / "DCIM").mkdir(parents=True)
        (folder / "camera_id.txt").write_text(f"{camera}\n")
        (folder / UNKNOWN_FILE).write_text("dockd leaves alone what it does not know.\n")
        for clip in clips:
            shutil.copyfile(clip, folder / "DCIM" / clip.name)

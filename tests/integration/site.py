"""A dock on disk with its cameras and its CSU, and a real daemon to serve it."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dockd import founding
from dockd.model import Recording, RecordingPath
from dockd.ops.control_client import ControlClient
from dockd.register.note import SigningKey, Verifier
from dockd.seal.kinds import X25519, Kind
from dockd.seal.recipients import Identity
from dockd.settings.load import load
from tests.integration.daemon import Daemon
from tests.integration.nursery import Child, Nursery
from tests.integration.taps import BAD_SECTORS, GATE, write_whole

ROOT = Path(__file__).parents[2]
MEDIA = ROOT / "tests" / "media"
DOCK_ID = "essai"
DOCK = "accueil"
CHIEF = "Camille Martin"
WHY = ("--reason", "essai")
FOR = (*WHY, "--to", "tribunal")


def environment() -> dict[str, str]:
    """Have every process import the tree that this file stands in, whatever is installed."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}


def dockd(*arguments: str | Path, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run one dockd command to its end, as a shell would."""
    command = [sys.executable, "-m", "dockd", *map(str, arguments)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, **options)


@dataclass(frozen=True)
class Original:
    """A recording as it was put on its camera."""

    camera_id: str
    file: Path
    recording: Recording
    content: bytes = field(repr=False)

    def on_camera(self) -> bool:
        """Whether it is still there, byte for byte."""
        try:
            same = self.file.read_bytes() == self.content
        except FileNotFoundError:
            return False
        return same and self.file.stat().st_mtime_ns == self.recording.mtime_ns


class Site:
    """One dock. `fleet` gives the partition of each camera, `kinds` the kind of a partition's recipient where it is not
    X25519; further keys are those of `ingest` in dockd.yaml."""

    def __init__(
        self,
        folder: Path,
        nursery: Nursery,
        fleet: dict[str, str] | None = None,
        kinds: dict[str, Kind] | None = None,
        **ingest: Any,
    ) -> None:
        self.folder = folder
        self.config = folder / "dockd.yaml"
        self.dock = folder / "dock"
        self.mirror = folder / "mirror"
        self.fleet = fleet or {"BWC1": "pm"}
        partitions = sorted(set(self.fleet.values()))
        self.identities = {name: Identity.generate((kinds or {}).get(name, X25519)) for name in partitions}
        self.originals: list[Original] = []
        self.daemons: list[Daemon] = []
        self.allow_route = True
        self.register_keys: dict[str, Any] = {}
        self.operators = {str(os.getuid()): {"person": CHIEF, "role": "chief"}}
        self._nursery = nursery
        for name in ("dock", "mirror", "run", "store"):
            (folder / name).mkdir()
        self.configure(**{"retry_delays_seconds": [0, 0, 0], **ingest})
        settings = load(self.config, before_init=True)
        founding.found_dock(settings)
        assert len(list(founding.found_partitions(settings, list(self.identities)))) == len(self.identities)

    def configure(self, **ingest: Any) -> None:
        """Write both files anew; YAML takes JSON."""
        site = {
            "dock_id": DOCK_ID,
            "state_dir": str(self.folder / "state"),
            "runtime_dir": str(self.folder / "run"),
            "register": {
                "mirror": str(self.mirror),
                "mirror_on_same_filesystem": True,
                "mirror_on_root_filesystem": True,
                **self.register_keys,
            },
            "folder_docks": {DOCK: {"path": str(self.dock), "settle_seconds": 0.1, "rescan_seconds": 0.1}},
            "partitions": {name: self._partition(name) for name in self.identities},
            "operators": self.operators,
            "ingest": ingest,
            "network": {"allow_route_for_trial": self.allow_route},
        }
        cameras = {each: {"driver": "folder", "partition": partition} for each, partition in self.fleet.items()}
        self.config.write_text(json.dumps(site))
        (self.folder / "fleet.yaml").write_text(json.dumps({"cameras": cameras}))

    def _partition(self, name: str) -> dict[str, Any]:
        recipient = self.identities[name].recipient.text
        path = str(self.partition(name))
        return {
            "path": path,
            "recipients": [recipient],
            "reserve_gib": 0,
            "proof_trail_mib": 2,
            "on_root_filesystem": True,
        }

    def partition(self, name: str) -> Path:
        return self.folder / "store" / name

    @property
    def register(self) -> Path:
        return self.folder / "state" / "register.db"

    @property
    def verifier(self) -> Verifier:
        return SigningKey.load(self.folder / "state" / "dock.key", DOCK_ID).verifier

    def dock_camera(
        self,
        camera_id: str,
        recordings: dict[str, bytes],
        says: str | None = None,
        stated_in: str = "camera_id.txt",
    ) -> Path:
        """Put recordings on a camera, and the camera into its bay if it is not there, all at once."""
        folder = self.dock / camera_id
        if not folder.exists():
            prepared = self.folder / f"{camera_id}.arriving"
            prepared.mkdir()
            (prepared / stated_in).write_text(f"{says or camera_id}\n")
            self._record(camera_id, prepared, recordings)
            prepared.rename(folder)
        else:
            self._record(camera_id, folder, recordings)
        return folder

    def _record(self, camera_id: str, folder: Path, recordings: dict[str, bytes]) -> None:
        for name, content in recordings.items():
            written = self.folder / "being-recorded"
            written.write_bytes(content)
            recording = Recording(RecordingPath(os.fsencode(name)), len(content), written.stat().st_mtime_ns)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            written.rename(folder / name)
            self.originals.append(Original(camera_id, self.dock / camera_id / name, recording, content))

    def replace(self, camera_id: str, name: str, content: bytes) -> None:
        """Have a camera change a recording that it holds, in place."""
        file = self.dock / camera_id / name
        file.write_bytes(content)
        recording = Recording(RecordingPath(os.fsencode(name)), len(content), file.stat().st_mtime_ns)
        self.originals.append(Original(camera_id, file, recording, content))

    def spoil(self, file: Path, *sectors: tuple[int, int], failures: int | None = None) -> None:
        """Let reads of these bytes of a file fail from now on, so many times or for ever; with none, it heals.

        Only for a daemon whose rig has `bad_sectors`.
        """
        bad = self.folder / BAD_SECTORS
        told = json.loads(bad.read_text()) if bad.exists() else {}
        told[str(file.relative_to(self.folder))] = [[*sector, failures] for sector in sectors]
        write_whole(bad, json.dumps(told))

    def open_gate(self) -> None:
        """Let the one that its taps have halted go on."""
        (self.folder / GATE).open("wb").close()

    def under_way(self) -> list[tuple[str, ...]]:
        """Give the intents that are open in the register of a stopped dock."""
        with closing(sqlite3.connect(f"file:{self.register}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT recording_id, state FROM intent").fetchall()

    def start(self, **rig: Any) -> Daemon:
        """Start the daemon from the nursery, tapped as `rig` says (see `taps.Taps`), and wait until it serves."""

        def start(stderr: int) -> Child:
            with open(os.devnull, "rb") as nothing:
                rigged = {"site": str(self.folder), **rig}
                return self._nursery.start(["run", "--config", str(self.config)], rigged, nothing.fileno(), stderr)

        return self._started(Daemon(start))

    def change(self, **keys: Any) -> None:
        """Put keys into dockd.yaml, over what is there."""
        self.config.write_text(json.dumps({**json.loads(self.config.read_text()), **keys}))

    def start_installed(
        self, more: dict[str, str] | None = None, bus: Path | None = None, python: Path = Path(sys.executable)
    ) -> Daemon:
        """Start the daemon as a person would: a new interpreter, nothing preloaded, nothing tapped."""

        def start(stderr: int) -> "subprocess.Popen[bytes]":
            command = [str(python), "-m", "dockd", "run", "--config", str(self.config)]
            command += ["--bus", str(bus)] if bus else []
            its = {**environment(), **(more or {})}
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=stderr, env=its)

        return self._started(Daemon(start))

    def _started(self, daemon: Daemon) -> Daemon:
        self.daemons.append(daemon)
        return daemon

    def ask(self, question: str, **arguments: int) -> dict[str, Any]:
        client = ControlClient(self.folder / "run" / "control.sock")
        try:
            return client.ask(question, **arguments)
        finally:
            client.close()

    def troubles(self) -> dict[str, str]:
        """Give what `dockd status` says needs a person: the code of each subject."""
        return {each["subject"]: each["code"] for each in self.ask("status")["troubles"]}

    def close(self) -> None:
        for daemon in self.daemons:
            daemon.kill()

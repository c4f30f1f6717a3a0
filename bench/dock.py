"""A dock to be measured: the real daemon with real workers as subprocesses, over a folder dock on the bench's disk."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.processes import Watch, cpu_seconds
from dockd.seal.recipients import Identity

PACED = "paced"
DEADLINE_SECONDS = 1800
SETTLE_SECONDS = 0.1

_ENTRY_POINTS = "[dockd.drivers]\npaced = bench.paced:PacedDriver\n"


class Dock:
    """`cameras` gives each camera's options; with any, the driver is the paced one."""

    def __init__(
        self, folder: Path, cameras: dict[str, dict[str, str]], rescan_seconds: float = 5, **ingest: Any
    ) -> None:
        self.folder = folder
        self.bay = folder / "dock"
        self.marks = folder / "marks"
        self.lines: list[dict[str, Any]] = []
        self._heard = threading.Condition()
        for name in ("dock", "mirror", "run", "store", "python/paced-1.dist-info"):
            (folder / name).mkdir(parents=True)
        (folder / "python/paced-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: paced\nVersion: 1\n")
        (folder / "python/paced-1.dist-info/entry_points.txt").write_text(_ENTRY_POINTS)
        fleet = {
            name: {"driver": PACED if options else "folder", "partition": "pm", "options": options}
            for name, options in cameras.items()
        }
        (folder / "fleet.yaml").write_text(json.dumps({"cameras": fleet}))
        site = {
            "dock_id": "bench",
            "state_dir": str(folder / "state"),
            "runtime_dir": str(folder / "run"),
            "register": {
                "mirror": str(folder / "mirror"),
                "mirror_on_same_filesystem": True,
                "mirror_on_root_filesystem": True,
            },
            "folder_docks": {
                "bench": {"path": str(self.bay), "settle_seconds": SETTLE_SECONDS, "rescan_seconds": rescan_seconds}
            },
            "partitions": {
                "pm": {
                    "path": str(folder / "store" / "pm"),
                    "recipients": [Identity.generate().recipient.text],
                    "reserve_gib": 0,
                    "on_root_filesystem": True,
                }
            },
            "ingest": {"after_ingest": "keep", **ingest},
            "network": {"allow_route_for_trial": True},
        }
        self.config = folder / "dockd.yaml"
        self.config.write_text(json.dumps(site))
        self._environment = {**os.environ, "PYTHONPATH": f"{folder / 'python'}:{Path(__file__).parents[1]}"}
        (folder / "store" / "pm").mkdir()
        self.command("init")
        self.command("init-partition", "pm")

    def __enter__(self) -> "Dock":
        command = [sys.executable, "-P", "-m", "dockd", "run", "--config", str(self.config)]
        self.started = time.time()
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, env=self._environment)
        threading.Thread(target=self._listen, daemon=True).start()
        self.ready_seconds = self.wait("service.ready")["at"] - self.started
        self.watch = Watch(self.process.pid)
        return self

    def __exit__(self, *_error: object) -> None:
        self.watch.stop()
        self.process.terminate()
        self.process.wait(60)

    def arrive(self, camera_id: str, recording: Path) -> None:
        """Put a camera with one recording, which is linked, into its bay."""
        prepared = self.folder / f"{camera_id}.arriving"
        prepared.mkdir()
        (prepared / "camera_id.txt").write_text(f"{camera_id}\n")
        os.link(recording, prepared / "a.mp4")
        prepared.rename(self.bay / camera_id)

    def wait(self, event: str, **fields: Any) -> dict[str, Any]:
        """Wait for such a line, the oldest that was not waited for yet."""
        fields["event"] = event
        end = time.monotonic() + DEADLINE_SECONDS
        with self._heard:
            while True:
                for place, line in enumerate(self.lines):
                    if fields.items() <= line.items():
                        return self.lines.pop(place)
                if not self._heard.wait(end - time.monotonic()):
                    raise TimeoutError(fields)

    def command(self, *words: str) -> str:
        """Give a command of dockd and what it prints."""
        command = [sys.executable, "-P", "-m", "dockd", *words, "--config", str(self.config)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=self._environment).stdout

    def cpu(self) -> float:
        """Seconds of the daemon and of all that have ended of its workers."""
        return cpu_seconds(self.process.pid, children=True)

    def marked(self) -> list[dict[str, Any]]:
        """What the paced driver has noted."""
        return [json.loads(line) for line in self.marks.read_text().splitlines()]

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for raw in self.process.stderr:
            if not raw.startswith(b"{"):
                print(raw.decode("utf-8", "replace"), end="", flush=True)  # a traceback of something that crashed
                continue
            line = json.loads(raw)
            line["at"] = datetime.fromisoformat(line["timestamp"]).timestamp()
            with self._heard:
                self.lines.append(line)
                self._heard.notify_all()

"""A site on disk that is right in all respects, for tests to spoil."""

from pathlib import Path

from dockd.seal.recipients import Identity


class Site:
    """A site on disk that is right in all respects; each test spoils it in one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipient = Identity.generate().recipient.text
        for name in ("police", "rural", "dock", "state", "run", "mirror"):
            (folder / name).mkdir()
        self.path = folder / "dockd.yaml"
        self.fleet_path = folder / "fleet.yaml"
        self.path.write_text(f"""\
dock_id: poste-central
state_dir: {folder}/state
runtime_dir: {folder}/run
register:
  mirror: {folder}/mirror
  mirror_on_same_filesystem: true
  mirror_on_root_filesystem: true
folder_docks:
  accueil: {{path: {folder}/dock}}
partitions:
  police:
    path: {folder}/police
    recipients: [{self.recipient}]
    on_root_filesystem: true
  rural:
    path: {folder}/rural
    recipients:
      - {self.recipient}
    on_root_filesystem: true
ingest:
  after_ingest: keep
log_level: info
""")
        self.fleet_path.write_text("""\
cameras:
  BWC0000001: {driver: folder, partition: police, options: {identity_file: camera_id.txt}}
  BWC0000002:
    driver: folder
    partition: rural
""")

    def change(self, old: str, new: str) -> None:
        self._change(self.path, old, new)

    def change_fleet(self, old: str, new: str) -> None:
        self._change(self.fleet_path, old, new)

    def _change(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert text.count(old) == 1, old
        path.write_text(text.replace(old, new))

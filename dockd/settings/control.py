"""Which dock a configuration is of, and where it is asked, without judging the rest of the file."""

from dataclasses import dataclass
from pathlib import Path

from dockd.settings.marks import read

RUNTIME_DIR = Path("/run/dockd")
SOCKET = "control.sock"


@dataclass(frozen=True, slots=True)
class Asked:
    """The dock that is meant, and its control socket."""

    dock_id: str
    path: Path


def asked(config: Path) -> Asked | None:
    """Read whom to ask; None where the file cannot be read, or does not say."""
    value = read(config).value
    if value is None:
        return None
    dock_id, written = value.get("dock_id"), value.get("runtime_dir", str(RUNTIME_DIR))
    if not isinstance(dock_id, str) or not isinstance(written, str) or not Path(written).is_absolute():
        return None
    return Asked(dock_id, Path(written) / SOCKET)

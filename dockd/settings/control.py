"""Where a running dock is asked, without judging the rest of its configuration."""

from pathlib import Path

from dockd.settings.marks import read

RUNTIME_DIR = Path("/run/dockd")
SOCKET = "control.sock"


def control_path(config: Path) -> Path | None:
    """Give the control socket of a site; None where its file cannot be read, or does not say."""
    value = read(config).value
    if value is None:
        return None
    written = value.get("runtime_dir", str(RUNTIME_DIR))
    return Path(written) / SOCKET if isinstance(written, str) and Path(written).is_absolute() else None

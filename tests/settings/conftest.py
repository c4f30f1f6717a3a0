from collections.abc import Callable
from pathlib import Path

import pytest

from tests.settings.a_site import Site

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install the metadata of a distribution that offers drivers, as pip would leave it; there is no code behind."""
    packages = tmp_path / "site-packages"
    packages.mkdir()
    monkeypatch.syspath_prepend(str(packages))

    def make(distribution: str, *drivers: str, version: str = "1.2.3") -> None:
        info = packages / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = [f"{name} = no_such_module_{name}:Driver" for name in drivers]
        (info / "entry_points.txt").write_text("\n".join(["[dockd.drivers]", *lines, ""]))

    return make


@pytest.fixture
def site(tmp_path: Path, install: Install) -> Site:
    # The name is "dockd", so that this hides a dockd that is really installed (the first one on the path counts).
    install("dockd", "folder")
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(folder)

"""The driver kit: what whoever writes a driver tests it with. It needs pytest: `pip install dockd[testing]`.

`contract.DriverContract` is the suite that every driver has to pass, `directory.DirectoryContract` the one for drivers
whose camera is a directory, `unlocking.UnlockContract` that for unlockers; `fake_camera.FakeCamera` is a camera in
memory with faults on demand.
docs/writing-a-driver.md shows how they are used.
"""

import pytest

pytest.register_assert_rewrite("dockd.testing.contract", "dockd.testing.directory", "dockd.testing.unlocking")

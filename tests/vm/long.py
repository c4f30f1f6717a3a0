"""How much is tried: `make vm-test-long` sets `DOCKD_VM_LONG`."""

import os

LONG = bool(os.environ.get("DOCKD_VM_LONG"))

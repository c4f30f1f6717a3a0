"""A camera that has to be unlocked, on the gadget's port of the guest: `vendor_gadget` there, and its card."""

import gzip
import itertools
from pathlib import Path

from tests.integration.site import Original
from tests.vm import layout
from tests.vm.agent import Agent
from tests.vm.sticks import Card, Files, originals

SERIAL, CARD_SERIAL = "0123456789", "9876543210"
"""What its bus calls it, locked and unlocked: neither is its id."""

_PROGRAM = Path(__file__).with_name("vendor_gadget.py")
_IMAGE = "/run/vendor.img"
_plugged = itertools.count(1)


class VendorCamera:
    """`serial` is what it says that it is. `card` is as it lies in the guest from `plug` to `unplug`."""

    name = "vendor"

    def __init__(self, agent: Agent, serial: str, card: Card, files: Files) -> None:
        self._agent = agent
        self.serial, self.card, self._files = serial, card, files
        self._unit = ""

    def plug(self, *, credential: str = layout.CREDENTIAL, comes_back: bool = True, says: str = "") -> None:
        """Put it in. It may not come back once it is unlocked, or have said before that it is another one."""
        self._agent.put("/run/vendor_gadget.py", _PROGRAM.read_bytes())
        self._agent.do(f"gzip -dc >{_IMAGE}", gzip.compress(self.card.image.read_bytes(), 1))
        image = _IMAGE if comes_back else "never"
        words = f"{SERIAL} {says or self.serial} {credential} {image} {CARD_SERIAL}"
        self._unit = f"vendor-gadget-{next(_plugged)}"
        self._agent.do(f"systemd-run --quiet --unit={self._unit} python3 /run/vendor_gadget.py {words}")

    def unplug(self) -> None:
        """Pull it out once it was unlocked; the card is as it was left."""
        ended = f"until ! systemctl -q is-active {self._unit}; do :; done"
        self._agent.do(f"systemctl kill --signal=SIGUSR1 {self._unit}; {ended}; journalctl -u {self._unit}")
        self._agent.do(f"! systemctl -q is-failed {self._unit}")
        self.card.image.write_bytes(gzip.decompress(self._agent.get_of(f"gzip -1 -c {_IMAGE}")))

    def recordings(self) -> list[str]:
        """List the recordings that are left on it; it must be unplugged."""
        return sorted(path for path in self.card.files() if path.lower().endswith(".mp4"))

    def bring(self, folder: Path) -> list[Original]:
        """Copy out what is on the card, for `promises`; it must be unplugged."""
        return originals(self.serial, folder / self.name, self.card.files(), self._files)

    def close(self) -> None:
        """Nothing of it is open here."""

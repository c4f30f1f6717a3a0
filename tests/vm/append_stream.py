"""Runs in the guest in the place of dockd, in its sandbox: appends to the register for ever, and says of each entry
that it is acknowledged, as a line of the log.

    append_stream.py CONFIG
"""

import json
import sys
from pathlib import Path

from dockd.clock import SystemClock
from dockd.register.journal import Journal
from dockd.register.kinds import Refused
from dockd.register.mirror import Mirror
from dockd.register.note import SigningKey
from dockd.settings.shape import parse


def main() -> None:
    site = parse(Path(sys.argv[1])).settings.site
    key, mirror = SigningKey.load(site.key_path, site.dock_id), Mirror.open(site.register_.mirror, site.dock_id)
    journal = Journal.open(site.register_path, key=key, dock_id=site.dock_id, clock=SystemClock(), mirror=mirror)
    number = 0
    while True:
        number += 1
        [seq] = journal.append(Refused(bay="b1", claimed_id=f"{number}", code="admit.unknown", reason="x" * 300))
        print(json.dumps({"event": "acknowledged", "seq": seq}), file=sys.stderr, flush=True)
        if number % 7 == 0:
            journal.checkpoint()


if __name__ == "__main__":
    main()

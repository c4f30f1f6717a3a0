"""The order of everything that makes one recording safe before it is cleared, to the letter."""

from tests.integration.promises import assert_promises, of_kind
from tests.integration.site import Site

SEALED = "store/pm/NAMELESS"
MIRROR = "mirror"


def story(log: list[dict[str, str]]) -> list[tuple[str, ...]]:
    """Give what was done, and what was said of it, from the worker's first list to the green light."""
    told = [_step(line) for line in log]
    begin = told.index(("worker", "list", "dock/BWC1"))
    return [step for step in told[begin:] if step]


def _step(line: dict[str, str]) -> tuple[str, ...]:
    match line:
        case {"event": "did", "target": target} if target.startswith("state/bays.json") or target == "state":
            return ()  # counters, on a thread of their own: no part of any promise
        case {"event": "did", "role": role, "operation": operation, "target": target}:
            return role, operation, target
        case {"event": "recording.done" | "recording.cleared" as event}:
            return ("log", event)
        case {"event": "bay.changed", "light": light}:
            return ("log", light)
    return ()


def test_everything_durable_happens_in_the_one_order_that_keeps_the_promise(site: Site):
    daemon = site.start(trace=True).ready()
    daemon.wait_for("did", operation="fsync", target=SEALED)  # the probe of the partition, at the start
    site.dock_camera("BWC1", {"clip.mp4": b"a small recording" * 5000})
    daemon.wait_green()
    told = story(daemon.log)
    assert_promises(site)

    [entry] = of_kind(site, "collected")
    folder, name = f"store/pm/{entry['object_path']}".rsplit("/", 1)
    year, month, _day = folder.removeprefix("store/pm/objects/").split("/")
    segment = f"{MIRROR}/{entry['at'][:7]}.jsonl"
    objects = "store/pm/objects"
    assert told[: told.index(("log", "green")) + 1] == [
        ("worker", "list", "dock/BWC1"),
        # Sealed and proven: flushed, and only then read back.
        ("worker", "ftruncate", SEALED),
        ("worker", "fsync", SEALED),
        ("worker", "read_back", SEALED),
        # Placed: the intent, the read-only object under its lease, the sidecar, the name.
        ("run", "commit", "intent"),
        ("run", "fchmod", SEALED),
        ("run", "fsync", SEALED),
        ("run", "lease", SEALED),
        ("run", "mkdir", objects),
        ("run", "fsync", "store/pm"),
        ("run", "mkdir", f"{objects}/{year}"),
        ("run", "fsync", objects),
        ("run", "mkdir", f"{objects}/{year}/{month}"),
        ("run", "fsync", f"{objects}/{year}"),
        ("run", "mkdir", folder),
        ("run", "fsync", f"{objects}/{year}/{month}"),
        ("run", "write", f"{folder}/NAMELESS"),
        ("run", "fsync", f"{folder}/NAMELESS"),
        ("run", "link", f"{folder}/{name.removesuffix('.age')}.json"),
        ("run", "fsync", folder),
        ("run", "link", f"{folder}/{name}"),
        ("run", "fsync", folder),
        # Registered: on both media.
        ("run", "commit", "collected"),
        ("run", "write", f"{segment} collected"),
        ("run", "fsync", segment),
        ("log", "recording.done"),
        # Cleared, and believed only after a fresh listing.
        ("worker", "unlink", "dock/BWC1/clip.mp4"),
        ("worker", "fsync", "dock/BWC1"),
        ("worker", "list", "dock/BWC1"),
        ("run", "commit", "cleared"),
        ("run", "write", f"{segment} cleared"),
        ("run", "fsync", segment),
        ("log", "recording.cleared"),
        # Only now, with the docking entered and signed, may the bay turn green.
        ("run", "commit", "docking_ended"),
        ("run", "write", f"{segment} docking_ended"),
        ("run", "fsync", segment),
        ("run", "commit", "checkpoint"),
        ("log", "green"),
    ]

"""Names of everything that is logged. docs/logging.md says what each means and which fields it carries.

The log is technical and may be lost; what counts as evidence is in the register.
"""

from enum import StrEnum


class Event(StrEnum):
    """Stable names: alerts and dashboards of others rely on them."""

    SERVICE_STARTED = "service.started"
    SERVICE_READY = "service.ready"
    SERVICE_STOPPED = "service.stopped"
    DOCK_TROUBLE = "dock.trouble"
    DOCK_RECOVERED = "dock.recovered"
    BUS_FAILED = "bus.failed"
    CAMERA_REFUSED = "camera.refused"
    CAMERA_UNLOCKED = "camera.unlocked"
    CAMERA_UNLOCK_FAILED = "camera.unlock_failed"
    UNLOCK_TRIES_LOST = "unlock.tries_lost"
    DOCKING_STARTED = "docking.started"
    DOCKING_ATTEMPT_FAILED = "docking.attempt_failed"
    RUNG_TAKEN = "rung.taken"
    CAMERA_FINDINGS = "camera.findings"
    DOCKING_DONE = "docking.done"
    DOCKING_CRASHED = "docking.crashed"
    RECORDING_DONE = "recording.done"
    RECORDING_RESUMED = "recording.resumed"
    RECORDING_FAILED = "recording.failed"
    RECORDING_CLEARED = "recording.cleared"
    BAY_CHANGED = "bay.changed"
    LIGHT_FAILED = "light.failed"
    LIGHT_RECOVERED = "light.recovered"
    COUNTERS_SET_ASIDE = "counters.set_aside"
    COUNTERS_FAILED = "counters.failed"
    PLACING_RECOVERED = "placing.recovered"
    PARTITION_TROUBLE = "partition.trouble"
    PARTITION_RECOVERED = "partition.recovered"
    REGISTER_TROUBLE = "register.trouble"
    REGISTER_RECOVERED = "register.recovered"
    NETWORK_TROUBLE = "network.trouble"
    NETWORK_RECOVERED = "network.recovered"
    NETWORK_ALLOWED = "network.allowed"
    HEARTBEAT_WITHHELD = "heartbeat.withheld"
    HEARTBEAT_RESUMED = "heartbeat.resumed"
    CHECK_CRASHED = "check.crashed"
    MP4_CRASHED = "mp4.crashed"
    WORKER_STUCK = "worker.stuck"
    CONTROL_REFUSED = "control.refused"
    PRUNING_FAILED = "pruning.failed"
    CAMERA_CLOCK_READ = "camera.clock_read"
    CAMERA_CLOCK_SET = "camera.clock_set"
    CAMERA_STATE = "camera.state"
    CLOCK_STEPPED = "clock.stepped"
    WITNESS_TROUBLE = "witness.trouble"
    WITNESS_RECOVERED = "witness.recovered"
    CHECKPOINT_SIGNED = "checkpoint.signed"
    CHECKPOINT_KEPT = "checkpoint.kept"


FIELDS: dict[Event, frozenset[str]] = {
    Event.SERVICE_STARTED: frozenset({"version", "dock_id", "isolation"}),
    Event.SERVICE_READY: frozenset({"entries", "partitions", "docks"}),
    Event.SERVICE_STOPPED: frozenset({"reason"}),
    Event.CAMERA_CLOCK_READ: frozenset({"bay", "camera", "said", "offset_ms", "code"}),
    Event.CAMERA_STATE: frozenset({"bay", "camera", "battery_percent", "firmware", "officer", "code"}),
    Event.CAMERA_CLOCK_SET: frozenset({"bay", "camera", "offset_ms"}),
    Event.DOCK_TROUBLE: frozenset({"dock", "code", "message"}),
    Event.DOCK_RECOVERED: frozenset({"dock"}),
    Event.BUS_FAILED: frozenset({"port", "message"}),
    Event.CAMERA_REFUSED: frozenset({"bay", "claimed_id", "code", "reason"}),
    Event.CAMERA_UNLOCKED: frozenset({"bay", "serial", "camera", "unlocker"}),
    Event.CAMERA_UNLOCK_FAILED: frozenset({"bay", "serial", "unlocker", "code", "message"}),
    Event.DOCKING_STARTED: frozenset({"bay", "camera", "driver", "partition"}),
    Event.DOCKING_ATTEMPT_FAILED: frozenset({"bay", "camera", "code", "message", "advice"}),
    Event.RUNG_TAKEN: frozenset({"bay", "camera", "rung", "seconds", "cause"}),
    Event.CAMERA_FINDINGS: frozenset({"bay", "camera", "checked", "findings"}),
    Event.DOCKING_DONE: frozenset(
        {
            "bay",
            "camera",
            "outcome",
            "code",
            "message",
            "advice",
            "collected",
            "salvaged",
            "already_registered",
            "cleared",
            "kept",
            "left_alone",
            "seconds",
        }
    ),
    Event.DOCKING_CRASHED: frozenset({"bay", "camera", "exception"}),
    Event.RECORDING_DONE: frozenset(
        {
            "bay",
            "camera",
            "recording",
            "path",
            "size",
            "outcome",
            "seq",
            "object",
            "read_back",
            "mp4",
            "gaps",
            "gap_bytes",
            "seconds",
        }
    ),
    Event.RECORDING_RESUMED: frozenset({"bay", "camera", "path", "size"}),
    Event.RECORDING_FAILED: frozenset({"bay", "camera", "path", "size", "code", "message"}),
    Event.RECORDING_CLEARED: frozenset({"bay", "camera", "recording", "path", "inferred"}),
    Event.BAY_CHANGED: frozenset({"bay", "light", "reason"}),
    Event.LIGHT_FAILED: frozenset({"bay", "message"}),
    Event.LIGHT_RECOVERED: frozenset({"bay"}),
    Event.UNLOCK_TRIES_LOST: frozenset({"message"}),
    Event.COUNTERS_SET_ASIDE: frozenset({"message"}),
    Event.COUNTERS_FAILED: frozenset({"message"}),
    Event.PLACING_RECOVERED: frozenset({"recording", "partition", "object", "outcome"}),
    Event.PARTITION_TROUBLE: frozenset({"partition", "code", "message", "advice"}),
    Event.PARTITION_RECOVERED: frozenset({"partition"}),
    Event.REGISTER_TROUBLE: frozenset({"code", "message", "advice"}),
    Event.REGISTER_RECOVERED: frozenset(),
    Event.NETWORK_TROUBLE: frozenset({"code", "message", "advice"}),
    Event.NETWORK_RECOVERED: frozenset(),
    Event.NETWORK_ALLOWED: frozenset({"message"}),
    Event.HEARTBEAT_WITHHELD: frozenset({"overdue"}),
    Event.HEARTBEAT_RESUMED: frozenset(),
    Event.CHECK_CRASHED: frozenset({"exception"}),
    Event.MP4_CRASHED: frozenset({"path", "exception"}),
    Event.WORKER_STUCK: frozenset({"pid"}),
    Event.CONTROL_REFUSED: frozenset({"message", "uid"}),
    Event.PRUNING_FAILED: frozenset({"message"}),
    Event.CLOCK_STEPPED: frozenset({"seconds"}),
    Event.WITNESS_TROUBLE: frozenset({"witness", "code", "message", "advice"}),
    Event.WITNESS_RECOVERED: frozenset({"witness"}),
    Event.CHECKPOINT_SIGNED: frozenset({"note"}),
    Event.CHECKPOINT_KEPT: frozenset({"witness", "size"}),
}
"""Fields that each event may carry, beside `timestamp` and `level` which all have."""

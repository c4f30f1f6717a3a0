"""Every error that dockd raises, sorted by what follows from it (the class is the consequence).

* `CameraError`: this docking climbs its retry ladder, then is over; the camera keeps its data.
* `PartitionError`: no camera of that partition is cleared; the others go on.
* `RegisterError`: no camera is cleared at all.
* `NetworkError`: no camera is taken in or cleared while the host has a route; dockd refuses to start.
* `ConfigError`: dockd refuses to start.
* `WitnessUnreachable`: a checkpoint is not kept there, and that is said; nothing else follows.
* `LightFailed`: a light may be wrong, and is said to be; nothing else follows.
* `CountersError`: numbers for a technician may be lost; nothing else follows.
* `ControlError`: one command fails; the daemon is not touched.
* `OrderError`: a programmer's mistake; the process ends rather than clear wrongly.

`code` is stable and is what logs, the register and scripts use; the message and the advice are for people.
"""

from enum import IntEnum
from typing import ClassVar

from dockd.i18n import _


class ExitCode(IntEnum):
    """What `dockd` tells the shell. Documented in docs/commands.md; scripts rely on the numbers."""

    OK = 0
    FAILED_CHECK = 1
    USAGE = 2
    CONFIG = 3
    PARTITION = 4
    REGISTER = 5
    NOT_RUNNING = 6
    ALREADY_RUNNING = 7
    CAMERA = 8
    NETWORK = 9
    DENIED = 10
    INTERNAL = 70


class DockdError(Exception):
    """Root of the tree.

    `code` names the fault for machines, `advice` tells a technician what to do and may be empty.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class CameraError(DockdError):
    """Something on the camera's side: ends the attempt, never anything beyond this docking."""

    code = "camera.error"
    exit_code = ExitCode.CAMERA


class DriverError(CameraError):
    """The only kind of exception that leaves a driver (`dockd.driver` turns every other one into it)."""

    code = "camera.driver"


class CameraGone(DriverError):
    """The camera, or what it held, is no longer there."""

    code = "camera.gone"


class CameraBusy(DriverError):
    """The camera is there but changing: still recording, or a recording moved while it was read."""

    code = "camera.busy"


class CameraDenied(DriverError):
    """The camera refused: locked, read-only, wrong credential."""

    code = "camera.denied"


class CameraProtocol(DriverError):
    """The camera, or its driver, answered what no camera of this kind may answer."""

    code = "camera.protocol"


class CameraMedia(DriverError):
    """The camera's medium cannot be read or written at some place."""

    code = "camera.media"


class CameraSalvaged(CameraError):
    """What can be read of a recording is stored, the rest cannot be read: it stays on its camera. Not retried."""

    code = "camera.salvaged"


class CameraUnsupported(DriverError):
    """The driver cannot do this with this camera."""

    code = "camera.unsupported"


class IdentityMismatch(CameraError):
    """The camera says it is another than the one it was announced as: refused, not retried."""

    code = "camera.identity"


class CredentialMissing(CameraError):
    """dockd was not given what a locked camera wants, or not in a form that it can have."""

    code = "camera.credential"


class CredentialRefused(CameraError):
    """A locked camera refused what dockd was given for it: it is not sent again."""

    code = "camera.credential_refused"


class DescriptorsInvalid(CameraError):
    """What a device says of itself is not well-formed USB: refused, not retried."""

    code = "camera.descriptors"


class ProofFailed(CameraError):
    """What was read back from the store does not decrypt to what was read from the camera."""

    code = "camera.proof"


class WorkerFailed(CameraError):
    """The worker of this docking died, fell silent or broke the protocol; it is killed and the ladder goes on."""

    code = "camera.worker"


class DockUnreachable(CameraError):
    """A dock with a disk of its own cannot be looked at; its cameras are neither here nor gone."""

    code = "camera.dock_unreachable"


class BayUnsteady(CameraError):
    """A camera came and went several times within seconds: it is badly seated, or the contact is."""

    code = "camera.unsteady"


class BusUnguarded(CameraError):
    """New devices come alive on a bus with bays before dockd has judged them: the udev rules are not in force."""

    code = "camera.bus_unguarded"


class BusUnreachable(CameraError):
    """The bus helper gives no answer, or one that makes no sense: nothing can be mounted, authorised or switched."""

    code = "camera.bus_unreachable"


class SealError(DockdError):
    """A recipient, an identity or a sealed object is not what the age format allows."""

    code = "seal.error"
    exit_code = ExitCode.FAILED_CHECK


class HeaderInvalid(SealError):
    """The header of an object is not what the age format allows."""

    code = "seal.header"


class NotForIdentity(SealError):
    """The header holds no file key for this identity: the wrong key was tried, or its stanza is damaged."""

    code = "seal.no_match"


class HeaderChanged(SealError):
    """The header gives a file key, but its MAC does not fit: it was changed after it was sealed."""

    code = "seal.header_changed"


class PayloadInvalid(SealError):
    """The payload is not exactly what was sealed: changed, cut, reordered or continued."""

    code = "seal.payload"


class PartitionError(DockdError):
    """A partition cannot be trusted to store: its cameras are not cleared."""

    code = "partition.error"
    exit_code = ExitCode.PARTITION


class PartitionMissing(PartitionError):
    """The path is not there, not mounted, or carries no marker of this partition."""

    code = "partition.missing"


class PartitionFull(PartitionError):
    """Taking this recording would eat into the reserve, or the medium said ENOSPC or EDQUOT."""

    code = "partition.full"


class PartitionMedia(PartitionError):
    """The medium failed: EIO, a read-only remount, a failed flush of a file that a worker was sealing."""

    code = "partition.media"


class PartitionStuck(PartitionError):
    """A call on the medium did not come back within its deadline."""

    code = "partition.stuck"


class FlushFailed(PartitionError):
    """A flush failed: what the medium holds is not known, and the partition is not used until dockd is restarted."""

    code = "partition.flush_failed"


class WriterLeft(PartitionError):
    """A writer of a proven file is still open somewhere: the file is not placed."""

    code = "partition.writer_left"


class RegisterError(DockdError):
    """The register, or its mirror, cannot take or prove an entry: nothing is cleared."""

    code = "register.error"
    exit_code = ExitCode.REGISTER


class RegisterTampered(RegisterError):
    """The register does not verify. `seq` is the first entry that is wrong, if its place is known."""

    code = "register.tampered"
    exit_code = ExitCode.FAILED_CHECK

    def __init__(self, message: str, *, advice: str = "", seq: int | None = None) -> None:
        super().__init__(message, advice=advice)
        self.seq = seq


class MirrorError(RegisterError):
    """The second medium of the register is missing, behind beyond repair, or contradicts it."""

    code = "register.mirror"


class WitnessUnreachable(DockdError):
    """A checkpoint could not be read or kept beside the register; nothing else follows, but a person is needed."""

    code = "register.witness"


class NetworkError(DockdError):
    """This host may reach others: no camera is taken in and nothing is cleared."""

    code = "network.error"
    exit_code = ExitCode.NETWORK


class RouteFound(NetworkError):
    """This host has a route beyond itself and its own links."""

    code = "network.route"


class NetworkUnknown(NetworkError):
    """What routes this host has cannot be told, which counts as one."""

    code = "network.unknown"


class ConfigError(DockdError):
    """The configuration cannot be used; the message holds every problem found, one a line."""

    code = "config.error"
    exit_code = ExitCode.CONFIG


class AlreadyRunning(DockdError):
    """Another process holds this register, or a partition of it."""

    code = "dockd.already_running"
    exit_code = ExitCode.ALREADY_RUNNING


class NotLookedAt(DockdError):
    """A part of the dock was not looked at in its time; no heartbeat is given, so that systemd starts dockd anew."""

    code = "dockd.not_looked_at"


class LightFailed(DockdError):
    """The light of a bay could not be switched, and may be wrong; nothing else follows from it."""

    code = "light.failed"


class TriesUnknown(DockdError):
    """Which locked cameras were asked could not be written down: none is asked as long as that is so."""

    code = "unlock.tries_unknown"


class CountersError(DockdError):
    """The counters of bays and cameras could not be read or kept in time; nothing else follows from it."""

    code = "counters.error"


class ControlError(DockdError):
    """The daemon does not answer on its control socket, or refused the command."""

    code = "control.error"
    exit_code = ExitCode.NOT_RUNNING


class CommandDenied(ControlError):
    """Who asked may not give this command; the register says who it was and what they asked for."""

    code = "control.denied"
    exit_code = ExitCode.DENIED


class CommandImpossible(ControlError):
    """Who asked may give this command, but it cannot be carried out as things are; the register says so."""

    code = "control.impossible"
    exit_code = ExitCode.FAILED_CHECK


class OrderError(AssertionError):
    """A step was asked for out of order. Not a `DockdError`: nobody may catch it and go on."""


def unexpected(error: BaseException) -> str:
    """Describe an exception of others in one line, for a message of ours."""
    try:
        text = str(error)
    except Exception as mute:  # an exception of others may be as broken as the code that raised it
        text = type(mute).__name__
    return _("{kind}: {text}").format(kind=type(error).__name__, text=text)

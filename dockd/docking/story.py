"""One camera, from plug to green, as a story: what follows what, and why nothing can follow out of turn.

1. The camera is opened and listed by a worker; it must be the one it was announced as. How far its clock is off is
   entered before that is set, and then what it says of itself.
2. What an interruption left half placed is decided first.
3. Each recording of a batch is brought to `Registered`: known ones are hashed again on the camera and their object
   read back; all others are pulled, proven, placed and entered, in that order.
4. Only then is anything of the batch cleared, only what is registered, and only a fresh listing says that it is gone.
   What a part of failed, a sidecar or a later chapter, stays with that part; parts come before what they belong to.
5. That listing brings the next batch. Once there is none, clearings that were interrupted are seen to the end.

A fault of one recording leaves the others their turn and then ends the attempt; a fault of the camera ends it at
once; a fault of the partition or the register ends the docking and nothing is cleared in it. A recording that cannot
be read, even in the last attempt, is salvaged: what can be read of it is placed and entered, once, and it stays on the
camera. How often a camera is tried again is for `ladder.py`; doing it all is for `perform.py`.
"""

from dockd.docking.commands import (
    AskCamera,
    CheckObject,
    Clear,
    Confirm,
    Enter,
    EnterCleared,
    EnterFailure,
    EnterSalvage,
    Find,
    HashOnCamera,
    HasSalvage,
    Keep,
    Known,
    ListAgain,
    OpenCamera,
    OpenForClearing,
    Place,
    Pull,
    RecoverPlacings,
    Salvage,
    SetObjectAside,
    Story,
    UnderWay,
    ask,
)
from dockd.errors import CameraBusy, CameraDenied, CameraError, CameraMedia, CameraSalvaged, ProofFailed
from dockd.i18n import _
from dockd.model import Admitted, AfterIngest, Listed, Recording, RecordingPath, Registered

# Faults that say something about one recording; every other camera fault says that the camera cannot go on.
OF_ONE_RECORDING = (CameraBusy, CameraMedia, CameraSalvaged, ProofFailed)


def attempt(admitted: Admitted, after_ingest: AfterIngest, *, salvage: bool) -> Story[None]:
    """Bring everything on the camera to `Registered` and, as configured, to `Cleared`; raises the gravest fault.

    `salvage`: there will be no other attempt, so what cannot be read is salvaged as far as it can.
    """
    camera_id = admitted.camera.camera_id
    listed = yield from ask(OpenCamera(admitted))
    yield from ask(AskCamera())
    yield from ask(RecoverPlacings(camera_id))
    unseen = yield from ask(UnderWay(camera_id))
    gravest: CameraError | None = None
    held: set[RecordingPath] = set()
    while listed.recordings:
        seen = {recording.path for recording in listed.recordings}
        unseen = tuple(each for each in unseen if each.recording.path not in seen)
        collected, failed, fault = yield from _collect_all(camera_id, listed, salvage)
        gravest = _graver(gravest, fault)
        held |= {recording.part_of for recording in failed if recording.part_of is not None}
        if after_ingest == "keep":
            listed = yield from _keep(collected)
        else:
            listed, fault = yield from _clear([each for each in collected if each.recording.path not in held])
            gravest = _graver(gravest, fault)
    # The whole camera was seen by now: what an interrupted docking had registered and is not there, it had cleared.
    if unseen:
        yield from ask(EnterCleared(unseen, inferred=True))
    if gravest is not None:
        raise gravest


def _graver(one: CameraError | None, other: CameraError | None) -> CameraError | None:
    """Of two faults give the one that decides how the ladder goes on; of two alike the first.

    What cannot be read may yet be salvaged, whatever else there is; what is salvaged already asks for nothing more.
    """

    def weight(fault: CameraError | None) -> int:
        if fault is None:
            return 0
        return 1 if isinstance(fault, CameraSalvaged) else 3 if isinstance(fault, CameraMedia) else 2

    return max(one, other, key=weight)


def _collect_all(
    camera_id: str, listed: Listed, salvage: bool
) -> Story[tuple[list[Registered], list[Recording], CameraError | None]]:
    """Give what is registered now, what failed, and the gravest of its faults."""
    collected: list[Registered] = []
    failed: list[Recording] = []
    gravest: CameraError | None = None
    for recording in listed.recordings:
        try:
            collected.append((yield from _collect_or_salvage(camera_id, recording, salvage)))
        except OF_ONE_RECORDING as fault:
            yield from ask(EnterFailure(fault, recording))
            failed.append(recording)
            gravest = _graver(gravest, fault)
    return collected, failed, gravest


def _collect_or_salvage(camera_id: str, recording: Recording, salvage: bool) -> Story[Registered]:
    """Give a recording only if it was read as a whole; `CameraSalvaged` if what can be read of it is stored."""
    try:
        return (yield from _collect(camera_id, recording))
    except CameraMedia:
        if not (yield from ask(HasSalvage(camera_id, recording))):
            if not salvage:
                raise
            proven = yield from ask(Salvage(recording))
            if not proven.sealed.gaps:
                # It has healed meanwhile, and is taken in as any other.
                return (yield from _collect(camera_id, recording))
            stored = yield from ask(Place(proven))
            yield from ask(EnterSalvage(stored))
    raise CameraSalvaged(
        _("what can be read of {path} is stored; the rest cannot be read; it stays on the camera").format(
            path=recording.path
        ),
        advice=_("Take the card out and have an image made of it. Never format it: it holds the only whole recording."),
    )


def _collect(camera_id: str, recording: Recording) -> Story[Registered]:
    known = yield from ask(Find(camera_id, recording))
    if not known:
        return (yield from _ingest(recording, None))
    digest = yield from ask(HashOnCamera(recording))
    same = next((each for each in known if each.plaintext_sha256 == digest), None)
    if same is None:
        return (yield from _ingest(recording, None))
    if (yield from ask(CheckObject(same))):
        return (yield from ask(Confirm(same, digest)))
    return (yield from _ingest(recording, same))


def _ingest(recording: Recording, damaged: Known | None) -> Story[Registered]:
    """Pull, prove, place, enter; a stored object that no longer matches its entry is set aside just before."""
    proven = yield from ask(Pull(recording))
    if damaged is not None:
        yield from ask(SetObjectAside(damaged))
    stored = yield from ask(Place(proven))
    return (yield from ask(Enter(stored, damaged.seq if damaged else None)))


def _keep(registered: list[Registered]) -> Story[Listed]:
    if registered:
        yield from ask(Keep(tuple(registered)))
    return (yield from ask(ListAgain()))


def _clear(registered: list[Registered]) -> Story[tuple[Listed, CameraError | None]]:
    """Erase, list again, and believe only the listing; gives what comes next, and the camera's first refusal."""
    refusal: CameraError | None = None
    erased: list[Registered] = []
    if registered:
        yield from ask(OpenForClearing())
    for each in registered:
        try:
            yield from ask(Clear(each))
        except (CameraBusy, CameraDenied, CameraMedia) as fault:
            yield from ask(EnterFailure(fault, each.recording))
            refusal = refusal or fault
        else:
            erased.append(each)
    listed = yield from ask(ListAgain())
    if cleared := tuple(each for each in erased if each.recording.path not in listed.still_there):
        yield from ask(EnterCleared(cleared, inferred=False))
    if refusal is None and listed.still_there:
        refusal = CameraDenied(_("the camera still lists what it was told to erase"))
    return listed, refusal

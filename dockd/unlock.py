"""Unlocking: a camera that shows no recordings to who does not know its credential, and comes back as another device.

It is asked who it is, its clock is tended to, that it is unlocked is entered, and only then is it told to come back. A
credential is tried once each time that a camera is put in: a camera may lock itself for good after wrong ones.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from dockd.admit import FindCamera, refuse_again, refuse_asked, refuse_locked, refuse_other_model
from dockd.clock import Clock
from dockd.detect.usb_descriptors import parse
from dockd.detect.usb_policy import Judged, UsbModel, judge
from dockd.docking.access import LockedAccess
from dockd.docking.camera_clock import ClockBook, tend
from dockd.docking.camera_state import enter_state
from dockd.docking.locked_camera import LockedCamera, Workers
from dockd.docking.messages import Identified
from dockd.docking.registry import Registry
from dockd.errors import (
    CameraError,
    CameraProtocol,
    CameraUnsupported,
    CredentialMissing,
    CredentialRefused,
    DescriptorsInvalid,
    DockdError,
    IdentityMismatch,
    NetworkError,
    RegisterError,
    TriesUnknown,
    WorkerFailed,
)
from dockd.events import Event
from dockd.model import Arrival, KnownBy, Refused
from dockd.register.kinds import CameraUnlocked
from dockd.unlock_tries import MOST, Key, Tries

FINAL = (CameraUnsupported, CredentialMissing, CredentialRefused, IdentityMismatch)
"""Asking again would get the same answer."""

FINAL_ONCE_HANDED = (CameraProtocol, WorkerFailed)
"""Asking again would send a credential once more of which nobody knows what came."""

Expect = Callable[[str, float], None]
"""Told the id of a camera, and within how many seconds from now it is expected back; 0: no longer."""


@dataclass(frozen=True, slots=True)
class LockedModel:
    """A model whose cameras are locked when they are put in.

    `look` is what they show then, `back` what they come back as within so many seconds, `known_by` what shows that it
    is the same one. `credential` is the name of a secret of the service.
    """

    name: str
    look: UsbModel
    back: UsbModel
    known_by: KnownBy
    within_seconds: float
    unlocker: str
    unlocker_reference: str
    options: Mapping[str, str]
    credential: str | None


@dataclass(frozen=True, slots=True)
class Means:
    """What unlocking takes of the dock, in plain values. `refuse_network` raises while this host has a route."""

    find_camera: FindCamera
    refuse_network: Callable[[], None]
    read_credential: Callable[[str], str]
    workers: Workers
    silence_seconds: float
    retry_delays_seconds: Sequence[float]


class Locksmith:
    """Knows locked cameras by what they show on the bus, and unlocks them."""

    def __init__(
        self, models: Collection[LockedModel], means: Means, tries: Tries, registry: Registry, clock: Clock
    ) -> None:
        self._models = models
        self._means = means
        self._tries = tries
        self._registry = registry
        self._clock = clock

    def model_of(self, descriptors: bytes) -> LockedModel | None:
        """Give the model whose cameras look like this while they are locked."""
        return next((each for each in self._models if looks_like(descriptors, each.look)), None)

    def came_unlocked(self, arrival: Arrival) -> bool:
        """Whether it looks like a camera that was unlocked, and nothing on the bus could say which one it is.

        Its serial number is believed only if it is that of a camera whose model goes by it, or is never locked.
        """
        nameless = [each for each in self._models if each.known_by != "serial"]
        if not any(looks_like(arrival.descriptors or b"", each.back) for each in nameless):
            return False
        ours = self._means.find_camera(arrival.claimed_id)
        return ours is None or ours.model in {each.name for each in nameless}

    def refuse(self, arrival: Arrival, key: Key) -> Refused | None:
        """Give why the device with this key is not to be asked, for what became of it, or of what claims the same."""
        if self._tries.has(key):
            return refuse_asked(arrival)
        if self._tries.are_many(arrival.bay, arrival.claimed_id):
            return refuse_again(arrival, MOST)
        return None

    async def unlock(
        self, arrival: Arrival, key: Key, model: LockedModel, access: LockedAccess, expect: Expect
    ) -> Refused | None:
        """Have the camera come back; gives why it is refused, None once it was told. No worker is left behind.

        Raises `RegisterError`, `NetworkError` and `TriesUnknown`, which are no fault of the camera's: it may be tried
        again as if it had just come.
        """
        handing = partial(self._tries.begin, arrival.bay, arrival.claimed_id, key)
        delays = iter(self._means.retry_delays_seconds)
        while True:
            camera = LockedCamera(access, handing, self._means.silence_seconds, self._means.workers)
            try:
                refused = await self._attempt(arrival, model, camera, expect)
            except CameraError as fault:
                self._log_failed(arrival, model, fault)
                delay = next(delays, None)
                is_final = isinstance(fault, FINAL) or (camera.is_handed and isinstance(fault, FINAL_ONCE_HANDED))
                if delay is None or is_final:
                    return refuse_locked(arrival, fault)
                await asyncio.sleep(delay)
            except (RegisterError, NetworkError):
                if camera.is_handed:
                    # What could not be entered is what it answered.
                    self._answered(arrival, model, key)
                raise
            else:
                self._answered(arrival, model, key)
                return refused

    async def _attempt(
        self, arrival: Arrival, model: LockedModel, camera: LockedCamera, expect: Expect
    ) -> Refused | None:
        self._means.refuse_network()
        await self._registry.must_be_well()
        credential = self._means.read_credential(model.credential) if model.credential else ""
        async with camera:
            said = await camera.open(model.unlocker, model.unlocker_reference, model.options, credential)
            ours = self._means.find_camera(said.identity)
            if ours is None or ours.model != model.name:
                return refuse_other_model(arrival, said.identity, model.name)
            await tend(camera, ours.clock, self._clock, ClockBook(arrival.bay, said.identity, self._registry))
            await enter_state(camera, arrival.bay, said.identity, self._registry)
            await self._enter(arrival, model, said)
            await self._tell(arrival, model, camera, partial(expect, said.identity))
        return None

    async def _enter(self, arrival: Arrival, model: LockedModel, said: Identified) -> None:
        facts = CameraUnlocked(
            bay=arrival.bay,
            serial=arrival.claimed_id,
            camera_id=said.identity,
            unlocker=model.unlocker,
            unlocker_version=said.unlocker_version,
        )
        await self._registry.unlocked(facts)
        structlog.get_logger().info(
            Event.CAMERA_UNLOCKED,
            bay=arrival.bay,
            serial=arrival.claimed_id,
            camera=said.identity,
            unlocker=model.unlocker,
        )

    async def _tell(
        self, arrival: Arrival, model: LockedModel, camera: LockedCamera, expect: Callable[[float], None]
    ) -> None:
        """Tell it to come back. It may leave at once, or once a library has waited for it: its time begins then.

        Whatever fails once it was told, only whether it comes back counts, unless it refuses.
        """
        expect(self._means.silence_seconds + model.within_seconds)
        try:
            await camera.unlock()
        except CredentialRefused:
            expect(0)
            raise
        except CameraError as fault:
            self._log_failed(arrival, model, fault)
        expect(model.within_seconds)

    def _answered(self, arrival: Arrival, model: LockedModel, key: Key) -> None:
        try:
            self._tries.answered(key)
        except TriesUnknown as fault:
            # It then counts as asked in vain, which holds up no camera that comes back.
            self._log_failed(arrival, model, fault)

    def _log_failed(self, arrival: Arrival, model: LockedModel, fault: DockdError) -> None:
        structlog.get_logger().warning(
            Event.CAMERA_UNLOCK_FAILED,
            bay=arrival.bay,
            serial=arrival.claimed_id,
            unlocker=model.unlocker,
            code=fault.code,
            message=fault.message,
        )


def looks_like(descriptors: bytes, look: UsbModel) -> bool:
    """Whether a device is to the letter what a model shows on the bus."""
    try:
        return isinstance(judge(parse(descriptors), look), Judged)
    except DescriptorsInvalid:
        return False

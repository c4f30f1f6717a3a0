"""Has each camera checked while it is docked: what is found is entered, logged and shown, and stops nothing.

A fault of the check ends the check of that docking, and nothing else: no recording waits for it.
"""

from collections.abc import Callable
from functools import partial

import structlog

from dockd.clock import Clock, zone_of
from dockd.custody.camera_check import CameraCheck, Expected, Found
from dockd.docking.registry import Registry
from dockd.events import Event
from dockd.i18n import _, ngettext
from dockd.model import Admitted, Listed, Sealed
from dockd.ops.status import BayFinding
from dockd.register.kinds import CameraFinding

Expect = Callable[[str], Expected]
"""Give what the recordings of a camera should be like, by its id."""


def expect_nothing(_camera_id: str) -> Expected:
    return Expected()


class Inspections:
    """Those of one dock. Used from the event loop."""

    def __init__(self, expect: Expect, registry: Registry, clock: Clock) -> None:
        self._expect = expect
        self._registry = registry
        self._clock = clock
        self._unfinished: set[str] = set()
        """Cameras whose last docking took some recordings, and perhaps left others: they tell of no gap."""

    def begin(self, admitted: Admitted) -> "Inspection":
        camera_id = admitted.camera.camera_id
        was_finished = camera_id not in self._unfinished
        self._unfinished.add(camera_id)
        finish = partial(self._unfinished.discard, camera_id)
        check = CameraCheck(self._expect(camera_id))
        return Inspection(admitted, check, self._registry, self._clock, was_finished, finish)


class Inspection:
    """That of one docking. `was_finished`: nothing was left on the camera before; `finish` says that nothing is now."""

    def __init__(
        self,
        admitted: Admitted,
        check: CameraCheck,
        registry: Registry,
        clock: Clock,
        was_finished: bool,
        finish: Callable[[], None],
    ) -> None:
        self._admitted = admitted
        self._check = check
        self._registry = registry
        self._clock = clock
        self._was_finished = was_finished
        self._finish = finish
        self._has_crashed = False

    def listed(self, listed: Listed) -> None:
        """Take note of a listing; never raises."""
        zone = zone_of(self._clock.zone())
        self._judge(partial(self._check.listed, listed.recordings, self._clock.now(), zone))

    def clock(self, offset_ms: int) -> None:
        """Judge what the camera's own clock showed; never raises."""
        self._judge(partial(self._check.clock, offset_ms))

    def collected(self, sealed: Sealed) -> None:
        """Judge a recording that is registered now; never raises."""
        self._judge(partial(self._check.collected, sealed.recording, sealed.mp4))

    async def end(self, *, is_complete: bool) -> tuple[BayFinding, ...]:
        """Enter and log what was found, if anything, and give it in words. Raises RegisterError."""
        if is_complete:
            self._finish()
        found: list[Found] = []
        self._judge(lambda: found.extend(self._check.findings(is_whole=is_complete and self._was_finished)))
        if self._has_crashed or not found:
            return ()
        findings = [{name: getattr(each, name) for name in CameraFinding.model_fields} for each in found]
        bay, camera_id, checked = self._admitted.arrival.bay, self._admitted.camera.camera_id, self._check.checked
        await self._registry.found(self._admitted, checked, tuple(CameraFinding(**each) for each in findings))
        structlog.get_logger().warning(
            Event.CAMERA_FINDINGS, bay=bay, camera=camera_id, checked=checked, findings=findings
        )
        return tuple(BayFinding(each.code, in_words(each)) for each in found)

    def _judge(self, step: Callable[[], None]) -> None:
        if self._has_crashed:
            return
        try:
            step()
        except Exception as error:
            # Nothing that the check does may keep a recording from being taken in, or a camera from being cleared.
            self._has_crashed = True
            structlog.get_logger().error(Event.CHECK_CRASHED, exc_info=error)


def in_words(found: Found) -> str:
    """Say to a person what was found."""
    n = found.count
    sentences = {
        "clock_off": _("its clock differed from the dock's by {measured} s; {expected} s are allowed"),
        "clock_offset": _("its clock is at least {measured} s ahead of the dock's; {expected} s are allowed"),
        "clock_lost": _("its clock has begun anew: by it, {path} is of {measured}"),
        "no_position": ngettext(
            "{n} recording without positions: {path}", "{n} recordings without positions, such as {path}", n
        ),
        "resolution": ngettext(
            "{n} recording is not {expected}: {path} is {measured}",
            "{n} recordings are not {expected}: {path} is {measured}",
            n,
        ),
        "bitrate_low": ngettext(
            "{n} recording has less than {expected} kbit/s: {path} has {measured}",
            "{n} recordings have less than {expected} kbit/s: {path} has {measured}",
            n,
        ),
        "bitrate_high": ngettext(
            "{n} recording has more than {expected} kbit/s: {path} has {measured}",
            "{n} recordings have more than {expected} kbit/s: {path} has {measured}",
            n,
        ),
        "gap": ngettext(
            "{n} full file was not gone on with at once: after {path} came nothing for {measured} s",
            "{n} full files were not gone on with at once: after {path} came nothing for {measured} s",
            n,
        ),
        "numbers_missing": ngettext(
            "{n} number is missing, before {path}: {measured}",
            "{n} numbers are missing, first before {path}: {measured}",
            n,
        ),
    }
    return sentences[found.code].format(n=n, path=found.path, measured=found.measured, expected=found.expected)

"""The logic of a configuration, against this machine: keys, names and drivers."""

from collections import defaultdict
from collections.abc import Iterator

from dockd.catalogue import DuplicateDriver, installed
from dockd.errors import RegisterError, SealError
from dockd.i18n import _
from dockd.register.note import Verifier
from dockd.seal.recipients import Recipient
from dockd.settings.fleet import Check, Look, Unlock
from dockd.settings.places import check_places
from dockd.settings.ports import check_ports
from dockd.settings.problems import Loc, Problem, instead, shown
from dockd.settings.shape import Parsed

_POST_QUANTUM = "age1pq1"
_PRIVATE = "AGE-SECRET-KEY-"


def check(parsed: Parsed) -> tuple[Problem, ...]:
    """Return everything that the shape cannot show. Looks at paths and installed drivers, and changes nothing."""
    site = [*_recipients(parsed), *_cosigners(parsed), *check_places(parsed), *check_ports(parsed)]
    fleet = [*_camera_ids(parsed), *_partitions(parsed), *_models(parsed), *_drivers(parsed), *_wearers(parsed)]
    fleet += [*_camera_checks(parsed), *_locks(parsed)]
    return (*sorted(site), *sorted(fleet))


def _recipients(parsed: Parsed) -> Iterator[Problem]:
    for name, partition in parsed.settings.site.partitions.items():
        loc: Loc = ("partitions", name, "recipients")
        if not partition.recipients:
            remedy = _("write at least one public key (age1… or age1pq…)")
            yield parsed.site.problem(loc, "no_recipient", _("names nobody who could open the recordings"), remedy)
        for place, text in enumerate(partition.recipients):
            yield from _recipient(parsed, (*loc, place), text)
            if text in partition.recipients[:place]:
                line = parsed.site.spot((*loc, partition.recipients.index(text))).line
                wrong = _("is given twice, first on line {line}").format(line=line)
                yield parsed.site.problem((*loc, place), "recipient_twice", wrong, _("keep one of the two"))
        post_quantum = [text.lower().startswith(_POST_QUANTUM) for text in partition.recipients]
        if any(post_quantum) and not all(post_quantum):
            wrong = _("mixes age1… and age1pq…, which may never be mixed in one partition")
            remedy = _("write recipients of one kind only: all age1…, or all age1pq… (post-quantum)")
            yield parsed.site.problem(loc, "recipients_mixed", wrong, remedy)


def _recipient(parsed: Parsed, loc: Loc, text: str) -> Iterator[Problem]:
    if text.strip().upper().startswith(_PRIVATE):
        wrong = _("is a private key, which must never be on a dock")
        remedy = _("make a new pair of keys at the CSU, write its public key here, and give up this one")
        yield parsed.site.problem(loc, "private_key", wrong, remedy)
    else:
        try:
            Recipient.parse(text)
        except SealError as error:
            wrong = _("is not a recipient: {reason}").format(reason=error.message)
            remedy = _("copy the public key (age1… or age1pq…) again, whole, from the one who made it")
            yield parsed.site.problem(loc, "recipient", wrong, remedy)


def _cosigners(parsed: Parsed) -> Iterator[Problem]:
    for place, text in enumerate(parsed.settings.site.register_.cosigners):
        try:
            Verifier.parse(text)
        except RegisterError as error:
            remedy = _("copy the verifier key again, whole, from the one who made it")
            yield parsed.site.problem(("register", "cosigners", place), "verifier_key", error.message, remedy)


def _wearers(parsed: Parsed) -> Iterator[Problem]:
    for camera_id, camera in parsed.settings.fleet.cameras.items():
        for place, each in enumerate(camera.wearers):
            if each.since is not None and each.until is not None and each.until < each.since:
                wrong = _("ends before it begins, on {day}").format(day=each.since)
                loc = ("cameras", camera_id, "wearers", place, "until")
                yield parsed.fleet.problem(loc, "wearer_period", wrong, _("correct one of the two days"))


def _camera_checks(parsed: Parsed) -> Iterator[Problem]:
    fleet = parsed.settings.fleet
    checks: list[tuple[Loc, Check]] = [(("models", name), each.check) for name, each in fleet.models.items()]
    checks += [(("cameras", name), each.check) for name, each in fleet.cameras.items()]
    for loc, check in checks:
        least, most = check.bitrate_kbps_min, check.bitrate_kbps_max
        if least is not None and most is not None and most < least:
            wrong = _("is less than bitrate_kbps_min, {least}").format(least=least)
            place = (*loc, "check", "bitrate_kbps_max")
            yield parsed.fleet.problem(place, "check_disagrees", wrong, _("correct one of the two"))
        if check.segment_seconds is not None and check.gap_seconds is None:
            wrong = _("says nothing without gap_seconds")
            place = (*loc, "check", "segment_seconds")
            yield parsed.fleet.problem(place, "check_disagrees", wrong, _("write gap_seconds, too"))


def _camera_ids(parsed: Parsed) -> Iterator[Problem]:
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for camera_id in parsed.settings.fleet.cameras:
        alike[camera_id.lower()].append(camera_id)
    for first, *others in alike.values():
        line = parsed.fleet.spot(("cameras", first), of_key=True).line
        for other in others:
            wrong = _("differs from {first} on line {line} only in letter case").format(first=first, line=line)
            loc = ("cameras", other)
            yield parsed.fleet.problem(loc, "camera_twice", wrong, _("keep one of the two"), of_key=True)


def _partitions(parsed: Parsed) -> Iterator[Problem]:
    known = list(parsed.settings.site.partitions)
    for camera_id, camera in parsed.settings.fleet.cameras.items():
        if camera.partition not in known:
            wrong = _("{name} is not a partition of {file}").format(name=shown(camera.partition), file=parsed.site.file)
            loc = ("cameras", camera_id, "partition")
            yield parsed.fleet.problem(loc, "unknown_partition", wrong, instead(camera.partition, known))


def _models(parsed: Parsed) -> Iterator[Problem]:
    known = list(parsed.settings.fleet.models)
    for camera_id, camera in parsed.settings.fleet.cameras.items():
        if camera.model is not None and camera.model not in known:
            wrong = _("{name} is none of the models of this file").format(name=shown(camera.model))
            loc = ("cameras", camera_id, "model")
            yield parsed.fleet.problem(loc, "unknown_model", wrong, instead(camera.model, known))

    for name, model in parsed.settings.fleet.models.items():
        unswitched = [bay for bay, configured in parsed.settings.site.bays.items() if not configured.switches_power]
        if model.when_done == "port-off" and unswitched:
            wrong = _("asks for a port that switches its power, and bay {bay} has none").format(bay=unswitched[0])
            remedy = _("choose another when_done, or say switches_power of each bay whose hub really cuts the power")
            yield parsed.fleet.problem(("models", name, "when_done"), "port_not_switched", wrong, remedy)


def _drivers(parsed: Parsed) -> Iterator[Problem]:
    try:
        known = list(installed())
    except DuplicateDriver as error:
        yield parsed.fleet.problem(("cameras",), "driver_twice", error.message, error.advice, of_key=True)
        return
    fleet = parsed.settings.fleet
    named: list[tuple[Loc, str]] = [(("cameras", name, "driver"), each.driver) for name, each in fleet.cameras.items()]
    named += [(("models", name, "unlock", "driver"), unlock.driver) for name, unlock in _unlocked(parsed)]
    for loc, driver in named:
        if driver not in known:
            wrong = _("the driver {name} is not installed").format(name=shown(driver))
            yield parsed.fleet.problem(loc, "unknown_driver", wrong, instead(driver, known))


def _locks(parsed: Parsed) -> Iterator[Problem]:
    """What a locked camera shows must tell its model, and that it is locked."""
    looks: list[tuple[str, Look]] = list(parsed.settings.fleet.models.items())
    for place, (name, unlock) in enumerate(_unlocked(parsed)):
        others = [*looks, *[each for n, each in enumerate(_unlocked(parsed)) if n != place]]
        for other, look in others:
            if _shown(look) == _shown(unlock):
                wrong = _("looks on the bus as the model {name} does").format(name=other)
                remedy = _("a camera must show by its ids or interfaces that it is locked, and of which model")
                loc = ("models", name, "unlock", "vendor_product")
                yield parsed.fleet.problem(loc, "looks_twice", wrong, remedy)
                break


def _unlocked(parsed: Parsed) -> list[tuple[str, Unlock]]:
    models = parsed.settings.fleet.models.items()
    return [(name, model.unlock) for name, model in models if model.unlock is not None]


def _shown(look: Look) -> tuple[str, str, tuple[str, ...]]:
    return look.vendor_product, look.device_class, tuple(sorted(look.interfaces))

"""Where a site keeps things: no two of them on one another, none on a medium by accident."""

import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dockd.i18n import _
from dockd.settings.problems import Loc, Problem, Spot, dotted
from dockd.settings.shape import Parsed

Use = Literal["partition", "dock", "own"]
"""A partition of the store, a folder dock that cameras write to, or a directory for dockd itself."""

_RUNTIME: Loc = ("runtime_dir",)
_STATE: Loc = ("state_dir",)
_MIRROR: Loc = ("register", "mirror")
_WITNESS: Loc = ("register", "witness")


@dataclass(frozen=True, slots=True)
class _Place:
    use: Use
    loc: Loc
    spot: Spot
    real: Path
    """With every symlink resolved that exists today."""
    identity: tuple[int, int] | None
    """Device and inode: a bind mount has another path and the same identity."""


def check_places(parsed: Parsed) -> Iterator[Problem]:
    places = _places(parsed)
    for first, second in itertools.combinations(sorted(places, key=lambda place: place.spot), 2):
        yield from _overlap(parsed, first, second)
    for place in places:
        if place.use == "partition":
            yield from _partition(parsed, place)
    yield from _mirror(parsed)
    yield from _witness(parsed)


def _places(parsed: Parsed) -> list[_Place]:
    site = parsed.settings.site
    paths: list[tuple[Use, Loc, Path]] = [
        ("own", _STATE, site.state_dir),
        ("own", _RUNTIME, site.runtime_dir),
        ("own", _MIRROR, site.register_.mirror),
    ]
    if site.register_.witness is not None:
        paths.append(("own", _WITNESS, site.register_.witness))
    paths += [("dock", ("folder_docks", name, "path"), dock.path) for name, dock in site.folder_docks.items()]
    paths += [("partition", ("partitions", name, "path"), part.path) for name, part in site.partitions.items()]
    return [_place(parsed, *path) for path in paths]


def _place(parsed: Parsed, use: Use, loc: Loc, path: Path) -> _Place:
    real = Path(os.path.realpath(path))
    try:
        found = real.stat()
        identity = (found.st_dev, found.st_ino)
    except OSError:
        identity = None
    return _Place(use, loc, parsed.site.spot(loc), real, identity)


def _overlap(parsed: Parsed, first: _Place, second: _Place) -> Iterator[Problem]:
    """Report two places on one another at the second of them, as the file goes."""
    same = first.real == second.real or (first.identity is not None and first.identity == second.identity)
    if same:
        wrong = _("is the same directory as {other} on line {line}")
    elif second.real.is_relative_to(first.real) and first.use != "own":
        wrong = _("lies inside {other} on line {line}")
    elif first.real.is_relative_to(second.real) and second.use != "own":
        wrong = _("contains {other} on line {line}")
    else:
        return
    wrong = wrong.format(other=dotted(first.loc), line=first.spot.line)
    yield parsed.site.problem(second.loc, "places_overlap", wrong, _("give each a directory of its own, side by side"))


def _partition(parsed: Parsed, place: _Place) -> Iterator[Problem]:
    name = str(place.loc[1])
    try:
        found = place.real.stat()
    except (FileNotFoundError, NotADirectoryError):
        remedy = _("mount its volume, or make it with “dockd init-partition {name}”").format(name=name)
        yield parsed.site.problem(place.loc, "missing_path", _("does not exist"), remedy)
        yield from _on_root(parsed, place, _device(place.real))
        return
    except OSError as error:
        wrong = _("cannot be looked at: {reason}").format(reason=error.strerror)
        yield parsed.site.problem(place.loc, "unusable_path", wrong, _("check the volume and the rights on the way"))
        return
    if not stat.S_ISDIR(found.st_mode):
        yield parsed.site.problem(place.loc, "unusable_path", _("is not a directory"), _("name a directory"))
    else:
        yield from _on_root(parsed, place, found.st_dev)


def _on_root(parsed: Parsed, place: _Place, device: int | None) -> Iterator[Problem]:
    if device == _device(Path("/")) and not parsed.settings.site.partitions[str(place.loc[1])].on_root_filesystem:
        wrong = _("lies on the root filesystem")
        remedy = _("mount its volume, or write “on_root_filesystem: true” if that is meant")
        yield parsed.site.problem(place.loc, "root_filesystem", wrong, remedy)


def _mirror(parsed: Parsed) -> Iterator[Problem]:
    site = parsed.settings.site
    device = _device(site.register_.mirror)
    if device == _device(Path("/")) and not site.register_.mirror_on_root_filesystem:
        wrong = _("lies on the root filesystem")
        remedy = _("mount the second medium, or write “mirror_on_root_filesystem: true” if that is meant")
        yield parsed.site.problem(_MIRROR, "root_filesystem", wrong, remedy)
    if device == _device(site.state_dir) and not site.register_.mirror_on_same_filesystem:
        wrong = _("lies on the filesystem of state_dir, so one fault takes both copies of the register")
        remedy = _("mount the second medium, or write “mirror_on_same_filesystem: true” if that is meant")
        yield parsed.site.problem(_MIRROR, "same_filesystem", wrong, remedy)


def _witness(parsed: Parsed) -> Iterator[Problem]:
    register = parsed.settings.site.register_
    if register.witness is None or register.mirror_on_same_filesystem:
        return
    if _device(register.witness) == _device(parsed.settings.site.state_dir):
        wrong = _("lies on the filesystem of state_dir, so whoever puts that back takes the witness along")
        remedy = _("mount another medium there, or leave it out: every partition is a witness too")
        yield parsed.site.problem(_WITNESS, "same_filesystem", wrong, remedy)


def _device(path: Path) -> int:
    """Return the device of a path; of one that does not exist yet, that of the directory it would be made in."""
    real = Path(os.path.realpath(path))
    for above in (real, *real.parents):
        try:
            return above.stat().st_dev
        except OSError:
            continue
    return -1

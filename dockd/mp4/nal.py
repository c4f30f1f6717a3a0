"""A bounded look into video samples: do the lengths of the NAL units chain, and are there zeros where none may be?"""

from collections.abc import Iterable, Iterator

from dockd.mp4.findings import Damage, Finding
from dockd.mp4.movie import NalForm
from dockd.mp4.source import Source

MAX_SAMPLES = 64
"""Of so many samples each video track has its share to be looked at: first, last, and evenly spread between them."""
MAX_SAMPLE_BYTES = 16 * 1024 * 1024
"""So much of all of them together is read."""

_MAX_OF_ONE = 1024 * 1024
_MAX_UNITS = 256


def spread(count: int, most: int) -> Iterator[int]:
    """Yield at most `most` of the numbers below `count`, ascending: first, last, and evenly spread between them."""
    if count <= most:
        yield from range(count)
    elif most > 1:
        yield from (index * (count - 1) // (most - 1) for index in range(most))


def check_samples(source: Source, samples: Iterable[tuple[int, int]], form: NalForm, findings: set[Finding]) -> None:
    """Look at samples, given as offset and size; those outside the file are another finding's. Stops at the first."""
    for offset, size in samples:
        if not 0 <= offset <= source.size - size:
            continue
        try:
            _check(source, offset, size, form)
        except Damage as damage:
            # All that was to be read of media has been read: no finding about the file.
            if damage.finding is not Finding.TOO_LARGE:
                findings.add(damage.finding)
            return


def _check(source: Source, offset: int, size: int, form: NalForm) -> None:
    data = source.read(offset, min(size, _MAX_OF_ONE))
    at = units = 0
    while at < size and units < _MAX_UNITS:
        unit = at + form.length_size
        if unit > size:
            raise Damage(Finding.NAL_CHAIN)
        held = data[at:unit] if unit <= len(data) else source.read(offset + at, form.length_size)
        length = int.from_bytes(held)
        if unit + length > size:
            raise Damage(Finding.NAL_CHAIN)
        if not length or _is_zeroed(data[unit : unit + length], form.hevc):
            raise Damage(Finding.ZERO_RUN)
        at, units = unit + length, units + 1


def _is_zeroed(unit: bytes, hevc: bool) -> bool:
    """Say whether a picture's unit holds three zero bytes in a row, which emulation prevention makes impossible.

    ITU-T H.264 section 7.4.1, H.265 section 7.4.2.1. Cameras pad units with zeros, so those at the end do not count.
    Cameras also write free-form data into other kinds of units, so those are not looked at.
    """
    held = unit.rstrip(b"\0")
    if not held:
        return bool(unit)
    is_picture = unit[0] >> 1 & 0x3F < 32 if hevc else unit[0] & 0x1F <= 5
    return is_picture and b"\0\0\0" in held

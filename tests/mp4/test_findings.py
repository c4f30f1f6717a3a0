"""Every finding is reached, by a file that has nothing else wrong; what is unusual but sound has none."""

import struct

import pytest

from dockd.mp4.examine import examine
from dockd.mp4.findings import Finding
from tests.mp4.boxes import AVC1, FTYP, MEDIA_AT, MVHD, box, full, movie, numbers, one_sample, report, table, trak, unit

SLICE = unit(b"\x65" + b"\x11" * 20)
GOOD = table([25, 25], numbers(MEDIA_AT))
NOTHING = table([], b"")


def fragments(*numbered: int, mehd: bytes = b"", offset: int = 76) -> bytes:
    """Write a fragmented file: a movie without samples or time, then fragments."""
    mvex = box(b"mvex", mehd, full(b"trex", numbers(1, 1, 40, 25, 0)))
    timed = box(b"moov", MVHD, trak(NOTHING), mvex)
    untimed = timed.replace(numbers(1, 2, 1000, 5000), numbers(1, 2, 1000, 0))
    return FTYP + untimed + b"".join(fragment(number, offset=offset) for number in numbered)


def fragment(number: int, track_id: int = 1, offset: int = 76) -> bytes:
    """Write a fragment of one run: two samples of the default size."""
    tfhd = box(b"tfhd", numbers(0x20000, track_id))
    trun = box(b"trun", numbers(1, 2), struct.pack(">i", offset))
    return box(b"moof", full(b"mfhd", numbers(number)), box(b"traf", tfhd, trun)) + box(b"mdat", SLICE * 2)


SOUND = {
    "plain": movie(SLICE * 2, trak(GOOD)),
    "several mdats": FTYP
    + box(b"mdat", SLICE)
    + box(b"mdat", SLICE)
    + box(b"moov", MVHD, trak(table([25, 25], numbers(MEDIA_AT, MEDIA_AT + 33), runs=numbers(1, 1, 1)))),
    "boxes of all makers": box(b"wide")
    + movie(
        SLICE * 2,
        trak(table([25, 25], numbers(MEDIA_AT + 8))),
        box(b"udta", b"anything"),
        more=box(b"gps ", b"x") + box(b"uuid", bytes(16)),
    ),
    "one size for all": movie(
        SLICE * 2, trak({**GOOD, b"stsz": full(b"stsz", numbers(25, 2))})
    ),
    "sizes of 8 bits": movie(SLICE * 2, trak({**GOOD, b"stsz": full(b"stz2", numbers(8, 2), bytes([25, 25]))})),
    "sizes of 4 bits": movie(
        unit(b"\x65" * 5) + unit(b"\x65" * 3) + unit(b"\x65" * 11),
        trak({**table([9, 7, 15], numbers(MEDIA_AT)), b"stsz": full(b"stz2", numbers(4, 3), b"\x97\xf0")}),
    ),
    "offsets of 64 bits": movie(
        SLICE * 2, trak({**GOOD, b"stco": full(b"co64", numbers(1, 0, MEDIA_AT))})
    ),
    "fragments": fragments(1, 2, 5),
    "zeros at the end of a unit": movie(
        unit(b"\x65\x11" + bytes(23)) * 2, trak(table([29, 29], numbers(MEDIA_AT)))
    ),
    "zeros in what is no picture": movie(
        unit(b"\x06\x05" + bytes(9) + b"gps") + SLICE, trak(table([18 + 25], numbers(MEDIA_AT)))
    ),
    "lengths of 2 bytes": movie(
        b"\x00\x03\x65\x11\x11",
        trak(table([5], numbers(MEDIA_AT)), AVC1.replace(b"\x00\x1e\xff", b"\x00\x1e\xfd")),
    ),
}  # fmt: skip

BROKEN = {
    Finding.NO_BOXES: bytes(range(7, 200)) * 3,
    Finding.EMPTY: b"",
    Finding.HEADER_CUT: SOUND["fragments"] + b"\x00\x00\x00",
    Finding.BOX_PAST_END: movie(SLICE * 2, trak(GOOD), more=box(b"free", bytes(9))[:-1]),
    Finding.SAMPLE_PAST_END: movie(SLICE * 2, trak(table([25, 2500], numbers(MEDIA_AT)))),
    Finding.FRAGMENTS_MISSING: fragments(1, 2, mehd=full(b"mehd", numbers(9000))),
    Finding.NO_MOOV: FTYP + box(b"mdat", SLICE),
    Finding.NO_SAMPLES: movie(SLICE, trak(NOTHING)),
    Finding.ZEROS: bytes(100_000),
    Finding.NO_FTYP: movie(SLICE * 2, trak(table([25, 25], numbers(8))))[len(FTYP) :],
    Finding.BOX_SIZE: movie(SLICE * 2, trak(GOOD), b"\x00\x00\x00\x64free"),
    Finding.TRAILING_BYTES: SOUND["plain"] + b"LIGOGPSINFO" * 9,
    Finding.MOOV_TWICE: SOUND["plain"] + box(b"moov", MVHD),
    Finding.TRACK_INCOMPLETE: movie(SLICE * 2, trak({**GOOD, b"stsz": b""})),
    Finding.TABLE_COUNT: movie(SLICE * 2, trak({**GOOD, b"stco": full(b"stco", numbers(2**32 - 1, MEDIA_AT))})),
    Finding.TABLES_DISAGREE: movie(SLICE * 2, trak({**GOOD, b"stts": full(b"stts", numbers(1, 3, 40))})),
    Finding.SAMPLE_OUTSIDE: movie(SLICE * 2, trak(table([25, 25], numbers(MEDIA_AT - 1)), box(b"mp4v", bytes(78)))),
    Finding.FRAGMENT_ORPHAN: fragments(1) + fragment(2, track_id=7),
    Finding.FRAGMENT_ORDER: fragments(1, 1),
    Finding.NAL_CHAIN: movie(numbers(22) + SLICE[4:] + SLICE, trak(GOOD)),
    Finding.ZERO_RUN: movie(SLICE + unit(b"\x41\x11\x00\x00\x00" + b"\x11" * 16), trak(GOOD)),
    Finding.TOO_LARGE: SOUND["plain"] + box(b"free") * 200_000,
}


@pytest.mark.parametrize("name", SOUND)
def test_what_is_unusual_but_sound_is_ok(name):
    assert report(SOUND[name]).findings == ()


@pytest.mark.parametrize("finding", BROKEN)
def test_each_finding_is_reached_alone(finding):
    assert report(BROKEN[finding]).findings == (finding.value,)


def test_a_file_that_ends_before_its_size_is_found():
    data = SOUND["plain"]
    found = examine(lambda offset, size: data[offset : min(offset + size, 40)], len(data))
    assert (found.verdict, found.findings) == ("truncated", ("read-short",))


def test_every_finding_has_its_case():
    assert {*BROKEN, Finding.READ_SHORT, Finding.UNCHECKED} == set(Finding)


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), RuntimeError("gone"), KeyboardInterrupt()])
def test_what_reading_raises_passes_through(error):
    def fail(offset, size):
        if offset:
            raise error
        return SOUND["plain"][:size]

    with pytest.raises(type(error)) as raised:
        examine(fail, len(SOUND["plain"]))
    assert raised.value is error


@pytest.mark.parametrize("size", [0, 1, 2, 7])
def test_a_size_that_is_less_than_its_header_is_found_at_every_depth(size):
    child = size.to_bytes(4) + b"free"
    assert report(SOUND["plain"] + (size or 2).to_bytes(4) + b"free").verdict != "ok"
    for held in (
        movie(SLICE * 2, trak(GOOD), child),
        movie(SLICE * 2, trak({**GOOD, b"more": child})),
        movie(SLICE * 2, trak(GOOD, box(b"avc1", bytes(78), child))),
    ):
        assert report(held).verdict == "suspect"


def test_a_run_before_the_file_begins_is_outside():
    assert report(fragments(1, offset=-2_000_000)).findings == ("sample-outside",)


def test_zeros_are_found_in_hevc_as_well():
    entry = box(b"hvc1", bytes(78), box(b"hvcC", bytes(21) + b"\x03" + b"\x00"))
    assert one_sample(unit(b"\x02\x01\x11\x00\x00\x00\x11"), entry).findings == ("zero-run",)
    assert one_sample(unit(b"\x4e\x01\x11\x00\x00\x00\x11"), entry).findings == ()
    assert one_sample(unit(b"\x02\x01\x11\x00\x00\x03\x11"), entry).findings == ()


@pytest.mark.parametrize(("first", "findings"), [(0x2A, ("zero-run",)), (0x42, ())])
def test_what_is_a_picture_in_hevc_is_its_own_affair(first, findings):
    entry = box(b"hev1", bytes(78), box(b"hvcC", bytes(21) + b"\x03" + b"\x00"))
    assert one_sample(unit(bytes([first]) + b"\x01\x11\x00\x00\x00\x11"), entry).findings == findings


@pytest.mark.parametrize(
    "broken",
    [
        {b"stco": full(b"stco", numbers(2, MEDIA_AT))},
        {b"stsz": full(b"stsz", numbers(0, 3, 25, 25))},
        {b"stsc": full(b"stsc", numbers(2, 1, 2, 1))},
        {b"stts": full(b"stts", numbers(2, 2, 40))},
        {b"stsz": full(b"stz2", numbers(8, 3), b"\x19\x19")},
        {b"stsz": full(b"stz2", numbers(12, 2), bytes(9))},
    ],
)
def test_a_table_one_row_longer_than_its_box_is_found(broken):
    assert report(movie(SLICE * 2, trak({**GOOD, **broken}))).findings == ("table-count",)


@pytest.mark.parametrize("missing", [4, 8, 20])
def test_a_run_longer_than_its_box_is_found(missing):
    rows = numbers(40, 25, 40, 25)
    trun = box(b"trun", numbers(0x301, 2, 76 + 16 - missing), rows[: len(rows) - missing])
    moof = box(b"moof", full(b"mfhd", numbers(1)), box(b"traf", box(b"tfhd", numbers(0x20000, 1)), trun))
    assert report(fragments() + moof + box(b"mdat", SLICE * 2)).findings == ("table-count",)


@pytest.mark.parametrize("runs", [(1, 2, 1, 3, 2, 1), (2, 2, 1), (1, 1, 1, 1, 1, 1), (1, 1, 1)])
def test_runs_of_chunks_that_no_table_can_have_are_found(runs):
    tables = table([25, 25], numbers(MEDIA_AT), runs=numbers(*runs))
    assert report(movie(SLICE * 2, trak(tables))).findings == ("tables-disagree",)


def test_runs_of_chunks_without_any_chunk_are_nothing():
    tables = {**NOTHING, b"stsc": full(b"stsc", numbers(2, 5, 2**32 - 1, 1, 2**32 - 1, 2**32 - 1, 1))}
    assert report(movie(SLICE, trak(tables))).findings == ("no-samples",)


@pytest.mark.parametrize("number", [0, 999])
def test_first_and_last_of_many_samples_are_always_looked_at(number):
    media = bytearray(SLICE * 1000)
    media[25 * number + 8 : 25 * number + 12] = bytes(4)
    for offsets, runs in ((numbers(MEDIA_AT), None), (numbers(MEDIA_AT, MEDIA_AT + 12_500), numbers(1, 500, 1))):
        assert report(movie(bytes(media), trak(table([25] * 1000, offsets, runs=runs)))).findings == ("zero-run",)


@pytest.mark.parametrize(("rest", "findings"), [(bytes(4), ()), (b"\0\0\1", ("box-size",)), (b"free", ("box-size",))])
def test_what_is_left_in_a_box_may_only_be_zeros(rest, findings):
    assert report(movie(SLICE * 2, trak(GOOD), rest)).findings == findings


def test_more_tracks_than_are_read_are_said_to_be():
    assert report(movie(SLICE * 2, trak(GOOD) * 64)).findings == ()
    assert report(movie(SLICE * 2, trak(GOOD) * 65)).findings == ("too-large",)


def test_more_tracks_in_fragments_than_are_read_are_said_to_be():
    trexes = [full(b"trex", numbers(number, 1, 40, 25, 0)) for number in range(65)]
    for count, findings in ((64, ()), (65, ("too-large",))):
        assert report(movie(SLICE * 2, trak(GOOD), box(b"mvex", *trexes[:count]))).findings == findings


def test_one_finding_is_told_once_however_many_have_it():
    lost = trak({**GOOD, b"stsz": b""})
    assert report(movie(SLICE * 2, trak(GOOD), lost, lost, lost)).findings == ("track-incomplete",)


def test_samples_that_are_all_zeros_are_found():
    assert one_sample(bytes(400)).findings == ("zero-run",)
    assert one_sample(unit(bytes(400))).findings == ("zero-run",)


@pytest.mark.parametrize("zeroed", [512, 4096])
def test_a_lost_sector_in_any_frame_of_a_short_file_is_found(zeroed):
    frame = unit(b"\x65" + bytes(range(1, 250)) * 40)
    count = 60
    for number in range(0, count, 7):
        media = bytearray(frame * count)
        at = number * len(frame) + 3000
        media[at : at + zeroed] = bytes(zeroed)
        data = movie(bytes(media), trak(table([len(frame)] * count, numbers(MEDIA_AT))))
        assert report(data).findings == ("zero-run",)

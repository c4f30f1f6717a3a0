"""What the check tells of a recording is what stands there, and nothing of where it was made."""

import re
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mp4.boxes import FTYP, MEDIA_AT, box, movie, numbers, report, table, trak, unit

SLICE = unit(b"\x65" + b"\x11" * 20)
GOOD = table([25, 25], numbers(MEDIA_AT))
XYZ = box(b"\xa9xyz", b"\x00\x12\x15\xc7+48.8566+002.3522/")


def test_a_picture_of_no_size_has_none():
    found = report(movie(SLICE * 2, trak(GOOD, box(b"mp4v", bytes(78)))))
    assert (found.findings, found.width, found.height) == ((), None, None)


def test_each_codec_is_told_once_in_the_order_of_the_tracks():
    mp4a, odd = box(b"mp4a", bytes(78)), box(b"ms\x00\x02", bytes(78))
    found = report(movie(SLICE * 2, trak(GOOD, mp4a), trak(GOOD), trak(GOOD, mp4a, odd), trak(GOOD)))
    assert (found.findings, found.codecs) == ((), ("mp4a", "avc1", "ms??"))


def test_times_of_64_bits_are_read():
    mvhd = box(b"mvhd", b"\x01\x00\x00\x00", struct.pack(">QQIQ", 2**33, 0, 600, 2**33), bytes(80))
    found = report(FTYP + box(b"mdat", SLICE * 2) + box(b"moov", mvhd, trak(GOOD)))
    assert (found.findings, found.creation_time_raw, found.duration_ms) == ((), 2**33, 2**33 * 1000 // 600)


@pytest.mark.parametrize(
    ("tags", "has_position"),
    [
        ([XYZ], True),
        ([box(b"\xa9xyz", b"\x00\x04\x15\xc7\n\x1b\xff+")], True),
        ([box(b"loci", bytes(4), b"\x15\xc7Paris\0\0", numbers(154153, 3201861, 0))], True),
        ([box(b"\xa9day", b"2026"), XYZ], True),
        ([b"\x00\x00\x00\x07free", XYZ], False),
        ([box(b"\xa9xyz", b"\x00\x00\x15\xc7")], False),
        ([box(b"loci")], False),
        ([box(b"\xa9day", b"2026")], False),
        ([], False),
    ],
)  # fmt: skip
def test_whether_there_is_a_place_is_told_and_never_a_fault(tags, has_position):
    for more in (b"", box(b"udta", box(b"name", b"x")), box(b"udta", b"\x00\x00\x00\x01")):
        found = report(movie(SLICE * 2, trak(GOOD), box(b"udta", *tags, bytes(4)), more))
        assert (found.findings, found.has_position) == ((), has_position)


@pytest.mark.parametrize(
    ("boxes", "has_position"),
    [
        ([box(b"gps ", numbers(0x101, 1, MEDIA_AT, 25))], True),
        ([box(b"gps ", numbers(0x101, 0))], False),
        ([box(b"gps ")], False),
        ([trak(GOOD, box(b"gpmd", bytes(8)))], True),
        ([trak(GOOD, box(b"camm", bytes(8)))], True),
        ([trak(GOOD, box(b"mett", bytes(8)))], False),
        ([box(b"gpmd", bytes(8)), box(b"camm", bytes(8))], False),
    ],
)
def test_an_index_or_a_track_of_places_is_a_place_too(boxes, has_position):
    metadata = [each.replace(b"vide", b"meta") for each in boxes]
    found = report(movie(SLICE * 2, trak(GOOD), *metadata))
    assert (found.findings, found.has_position) == ((), has_position)
    assert report(movie(SLICE * 2, *metadata, trak(GOOD))).has_position == has_position


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_whatever_an_index_of_places_and_its_track_hold_is_no_fault_and_not_told(index, entry):
    found = report(
        movie(SLICE * 2, trak(GOOD), box(b"gps ", index), trak(GOOD, box(b"gpmd", entry)).replace(b"vide", b"meta"))
    )
    assert found.has_position and found.findings == ()
    assert replace(found, has_position=False, codecs=("avc1",)) == report(movie(SLICE * 2, trak(GOOD)))


def test_where_somebody_stood_stays_in_the_recording():
    found = report(movie(SLICE * 2, trak(GOOD), box(b"udta", XYZ)))
    assert found == replace(report(movie(SLICE * 2, trak(GOOD), box(b"udta"))), has_position=True)
    assert not re.search("48[.]|8566|002|3522", repr(found))


def test_numbers_that_json_does_not_hold_are_left_out():
    mvhd = box(b"mvhd", b"\x01\x00\x00\x00", struct.pack(">QQIQ", 2**60, 0, 1, 2**60), bytes(80))
    found = report(FTYP + box(b"mdat", SLICE * 2) + box(b"moov", mvhd, trak(GOOD)))
    assert (found.creation_time_raw, found.duration_ms) == (None, None)

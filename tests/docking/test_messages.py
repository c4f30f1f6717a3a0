import json
from typing import get_args

import msgspec
import pytest
from hypothesis import example, find, given
from hypothesis import strategies as st

from dockd.docking import messages as m
from dockd.docking.pages import pages
from dockd.docking.rounds import BATCH
from dockd.driver import SourceKind
from dockd.errors import WorkerFailed
from dockd.model import MAX_GAPS, MAX_SIZE, Mp4Report, Recording, RecordingPath

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
code = st.text("abc-1", max_size=32)
count = st.integers(0, MAX_SIZE)
sha256 = st.binary(min_size=32, max_size=32).map(bytes.hex)
path = st.binary(min_size=1, max_size=300).map(lambda raw: RecordingPath(raw).text)
rows = st.builds(
    m.ListedRecording, path=path, size=count, mtime_ns=st.integers(-(10**20), 10**20), part_of=st.none() | path
)
printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=64)
said = st.text(min_size=1, max_size=64).filter(str.isprintable)
utc_offset = st.integers(-86400, 86400)
ORDERS = st.one_of(
    st.builds(
        m.Camera,
        camera_id=text,
        must_state_id=st.booleans(),
        driver=text,
        driver_reference=text,
        options=st.dictionaries(text, text, max_size=3),
        recipients=st.lists(text, max_size=3).map(tuple),
    ),
    st.builds(m.File, index=count, salvage=st.booleans(), trail=count),
    st.builds(m.CameraHere, path=st.none() | text),
    st.builds(m.Hash, index=count),
    st.builds(m.RegisteredMessage, index=count, recording_id=text, plaintext_sha256=sha256, seq=count),
    st.just(m.LetGo()),
    st.just(m.GoOn()),
    st.just(m.ListAgain()),
    st.just(m.Stop()),
    st.builds(
        m.Locked,
        unlocker=text,
        unlocker_reference=text,
        options=st.dictionaries(text, text, max_size=3),
        credential=printable | st.just(""),
    ),
    st.just(m.Unlock()),
    st.just(m.ReadState()),
    st.builds(m.ReadClock, utc_offset_seconds=utc_offset),
    st.builds(m.SetClock, utc_offset_seconds=utc_offset),
)
REPORTS = st.one_of(
    st.builds(
        m.Listing,
        driver_version=text,
        recordings=st.lists(rows, max_size=3).map(tuple),
        waiting=count,
        others=st.lists(path, max_size=3).map(tuple),
        others_count=count,
        still_there=st.lists(count, max_size=3).map(tuple),
        fullness=st.none() | st.floats(0, 1),
        more=st.booleans(),
    ),
    st.builds(m.Progress, index=count, stage=st.sampled_from(get_args(m.Stage)), done=count, proven=count),
    st.builds(
        m.ProvenMessage,
        index=count,
        plaintext_sha256=sha256,
        ciphertext_sha256=sha256,
        ciphertext_size=count,
        read_back=st.sampled_from(["direct", "cached"]),
        mp4=st.builds(
            Mp4Report,
            verdict=st.sampled_from(["ok", "suspect"]),
            findings=st.lists(code, max_size=3).map(tuple),
            duration_ms=st.none() | count,
            codecs=st.lists(code, max_size=3).map(tuple),
            width=st.none() | count,
            height=st.none() | count,
            creation_time_raw=st.none() | count,
            has_position=st.booleans(),
        ),
        gaps=st.lists(st.tuples(count, count), max_size=3).map(tuple),
    ),
    st.builds(m.Wants, source=st.sampled_from(SourceKind)),
    st.builds(m.Hashed, index=count, plaintext_sha256=sha256),
    st.builds(m.ClearedMessage, index=count),
    st.builds(m.Trouble, code=st.just("camera.busy"), message=text, advice=text),
    st.builds(m.Identified, unlocker_version=text, identity=printable),
    st.builds(m.ClockRead, said=printable | st.just(""), offset_ms=st.integers(-MAX_SIZE, MAX_SIZE)),
    st.builds(
        m.StateRead,
        battery_percent=st.none() | st.integers(0, 100),
        firmware=st.none() | said,
        officer=st.none() | said,
    ),
    st.just(m.Unlocked()),
    st.just(m.ClockSet()),
    st.just(m.Ready()),
    st.just(m.LetGone()),
    st.just(m.GoneOn()),
    st.just(m.Done()),
)


@pytest.mark.parametrize("kind", get_args(m.Order) + get_args(m.Report))
def test_every_message_is_among_those_that_are_tried(kind):
    assert find(ORDERS | REPORTS, lambda each: isinstance(each, kind))


@given(ORDERS)
def test_every_order_arrives_as_it_was_given(order):
    assert m.decode_order(m.encode(order)) == order


@given(REPORTS)
def test_every_report_arrives_as_it_was_given(report):
    assert m.decode_report(m.encode(report)) == report


raws = st.binary(min_size=1, max_size=500)


@given(raws, count, st.integers(-(2**63), 2**63 - 1), st.none() | raws)
def test_a_recording_of_any_name_survives_the_wire(raw, size, mtime_ns, part_of):
    recording = Recording(RecordingPath(raw), size, mtime_ns, RecordingPath(part_of) if part_of else None)
    row = msgspec.json.decode(msgspec.json.encode(m.ListedRecording.of(recording)), type=m.ListedRecording)
    assert row.recording() == recording
    assert row.recording().part_of == recording.part_of


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
TYPES = ["listing", "proven", "trouble", "cleared", "hashed", "progress", "done", "camera", "file", "stop"]
FIELDS = ["index", "path", "recordings", "code", "message", "plaintext_sha256", "seq", "more", "others"]


@given(
    st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.builds(
        lambda kind, body: json.dumps({**body, "type": kind}).encode(),
        st.sampled_from(TYPES),
        st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4),
    )
)
@example(b"[" * m.MAX_PACKET)
@example(b'{"type":"cleared","index":' + b"9" * 100_000 + b"}")
@example(b'{"type":"cleared","index":NaN}')
@example(b'{"type":"trouble","code":"camera.busy","message":"\\ud800","advice":""}')
@example(b'{"type":"done","type":"stop"}')
@example(b"\xff")
@example(b'{"type":"trouble","code":"camera.busy","message":"\xff","advice":""}')
@example(b"")
def test_any_packet_is_a_message_or_a_fault_of_the_worker(packet):
    for decode in (m.decode_order, m.decode_report):
        try:
            decode(packet)
        except WorkerFailed:
            continue


PROVEN = {"type": "proven", "index": 0, "plaintext_sha256": "a" * 64, "ciphertext_sha256": "b" * 64}
PROVEN = {**PROVEN, "ciphertext_size": 5, "read_back": "direct"}
REPORT = {"verdict": "ok", "findings": []}
PROVEN = {**PROVEN, "mp4": REPORT, "gaps": [[0, 4096]]}


@pytest.mark.parametrize(
    "change",
    [
        {"index": -1},
        {"index": MAX_SIZE + 1},
        {"index": "0"},
        {"index": True},
        {"index": 0.0},
        {"plaintext_sha256": "A" * 64},
        {"plaintext_sha256": "a" * 63},
        {"plaintext_sha256": "a" * 64 + "\n"},
        {"read_back": "guessed"},
        {"mp4": None},
        {"mp4": {**REPORT, "verdict": "fine"}},
        {"mp4": {**REPORT, "findings": ["x" * 33]}},
        {"mp4": {**REPORT, "findings": ["x"] * 65}},
        {"mp4": {**REPORT, "findings": ["two\nlines"]}},
        {"mp4": {**REPORT, "codecs": ["\u202eavc1"]}},
        {"mp4": {**REPORT, "width": -1}},
        {"mp4": {**REPORT, "duration_ms": 2**53}},
        {"mp4": {**REPORT, "height": 1.5}},
        {"mp4": {**REPORT, "has_position": "no"}},
        {"gaps": None},
        {"gaps": [[0]]},
        {"gaps": [[0, -1]]},
        {"gaps": [[0, 1.0]]},
        {"gaps": [{"offset": 0, "size": 4096}]},
        {"gaps": [[8192 * n, 4096] for n in range(MAX_GAPS + 1)]},
        {"ciphertext_size": None},
        {"more": 1},
        {"type": "done"},
        {"type": "registered"},
    ],
)
def test_a_report_that_is_almost_right_is_refused(change):
    assert m.decode_report(json.dumps(PROVEN).encode())
    with pytest.raises(WorkerFailed):
        m.decode_report(json.dumps({**PROVEN, **change}).encode())


@pytest.mark.parametrize("path", ["", "a\n", "é", "%61", "%2f", "100%", "x" * 13_000, 5, ["a.mp4"]])
@pytest.mark.parametrize("place", ["path", "part_of"])
def test_a_path_that_our_encoding_does_not_give_is_refused(path, place):
    row = {"path": "a.mp4", "size": 1, "mtime_ns": 0, "part_of": "b.mp4"}
    page = {"type": "listing", "driver_version": "1", "others": [], "others_count": 0, "more": False}
    page |= {"waiting": 1, "still_there": [], "fullness": None}
    assert m.decode_report(json.dumps({**page, "recordings": [row]}).encode())
    with pytest.raises(WorkerFailed):
        m.decode_report(json.dumps({**page, "recordings": [{**row, place: path}]}).encode())


def test_an_order_is_no_report():
    with pytest.raises(WorkerFailed):
        m.decode_report(m.encode(m.Stop()))
    with pytest.raises(WorkerFailed):
        m.decode_order(m.encode(m.Done()))


@pytest.mark.parametrize("length", [1, 200, 4096])
@pytest.mark.parametrize("filler", [b"x", b"\xff", b'"', b"\\"])
def test_pages_of_many_long_names_fit_a_packet_and_give_the_listing_back(length, filler):
    number = 20_000 if length <= 200 else 300
    rows = tuple(
        m.ListedRecording(
            path=RecordingPath((b"%d/" % n) + filler * (length - 3)).text,
            size=MAX_SIZE,
            mtime_ns=-(2**63),
            part_of=RecordingPath(filler * length).text if n % 2 else None,
        )
        for n in range(number)
    )
    others = tuple(RecordingPath(filler * length).text for _ in range(100))
    listing = m.Listing(
        driver_version="1",
        recordings=rows,
        waiting=MAX_SIZE,
        others=others,
        others_count=MAX_SIZE,
        still_there=tuple(range(BATCH)),
        fullness=0.5,
        more=False,
    )
    made = pages(listing)
    assert max(len(m.encode(page)) for page in made) <= m.MAX_PACKET
    assert [row for page in made for row in page.recordings] == list(rows)
    assert [page.more for page in made] == [True] * (len(made) - 1) + [False]
    assert made[0].others == others[: len(made[0].others)]
    assert made[0].still_there == listing.still_there
    assert all(page.others == page.still_there == () for page in made[1:])
    assert {(page.waiting, page.others_count) for page in made} == {(MAX_SIZE, MAX_SIZE)}


def test_an_empty_listing_is_one_page():
    listing = m.Listing(
        driver_version="1",
        recordings=(),
        waiting=0,
        others=(),
        others_count=0,
        still_there=(),
        fullness=None,
        more=False,
    )
    assert pages(listing) == [listing]

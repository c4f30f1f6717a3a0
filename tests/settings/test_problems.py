"""Every fault of a configuration, with the exact place that is named."""

import os
from pathlib import Path

import pytest

from dockd.seal.kinds import KINDS, POST_QUANTUM, Kind
from dockd.seal.recipients import Identity
from dockd.settings.fleet import Check
from dockd.settings.load import load
from dockd.settings.problems import InvalidSettings, Problem
from dockd.settings.shape import parse
from tests.settings.a_site import Site


def problems(site: Site) -> list[Problem]:
    with pytest.raises(InvalidSettings) as caught:
        load(site.path)
    lines = caught.value.message.splitlines()
    assert lines == [str(problem) for problem in caught.value.problems]
    return list(caught.value.problems)


def only(site: Site) -> tuple[str, str, str, str]:
    """Return the one problem as file:line:column, code, key and the rest."""
    (problem,) = problems(site)
    where = f"{Path(problem.file).name}:{problem.spot.line}:{problem.spot.column}"
    return where, problem.code, problem.key, f"{problem.wrong}; {problem.remedy}"


def codes(site: Site) -> list[str]:
    return [f"{Path(found.file).name}:{found.spot.line} {found.code} {found.key}" for found in problems(site)]


def test_a_right_site_loads_with_the_digests_of_both_files(site: Site) -> None:
    settings = load(site.path)
    assert set(settings.sources) == {str(site.path), str(site.fleet_path)}
    assert settings.site.partitions["police"].recipients == (site.recipient,)
    camera = settings.camera("BWC0000001")
    assert camera is not None
    assert (camera.driver, camera.partition, camera.options) == (
        "folder",
        "police",
        (("identity_file", "camera_id.txt"),),
    )
    assert settings.camera("bwc0000001") is None
    assert list(settings.fleet.cameras) == ["BWC0000001", "BWC0000002"]


def test_settings_cannot_be_changed(site: Site) -> None:
    settings = load(site.path)
    with pytest.raises(ValueError, match="frozen"):
        settings.site.dock_id = "other"
    with pytest.raises(TypeError):
        settings.site.partitions["x"] = settings.site.partitions["police"]  # type: ignore[index]
    with pytest.raises(TypeError):
        settings.fleet.cameras["BWC0000001"].options["a"] = "b"  # type: ignore[index]


def test_faults_of_shape_in_both_files_come_out_at_once_in_the_order_of_the_lines(site: Site) -> None:
    site.change("log_level: info", "log_level: loud\nlog_levle: info")
    site.change("dock_id: poste-central", "dock_id: Poste Central")
    site.change("  after_ingest: keep", "  after_ingest: burn\n  worker_silence_seconds: -1")
    site.change_fleet("driver: folder\n    partition: rural", "driver: folder")
    assert codes(site) == [
        "dockd.yaml:1 bad_form dock_id",
        "dockd.yaml:21 unknown_word ingest.after_ingest",
        "dockd.yaml:22 out_of_bounds ingest.worker_silence_seconds",
        "dockd.yaml:23 unknown_word log_level",
        "dockd.yaml:24 unknown_key log_levle",
        "fleet.yaml:3 missing_key cameras.BWC0000002.partition",
    ]


def test_faults_of_logic_in_both_files_come_out_at_once(site: Site) -> None:
    site.change(f"[{site.recipient}]", "[age1x]")
    site.change("  rural:\n", "  rural:\n    reserve_gib: 0.5\n")
    site.change(f"{site.folder}/rural", f"{site.folder}/nowhere")
    site.change_fleet("driver: folder, partition: police", "driver: foldr, partition: polise")
    assert codes(site) == [
        "dockd.yaml:13 recipient partitions.police.recipients[0]",
        "dockd.yaml:17 missing_path partitions.rural.path",
        "fleet.yaml:2 unknown_driver cameras.BWC0000001.driver",
        "fleet.yaml:2 unknown_partition cameras.BWC0000001.partition",
    ]


def test_an_unknown_key_is_refused_with_the_key_that_was_meant(site: Site) -> None:
    site.change("    on_root_filesystem: true\n  rural", "    on_root_filesytem: true\n  rural")
    found = [str(problem) for problem in problems(site)]
    assert found == [
        f"{site.path}:14:5: partitions.police.on_root_filesytem: is not a key here; "
        "did you mean on_root_filesystem? [unknown_key]"
    ]


def test_an_unknown_key_like_no_other_is_answered_with_the_keys_there_are(site: Site) -> None:
    site.change("  after_ingest: keep", "  zzz: 1")
    where, code, key, text = only(site)
    assert (where, code, key) == ("dockd.yaml:21:3", "unknown_key", "ingest.zzz")
    assert "after_ingest, worker_silence_seconds, volume_deadline_seconds, read_at_once, retry_delays_seconds" in text


def test_a_duplicate_key_names_both_lines_and_marks_of_the_first_stay(site: Site) -> None:
    site.change("log_level: info", "log_level: loud\nlog_level: info")
    assert codes(site) == ["dockd.yaml:22 unknown_word log_level", "dockd.yaml:23 duplicate_key log_level"]
    assert "first on line 22" in problems(site)[1].wrong


def test_a_camera_that_stands_twice_is_a_duplicate_key(site: Site) -> None:
    site.change_fleet("  BWC0000002:", "  BWC0000001:")
    where, code, key, text = only(site)
    assert (where, code, key) == ("fleet.yaml:3:3", "duplicate_key", "cameras.BWC0000001")
    assert "first on line 2" in text


def test_a_missing_key_is_named_at_what_should_hold_it(site: Site) -> None:
    site.change(f"  mirror: {site.folder}/mirror\n", "")
    where, code, key, text = only(site)
    assert (where, code, key) == ("dockd.yaml:4:1", "missing_key", "register.mirror")
    assert text == "is missing; add it: “mirror: …”"


@pytest.mark.parametrize(
    ("old", "new", "where", "key", "text"),
    [
        (
            "dock_id: poste-central",
            "dock_id: no",
            "1:10",
            "dock_id",
            'needs text, not what YAML reads as true or false; put it in quotes: "no"',
        ),
        (
            "dock_id: poste-central",
            "dock_id: 0755",
            "1:10",
            "dock_id",
            'needs text, not what YAML reads as a number of an unusual form; put it in quotes: "0755"',
        ),
        (
            "dock_id: poste-central",
            "dock_id: 2024-01-01",
            "1:10",
            "dock_id",
            'needs text, not what YAML reads as a date; put it in quotes: "2024-01-01"',
        ),
        (
            "dock_id: poste-central",
            "dock_id:",
            "1:9",
            "dock_id",
            "needs text, not nothing; write a value, or delete the line",
        ),
        ("dock_id: poste-central", "dock_id: [a]", "1:10", "dock_id", "needs text, not a list; write one text"),
        (
            "mirror_on_same_filesystem: true",
            'mirror_on_same_filesystem: "yes"',
            "6:30",
            "register.mirror_on_same_filesystem",
            "needs true or false, not text; write true or false, without quotes",
        ),
        (
            "mirror_on_same_filesystem: true",
            "mirror_on_same_filesystem: 1",
            "6:30",
            "register.mirror_on_same_filesystem",
            "needs true or false, not a number; write true or false, without quotes",
        ),
        (
            "after_ingest: keep",
            "worker_silence_seconds: 1:30",
            "21:27",
            "ingest.worker_silence_seconds",
            "needs a number, not a number of an unusual form; write a plain number such as 5, without quotes",
        ),
        (
            "after_ingest: keep",
            'worker_silence_seconds: "5"',
            "21:27",
            "ingest.worker_silence_seconds",
            "needs a number, not text; write a plain number such as 5, without quotes",
        ),
        (
            "after_ingest: keep",
            "retry_delays_seconds: 5",
            "21:25",
            "ingest.retry_delays_seconds",
            "needs a list, not a number; write [one, two], or lines that begin with “- ”",
        ),
        (
            "  after_ingest: keep",
            "  - keep",
            "21:3",
            "ingest",
            "needs keys, not a list; write indented “key: value” lines",
        ),
    ],
)
def test_a_value_of_a_wrong_kind_is_told_what_to_write(
    site: Site, old: str, new: str, where: str, key: str, text: str
) -> None:
    site.change(old, new)
    assert only(site) == (f"dockd.yaml:{where}", "wrong_type", key, text)


@pytest.mark.parametrize("number", [".nan", ".inf", "0x10", "1_000", "9" * 5000])
def test_a_number_that_is_no_plain_decimal_is_refused(site: Site, number: str) -> None:
    site.change("  after_ingest: keep", f"  worker_silence_seconds: {number}")
    assert only(site)[:2] == ("dockd.yaml:21:27", "wrong_type")


def test_an_option_of_a_driver_that_looks_like_a_number_must_be_quoted(site: Site) -> None:
    site.change_fleet("camera_id.txt", "010")
    assert only(site) == (
        "fleet.yaml:2:76",
        "wrong_type",
        "cameras.BWC0000001.options.identity_file",
        'needs text, not what YAML reads as a number of an unusual form; put it in quotes: "010"',
    )


@pytest.mark.parametrize("key", ["00012345", "no", "2024-01-01", "~", "1.5", "<<"])
def test_a_key_that_yaml_does_not_read_as_text_must_be_quoted(site: Site, key: str) -> None:
    site.change_fleet("  BWC0000002:", f"  {key}:")
    (found,) = (each for each in problems(site) if each.code == "key_not_text")
    assert (found.spot.line, found.spot.column) == (3, 3)
    assert found.remedy == f'put it in quotes: "{key}"'


def test_a_key_that_is_a_list_is_refused(site: Site) -> None:
    site.change_fleet("  BWC0000002:", "  [BWC0000002]:")
    assert only(site)[:2] == ("fleet.yaml:3:3", "key_not_text")


@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ("  police:", "  Police:", 11, "partitions.Police"),
        ("  police:", "  -police:", 11, "partitions.-police"),
        ("  accueil:", "  a_b:", 9, "folder_docks.a_b"),
        ("dock_id: poste-central", "dock_id: .poste", 1, "dock_id"),
        ("dock_id: poste-central", "dock_id: " + "a" * 64, 1, "dock_id"),
        ("dock_id: poste-central", 'dock_id: "poste\\n"', 1, "dock_id"),
        ("runtime_dir: ", "runtime_dir: .", 3, "runtime_dir"),
        ("runtime_dir: ", 'runtime_dir: "/a\\0b" # ', 3, "runtime_dir"),
        ("runtime_dir: ", 'runtime_dir: "" # ', 3, "runtime_dir"),
    ],
)
def test_names_and_paths_of_a_wrong_form_are_refused(site: Site, old: str, new: str, line: int, key: str) -> None:
    site.change(old, new)
    (found,) = problems(site)
    assert (found.spot.line, found.code, found.key) == (line, "bad_form", key)


@pytest.mark.parametrize("camera_id", ["..", "a/b", "-a", "é", "a" * 65])
def test_a_camera_id_that_could_not_be_a_file_name_is_refused(site: Site, camera_id: str) -> None:
    site.change_fleet("  BWC0000002:", f"  {camera_id}:")
    assert only(site)[:2] == ("fleet.yaml:3:3", "bad_form")


def test_a_key_with_control_characters_cannot_write_to_the_terminal(site: Site) -> None:
    site.change("log_level: info", '"a\\e[2J\\nb": 1')
    (found,) = problems(site)
    assert found.key == "a\\x1b[2J\\nb"
    assert str(found).isprintable()


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("  after_ingest: keep", "  worker_silence_seconds: 3601", 21),
        ("  after_ingest: keep", "  worker_silence_seconds: 0", 21),
        ("  after_ingest: keep", "  retry_delays_seconds: [1, -1]", 21),
        ("  after_ingest: keep", f"  retry_delays_seconds: {[1] * 11}", 21),
        ("    path: POLICE", "    reserve_gib: -0.1\n    path: POLICE", 12),
        ("recipients: [RECIPIENT]", f"recipients: [{'a' * 4097}]", 13),
        ("recipients: [RECIPIENT]", f"recipients: {['a'] * 21}", 13),
    ],
)
def test_numbers_and_lists_have_bounds(site: Site, old: str, new: str, line: int) -> None:
    words = {"POLICE": f"{site.folder}/police", "RECIPIENT": site.recipient}
    for word, value in words.items():
        old, new = old.replace(word, value), new.replace(word, value)
    site.change(old, new)
    (found,) = problems(site)
    assert (found.spot.line, found.code) == (line, "out_of_bounds")


@pytest.mark.parametrize(
    ("old", "new", "where", "code"),
    [
        ("dock_id: poste-central", "dock_id: &x poste-central", "1:10", "anchor"),
        ("dock_id: poste-central", "dock_id: !!str poste-central", "1:10", "tag"),
        ("dock_id: poste-central", "dock_id: !!python/name:os.system poste", "1:10", "tag"),
        ("dock_id: poste-central", "!!str dock_id: poste-central", "1:1", "tag"),
        ("ingest:\n", "ingest: [[[[[[[[[1]]]]]]]]]\nfolder:\n", "20:17", "too_deep"),
        ("log_level: info", "log_level: info\n---\na: 1", "23:1", "second_document"),
        ("  after_ingest: keep", "\tafter_ingest: keep", "21:1", "tab"),
        ("  after_ingest: keep", "  after_ingest: keep: x", "21:21", "syntax"),
        ("log_level: info", "log_level: [info", "23:1", "syntax"),
        ("log_level: info", "log_level: a\x07b", "22:13", "syntax"),
        ("log_level: info", 'log_level: "\\ud800"', "22:15", "syntax"),
    ],
)
def test_what_goes_beyond_plain_yaml_is_refused(site: Site, old: str, new: str, where: str, code: str) -> None:
    site.change(old, new)
    assert only(site)[:2] == (f"dockd.yaml:{where}", code)


def test_an_alias_is_refused_where_it_stands_and_never_followed(site: Site) -> None:
    site.change("log_level: info", "a: &a [x]\nb: [*a, *a]")
    assert codes(site) == ["dockd.yaml:22 anchor a", "dockd.yaml:23 alias b[0]"]


@pytest.mark.parametrize(
    ("data", "line", "code"),
    [
        (b"", 1, "empty"),
        (b"# nothing\n\n", 1, "empty"),
        (b"---\n", 1, "empty"),
        (b"- a\n", 1, "not_keys"),
        (b"\n\nword\n", 3, "not_keys"),
        (b"a: 1\nb: \xff\n", 2, "not_utf8"),
        ("a: 1\n".encode("utf-16"), 1, "not_utf8"),
    ],
)
def test_a_file_that_is_no_text_of_keys_is_refused(site: Site, data: bytes, line: int, code: str) -> None:
    site.fleet_path.write_bytes(data)
    (found,) = problems(site)
    assert (found.file, found.spot.line, found.code) == (str(site.fleet_path), line, code)


def test_a_byte_order_mark_is_no_fault(site: Site) -> None:
    site.path.write_bytes(b"\xef\xbb\xbf" + site.path.read_bytes())
    assert load(site.path).site.dock_id == "poste-central"


def test_a_file_of_100_mb_is_refused_without_being_read_whole(site: Site) -> None:
    with site.fleet_path.open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(InvalidSettings) as caught:
        load(site.path)
    assert [problem.code for problem in caught.value.problems] == ["too_large"]


def test_no_more_than_the_bound_is_read_of_a_large_file(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    read_fd = os.open(site.fleet_path, os.O_RDONLY)
    with site.fleet_path.open("wb") as file:
        file.truncate(100_000_000)
    # The offset of a shared open file description tells how far the reader went.
    monkeypatch.setattr("dockd.settings.document._open", lambda path, flags: os.dup(read_fd))
    site.path.write_text("fleet_file: fleet.yaml")
    try:
        with pytest.raises(InvalidSettings):
            parse(site.fleet_path)
        assert os.lseek(read_fd, 0, os.SEEK_CUR) < 3 << 20
    finally:
        os.close(read_fd)


def test_a_missing_file_a_directory_and_a_pipe_are_refused_and_never_waited_for(site: Site) -> None:
    site.fleet_path.unlink()
    assert only(site)[:2] == ("fleet.yaml:1:1", "unreadable")
    site.fleet_path.mkdir()
    assert only(site)[:2] == ("fleet.yaml:1:1", "unreadable")
    site.fleet_path.rmdir()
    os.mkfifo(site.fleet_path)
    assert only(site)[:2] == ("fleet.yaml:1:1", "unreadable")


def test_the_fleet_file_is_read_even_when_the_site_is_wrong(site: Site) -> None:
    site.fleet_path.rename(site.folder / "other.yaml")
    site.change("log_level: info", "log_level: loud\nfleet_file: other.yaml")
    (site.folder / "other.yaml").write_text("cameras: 5\n")
    assert codes(site) == ["dockd.yaml:22 unknown_word log_level", "other.yaml:1 wrong_type cameras"]


def test_a_recipient_with_one_wrong_character_is_refused_with_the_reason(site: Site) -> None:
    last = "q" if site.recipient[-1] != "q" else "p"
    site.change(f"[{site.recipient}]", f"[{site.recipient[:-1]}{last}]")
    where, code, key, text = only(site)
    assert (where, code, key) == ("dockd.yaml:13:18", "recipient", "partitions.police.recipients[0]")
    assert "the checksum does not fit" in text


def test_a_recipient_with_a_character_outside_bech32_is_told_so(site: Site) -> None:
    site.change(f"[{site.recipient}]", f"[{site.recipient[:-1]}b]")
    assert "a character that Bech32 does not use" in only(site)[3]


def test_a_recipient_twice_in_one_partition_is_refused_but_not_in_two_partitions(site: Site) -> None:
    site.change(f"      - {site.recipient}", f"      - {site.recipient}\n      - {site.recipient}")
    where, code, key, text = only(site)
    assert (where, code, key) == ("dockd.yaml:19:9", "recipient_twice", "partitions.rural.recipients[1]")
    assert "first on line 18" in text


def test_a_partition_may_have_post_quantum_recipients_only_beside_one_with_x25519(site: Site) -> None:
    keys = tuple(Identity.generate(POST_QUANTUM).recipient.text for _ in range(20))
    site.change(f"[{site.recipient}]", f"[{', '.join(keys)}]")
    settings = load(site.path)
    assert settings.site.partitions["police"].recipients == keys
    assert settings.site.partitions["rural"].recipients == (site.recipient,)


def test_kinds_of_recipients_may_never_be_mixed(site: Site) -> None:
    post_quantum = Identity.generate(POST_QUANTUM).recipient.text
    site.change(f"      - {site.recipient}", f"      - {site.recipient}\n      - {post_quantum}")
    assert codes(site) == ["dockd.yaml:18 recipients_mixed partitions.rural.recipients"]
    assert "may never be mixed" in problems(site)[0].wrong


def test_a_mix_is_told_even_when_one_of_the_recipients_is_wrong(site: Site) -> None:
    site.change(f"      - {site.recipient}", f"      - {site.recipient}\n      - age1pq1qqqq")
    assert codes(site) == [
        "dockd.yaml:18 recipients_mixed partitions.rural.recipients",
        "dockd.yaml:19 recipient partitions.rural.recipients[1]",
    ]


def test_a_post_quantum_recipient_with_one_wrong_character_is_refused(site: Site) -> None:
    key = Identity.generate(POST_QUANTUM).recipient.text
    last = "q" if key[-1] != "q" else "p"
    site.change(f"[{site.recipient}]", f"[{key[:-1]}{last}]")
    assert only(site)[:3] == ("dockd.yaml:13:18", "recipient", "partitions.police.recipients[0]")


@pytest.mark.parametrize("kind", KINDS)
def test_a_private_key_is_refused_and_never_repeated(site: Site, kind: Kind) -> None:
    secret = Identity.generate(kind).text
    site.change(f"[{site.recipient}]", f"[{secret}]")
    assert only(site)[:3] == ("dockd.yaml:13:18", "private_key", "partitions.police.recipients[0]")
    assert secret not in str(problems(site))


def test_a_camera_of_a_partition_that_is_missing_is_told_the_nearest(site: Site) -> None:
    site.change_fleet("partition: police", "partition: polic")
    where, code, key, text = only(site)
    assert (where, code, key) == ("fleet.yaml:2:43", "unknown_partition", "cameras.BWC0000001.partition")
    assert text == f"polic is not a partition of {site.path}; did you mean police?"


def test_camera_ids_that_differ_only_in_case_are_refused(site: Site) -> None:
    site.change_fleet("  BWC0000002:", "  bwc0000001:")
    where, code, key, text = only(site)
    assert (where, code, key) == ("fleet.yaml:3:3", "camera_twice", "cameras.bwc0000001")
    assert "BWC0000001 on line 2" in text


def test_a_partition_needs_a_recipient(site: Site) -> None:
    site.change(f"[{site.recipient}]", "[]")
    assert only(site)[:3] == ("dockd.yaml:13:17", "no_recipient", "partitions.police.recipients")


def test_a_site_needs_a_partition(site: Site) -> None:
    text = site.path.read_text()
    site.path.write_text(text[: text.index("partitions:")] + "partitions: {}\n")
    site.fleet_path.write_text("cameras: {}\n")
    assert only(site)[:3] == ("dockd.yaml:10:13", "out_of_bounds", "partitions")


def test_one_wrong_partition_is_one_problem(site: Site) -> None:
    text = site.path.read_text()
    site.path.write_text(text[: text.index("partitions:")] + "partitions: {a: 5}\n")
    assert codes(site) == ["dockd.yaml:10 wrong_type partitions.a"]


def test_the_search_ends_in_a_file_that_is_full_of_problems(site: Site) -> None:
    site.path.write_text("".join(f"unknown{n}: 1\n" for n in range(150)))
    found = problems(site)
    assert len(found) == 101
    assert [problem.code for problem in found].count("too_many") == 1


def test_the_search_ends_in_a_file_that_repeats_one_key(site: Site) -> None:
    site.fleet_path.write_text("cameras: {}\n" * 500)
    assert [problem.code for problem in problems(site)] == ["duplicate_key"] * 100 + ["too_many"]


def test_a_long_list_of_problems_is_cut_in_the_message_only(site: Site) -> None:
    cameras = "".join(f"  c{n}: {{driver: folder, partition: none}}\n" for n in range(300))
    site.fleet_path.write_text("cameras:\n" + cameras)
    with pytest.raises(InvalidSettings) as caught:
        load(site.path)
    assert len(caught.value.problems) == 300
    assert caught.value.message.splitlines()[250:] == ["… and 50 more problems"]


BAYS = """\
usb:
  host_ports: [pci-0000:00:14.0-usbv2-0:1]
bays:
  b1: {ports: [pci-0000:00:14.0-usbv2-0:2.1]}
  b2: {ports: [pci-0000:00:14.0-usbv2-0:12.1]}
log_level: info"""


def test_bays_and_host_ports_side_by_side_are_right_even_where_one_name_begins_with_another(site: Site) -> None:
    site.change("log_level: info", BAYS)
    assert set(load(site.path).site.bays) == {"b1", "b2"}


@pytest.mark.parametrize("port", ["2.1", "2.1.4", "2", "1.3"])
def test_a_port_that_is_given_twice_or_lies_behind_another_is_named_with_the_line_of_the_other(
    site: Site, port: str
) -> None:
    site.change("log_level: info", BAYS.replace("12.1", port))
    where, code, key, text = only(site)
    assert (where, code, key) == ("dockd.yaml:26:16", "ports_overlap", "bays.b2.ports[0]")
    assert f"what line {23 if port == '1.3' else 25} has already" in text


def test_a_hub_on_a_host_port_may_be_named_with_its_own_ports(site: Site) -> None:
    site.change("log_level: info", BAYS.replace("usbv2-0:1]", "usbv2-0:1, pci-0000:00:14.0-usbv2-0:1.3]"))
    assert len(load(site.path).site.usb.host_ports) == 2


@pytest.mark.parametrize(
    "port", ["1-2.1", "usb1", "pci-0000:00:14.0-usbv2-0:2.1:1.0", "a-usbv2-0:1/../2", "pci-0000:00:14.0-usb-0:2.1"]
)
def test_what_is_no_port_of_the_bus_is_refused_with_an_example(site: Site, port: str) -> None:
    site.change("log_level: info", BAYS.replace("pci-0000:00:14.0-usbv2-0:12.1", f'"{port}"'))
    where, code, _key, text = only(site)
    assert (where, code) == ("dockd.yaml:26:16", "bad_form")
    assert "dockd probe" in text


def test_a_camera_of_a_model_that_is_not_there_is_refused_with_the_models_there_are(site: Site) -> None:
    model = 'models:\n  bwc-3: {vendor_product: "46f4:0001", interfaces: ["08:06:50"]}\ncameras:\n'
    site.change_fleet("cameras:\n", model)
    site.change_fleet("driver: folder\n    partition: rural", "driver: folder\n    partition: rural\n    model: bwc3")
    where, code, key, text = only(site)
    assert (where, code, key) == ("fleet.yaml:8:12", "unknown_model", "cameras.BWC0000002.model")
    assert "did you mean bwc-3?" in text


def test_a_port_is_switched_off_only_where_every_bay_can(site: Site) -> None:
    site.change("log_level: info", BAYS)
    model = 'vendor_product: "46f4:0001", interfaces: ["08:06:50"], when_done: port-off'
    site.change_fleet("cameras:\n", f"models:\n  bwc-3: {{{model}}}\ncameras:\n")
    _where, code, key, text = only(site)
    assert (code, key) == ("port_not_switched", "models.bwc-3.when_done")
    assert "bay b1" in text


def test_a_cameras_own_options_go_before_those_of_its_model(site: Site) -> None:
    model = 'vendor_product: "46f4:0001", interfaces: ["08:06:50"], when_done: eject, options: {identity_file: a, b: c}'
    site.change_fleet("cameras:\n", f"models:\n  bwc-3: {{{model}}}\ncameras:\n")
    site.change_fleet("partition: police,", "partition: police, model: bwc-3,")
    camera = load(site.path).camera("BWC0000001")
    assert camera is not None
    assert dict(camera.options) == {"identity_file": "camera_id.txt", "b": "c"}
    assert (camera.model, camera.when_done) == ("bwc-3", "eject")


MODEL_WITH_CHECK = (
    'vendor_product: "46f4:0001", interfaces: ["08:06:50"], check: {resolution: 1920x1080, gap_seconds: 5}'
)


def test_the_check_of_a_model_holds_for_its_cameras_that_have_none_of_their_own(site: Site) -> None:
    site.change_fleet("cameras:\n", f"models:\n  bwc-3: {{{MODEL_WITH_CHECK}}}\ncameras:\n")
    site.change_fleet("partition: police,", "partition: police, model: bwc-3,")
    check = load(site.path).check("BWC0000001")
    assert (check.resolution, check.gap_seconds, check.position) == ("1920x1080", 5, None)
    site.change_fleet("partition: police,", "partition: police, check: {position: required},")
    check = load(site.path).check("BWC0000001")
    assert (check.resolution, check.gap_seconds, check.position) == (None, None, "required")
    assert load(site.path).check("nobody") == Check()


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("{resolution: 1080p}", ("bad_form", "resolution")),
        ("{resolution: 0x0}", ("wrong_type", "resolution")),
        ("{position: wanted}", ("unknown_word", "position")),
        ("{clock_offset_seconds: 0}", ("out_of_bounds", "clock_offset_seconds")),
        ("{bitrate_kbps_min: 2.5}", ("wrong_type", "bitrate_kbps_min")),
        ("{bitrate: 2}", ("unknown_key", "bitrate")),
        ("{bitrate_kbps_min: 3, bitrate_kbps_max: 2}", ("check_disagrees", "bitrate_kbps_max")),
        ("{segment_seconds: 300}", ("check_disagrees", "segment_seconds")),
    ],
)
def test_what_a_check_cannot_ask_for_is_a_problem(site: Site, keys: str, problem: tuple[str, str]) -> None:
    site.change_fleet("partition: police,", f"partition: police, check: {keys},")
    _where, code, key, _text = only(site)
    assert (code, key) == (problem[0], f"cameras.BWC0000001.check.{problem[1]}")


LOCKED = """
models:
  bwc:
    vendor_product: "4255:1000"
    interfaces: ["08:06:50"]
    unlock: {driver: folder, vendor_product: "4255:0001", interfaces: ["ff:00:00"], known_by: label}
  other:
    vendor_product: "46f4:0001"
    interfaces: ["08:06:50"]
"""


def locked(site: Site, old: str = "", new: str = "") -> None:
    assert LOCKED.count(old) == 1 or not old
    site.fleet_path.write_text(LOCKED.lstrip().replace(old, new) + site.fleet_path.read_text())


def test_a_model_that_has_to_be_unlocked_loads(site: Site) -> None:
    locked(site)
    unlock = load(site.path).fleet.models["bwc"].unlock
    assert unlock is not None
    assert (unlock.within_seconds, unlock.credential, unlock.device_class) == (30, None, "00:00:00")


@pytest.mark.parametrize(
    ("old", "new", "code", "key"),
    [
        (' interfaces: ["ff:00:00"]', ' interfaces: ["08:06:50"], device_class: "00:00:01"', None, ""),
        (
            '"4255:0001", interfaces: ["ff:00:00"]',
            '"4255:1000", interfaces: ["08:06:50"]',
            "looks_twice",
            "vendor_product",
        ),
        (
            '"4255:0001", interfaces: ["ff:00:00"]',
            '"46f4:0001", interfaces: ["08:06:50"]',
            "looks_twice",
            "vendor_product",
        ),
        ("unlock: {driver: folder", "unlock: {driver: nobody", "unknown_driver", "driver"),
        ("known_by: label", "known_by: port", "unknown_word", "known_by"),
        (", known_by: label", "", "missing_key", "known_by"),
        ("known_by: label", "known_by: label, credential: ../x", "bad_form", "credential"),
        ("known_by: label", "known_by: label, within_seconds: 0", "out_of_bounds", "within_seconds"),
    ],
)
def test_what_could_not_be_told_apart_or_unlocked_is_a_problem(
    site: Site, old: str, new: str, code: str | None, key: str
) -> None:
    locked(site, old, new)
    if code is None:
        load(site.path)
        return
    _where, found, where, _text = only(site)
    assert (found, where) in [(code, f"models.bwc.unlock.{key}"), (code, "models.bwc.unlock")]


def test_two_models_that_look_alike_while_they_are_locked_are_a_problem_of_each(site: Site) -> None:
    twin = LOCKED.replace("bwc", "twin").replace("4255:1000", "4255:2000").partition("  other:")[0]
    site.fleet_path.write_text(twin.lstrip() + LOCKED.partition("models:\n")[2] + site.fleet_path.read_text())
    with pytest.raises(InvalidSettings) as caught:
        load(site.path)
    assert [each.code for each in caught.value.problems] == ["looks_twice"] * 2

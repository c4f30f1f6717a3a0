"""A register that was cut, put back or rewritten meets a checkpoint that lies elsewhere, and no camera is cleared."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import segno

from dockd.clock import SystemClock
from dockd.errors import ExitCode
from dockd.register.journal import Journal
from dockd.register.kinds import Refused
from dockd.register.mirror import Mirror
from dockd.register.note import SigningKey
from dockd.register.witness import FILE
from tests.integration.daemon import Daemon
from tests.integration.promises import assert_all_cleared, entries, of_kind
from tests.integration.site import CHIEF, DOCK_ID, MEDIA, ROOT, WHY, Site, dockd

CLIPS = {name: (MEDIA / name).read_bytes() for name in ("moov-first.mp4", "fragmented.mp4")}
SCRIPT = ROOT / "docs" / "verify_register.py"
HOME = "partition pm"


def start(site: Site) -> Daemon:
    return site.start(check_seconds=0.1).ready()


def kept(site: Site) -> Path:
    return site.partition("pm") / FILE


def command(site: Site, *words: str | Path) -> "subprocess.CompletedProcess[str]":
    return dockd(*words, "--config", site.config)


def size(note: str) -> int:
    return int(note.splitlines()[1])


@pytest.fixture
def stick(tmp_path: Path, site: Site) -> Path:
    path = tmp_path / "stick"
    path.mkdir()
    site.register_keys = {"witness": str(path)}
    site.configure()
    return path


def test_each_checkpoint_reaches_every_partition_and_the_second_place_the_last_one_too(site: Site, stick: Path):
    daemon = start(site)
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_green()
    daemon.wait_for("checkpoint.kept", witness=str(stick))
    shown = site.ask("status")["register"]["witnesses"]
    assert {each["name"]: each["disagrees"] for each in shown} == {HOME: False, str(stick): False}
    assert site.troubles() == {}
    daemon.stop()
    assert kept(site).read_text() == (stick / FILE).read_text() == command(site, "register", "checkpoint").stdout
    assert size(kept(site).read_text()) == len(entries(site))
    assert [path.name for path in stick.iterdir()] == [FILE]
    notes = [line["note"] for line in daemon.log if line["event"] == "checkpoint.signed"]
    assert notes[-1] == kept(site).read_text().splitlines(), "the log is a witness too"


def put_back(site: Site) -> Callable[[], None]:
    """Keep a copy of register and mirror; give what puts it back."""
    copy = site.folder / "copy"
    shutil.copytree(site.folder / "state", copy / "state")
    shutil.copytree(site.mirror, copy / "mirror")

    def back() -> None:
        for name in ("state", "mirror"):
            shutil.rmtree(site.folder / name)
            shutil.copytree(copy / name, site.folder / name)

    return back


def rewrite(site: Site, count: int) -> None:
    """Write another history of as many entries with the dock's own key."""
    key, mirror = SigningKey.load(site.folder / "state" / "dock.key", DOCK_ID), site.folder / "mirror"
    site.register.unlink()
    shutil.rmtree(mirror)
    Mirror.create(mirror, DOCK_ID)
    opened = Mirror.open(mirror, DOCK_ID)
    journal = Journal.create(
        site.register, key=key, dock_id=DOCK_ID, clock=SystemClock(), mirror=opened, software="dockd 0"
    )
    facts = Refused(bay="b", claimed_id="x", code="c", reason="nothing happened here")
    journal.append(*[facts] * (count - 1))
    journal.checkpoint()
    journal.close()
    opened.close()


@pytest.mark.parametrize("how", ["put back", "rewritten"])
@pytest.mark.parametrize("left", ["partition", "stick"])
def test_a_register_that_was_put_back_or_rewritten_clears_nothing_until_a_named_person_decides(
    site: Site, stick: Path, how: str, left: str
):
    start(site).stop()
    back = put_back(site)
    daemon = start(site)
    site.dock_camera("BWC1", {"a.mp4": CLIPS["moov-first.mp4"]})
    daemon.wait_green()
    daemon.stop()
    witness, gone = (kept(site), stick / FILE) if left == "partition" else (stick / FILE, kept(site))
    gone.unlink()
    before = witness.read_text()
    if how == "put back":
        back()
    else:
        rewrite(site, size(before) + 3)

    outside = site.folder / "outside.note"
    outside.write_text(before)
    verified = command(site, "register", "verify", "--since", outside)
    assert verified.returncode == ExitCode.FAILED_CHECK and "NOT verified" in verified.stdout
    export = site.folder / "export"
    export.write_text(command(site, "register", "export").stdout)
    script = [sys.executable, "-I", SCRIPT, "register", site.verifier.text, export, "--checkpoint", outside]
    assert subprocess.run(script, capture_output=True).returncode == 1

    daemon = start(site)
    camera = site.dock_camera("BWC1", {"b.mp4": CLIPS["fragmented.mp4"]})
    daemon.wait_red()
    name = HOME if left == "partition" else str(stick)
    assert site.troubles() == {"register": "register.tampered", f"witness {name}": "register.tampered"}
    assert command(site, "health").returncode == ExitCode.FAILED_CHECK
    assert witness.read_text() == before and (camera / "b.mp4").read_bytes() == CLIPS["fragmented.mp4"]

    assert command(site, "register", "overrule", *WHY).returncode == ExitCode.OK
    daemon.wait_green()
    daemon.wait_for("checkpoint.kept", witness=name)
    assert site.troubles() == {}
    assert command(site, "register", "overrule", *WHY).returncode == ExitCode.FAILED_CHECK
    daemon.stop()
    told = entries(site)
    [disagreed], [overruled] = of_kind(site, "witness_disagreed"), of_kind(site, "witness_overruled")
    assert (disagreed["witness"], disagreed["note"], disagreed["size"]) == (name, before, size(before))
    assert (overruled["witnesses"], overruled["author"]) == ([name], CHIEF)
    assert size(witness.read_text()) == len(told)
    start(site)
    assert site.troubles() == {}


def test_what_is_no_checkpoint_of_this_dock_and_a_place_that_is_gone_are_said_and_stop_nothing(site: Site, stick: Path):
    stick.rmdir()
    daemon = start(site)
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_green()
    daemon.wait_for("witness.trouble", witness=str(stick))
    assert site.troubles() == {f"witness {stick}": "register.witness"}
    daemon.stop()
    assert_all_cleared(site)

    stick.mkdir()
    kept(site).write_text(kept(site).read_text().replace("essai\n", "autre\n", 1))
    daemon = start(site)
    daemon.wait_for("checkpoint.kept", witness=str(stick))
    site.dock_camera("BWC1", {"c.mp4": CLIPS["moov-first.mp4"]})
    daemon.wait_for("recording.cleared", path="c.mp4")
    daemon.wait_green()
    assert site.troubles() == {f"witness {HOME}": "register.witness"}
    assert kept(site).read_text().startswith("autre\n"), "it is left as it is"
    assert_all_cleared(site)


def rolled_back(site: Site, stick: Path) -> None:
    """Leave a dock whose register is older than the checkpoint on the stick, and on the stick alone."""
    start(site).stop()
    back = put_back(site)
    start(site).stop()
    kept(site).unlink()
    back()


def test_a_dock_that_disagreed_clears_nothing_after_a_restart_either_whatever_became_of_the_witness(
    site: Site, stick: Path
):
    rolled_back(site, stick)
    start(site).stop()
    (stick / FILE).unlink()
    daemon = start(site)
    camera = site.dock_camera("BWC1", {"b.mp4": CLIPS["fragmented.mp4"]})
    daemon.wait_red()
    assert (camera / "b.mp4").exists() and site.troubles()["register"] == "register.tampered"
    daemon.stop()
    site.register_keys = {}
    site.configure()
    daemon = start(site)
    daemon.wait_red()
    assert command(site, "register", "overrule", *WHY).returncode == ExitCode.OK
    daemon.wait_green()
    site.close()
    assert of_kind(site, "witness_overruled")[0]["witnesses"] == [str(stick)]


def test_a_witness_that_comes_later_is_compared_before_it_is_called_well(site: Site, stick: Path):
    rolled_back(site, stick)
    away = stick.with_name("away")
    stick.rename(away)
    daemon = start(site)
    daemon.wait_for("witness.trouble", code="register.witness")
    away.rename(stick)
    daemon.wait_for("witness.trouble", code="register.tampered")
    assert not daemon.has("witness.recovered")


def test_a_stick_that_hangs_holds_up_no_camera(site: Site, stick: Path):
    daemon = site.start(check_seconds=0.1, halt=["run", "fsync", f"stick/{FILE}.new"]).ready()
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_for("halted")
    daemon.wait_green()
    daemon.wait_for("witness.trouble", witness=str(stick))
    assert site.troubles() == {f"witness {stick}": "register.witness"}
    site.open_gate()
    daemon.wait_for("witness.recovered", witness=str(stick))
    assert_all_cleared(site)


@pytest.mark.parametrize("what", ["fifo", "directory"])
def test_what_lies_in_the_place_of_a_checkpoint_and_is_no_file_stops_nothing(site: Site, what: str):
    path = kept(site)
    path.mkdir() if what == "directory" else os.mkfifo(path)
    writer = os.open(path, os.O_RDWR) if what == "fifo" else None
    daemon = start(site)
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_green()
    assert site.troubles() == {f"witness {HOME}": "register.witness"}
    descriptors = len(os.listdir(f"/proc/{daemon.pid}/fd"))
    for _ in range(3):
        command(site, "register", "show", *WHY)
    assert len(os.listdir(f"/proc/{daemon.pid}/fd")) <= descriptors + 1
    if writer is not None:
        os.close(writer)
    daemon.stop()
    assert_all_cleared(site)


@pytest.fixture
def cosigner(tmp_path: Path, site: Site) -> Path:
    path = tmp_path / "prefecture.key"
    made = dockd("cosigner-key", "prefecture", "-o", path)
    site.register_keys = {"cosigners": [made.stdout.strip()]}
    site.configure()
    return path


def countersigned(site: Site, cosigner: Path, file: Path, *more: str | Path) -> Path:
    done = dockd("countersign", file, "--key", cosigner, "--dock", site.verifier.text, *more)
    assert done.returncode == ExitCode.OK, done.stderr
    path = file.with_suffix(".signed")
    path.write_text(done.stdout)
    return path


def test_a_checkpoint_that_somebody_outside_signed_comes_back_and_status_says_since_when(site: Site, cosigner: Path):
    start(site)
    assert site.ask("status")["register"]["confirmed"] is None
    note = site.folder / "now.note"
    note.write_text(command(site, "register", "checkpoint").stdout)
    signed = countersigned(site, cosigner, note)
    taken = command(site, "register", "cosign", signed, *WHY)
    assert taken.returncode == ExitCode.OK and "prefecture" in taken.stdout

    growth = site.folder / "growth.json"
    growth.write_text(command(site, "register", "prove", "--since", signed).stdout)
    later = countersigned(site, cosigner, growth, "--since", signed)
    assert command(site, "register", "cosign", later, *WHY).returncode == ExitCode.OK
    other = growth.with_name("other.json")
    other.write_text(json.dumps({**json.loads(growth.read_text()), "consistency": ["00" * 32]}))
    key = ("--key", cosigner, "--dock", site.verifier.text)
    assert dockd("countersign", other, *key, "--since", signed).returncode == ExitCode.FAILED_CHECK
    assert dockd("countersign", signed, *key, "--since", signed).returncode == ExitCode.REGISTER

    refused = command(site, "register", "cosign", note, *WHY)
    assert refused.returncode == ExitCode.FAILED_CHECK and "not signed" in refused.stderr
    confirmed = site.ask("status")["register"]["confirmed"]
    assert "confirmed outside" in command(site, "status").stdout
    site.close()
    first, second = of_kind(site, "witnessed")
    assert confirmed == {"size": second["size"], "at": second["at"]}
    assert (first["size"], first["author"]) == (size(note.read_text()), CHIEF)
    assert second["size"] > first["size"]
    [refusal] = of_kind(site, "command_refused")
    assert refusal["why"] == "not_signed"


def test_a_countersigned_checkpoint_that_the_register_did_not_grow_from_stops_the_clearing(site: Site, cosigner: Path):
    start(site).stop()
    back = put_back(site)
    start(site)
    note = site.folder / "now.note"
    note.write_text(command(site, "register", "checkpoint").stdout)
    signed = countersigned(site, cosigner, note)
    site.close()
    kept(site).unlink()
    back()
    daemon = start(site)
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_green()
    assert command(site, "register", "cosign", signed, *WHY).returncode == ExitCode.FAILED_CHECK
    daemon.wait_for("register.trouble")
    site.dock_camera("BWC1", {"c.mp4": CLIPS["moov-first.mp4"]})
    daemon.wait_red()
    assert command(site, "register", "overrule", *WHY).returncode == ExitCode.OK
    daemon.wait_green()
    site.close()
    assert of_kind(site, "witness_disagreed")[0]["witness"] == "prefecture"
    assert [each["why"] for each in of_kind(site, "command_refused")] == ["not_as_said"]


def test_the_qr_code_is_that_of_the_whole_checkpoint(site: Site):
    note = command(site, "register", "checkpoint").stdout
    drawn = io.StringIO()
    segno.make_qr(note, error="m").terminal(drawn, compact=True)
    assert command(site, "register", "checkpoint", "--qr").stdout == drawn.getvalue()

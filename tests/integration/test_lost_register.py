"""The register is lost with its disk: it is made anew from its mirror, and the dock goes on where it was."""

import socket
from pathlib import Path

from dockd.errors import ExitCode
from tests.integration.promises import assert_all_cleared, of_kind
from tests.integration.site import MEDIA, Site, dockd

CLIPS = {name: (MEDIA / name).read_bytes() for name in ("moov-first.mp4", "fragmented.mp4")}


def interrupted(site: Site, tmp_path: Path) -> Path:
    """Lose the register with two recordings registered and not cleared; give the last checkpoint outside the dock."""
    daemon = site.start(halt=["worker", "unlink", "*"])
    site.dock_camera("BWC1", CLIPS)
    daemon.wait_for("halted")
    kept = tmp_path / "kept.note"
    kept.write_text(dockd("register", "checkpoint", "--config", site.config).stdout)
    daemon.kill()
    site.register.unlink()
    site.register.with_name("register.db-journal").unlink(missing_ok=True)
    return kept


def test_it_is_rebuilt_verifies_against_the_last_checkpoint_and_the_camera_is_cleared(site: Site, tmp_path: Path):
    kept = interrupted(site, tmp_path)
    done = dockd("register", "rebuild", "--since", kept, "--config", site.config)
    assert done.returncode == ExitCode.OK, done
    verified = dockd("register", "verify", "--since", kept, "--config", site.config)
    assert verified.returncode == ExitCode.OK, verified
    ended = site.start().wait_green()
    assert (ended["collected"], ended["already_registered"], ended["cleared"]) == (0, 2, 2)
    assert_all_cleared(site)
    [entry] = of_kind(site, "register_rebuilt")
    assert entry["entries"] == entry["seq"] == entry["compared_at"][0] == int(kept.read_text().splitlines()[1])
    assert entry["author"] != "dockd"


def test_without_a_checkpoint_it_is_rebuilt_only_if_that_is_said(site: Site, tmp_path: Path):
    interrupted(site, tmp_path)
    assert dockd("register", "rebuild", "--config", site.config).returncode == ExitCode.USAGE
    assert not site.register.exists()
    done = dockd("register", "rebuild", "--without-checkpoint", "--config", site.config)
    assert done.returncode == ExitCode.OK, done
    again = dockd("register", "rebuild", "--without-checkpoint", "--config", site.config)
    assert (again.returncode, "already a register" in again.stderr) == (ExitCode.REGISTER, True)


def test_a_mirror_whose_end_is_missing_gives_no_register(site: Site, tmp_path: Path):
    kept = interrupted(site, tmp_path)
    [segment] = site.mirror.glob("*.jsonl")
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:-1]))
    done = dockd("register", "rebuild", "--since", kept, "--config", site.config)
    assert (done.returncode, site.register.exists()) == (ExitCode.FAILED_CHECK, False)
    assert "its end is missing" in done.stderr


def test_a_reader_that_stops_in_the_middle_of_an_answer_holds_up_no_entry(site: Site):
    daemon = site.start().ready()
    with socket.socket(socket.AF_UNIX) as slow:
        slow.settimeout(60)
        slow.connect(str(site.folder / "run" / "control.sock"))
        slow.sendall(b'{"ask": "register.entries", "after": -1, "limit": 500}\n' * 1000)
        assert slow.recv(10)
        # It does not read on; its answers pile up in the socket.
        site.dock_camera("BWC1", CLIPS)
        daemon.wait_green()
    assert_all_cleared(site)


def test_a_register_is_verified_with_a_key_from_elsewhere_whatever_lies_beside_it(site: Site, tmp_path: Path):
    beside = site.register.with_name("dock.pub")
    elsewhere = tmp_path / "kept.pub"
    beside.rename(elsewhere)
    done = dockd("register", "verify", "--key", elsewhere, "--config", site.config)
    assert (done.returncode, done.stdout[:9]) == (ExitCode.OK, "verified:"), done
    assert dockd("register", "verify", "--config", site.config).returncode == ExitCode.REGISTER


def test_a_dock_that_lost_its_key_and_register_gets_no_new_key_beside_its_old_mirror(site: Site):
    key = site.register.with_name("dock.key")
    key.unlink()
    site.register.unlink()
    done = dockd("init", "--config", site.config)
    assert (done.returncode, key.exists()) == (ExitCode.REGISTER, False)
    assert "register rebuild" in done.stderr

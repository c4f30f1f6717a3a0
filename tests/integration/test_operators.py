"""Who may read the register, and that it says who did: two accounts of this machine at the socket of a real daemon."""

import json
import os
import pwd
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from dockd.errors import CommandDenied, ControlError, ExitCode
from dockd.ops.control_client import ControlClient
from dockd.ops.rights import RIGHTS, TAKES_OUT
from tests.integration.promises import entries
from tests.integration.site import CHIEF, FOR, MEDIA, WHY, Site, dockd, environment

FIRST, SECOND = 1, 2
NAMES = {uid: pwd.getpwuid(uid).pw_name for uid in (FIRST, SECOND)}

# Everything is imported while it still may be read: the tree can lie where other accounts cannot look.
AS_ACCOUNT = """
import os, sys
import dockd.cli, dockd.cli.register, dockd.cli.register_evidence, rich.console, rich.table
os.setgroups([]); os.setgid(0); os.setuid(int(sys.argv[1]))
sys.argv = ["dockd", *sys.argv[2:]]
dockd.cli.main()
"""

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become two accounts")


@pytest.fixture
def open_site(site: Site) -> Site:
    """A site whose configuration and socket other accounts reach."""
    for folder in (site.folder, *site.folder.parents):
        if folder.is_relative_to(tempfile.gettempdir()) and folder != Path(tempfile.gettempdir()):
            folder.chmod(folder.stat().st_mode | 0o011)
    return site


def as_account(uid: int, site: Site, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", AS_ACCOUNT, str(uid), *words, "--config", str(site.config)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)


def commands(site: Site) -> list[dict]:
    """Give what the register says of commands, oldest first."""
    return [each for each in entries(site) if each["kind"] in ("consulted", "communicated", "command_refused")]


@needs_root
def test_each_command_of_two_accounts_leaves_one_entry_with_its_author_executed_or_refused(open_site: Site):
    site = open_site
    site.operators = {NAMES[FIRST]: {"person": "Alix Durand", "role": "operator"}}
    site.configure()
    site.start().ready()

    shown = as_account(FIRST, site, "register", "show", "--json", "--reason", "réquisition 12")
    proven = as_account(FIRST, site, "register", "prove", "--entry", "0", "--reason", "idem", "--to", "tribunal")
    exported = as_account(FIRST, site, "register", "export", "--reason", "curieux", "--to", "presse")
    stranger = as_account(SECOND, site, "register", "show", "--reason", "pour voir")
    root = dockd("register", "verify", "--config", site.config)
    site.close()

    codes = [done.returncode for done in (shown, proven, exported, stranger, root)]
    assert codes == [ExitCode.OK, ExitCode.OK, ExitCode.DENIED, ExitCode.DENIED, ExitCode.DENIED], shown.stderr
    assert exported.stdout == stranger.stdout == root.stdout == ""
    assert json.loads(shown.stdout)[-1]["kind"] == "consulted", "entered before it is shown"
    told = [(each["kind"], each["author"], each["account"], each["role"], each["command"]) for each in commands(site)]
    assert told == [
        ("consulted", "Alix Durand", NAMES[FIRST], "operator", "register show"),
        ("communicated", "Alix Durand", NAMES[FIRST], "operator", "register prove"),
        ("command_refused", "Alix Durand", NAMES[FIRST], "operator", "register export"),
        ("command_refused", f"(account {NAMES[SECOND]})", NAMES[SECOND], None, "register show"),
        ("command_refused", "(account root)", "root", None, "register verify"),
    ]
    assert [each["reason"] for each in commands(site)] == [
        "réquisition 12",
        "idem",
        "curieux",
        "pour voir",
        "verification",
    ]
    assert commands(site)[1]["recipients"] == ["tribunal"]


def test_an_entry_is_read_by_nobody_who_did_not_begin_a_command_for_it(site: Site):
    site.start().ready()
    asked = (("register.entries", {"after": -1, "limit": 1}), ("register.prove_entry", {"seq": 0}))
    for question, arguments in (*asked, ("register.prove_recording", {"recording_id": "0" * 32})):
        with pytest.raises(CommandDenied):
            site.ask(question, **arguments)
    client = ControlClient(site.folder / "run" / "control.sock")
    client.ask("begin", command="register prove", reason="r", about={"entry": "0"}, recipients=["t"])
    with pytest.raises(CommandDenied):
        client.ask("register.entries", after=-1, limit=1)
    assert client.ask("register.prove_entry", seq=0)["entry"]["seq"] == 0
    with pytest.raises(CommandDenied):
        client.ask("register.prove_entry", seq=1)
    client.close()
    site.close()
    kinds = [*["command_refused"] * 3, "communicated", *["command_refused"] * 2]
    assert [each["kind"] for each in commands(site)] == kinds


@pytest.mark.parametrize(
    "wrong",
    [
        {"command": "register burn"},
        {"command": None},
        {"reason": ""},
        {"reason": " \t"},
        {"reason": "two\nlines"},
        {"reason": "x" * 501},
        {"reason": "\u202e"},
        {"reason": 7},
        {"about": {"after": "\x1b[2J"}},
        {"about": {"é": "x"}},
        {"about": []},
        {"about": {"nonsense": "x"}},
        {"recipients": ["t"]},
        {"command": "register prove"},
        {"command": "register prove", "recipients": ["t", ""]},
    ],
)
def test_what_is_no_command_is_neither_carried_out_nor_entered(site: Site, wrong: dict):
    site.start().ready()
    right = {"command": "register show", "reason": "r", "about": {}, "recipients": []}
    with pytest.raises(ControlError) as caught:
        site.ask("begin", **{**right, **wrong})
    assert caught.value.code == "control.error"
    site.ask("begin", **right)
    site.close()
    assert [(each["kind"], each["author"]) for each in commands(site)] == [("consulted", CHIEF)]


@pytest.mark.parametrize("words", [("show",), ("export",), ("export", *WHY), ("prove", "--entry", "0")])
def test_a_command_without_its_reason_or_recipient_is_not_given(site: Site, words: tuple[str, ...]):
    site.start().ready()
    assert dockd("register", *words, "--config", site.config).returncode == ExitCode.USAGE
    site.close()
    assert commands(site) == []


def test_the_page_shows_the_rights_of_each_role():
    page = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
    section = page.partition("## Who may do what")[2].partition("\n## ")[0]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    roles, _line, *rows = table
    shown = {row[0].strip("`"): {role for role, cell in zip(roles[1:], row[1:], strict=True) if cell} for row in rows}
    assert shown == {command: set(allowed) for command, allowed in RIGHTS.items()}
    assert RIGHTS.keys() >= TAKES_OUT


def test_no_more_entries_are_given_than_were_entered(site: Site):
    site.start().ready()
    client = ControlClient(site.folder / "run" / "control.sock")
    client.ask("begin", command="register show", reason="r", about={"after": "0", "limit": "1"}, recipients=[])
    pages = [client.ask("register.entries", after=-1, limit=100) for _ in range(2)]
    client.close()
    assert [[row["seq"] for row in page["rows"]] for page in pages] == [[1], []]


def test_what_is_shown_is_what_was_entered_as_asked_for_with_a_daemon_and_without(site: Site, tmp_path: Path):
    site.dock_camera("BWC1", {"a.mp4": (MEDIA / "moov-first.mp4").read_bytes()})
    site.start().ready().wait_green()
    words = ("register", "show", "--json", "--kind", "collected", "--kind", "cleared", "--camera", "BWC1")
    words += ("--since", "2000-01-01", "--until", "2999-12-31", *WHY)
    running = dockd(*words, "--config", site.config)
    nothing = dockd("register", "show", "--json", "--until", "2000-01-01", *WHY, "--config", site.config)
    copy = tmp_path / "copy.db"
    copied = dockd("register", "snapshot", copy, *FOR, "--config", site.config)
    site.close()
    stopped = dockd(*words, "--config", site.config)
    assert (running.returncode, nothing.stdout, copied.returncode) == (ExitCode.OK, "[]\n", ExitCode.OK), copied.stderr
    assert [each["kind"] for each in json.loads(running.stdout)] == ["collected", "cleared"]
    assert stopped.stdout == running.stdout
    first, second, third = commands(site)
    assert first["about"] == {
        "camera": "BWC1",
        "kind": "collected,cleared",
        "since": "2000-01-01T00:00:00.000000Z",
        "until": "2999-12-31T23:59:59.999999Z",
    }
    assert second["about"] == {"until": "2000-01-01T23:59:59.999999Z"}
    assert (third["kind"], third["command"]) == ("communicated", "register snapshot")
    with closing(sqlite3.connect(copy)) as database:
        [(seqs,)] = database.execute("SELECT count(*) FROM v_recordings").fetchall()
    assert seqs == 1

"""What the desk does for whom, over a real socket and a real register, at any date."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dockd.clock import AnsweredClock
from dockd.custody.witnesses import Witnesses
from dockd.daemon import reception
from dockd.daemon.deeds import Known, Parts
from dockd.daemon.desk import Desk
from dockd.docking.registry import Registry
from dockd.docking.shelf import Shelves
from dockd.errors import CommandDenied, CommandImpossible, DockdError, RegisterError
from dockd.model import Role
from dockd.ops import pages
from dockd.ops.control import ControlServer
from dockd.ops.control_client import ControlClient
from dockd.ops.rights import RIGHTS, Operator
from dockd.ops.status import Board
from dockd.register.entry import read
from dockd.register.journal import Journal
from dockd.register.mirror import Mirror
from dockd.volume import Volume
from tests.register.dock import DOCK_ID, Dock, collected

PERSON = "Camille Martin"
YEARS_LATER = datetime(2030, 6, 1, tzinfo=UTC)


class Office:
    """A dock whose register is open, and its desk."""

    def __init__(self, folder: Path, role: Role | None) -> None:
        self.dock = Dock(folder)
        self.dock.create().close()
        self.clock = AnsweredClock(self.dock.clock)
        mirror = Mirror.open(self.dock.mirror_path, DOCK_ID)
        self.journal = Journal.open(
            self.dock.register, key=self.dock.key, dock_id=DOCK_ID, clock=self.clock, mirror=mirror
        )
        self.journal.append(*(collected(number) for number in range(5)))
        self.path = folder / "socket"
        self.operators = {str(os.getuid()): Operator(PERSON, role)} if role else {}

    def ask(self, story: "Callable[[ControlClient], Any]") -> Any:
        """Serve while `story` asks, in a thread of its own."""

        async def serve() -> Any:
            volume = Volume("register", 60, RegisterError)
            registry = Registry(self.journal, volume)
            board = Board("dock-7", "0", {})
            verifier = self.dock.key.verifier
            witnesses = Witnesses([], verifier, registry, board)
            parts = Parts(board, registry, witnesses, Shelves({}), None, self.clock)  # type: ignore[arg-type]
            answering = Desk(Known(self.operators, verifier, (), ("X",)), parts)
            server = ControlServer(self.path, answering.answers())
            await server.start()
            try:
                return await asyncio.to_thread(self._told, story)
            finally:
                await server.stop()
                await answering.stop()
                volume.close()

        return asyncio.run(serve())

    def _told(self, story: "Callable[[ControlClient], Any]") -> Any:
        client = ControlClient(self.path)
        try:
            return story(client)
        finally:
            client.close()

    def commands(self) -> list[Any]:
        """Give the entries behind those that the office began with."""
        return [read(row.seq, row.body or b"") for row in self.journal.entries(5, 1000) if row.body]


def pruned(client: ControlClient) -> int:
    last: int = client.ask(pages.PRUNE, reason="échue", believes_all=1)["last_seq"]
    while client.ask(pages.PRUNING)["busy"]:
        pass
    return last


def test_old_entries_are_pruned_once_somebody_answers_for_the_clock(tmp_path: Path):
    office = Office(tmp_path, "chief")
    office.dock.clock.time = YEARS_LATER
    office.clock.stepped()

    def story(client: ControlClient) -> int:
        with pytest.raises(CommandImpossible) as caught:
            pruned(client)
        assert "clock confirm" in caught.value.advice
        client.ask(pages.CONFIRM_CLOCK, reason="horloge parlante")
        last = pruned(client)
        with pytest.raises(CommandImpossible):
            pruned(client)
        return last

    assert office.ask(story) == 5
    assert [row.seq for row in office.journal.entries(-1, 1000) if row.body is None] == list(range(6))
    refused, confirmed, done, nothing = office.commands()
    assert (refused.kind, refused.why, refused.clock_trusted) == ("command_refused", "clock_not_trusted", False)
    assert (confirmed.kind, confirmed.author, confirmed.clock_trusted) == ("clock_confirmed", PERSON, False)
    assert (done.kind, done.author, done.last_seq, done.clock_trusted) == ("pruned", PERSON, 5, True)
    assert (nothing.kind, nothing.why) == ("command_refused", "nothing_to_do")


def test_what_is_under_way_with_a_camera_is_not_pruned(tmp_path: Path):
    office = Office(tmp_path, "chief")
    facts = collected(9)
    office.journal.open_intent(facts.recording_id, camera_id="cam-1", partition="police", object_path="o")
    [seq] = office.journal.append(facts, marks=[facts.recording_id])
    office.dock.clock.time = YEARS_LATER
    office.clock.stepped()
    office.clock.confirm()
    assert office.ask(pruned) == seq - 1


def test_a_clock_that_was_set_a_moment_ago_is_noticed_before_it_is_believed_or_confirmed(tmp_path: Path):
    office = Office(tmp_path, "chief")
    office.clock.confirm()
    jump(office, 4 * 365 * 86400)
    with pytest.raises(CommandImpossible, match="clock"):
        office.ask(pruned)
    jump(office, 3600)
    office.ask(lambda client: client.ask(pages.CONFIRM_CLOCK, reason="réglée"))
    assert office.clock.stepped() == 0 and office.clock.trusted(), "what was set before does not take the word back"
    kinds = [each.kind for each in office.commands()]
    assert kinds == ["clock_stepped", "command_refused", "clock_stepped", "clock_confirmed"]


def test_a_pruning_that_would_hide_tampering_is_entered_as_refused(tmp_path: Path):
    office = Office(tmp_path, "chief")
    with closing(sqlite3.connect(office.dock.register, isolation_level=None)) as database:
        database.execute("DROP TRIGGER payload_delete")
        database.execute("DELETE FROM payload WHERE seq = 2")
    office.dock.clock.time = YEARS_LATER
    office.clock.stepped()
    office.clock.confirm()
    with pytest.raises(CommandImpossible, match="entry 2 is not what was entered"):
        office.ask(pruned)
    [refused] = office.commands()
    assert (refused.kind, refused.why) == ("command_refused", "not_as_said")


def jump(office: Office, seconds: float) -> None:
    """Set the clock ahead: the one that only grows stays where it was."""
    office.dock.clock.time += timedelta(seconds=seconds)
    office.dock.clock.behind += seconds


def test_a_date_that_nobody_answered_for_is_believed_only_if_somebody_does(tmp_path: Path):
    office = Office(tmp_path, "chief")
    office.dock.clock.time = YEARS_LATER
    office.clock.stepped()
    office.clock.confirm()

    def story(client: ControlClient) -> None:
        with pytest.raises(CommandImpossible):
            client.ask(pages.PRUNE, reason="échue")
        pruned(client)

    office.ask(story)
    refused, done = office.commands()
    assert (refused.about, done.about) == ({}, {"dates": "all"})


def test_who_is_refused_again_and_again_waits_for_each_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reception, "_REFUSALS", 3)
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(reception.asyncio, "sleep", sleep)
    office = Office(tmp_path, None)

    def story(client: ControlClient) -> None:
        for _each in range(5):
            with pytest.raises(CommandDenied):
                client.ask(pages.RETURN, camera_id="X", reason="r")

    office.ask(story)
    assert waited == [20, 20]
    assert [each.about for each in office.commands()] == [{"camera": "X"}] * 5


def test_after_the_clock_was_set_nobody_answers_for_it(tmp_path: Path):
    office = Office(tmp_path, "technician")
    office.ask(lambda client: client.ask(pages.CONFIRM_CLOCK, reason="r"))
    assert office.clock.trusted() and office.clock.stepped() == 0

    jump(office, 3600)
    assert office.clock.stepped() == pytest.approx(3600, abs=1)
    assert not office.clock.trusted() and office.clock.stepped() == 0


QUESTIONS: dict[str, dict[str, Any]] = {
    "register show": {"ask": pages.BEGIN},
    "register verify": {"ask": pages.BEGIN},
    "register prove": {"ask": pages.BEGIN, "recipients": ["tribunal"]},
    "register export": {"ask": pages.BEGIN, "recipients": ["tribunal"]},
    "register snapshot": {"ask": pages.BEGIN, "recipients": ["tribunal"]},
    "register prune": {"ask": pages.PRUNE},
    "issue": {"ask": pages.ISSUE, "camera_id": "X", "wearer": "w"},
    "return": {"ask": pages.RETURN, "camera_id": "X"},
    "justify": {"ask": pages.JUSTIFY, "recording_id": "0" * 32, "wearer": "w"},
    "register overrule": {"ask": pages.OVERRULE},
    "register cosign": {"ask": pages.COSIGN, "note": "no note"},
    "clock confirm": {"ask": pages.CONFIRM_CLOCK},
}


@pytest.mark.parametrize("role", ["chief", "operator", "technician", "auditor", None])
def test_each_role_gives_its_own_commands_and_each_leaves_one_entry(tmp_path: Path, role: Role | None):
    assert QUESTIONS.keys() == RIGHTS.keys()
    office = Office(tmp_path, role)
    office.clock.confirm()

    def story(client: ControlClient) -> list[str]:
        given = []
        for command, question in QUESTIONS.items():
            arguments = {"command": command, "about": {}, "recipients": [], **question, "reason": command}
            try:
                client.ask(arguments.pop("ask"), **arguments)
                given.append(command)
            except CommandDenied:
                pass
            except DockdError as error:
                assert error.code == "control.impossible"
                given.append(command)
        return given

    assert office.ask(story) == [command for command, allowed in RIGHTS.items() if role in allowed]
    assert [each.reason for each in office.commands()] == list(RIGHTS)
    authors = {each.author for each in office.commands()}
    assert len(authors) == 1 and (PERSON in authors) == (role is not None)

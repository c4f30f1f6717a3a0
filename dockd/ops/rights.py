"""Who may give which command about the register: a closed table, which docs/commands.md shows."""

import pwd
from collections.abc import Mapping
from dataclasses import dataclass

from dockd.model import Role

RIGHTS: Mapping[str, frozenset[Role]] = {
    "register show": frozenset({"chief", "operator", "auditor"}),
    "register verify": frozenset({"chief", "auditor"}),
    "register prove": frozenset({"chief", "operator", "auditor"}),
    "register export": frozenset({"chief", "auditor"}),
    "register snapshot": frozenset({"chief", "auditor"}),
    "register prune": frozenset({"chief"}),
    "issue": frozenset({"chief", "operator"}),
    "return": frozenset({"chief", "operator"}),
    "justify": frozenset({"chief", "operator"}),
    "register overrule": frozenset({"chief"}),
    "register cosign": frozenset({"chief", "technician", "auditor"}),
    "clock confirm": frozenset({"chief", "technician"}),
}

MAX_WORDS = 500
"""Longest reason, recipient or name that a command takes, in characters."""

TAKES_OUT = frozenset({"register prove", "register export", "register snapshot"})
"""Commands that give entries to somebody outside the dock, who has to be named."""


@dataclass(frozen=True, slots=True)
class Operator:
    """A person whom the configuration knows by an account of this dock."""

    person: str
    role: Role


@dataclass(frozen=True, slots=True)
class Caller:
    """Who gives a command: an account, and the person behind it, if the configuration names one."""

    account: str
    operator: Operator | None

    @property
    def author(self) -> str:
        """How the register names them. A person's name never begins like an account's."""
        return self.operator.person if self.operator else f"(account {self.account})"


def caller(uid: int, operators: Mapping[str, Operator]) -> Caller:
    """Find out who has this uid; `operators` may name an account by its number too."""
    try:
        account = pwd.getpwuid(uid).pw_name
    except KeyError:
        account = str(uid)
    return Caller(account, operators.get(account) or operators.get(str(uid)))

"""Options that are words of a person for the register: why a command is given, and for whom."""

from typing import Any

import click

from dockd.i18n import _
from dockd.ops.rights import MAX_WORDS


class Words(click.ParamType[str]):
    """A line of text as the register takes it from a person."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if text and (not text.strip() or not text.isprintable() or len(text) > MAX_WORDS):
            self.fail(_("write one line of at most {n} printable characters").format(n=MAX_WORDS))
        return text


reason_option = click.option(
    "--reason", default="", type=Words(), help=_("Why you give this command. A running dockd enters it with your name.")
)

required_reason = click.option(
    "--reason", required=True, type=Words(), help=_("Why you give this command. It is entered with your name.")
)

to_option = click.option(
    "--to",
    "recipients",
    multiple=True,
    type=Words(),
    help=_("Who gets it, outside this dock. A running dockd enters it. Can be repeated."),
)

"""Entries of the register on a terminal, as JSON and as CSV."""

import csv
import json
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from dockd.i18n import _
from dockd.register.body import Row

_COLUMNS = ("seq", "at", "zone", "clock_trusted", "dock_id", "author", "kind", "camera", "recording", "what", "body")

_IN_A_LINE = {
    "log_opened": "{verifier_key}",
    "register_rebuilt": "{entries}",
    "service_started": "{software}",
    "service_stopped": "{reason}",
    "partition_created": "{partition}",
    "collected": "{camera_id}: {path} ({size}) → {partition}/{object_path}",
    "salvaged": "{camera_id}: {path} ({size}) → {partition}/{object_path}",
    "cleared": "{camera_id}: {recording_id} (entry {collected_seq})",
    "refused": "{bay}: {code}, {reason}",
    "attempt_failed": "{bay}: {code}, {message}",
    "rung_taken": "{bay}: {rung}, {cause}",
    "camera_findings": "{bay}: {codes}",
    "camera_clock_read": "{bay}: {camera_id}, {offset_ms} ms",
    "camera_clock_set": "{bay}: {camera_id}, {offset_ms} ms",
    "docking_ended": "{bay}: {outcome}, +{collected} ={already_registered} -{cleared}",
    "network_changed": "{fault}",
    "consulted": "{command} {about}: {reason}",
    "communicated": "{command} {about} → {recipients}: {reason}",
    "command_refused": "{command}, {account}, {why}: {reason}",
    "pruned": "0…{last_seq}: {reason}",
    "clock_confirmed": "{reason}",
    "clock_stepped": "{by_ms} ms",
    "witness_disagreed": "{witness}: {size}",
    "witness_overruled": "{witnesses}: {reason}",
    "witnessed": "{witness}: {size}",
    "camera_issued": "{camera_id} → {wearer}: {reason}",
    "camera_returned": "{camera_id}: {reason}",
    "wearer_justified": "{recording_id}: {wearer}, {reason}",
    "object_set_aside": "{partition}/{object_path} → {moved_to}",
}


def body_of(row: Row) -> dict[str, Any]:
    if row.body is None:
        return {"seq": row.seq, "kind": None}
    try:
        body: dict[str, Any] = json.loads(row.body)
    except ValueError:
        return {"seq": row.seq, "kind": None, "unreadable": row.body.decode("utf-8", "replace")}
    return body


def print_json(bodies: Iterable[dict[str, Any]]) -> None:
    """Print one JSON array, an entry a line, without holding it in memory."""
    separator = "[\n"
    for body in bodies:
        sys.stdout.write(separator + json.dumps(body))
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")


def print_table(bodies: Iterable[dict[str, Any]]) -> None:
    table = Table(_("entry"), Column(_("time (UTC)"), no_wrap=True), _("author"), _("kind"), _("what"))
    for body in bodies:
        cells = (
            body["seq"],
            str(body.get("at", ""))[:19].replace("T", " "),
            body.get("author", ""),
            body.get("kind") or "?",
            _what(body),
        )
        # Text, not markup: paths come from cameras.
        table.add_row(*(Text(str(cell)) for cell in cells))
    Console().print(table)


def _what(body: dict[str, Any]) -> str:
    """Say in one line what an entry is about; everything it says is in the JSON."""
    try:
        return _IN_A_LINE[body["kind"]].format(**{**body, "codes": _codes(body.get("findings"))})
    except KeyError:
        return ""


def _codes(findings: object) -> str:
    """Name what was found; whatever stands there, as this is shown of entries that nobody has verified."""
    return (
        ", ".join(str(each.get("code")) for each in findings if isinstance(each, dict))
        if isinstance(findings, list)
        else ""
    )


def print_csv(bodies: Iterable[dict[str, Any]]) -> None:
    """Print what fits into columns, and the whole entry as JSON in the last one (RFC 4180)."""
    written = csv.writer(sys.stdout)
    written.writerow(_COLUMNS)
    for body in bodies:
        found = {
            **body,
            "camera": body.get("camera_id", body.get("claimed_id", "")),
            "recording": body.get("recording_id", ""),
            "what": _what(body),
            "body": json.dumps(body, ensure_ascii=False),
        }
        written.writerow([_as_text(found.get(name, "")) for name in _COLUMNS])


def _as_text(value: object) -> str:
    """Keep a spreadsheet from taking for a formula what a camera, or anybody, has written.

    As OWASP's page on CSV injection says.
    """
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text

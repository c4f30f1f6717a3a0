"""What a technician makes of each camera: what was put in, what its light says, what dockd did, what is left to do."""

from dataclasses import dataclass
from typing import Any

from dockd.demo.cameras import Camera
from dockd.demo.play import Played
from dockd.i18n import _, ngettext

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One camera, in words; each is one cell of the table."""

    camera: str
    light: str
    shows: str
    did: str
    to_do: str


def explain(played: Played, entries: list[Entry]) -> list[Row]:
    """Give a row for each camera, from the last light of its bay and from the register."""
    return [_row(camera, played, entries) for camera in played.cameras]


def _row(camera: Camera, played: Played, entries: list[Entry]) -> Row:
    bay = played.bays[camera.camera_id]
    about = [entry for entry in entries if camera.camera_id in (entry.get("camera_id"), entry.get("claimed_id"))]
    damaged = _damaged(about)
    did = [*(_docking(entry) for entry in about if entry["kind"] == "docking_ended"), *damaged]
    did += [
        _("refused, and noted in the register; nothing was read or changed")
        for entry in about
        if entry["kind"] == "refused"
    ]
    pulled = [_("pulled out in mid-transfer, then put back")] if camera.camera_id == played.pulled else []
    return Row(
        camera="\n".join((camera.camera_id, camera.put_in, *pulled)),
        light=bay["light"],
        shows=bay["reason"],
        did="\n".join(did),
        to_do=_to_do(bay, about, bool(damaged)),
    )


def _docking(entry: Entry) -> str:
    """Say what one docking came to."""
    safe = entry["collected"] + entry["already_registered"]
    if entry["outcome"] == "failed":
        return ngettext(
            "broke off ({code}): {n} recording safe, {m} cleared",
            "broke off ({code}): {n} recordings safe, {m} cleared",
            safe,
        ).format(code=entry["code"], n=safe, m=entry["cleared"])
    parts = [_("{n} collected, {m} cleared").format(n=entry["collected"], m=entry["cleared"])]
    if entry["already_registered"]:
        parts.insert(0, _("{n} known again, not stored twice").format(n=entry["already_registered"]))
    if entry["left_alone"]:
        parts.append(_("left alone: {names}").format(names=", ".join(entry["left_alone_paths"])))
    return "; ".join(parts)


def _damaged(about: list[Entry]) -> list[str]:
    """Name each recording that the MP4 check found damaged, with its verdict."""
    verdicts = {entry["path"]: entry["mp4"]["verdict"] for entry in about if entry["kind"] == "collected"}
    return [
        _("{path} is {verdict}: kept exactly").format(path=path, verdict=verdict)
        for path, verdict in verdicts.items()
        if verdict != "ok"
    ]


def _to_do(bay: dict[str, Any], about: list[Entry], is_damaged: bool) -> str:
    if bay["light"] != "green":
        if any(entry["kind"] == "refused" for entry in about):
            return _("Find out whose it is. Only if it is yours: enter it in fleet.yaml.")
        return str(bay["advice"]) or _("`dockd status` says what is wrong. The camera keeps its data.")
    ended = [entry for entry in about if entry["kind"] == "docking_ended"]
    parts = []
    if is_damaged:
        parts.append(_("Tell the CSU that a recording is damaged."))
    if names := ", ".join(ended[-1]["left_alone_paths"]):
        parts.append(_("See what {names} is; it is still on the camera.").format(names=names))
    if parts:
        return " ".join(parts)
    return _("Nothing: to put it back was enough.") if len(ended) > 1 else _("Nothing: it can go out again.")

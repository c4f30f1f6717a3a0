"""A long listing goes to the supervisor in pages, each of which fits into a packet."""

import msgspec

from dockd.docking.messages import ListedRecording, Listing

_PAGE_BYTES = 64 * 1024


def pages(listing: Listing) -> list[Listing]:
    """Cut a listing into pages that each fit into a packet; the last says that no more follows."""
    recordings: list[list[ListedRecording]] = [[]]
    room = _PAGE_BYTES
    for recording in listing.recordings:
        room -= recording.bytes_at_most
        if room < 0:
            recordings.append([])
            room = _PAGE_BYTES - recording.bytes_at_most
        recordings[-1].append(recording)
    last = len(recordings) - 1
    only_once = {"others": _fitting(listing.others), "still_there": listing.still_there}
    never_again: dict[str, tuple[()]] = {"others": (), "still_there": ()}
    return [
        msgspec.structs.replace(listing, recordings=tuple(page), more=n < last, **(never_again if n else only_once))
        for n, page in enumerate(recordings)
    ]


def _fitting(others: tuple[str, ...]) -> tuple[str, ...]:
    room = _PAGE_BYTES // 2
    for n, path in enumerate(others):
        room -= len(path) + 4
        if room < 0:
            return others[:n]
    return others

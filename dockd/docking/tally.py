"""What a docking came to, counted each recording once over all its attempts, without remembering any of them."""

from dockd.docking.commands import Summary
from dockd.model import Listed


class Tally:
    """Counts as the performer goes. A recording entered by this docking is told from an older one by its entry."""

    def __init__(self) -> None:
        self._collected = 0
        self._salvaged = 0
        self._first_seq: int | None = None
        self._known = 0
        self._known_in_this_attempt = 0
        self._known_cleared = 0
        self._known_cleared_before = 0
        self._cleared = 0
        self._inferred = 0
        self._listed: Listed | None = None

    def began(self) -> None:
        """Another attempt: what was known and not cleared will be met again."""
        self._known_in_this_attempt = 0
        self._known_cleared_before = self._known_cleared

    def listed(self, listed: Listed) -> None:
        self._listed = listed

    def collected(self, seq: int) -> None:
        self._collected += 1
        self._first_seq = seq if self._first_seq is None else self._first_seq

    def salvaged(self) -> None:
        self._salvaged += 1

    def confirmed(self, seq: int) -> None:
        if self._is_older(seq):
            self._known_in_this_attempt += 1
            self._known = max(self._known, self._known_cleared_before + self._known_in_this_attempt)

    def cleared(self, seq: int, *, inferred: bool) -> None:
        self._cleared += 1
        if inferred:
            self._inferred += 1
        elif self._is_older(seq):
            self._known_cleared += 1

    def summary(self) -> Summary:
        """Give the counts so far; `kept` is what is safe and still on the camera."""
        listed = self._listed
        return Summary(
            collected=self._collected,
            salvaged=self._salvaged,
            already_registered=self._known,
            cleared=self._cleared,
            kept=self._collected + self._known - (self._cleared - self._inferred),
            left_alone=listed.others_count if listed else 0,
            left_alone_paths=tuple(path.text for path in listed.others) if listed else (),
        )

    def _is_older(self, seq: int) -> bool:
        return self._first_seq is None or seq < self._first_seq

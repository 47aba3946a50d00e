"""The report of a sweep."""

from dataclasses import asdict, dataclass
from typing import Literal

Outcome = Literal["ended", "waiting", "published", "gave_up", "removed", "dropped", "unread"]


@dataclass(slots=True)
class Report:
    """What a sweep did.

    Attributes:
        next: where to continue; None at the end of the buckets.
        seen: originals found; one that several walks came past counts several times.
        waiting: uploads whose job has not ended and is not due.
        published: jobs published again.
        gave_up: jobs given up.
        removed: uploads of which something was left over: of a deletion that was interrupted, or
            results that no manifest names.
        dropped: originals deleted because their thumbnails are done.
        unread: blobs, or parts of the listings, that could not be read.
    """

    next: str | None = None
    seen: int = 0
    waiting: int = 0
    published: int = 0
    gave_up: int = 0
    removed: int = 0
    dropped: int = 0
    unread: int = 0

    @property
    def changed(self) -> int:
        """Number of uploads at which there was something to do."""
        return self.published + self.gave_up + self.removed + self.dropped

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        if outcome != "ended":
            setattr(self, outcome, getattr(self, outcome) + 1)

    def include(self, further: "Report") -> None:
        """Add the report of a sweep that continued this one."""
        for name, value in asdict(further).items():
            setattr(self, name, value if name == "next" else getattr(self, name) + value)

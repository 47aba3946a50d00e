"""Which part of the buckets a sweep walks over, and how often.

Listings are sorted by name alone, and ids begin with the hour. So what is new can be listed without
what is kept. Everything is walked over seldom, a little in each sweep.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from quickthumb.documents.names import EVERYTHING, Range, ranges
from quickthumb.store.ledger import Progress

_AHEAD = timedelta(hours=1)
"""How far the clock of another instance may be ahead."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk over a part of the buckets, which is begun again and again.

    Attributes:
        name: in the ledger.
        span: the age of the uploads it covers; None for everything, also what other programs put
            below `incoming/`.
        every: the time from the beginning of one to that of the next, if it has ended by then.
    """

    name: str
    span: timedelta | None
    every: timedelta

    def progress(self, known: Mapping[str, Progress], now: datetime) -> Progress | None:
        """Return how far the walk is; None if it has ended, and the next one is not due."""
        found = known.get(self.name)
        if found and found.next is not None:
            return found
        at = now.timestamp()
        # The clock may also have been set back.
        if found and abs(at - found.begun) < self.every.total_seconds():
            return None
        return Progress(at, "")

    def ranges(self, begun: float) -> tuple[Range, ...]:
        """Return the names it covers, in order, if it began at some `time.time`."""
        if self.span is None:
            return (EVERYTHING,)
        return ranges(begun - self.span.total_seconds(), begun + _AHEAD.total_seconds())


NEW = Walk("new", timedelta(hours=2), timedelta(0))
"""In every sweep, so that a lost job is found soon."""

RECENT = Walk("recent", timedelta(hours=30), timedelta(hours=1))
"""A job that was lost or given up is published again for about a day, in growing pauses."""

ALL = Walk("all", None, timedelta(days=1))
"""Whatever is older, is not named by the hour, or was missed."""

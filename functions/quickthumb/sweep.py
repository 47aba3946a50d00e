"""The story of a sweep: what was accepted and has not ended is published again, or given up.

It walks over originals and results side by side, both in the order of their names and page by page,
so that a million of them need no more memory than a thousand. It cannot feed a loop: each time
that a job is published again is counted first, the pauses between grow, and after the last one the
job is given up for good.

One bad upload does not stop the others: what cannot be read is counted and logged, and the sweep
goes on.
"""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from quickthumb.buckets import Unread
from quickthumb.problems import NotPublished, QuickThumbError, Unavailable
from quickthumb.sweeping.entries import Entry, side_by_side
from quickthumb.sweeping.report import Outcome, Report
from quickthumb.sweeping.sweeper import Sweeper

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Uploads that are seen to in parallel."""

NOTED_EVERY = 10.0
"""How often a sweep notes how far it came, seconds."""


def sweep_on(sweeper: Sweeper, seconds: float) -> Report:
    """Go on where the last sweep ended, for about some seconds, and note how far this one came.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub did not answer; the next sweep goes on from the note.
    """
    end = time.monotonic() + seconds
    cursor, total = sweeper.store.ledger.cursor(), Report()
    while True:
        report = sweep(sweeper, cursor, min(NOTED_EVERY, end - time.monotonic()))
        total.include(report)
        cursor = report.next or ""
        sweeper.store.ledger.put_cursor(cursor)
        if not cursor or time.monotonic() > end:
            return total


def sweep(sweeper: Sweeper, start: str = "", seconds: float = float("inf")) -> Report:
    """Walk over both buckets for about some seconds.

    Args:
        sweeper: decides what to do about each upload.
        start: where the walk before this one ended; empty for the beginning.
        seconds: when they have passed, the walk ends after the upload it has come to.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub did not answer; what was done is done, and a sweep
            from the same place goes on with the rest.
    """
    report, batch = Report(), list[Entry]()
    end = time.monotonic() + seconds

    def pass_over(unread: Unread) -> None:
        log.error("passed over %r: %s", unread.name, unread.reason)
        report.add("unread")

    def see_to_batch() -> None:
        for outcome in pool.map(partial(_see_to, sweeper), batch):
            report.add(outcome)
        batch.clear()

    entries = side_by_side(
        sweeper.store.originals.walk(start, sweeper.default, pass_over),
        sweeper.store.results.walk(start, pass_over),
    )
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for entry in entries:
            if start and entry.key == start:
                continue
            report.seen += entry.original is not None
            if not sweeper.is_settled(entry):
                batch.append(entry)
            if time.monotonic() > end:
                report.next = entry.key
                break
            if len(batch) == AT_ONCE:
                see_to_batch()
        see_to_batch()
    return report


def _see_to(sweeper: Sweeper, entry: Entry) -> Outcome:
    """See to an entry; what is wrong with it must not stop the sweep."""
    try:
        return sweeper.see_to(entry)
    except NotPublished:
        raise
    except Unavailable as error:
        sweeper.store.check()  # it is this entry alone, or else this raises
        log.error("passed over %r: %s", entry.key, error)
    except QuickThumbError as error:
        log.error("passed over %r: %s", entry.key, error)
    except Exception:
        log.exception("passed over %r", entry.key)
    return "unread"

"""Sweeps: jobs that were lost are published again, or given up.

A sweep merges the listings of originals and results, both sorted by name, page by page, so memory
use does not depend on their number. It cannot cause a loop: a retry is counted before it is
published, the pauses between retries grow, and after the last retry the job is given up for good.

Whatever cannot be read is counted, logged and skipped.
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
"""Number of uploads to process in parallel."""

NOTED_EVERY = 10.0
"""Interval at which a sweep saves its cursor, seconds."""


def sweep_on(sweeper: Sweeper, seconds: float) -> Report:
    """Continue at the saved cursor for some seconds, and save the new cursor.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub is unavailable; the next sweep continues at the
            cursor.
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
    """Sweep both buckets for some seconds.

    Args:
        sweeper: processes an upload.
        start: where the previous sweep ended; empty for the beginning.
        seconds: time limit; the upload at hand is finished.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub is unavailable; the sweep can be repeated from the
            same start.
    """
    report, batch = Report(), list[Entry]()
    end = time.monotonic() + seconds

    def skip(unread: Unread) -> None:
        log.error("skipped %r: %s", unread.name, unread.reason)
        report.add("unread")

    def process_batch() -> None:
        for outcome in pool.map(partial(_process, sweeper), batch):
            report.add(outcome)
        batch.clear()

    entries = side_by_side(
        sweeper.store.originals.walk(start, sweeper.default, skip),
        sweeper.store.results.walk(start, skip),
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
                process_batch()
        process_batch()
    return report


def _process(sweeper: Sweeper, entry: Entry) -> Outcome:
    """Process an entry; its errors must not stop the sweep."""
    try:
        return sweeper.process(entry)
    except NotPublished:
        raise
    except Unavailable as error:
        sweeper.store.check()  # raises unless it is this entry alone
        log.error("skipped %r: %s", entry.key, error)
    except QuickThumbError as error:
        log.error("skipped %r: %s", entry.key, error)
    except Exception:
        log.exception("skipped %r", entry.key)
    return "unread"

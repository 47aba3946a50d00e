"""Sweeps: jobs that were lost are published again, or given up.

What is new is walked over often, everything seldom; see `sweeping.plan`.

A sweep merges the listings of originals and results, both sorted by name, page by page, so memory
use does not depend on their number. It cannot cause a loop: a retry is counted before it is
published, the pauses between retries grow, and after the last retry the job is given up for good.

Whatever cannot be read is counted, logged and skipped.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain

from quickthumb.buckets import Unread
from quickthumb.documents.names import EVERYTHING, Range
from quickthumb.problems import NotPublished, QuickThumbError, Unavailable
from quickthumb.store.ledger import Progress
from quickthumb.sweeping.entries import Entry, side_by_side
from quickthumb.sweeping.plan import ALL, NEW, RECENT, Walk
from quickthumb.sweeping.report import Outcome, Report
from quickthumb.sweeping.sweeper import Sweeper

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Number of uploads to process in parallel."""

NOTED_EVERY = 10.0
"""Interval at which a sweep records how far it is, seconds."""


def sweep_on(sweeper: Sweeper, seconds: float, walk_seconds: float) -> Report:
    """Continue, or begin, each walk that is due, and record how far it is.

    Args:
        sweeper: processes an upload.
        seconds: time limit.
        walk_seconds: time for the walk over everything, as long as it finds nothing to do; at most
            half. That limits its cost, whatever is kept.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub is unavailable; the next sweep continues at what was
            recorded.
    """
    walk_seconds = min(walk_seconds, seconds / 2)
    end, total = time.monotonic() + seconds, Report()
    known = sweeper.store.ledger.progress()
    for walk in (NEW, RECENT):
        total.include(_walk_on(walk, sweeper, known, end - walk_seconds, end - walk_seconds))
    quiet_end = min(end, time.monotonic() + walk_seconds)
    total.include(_walk_on(ALL, sweeper, known, quiet_end, end))
    return total


def _walk_on(
    walk: Walk, sweeper: Sweeper, known: dict[str, Progress], quiet_end: float, end: float
) -> Report:
    """Continue a walk if it is due.

    Args:
        walk: it.
        sweeper: processes an upload.
        known: how far each walk is, by name; is updated and recorded.
        quiet_end: when to stop if there is nothing to do, by `time.monotonic`.
        end: when to stop even if there is.
    """
    total, progress, until = Report(), walk.progress(known, sweeper.now()), quiet_end
    while progress and progress.next is not None:
        ranges = walk.ranges(progress.begun)
        report = sweep(sweeper, progress.next, min(NOTED_EVERY, until - time.monotonic()), ranges)
        total.include(report)
        progress = known[walk.name] = Progress(progress.begun, report.next)
        sweeper.store.ledger.put_progress(known)
        until = end if report.changed else quiet_end
        if time.monotonic() > until:
            break
    return total


def sweep(
    sweeper: Sweeper,
    start: str = "",
    seconds: float = float("inf"),
    ranges: Sequence[Range] = (EVERYTHING,),
) -> Report:
    """Sweep both buckets for some seconds.

    Args:
        sweeper: processes an upload.
        start: where the previous sweep ended; empty for the beginning.
        seconds: time limit; the upload at hand is finished.
        ranges: the names to visit, in this order.

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

    entries = chain.from_iterable(
        side_by_side(
            sweeper.store.originals.walk(each, sweeper.default, skip),
            sweeper.store.results.walk(each, skip),
        )
        for each in _rest(ranges, start)
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


def _rest(ranges: Sequence[Range], start: str) -> Iterator[Range]:
    """Return what is left of some ranges from a name on; all if it is in none of them."""
    at = next((n for n, each in enumerate(ranges) if start and start in each), None)
    if at is None:
        yield from ranges
    else:
        yield Range(start, ranges[at].end)
        yield from ranges[at + 1 :]


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

"""The story of a sweep: what was accepted and has not ended is asked for again, or given up.

It walks over originals and results side by side, both in the order of their names and page by page,
so that a million of them need no more memory than a thousand. It cannot feed a loop: each time
that a job is published again is counted first, the pauses between grow, and after the last one the
job is given up for good.

Whatever one of them holds is its own trouble: what cannot be read is counted and logged, and the
others are still seen to.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Literal, Self

from quickthumb.bury import give_up
from quickthumb.documents.job import SCHEMA, Job
from quickthumb.documents.names import ANNOUNCED
from quickthumb.documents.rendition import Rendition
from quickthumb.messaging import Topic
from quickthumb.policy import Policy
from quickthumb.problems import GaveUp, InvalidOption, NotPublished, QuickThumbError, Unavailable
from quickthumb.storage import Unread
from quickthumb.store import Found, Results, Store, Sweeps

log = logging.getLogger(__name__)

Outcome = Literal["ended", "waiting", "published", "gave_up", "removed", "dropped", "unread"]

_AT_ONCE = 8
_NOTED_EVERY = 10.0  # seconds
_LONGEST_NAME = 1024  # bytes, of a blob
_OLDEST = 999_999_999  # seconds


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller of the function wants; a schedule wants nothing in particular.

    Attributes:
        start: walk once from here on, leaving alone what is noted for the schedule; None goes on
            from there.
        seconds: how long at most, where `start` is given.
        first_after_seconds: see `Sweep`.
        dry_run: see `Sweep`.
    """

    start: str | None
    seconds: float
    first_after_seconds: int | None
    dry_run: bool

    @classmethod
    def read(cls, query: Mapping[str, str], most: int) -> Self:
        """Read the query parameters `start`, `seconds`, `older_than` (seconds) and `dry_run`.

        Args:
            query: of the call.
            most: how long a sweep may work, seconds: the function would be cut off.

        Raises:
            InvalidOption: one has a value that is not allowed.
        """
        for name in query.keys() - {"start", "seconds", "older_than", "dry_run"}:
            raise InvalidOption(f"There is no option {name[:100]!r}.", field=name[:100])
        dry_run = query.get("dry_run", "false")
        if dry_run not in ("true", "false"):
            raise InvalidOption("dry_run: expected true or false.", field="dry_run")
        start = query.get("start")
        if start is None and len(query):
            raise InvalidOption("start: expected where to begin, empty for the beginning.")
        if start is not None and len(start.encode(errors="replace")) > _LONGEST_NAME:
            raise InvalidOption(
                f"start: {start[:100]!r}: expected at most {_LONGEST_NAME} bytes.", field="start"
            )
        older_than = _whole(query, "older_than", _OLDEST)
        seconds = _whole(query, "seconds", most)
        return cls(start, seconds or min(10, most), older_than, dry_run == "true")


def _whole(query: Mapping[str, str], name: str, most: int) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) > most:
        raise InvalidOption(
            f"{name}: {text[:100]!r}: expected whole seconds, at most {most:,}.", field=name
        )
    return int(text)


@dataclass(frozen=True, slots=True)
class Entry:
    """What both buckets have of one upload: an original, results, or both.

    Attributes:
        key: by which the walk is ordered.
        original: None if it is not there.
        results: None if there are none, or if only a look can tell.
    """

    key: str
    original: Found | None
    results: Results | None


@dataclass(slots=True)
class Report:
    """What a sweep did.

    Attributes:
        next: where to go on; None at the end of the buckets.
        seen: originals met.
        waiting: those not ended that are not due yet.
        published: those published again.
        gave_up: those ended as failed.
        removed: uploads whose results had neither original nor manifest.
        dropped: originals deleted since their thumbnails are made.
        unread: blobs, or parts of the listings, that could not be read and were passed over.
    """

    next: str | None = None
    seen: int = 0
    waiting: int = 0
    published: int = 0
    gave_up: int = 0
    removed: int = 0
    dropped: int = 0
    unread: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        if outcome != "ended":
            setattr(self, outcome, getattr(self, outcome) + 1)

    def include(self, further: "Report") -> None:
        """Add what a walk did that went on after this one."""
        self.next = further.next
        self.seen += further.seen
        self.waiting += further.waiting
        self.published += further.published
        self.gave_up += further.gave_up
        self.removed += further.removed
        self.dropped += further.dropped
        self.unread += further.unread


@dataclass
class Sweep:
    """Sees to one upload after the other.

    Attributes:
        store: both buckets.
        uploads: takes the jobs.
        completed: told of those that are given up.
        policy: when and how fast.
        default: the thumbnails of a picture whose metadata ask for none.
        first_after_seconds: age of an original that is published for the first time, in place of
            the policy's; a backfill need not wait.
        dry_run: tell what would be done, and do nothing.
        now: the time of day.
    """

    store: Store
    uploads: Topic
    completed: Topic
    policy: Policy
    default: tuple[Rendition, ...]
    first_after_seconds: int | None = None
    dry_run: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _pace: "_Pace" = field(init=False)

    def __post_init__(self) -> None:
        self._pace = _Pace(self.policy.per_second)

    def run(self, start: str = "", seconds: float = float("inf")) -> Report:
        """Walk from `start` on for about some seconds.

        Raises:
            Unavailable: Cloud Storage or Pub/Sub did not answer; what was done is done, and a sweep
                from the same place goes on with the rest.
        """
        report = Report()
        end = time.monotonic() + seconds

        def pass_over(unread: Unread) -> None:
            log.error("passed over %r: %s", unread.name, unread.reason)
            report.add("unread")

        entries = side_by_side(
            self.store.walk_originals(start, self.default, pass_over),
            self.store.walk_results(start, pass_over),
        )
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            batch: list[Entry] = []
            for entry in entries:
                if start and entry.key == start:
                    continue  # where the walk before this one ended
                report.seen += entry.original is not None
                if not self._is_settled(entry):
                    batch.append(entry)
                is_over = time.monotonic() > end
                if is_over or len(batch) == _AT_ONCE:
                    for outcome in pool.map(self._take_up, batch):
                        report.add(outcome)
                    batch.clear()
                if is_over:
                    report.next = entry.key
                    return report
            for outcome in pool.map(self._take_up, batch):
                report.add(outcome)
        return report

    def _is_settled(self, entry: Entry) -> bool:
        """Tell of an entry that a closer look is not worth its cost."""
        if entry.original is None:
            return entry.results is not None and entry.results.ended
        results = entry.results
        return (
            results is not None
            and results.ended
            and results.swept is None
            and not results.gave_up
            and not self._may_drop(results)
        )

    def _take_up(self, entry: Entry) -> Outcome:
        """See to an entry, and let what is wrong with it be no trouble of the others."""
        try:
            return self._see_to(entry)
        except NotPublished:
            raise
        except Unavailable as error:
            self.store.check()  # it is this entry alone, or else this raises
            log.error("passed over %r: %s", entry.key, error)
        except QuickThumbError as error:
            log.error("passed over %r: %s", entry.key, error)
        except Exception:
            log.exception("passed over %r", entry.key)
        return "unread"

    def _see_to(self, entry: Entry) -> Outcome:
        if entry.original is None:
            return self._remove(entry.results) if entry.results else "ended"
        original = entry.original
        if self.now() - original.updated < self._first_pause:
            return "waiting"
        results = entry.results or self.store.results(original.job.id)
        if results is None or not results.ended or results.gave_up:
            return self._ask_again(original, results)
        if results.swept and not self.dry_run:
            self.store.drop_sweeps(results.id)
        return self._drop(original.job) if self._may_drop(results) else "ended"

    @property
    def _first_pause(self) -> timedelta:
        if self.first_after_seconds is None:
            return self.policy.pause(0)
        return timedelta(seconds=self.first_after_seconds)

    def _ask_again(self, original: Found, results: Results | None) -> Outcome:
        """Publish a job that was lost or given up, or end it."""
        job = original.job
        gave_up = results is not None and results.gave_up
        swept = results.swept if results else None
        sweeps = (swept and self.store.sweeps(job.id)) or Sweeps(0, job.name)
        since = results.updated if results and gave_up else swept
        if since and self.now() - since < self.policy.pause(sweeps.count):
            return "waiting"
        fault = original.fault
        if fault is None and sweeps.count >= self.policy.attempts:
            fault = "The picture could not be done, however often it was tried."
        if self.dry_run:
            return "published" if fault is None else "ended" if gave_up else "gave_up"
        if fault:
            return self._end(job, fault, gave_up)
        self._pace.wait()
        # Counted first: whatever happens from here on, this cannot go on for ever.
        self.store.put_sweeps(job.id, Sweeps(sweeps.count + 1, job.name))
        try:
            self.uploads.publish(job.to_json(), schema=SCHEMA)
        except NotPublished:
            self._uncount(job.id, sweeps)
            raise
        log.info(
            "published %s again, which was %s, time %d of %d",
            *(job.id, "given up" if gave_up else "lost", sweeps.count + 1, self.policy.attempts),
        )
        return "published"

    def _end(self, job: Job, fault: str, gave_up: bool) -> Outcome:
        """Give a job up for good.

        Args:
            job: the job.
            fault: why.
            gave_up: whether it ended as given up before.
        """
        if not gave_up:
            give_up(job, GaveUp(fault), self.store, self.completed)
        self.store.leave_given_up(job.id)
        log.warning("%s stays given up: %s", job.id, fault)
        return "ended" if gave_up else "gave_up"

    def _uncount(self, id: str, sweeps: Sweeps) -> None:
        """Take back a count: what Pub/Sub did not take is no attempt at the job."""
        try:
            if sweeps.count:
                self.store.put_sweeps(id, sweeps)
            else:
                self.store.drop_sweeps(id)
        except Unavailable as error:
            log.error("%s was counted but not published: %s", id, error)

    def _may_drop(self, results: Results) -> bool:
        """Tell of a job that has ended whether its original may go, if it is done."""
        seconds = self.policy.drop_seconds
        return seconds is not None and self.now() - results.updated > timedelta(seconds=seconds)

    def _drop(self, job: Job) -> Outcome:
        """Delete the original of a job that is done; of a failed one it is all there is."""
        manifest = self.store.manifest(job.id)
        if manifest is None or manifest.failure or not manifest.ends(job):
            return "ended"
        if not self.dry_run:
            self.store.drop_done(job)
            log.info("dropped the original of %s, which is done", job.id)
        return "dropped"

    def _remove(self, results: Results) -> Outcome:
        """Delete results without a manifest whose original is gone."""
        before = self.now() - self.policy.pause(0)
        if results.updated > before:
            return "waiting"
        names = [results.id, ANNOUNCED + results.id]
        if results.swept and (sweeps := self.store.sweeps(results.id)):
            names.append(sweeps.name)  # of a picture that is not named by its id
        if any(self.store.has_blob(name) for name in names):
            return "waiting"
        if not self.dry_run:
            self.store.drop_leftovers(results.id, before)
            log.info("removed what was left of %s", results.id)
        return "removed"


def sweep_on(sweep: Sweep, seconds: float) -> Report:
    """Go on where the last sweep ended, for about some seconds, and note how far this one came.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub did not answer; the next sweep goes on from the note.
    """
    end = time.monotonic() + seconds
    cursor, total = sweep.store.cursor(), Report()
    while True:
        report = sweep.run(cursor, min(_NOTED_EVERY, end - time.monotonic()))
        total.include(report)
        cursor = report.next or ""
        sweep.store.put_cursor(cursor)
        if not cursor or time.monotonic() > end:
            return total


def side_by_side(originals: Iterator[Found], results: Iterator[Results]) -> Iterator[Entry]:
    """Bring together what both buckets have of an upload, in one walk over both.

    Originals that are not named by their id come without results, since those lie elsewhere.
    """
    result = next(results, None)
    for original in originals:
        while result and result.id < original.stem:
            yield Entry(result.id, None, result)
            result = next(results, None)
        mine = None
        if result and result.id == original.stem == original.job.id:
            mine, result = result, next(results, None)
        yield Entry(original.stem, original, mine)
    yield from (Entry(rest.id, None, rest) for rest in chain([result] if result else [], results))


class _Pace:
    """Lets through so many a second."""

    def __init__(self, per_second: int) -> None:
        self._interval = 1 / per_second
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when it is one's turn."""
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + self._interval
        time.sleep(max(0.0, turn - time.monotonic()))

"""Processes the uploads that a sweep finds."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from quickthumb.documents.job import SCHEMA, Job
from quickthumb.documents.names import ANNOUNCED
from quickthumb.documents.rendition import Rendition
from quickthumb.ending import give_up
from quickthumb.messaging import Topic
from quickthumb.policy import Policy
from quickthumb.problems import GaveUp, NotPublished, Unavailable
from quickthumb.store import Store
from quickthumb.store.ledger import Attempts
from quickthumb.store.originals import FoundOriginal
from quickthumb.store.results import FoundResults
from quickthumb.sweeping.entries import Entry
from quickthumb.sweeping.report import Outcome

log = logging.getLogger(__name__)


class _Pace:
    """Limits the rate of calls."""

    def __init__(self, per_second: int) -> None:
        self._interval = 1 / per_second
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for the next turn."""
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + self._interval
        time.sleep(max(0.0, turn - time.monotonic()))


@dataclass
class Sweeper:
    """Processes uploads.

    Attributes:
        store: both buckets.
        uploads: topic of jobs.
        completed: topic of finished jobs, for those that are given up.
        policy: when and how fast to publish.
        default: the thumbnails of a picture without metadata.
        first_after_seconds: minimum age of an original, instead of the policy's; a backfill need
            not wait.
        dry_run: report what would be done, but do nothing.
        now: returns the current time.
    """

    store: Store
    uploads: Topic
    completed: Topic
    policy: Policy
    default: tuple[Rendition, ...]
    first_after_seconds: int | None = None
    dry_run: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _pace: _Pace = field(init=False)

    def __post_init__(self) -> None:
        self._pace = _Pace(self.policy.per_second)

    def is_settled(self, entry: Entry) -> bool:
        """Return whether the listings show that there is nothing to do."""
        results = entry.results
        if results is None or not results.ended:
            return False
        if entry.original is None:
            return True
        return results.swept is None and not results.gave_up and not self._may_drop(results)

    def process(self, entry: Entry) -> Outcome:
        """Process an entry; return the outcome.

        Raises:
            QuickThumbError: the entry could not be processed; `NotPublished` if Pub/Sub is
                unavailable.
        """
        if entry.original is None:
            return self._remove(entry.results) if entry.results else "ended"
        original = entry.original
        if self.now() - original.updated < self._first_pause:
            return "waiting"
        results = entry.results or self.store.results.find(original.job.id)
        if results is None or not results.ended or results.gave_up:
            return self._retry(original, results)
        if results.swept and not self.dry_run:
            self.store.ledger.forget_attempts(results.id)
        return self._drop(original.job) if self._may_drop(results) else "ended"

    @property
    def _first_pause(self) -> timedelta:
        if self.first_after_seconds is None:
            return self.policy.pause(0)
        return timedelta(seconds=self.first_after_seconds)

    def _retry(self, original: FoundOriginal, results: FoundResults | None) -> Outcome:
        """Republish a job that was lost or given up, or give it up for good."""
        job = original.job
        gave_up = results is not None and results.gave_up
        swept = results.swept if results else None
        attempts = (swept and self.store.ledger.attempts(job.id)) or Attempts(0, job.name)
        since = results.updated if results and gave_up else swept
        if since and self.now() - since < self.policy.pause(attempts.count):
            return "waiting"
        fault = original.fault
        if fault is None and attempts.count >= self.policy.attempts:
            fault = "The picture could not be processed, even after several more attempts."
        if self.dry_run:
            return "published" if fault is None else "ended" if gave_up else "gave_up"
        if fault:
            return self._end(job, fault, gave_up)
        self._publish(job, attempts)
        log.info(
            "published %s again after it was %s, retry %d of %d",
            *(job.id, "given up" if gave_up else "lost", attempts.count + 1, self.policy.attempts),
        )
        return "published"

    def _publish(self, job: Job, attempts: Attempts) -> None:
        """Publish a job again."""
        self._pace.wait()
        # Counted first, so that no error can cause a loop.
        self.store.ledger.put_attempts(job.id, Attempts(attempts.count + 1, job.name))
        try:
            self.uploads.publish(job.to_json(), schema=SCHEMA)
        except NotPublished:
            self._uncount(job.id, attempts)
            raise

    def _uncount(self, id: str, attempts: Attempts) -> None:
        """Undo a count: a message that Pub/Sub did not accept is no attempt."""
        ledger = self.store.ledger
        try:
            ledger.put_attempts(id, attempts) if attempts.count else ledger.forget_attempts(id)
        except Unavailable as error:
            log.error("%s was counted but not published: %s", id, error)

    def _end(self, job: Job, fault: str, gave_up: bool) -> Outcome:
        """Give up a job for good; `gave_up` if its manifest says that it was given up before."""
        if not gave_up:
            give_up(job, GaveUp(fault), self.store, self.completed)
        self.store.ledger.leave_given_up(job.id)
        log.warning("gave up %s for good: %s", job.id, fault)
        return "ended" if gave_up else "gave_up"

    def _may_drop(self, results: FoundResults) -> bool:
        """Return whether the original of a finished job is old enough to delete."""
        seconds = self.policy.drop_seconds
        return seconds is not None and self.now() - results.updated > timedelta(seconds=seconds)

    def _drop(self, job: Job) -> Outcome:
        """Delete the original if the job is done; that of a failed job is kept."""
        manifest = self.store.results.manifest(job.id)
        if manifest is None or manifest.failure or not manifest.ends(job):
            return "ended"
        if not self.dry_run:
            self.store.drop_original(job)
            log.info("dropped the original of %s", job.id)
        return "dropped"

    def _remove(self, results: FoundResults) -> Outcome:
        """Delete results without a manifest whose original was deleted."""
        before = self.now() - self.policy.pause(0)
        if results.updated > before:
            return "waiting"
        names = [results.id, ANNOUNCED + results.id]
        if results.swept and (attempts := self.store.ledger.attempts(results.id)):
            names.append(attempts.name)  # if the original is not named by its id
        if any(self.store.originals.exists(name) for name in names):
            return "waiting"
        if not self.dry_run:
            self.store.results.delete_older(results.id, before)
            log.info("removed the results of %s, which has no original", results.id)
        return "removed"

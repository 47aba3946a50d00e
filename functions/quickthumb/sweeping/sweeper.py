"""Processes the uploads that a sweep finds."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from quickthumb.documents.job import RETRY, SCHEMA, Job
from quickthumb.documents.manifest import Manifest, Tombstone
from quickthumb.documents.names import is_named_by_id
from quickthumb.documents.rendition import Rendition
from quickthumb.ending import give_up
from quickthumb.messaging import Topic
from quickthumb.policy import Policy
from quickthumb.problems import GaveUp, NotPublished, Unavailable
from quickthumb.store import Store, lifetimes
from quickthumb.store.ledger import Attempts
from quickthumb.store.originals import FoundOriginal
from quickthumb.store.results import FoundResults
from quickthumb.sweeping.entries import Entry
from quickthumb.sweeping.report import Outcome
from quickthumb.sweeping.wishes import WishSweeper

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
        service: public URL of the service, for links in events; None if it is unknown.
    """

    store: Store
    uploads: Topic
    completed: Topic
    policy: Policy
    default: tuple[Rendition, ...]
    first_after_seconds: int | None = None
    dry_run: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    service: str | None = None
    _pace: _Pace = field(init=False)

    def __post_init__(self) -> None:
        self._pace = _Pace(self.policy.per_second)

    @cached_property
    def wishes(self) -> WishSweeper:
        """Processes wishes."""
        return WishSweeper(
            *(self.store, self.uploads, self.policy, self._pace.wait, self.now, self.dry_run)
        )

    def is_settled(self, entry: Entry) -> bool:
        """Return whether the listings show that there is nothing to do."""
        results = entry.results
        if results is None or not results.ended or results.wished or self._may_prune(results):
            return False
        if results.deleted:
            told = results.origin is not None and is_named_by_id(results.id, results.origin[0])
            left = entry.original or results.others
            return told and not left and not self._has_expired(results)
        if entry.original is None:
            return results.swept is None
        return not (results.swept or results.gave_up or results.dropped or self._may_drop(results))

    def process(self, entry: Entry) -> Outcome:
        """Process an entry; return the outcome.

        Raises:
            QuickThumbError: the entry could not be processed; `NotPublished` if Pub/Sub is
                unavailable.
        """
        original = entry.original
        if entry.results and (original is None or entry.results.deleted):
            return self._without_original(entry.results)
        if original is None:
            return "ended"
        if self.now() - original.updated < self._first_pause:
            return "waiting"
        results = entry.results or self.store.results.find(original.job.id)
        if results and results.deleted:
            return self._finish(results)
        if results is None or not results.ended or results.gave_up:
            return self._retry(original, results)
        if results.wished:
            return self.wishes.process(results.id, results.wished)
        if results.swept and not self.dry_run:
            self.store.ledger.forget_attempts(results.id)
        if results.dropped or self._may_drop(results):
            return self._drop(original.job)
        return self._prune(results)

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
            number = str(attempts.count + 1)
            self.uploads.publish(job.to_json(), schema=SCHEMA, **{RETRY: number})
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
            give_up(job, GaveUp(fault), self.store, self.completed, self.service)
        self.store.ledger.leave_given_up(job.id)
        log.warning("gave up %s for good: %s", job.id, fault)
        return "ended" if gave_up else "gave_up"

    def _may_drop(self, results: FoundResults) -> bool:
        """Return whether the original of a finished job is old enough to delete."""
        seconds = self.policy.drop_seconds
        age = self.now() - results.updated
        return seconds is not None and age > timedelta(seconds=seconds) and not results.wished

    def _drop(self, job: Job) -> Outcome:
        """Delete the original if the job is done; that of a failed job is kept."""
        kept = self.store.results.read(job.id)
        if kept is None or isinstance(kept.end, Tombstone):
            return "ended"
        if kept.end.failure or not kept.end.ends(job):
            return "ended"
        if not self.dry_run:
            if not self.store.drop_original(job, kept):
                return "waiting"
            log.info("dropped the original of %s", job.id)
        return "dropped"

    def _without_original(self, results: FoundResults) -> Outcome:
        """Clean up results whose original is not named by its id, or is gone."""
        if results.deleted:
            return self._finish(results)
        if not results.ended:
            return self._remove(results)
        if results.wished:
            return self.wishes.process(results.id, results.wished)
        retried = results.gave_up and results.origin and self._is_alive(results)
        if results.swept and not retried and not self.dry_run:
            self.store.ledger.forget_attempts(results.id)
        return self._prune(results)

    def _is_alive(self, results: FoundResults) -> bool:
        """Return whether the original of results still exists."""
        name = results.origin[0] if results.origin else results.id
        if results.origin is None and results.swept:
            attempts = self.store.ledger.attempts(results.id)
            name = attempts.name if attempts else name
        return self.store.originals.has(results.id, name)

    def _has_expired(self, results: FoundResults) -> bool:
        """Return whether a tombstone has lived long enough."""
        name = results.origin[0] if results.origin else results.id
        return (
            results.deleted is not None
            and self.now() - results.deleted > lifetimes.of_tombstone(name)
        )

    def _finish(self, results: FoundResults) -> Outcome:
        """Complete a deletion, or delete its tombstone."""
        id = results.id
        is_left = self._is_alive(results) or results.others
        if is_left and self.dry_run:
            return "removed"
        if not is_left and (self.dry_run or not self._has_expired(results)):
            return "ended"
        kept = self.store.results.read(id)
        if kept is None or not isinstance(kept.end, Tombstone):
            return "waiting"
        if self.store.finish(kept):
            log.info("completed the deletion of %s", id)
            return "removed"
        if self._has_expired(results):
            self.store.results.forget(kept)
        return "ended"

    def _may_prune(self, results: FoundResults) -> bool:
        """Return whether there are thumbnails that no job will name any more."""
        is_old = self.now() - results.updated > lifetimes.of_tombstone(results.id)
        return results.unnamed and results.deleted is None and not results.gave_up and is_old

    def _prune(self, results: FoundResults) -> Outcome:
        """Delete thumbnails that the manifest does not name."""
        if not self._may_prune(results):
            return "ended"
        kept = self.store.results.read(results.id)
        if kept is None or not isinstance(kept.end, Manifest):
            return "ended"
        if not self.dry_run:
            self.store.results.prune(kept.end, results.updated + timedelta.resolution)
            log.info("removed thumbnails of %s that its manifest does not name", results.id)
        return "removed"

    def _remove(self, results: FoundResults) -> Outcome:
        """Delete results without a manifest whose original was deleted or replaced."""
        before = self.now() - self.policy.pause(0)
        if results.updated > before:
            return "waiting"
        if self._is_alive(results):
            return "waiting"
        if self.dry_run:
            return "removed"
        if results.origin is None:  # nothing but a count, or by an earlier version
            self.store.results.delete_older(results.id, before)
        else:
            # Somebody may still be at work: the tombstone keeps the job from ending as done.
            if not self.store.results.put(Tombstone(results.id, *results.origin)):
                return "waiting"
            self.store.results.clear(results.id)
        log.info("removed the results of %s, which has no original", results.id)
        return "removed"
